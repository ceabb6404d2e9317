//! A model that is fitted to data is watched as an agent is.

use cartwheel::trainer::watch::{Command, Reply, Request, RunFile};

use super::viewer::Viewer;
use crate::parallel::children;
use crate::support::Folder;

/// Longer than any test waits.
const ENDLESS: &str = concat!(
    "fit mlp --data ",
    env!("CARGO_MANIFEST_DIR"),
    "/tests/data/digits --epochs 100000000 --set mlp.net_arch=[8] --set run.checkpoint_every=0"
);

#[test]
fn a_fit_is_watched_paused_stepped_and_stopped() {
    let folder = Folder::new();
    let mut running = folder.spawn(&format!("{ENDLESS} --name a --json"));
    let run = folder.run("a");
    let mut viewer = Viewer::attach(&run, &mut running);
    assert_eq!((viewer.welcome.n_envs, viewer.welcome.lanes.len()), (0, 1));
    viewer.past(0);
    viewer.ok(Command::Pause);
    let at = viewer.at_rest();
    assert!(viewer.status.paused && at < viewer.welcome.total_timesteps, "{:?}", viewer.status);
    viewer.ok(Command::Step(3));
    assert_eq!(viewer.at_rest(), at + 3);
    // It has no environment that could be taken over.
    assert!(viewer.command(Command::TakeOver { env: 0, action: None }).is_some());
    viewer.ok(Command::Resume);
    viewer.past(at + 100);
    // What it makes of samples is read as its other files are.
    let samples = viewer.until(|viewer, _| {
        viewer.send(Request::Read { file: RunFile::Samples, offset: 0, limit: 1 << 20 });
        viewer.until(|_, reply| match reply {
            Reply::Bytes { file: RunFile::Samples, length, .. } => Some((*length > 0).then_some(*length)),
            _ => None,
        })
    });
    assert!(samples > 64, "{samples} bytes");
    viewer.ok(Command::Stop);
    viewer.until(|viewer, _| viewer.ended.then_some(()));
    let output = running.wait();
    assert_eq!((output.code, &output.json["interrupted"]), (0, &true.into()), "{}", output.stderr);
    assert!(!run.file("watch.json").exists() && !run.states().is_empty());
    let stopped = output.json["steps"].as_u64().unwrap();

    let mut resumed = folder.spawn("fit --resume runs/a");
    let mut viewer = Viewer::attach(&run, &mut resumed);
    viewer.past(0);
    assert!(viewer.status.step >= stopped, "{:?} after {stopped}", viewer.status);
    viewer.ok(Command::Stop);
    assert_eq!(resumed.wait().code, 0);
}

/// The others wait for as long as it is held; one that is lost meanwhile ends it.
#[test]
fn a_fit_of_several_processes_is_held_as_one() {
    let folder = Folder::new();
    let mut running = folder.spawn(&format!("{ENDLESS} --nproc 2 --name a"));
    let run = folder.run("a");
    let mut viewer = Viewer::attach(&run, &mut running);
    viewer.past(0);
    viewer.ok(Command::Pause);
    let at = viewer.at_rest();
    viewer.ok(Command::Step(3));
    assert_eq!(viewer.at_rest(), at + 3);
    viewer.ok(Command::Resume);
    viewer.past(at + 100);
    viewer.ok(Command::Pause);
    viewer.at_rest();
    let others = children(running.pid());
    let killed = std::process::Command::new("kill").args(["-KILL", &others[0].to_string()]).status();
    assert!(killed.unwrap().success());
    running.wait().failed("fit", 1, &["rank 1 is gone", "signal 9"]);
}

#[test]
fn a_fit_may_refuse_to_be_watched() {
    let folder = Folder::new();
    let mut running = folder.spawn(&format!("{ENDLESS} --no-watch --name a"));
    let run = folder.run("a");
    assert!(running.until(|| run.file("samples.bin").exists()), "an epoch");
    assert!(!run.file("watch.json").exists());
    running.signal("TERM");
    assert_eq!(running.wait().code, 143);
}
