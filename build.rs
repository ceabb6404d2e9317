//! Notes which git revision is built, for run.json.

use std::path::Path;
use std::process::Command;

fn main() {
    let revision = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok();
    if let Some(revision) = revision.filter(|output| output.status.success()) {
        println!("cargo::rustc-env=CARTWHEEL_GIT_REVISION={}", String::from_utf8_lossy(&revision.stdout).trim());
    }
    // A file that is not there would make every build run this again.
    for file in [".git/HEAD", ".git/logs/HEAD"] {
        if Path::new(file).exists() {
            println!("cargo::rerun-if-changed={file}");
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
}
