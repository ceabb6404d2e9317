use std::mem::offset_of;
use std::process::Command;

use super::*;

/// Sizes, and where fields are, as this file has them and as the header's C has them.
#[test]
fn the_header_says_the_same() {
    let mut lines = String::new();
    let mut ours = Vec::new();
    macro_rules! fields {
        ($raw:ty, $name:ident, $($field:ident)*) => {
            lines += concat!("P(sizeof(", stringify!($name), "))\n");
            ours.push(size_of::<$raw>());
            $(
                lines += concat!("P(offsetof(", stringify!($name), ", ", stringify!($field), "))\n");
                ours.push(offset_of!($raw, $field));
            )*
        };
    }
    fields!(RawSpace, cw_space, kind dtype rank shape low high lows highs n nvec);
    fields!(RawSetup, cw_setup, observation_space action_space picture_width picture_height);
    fields!(RawStep, cw_step, reward terminated truncated);
    fields!(RawArg, cw_arg, name value help);
    fields!(RawKey, cw_key, key action meaning);
    fields!(RawEnv, cw_env, abi_version max_episode_steps reward_threshold description args observation_names
        action_names info_names keys fps idle_action env_size state_size init reset step close render info action_mask);
    lines += "P(CW_ABI_VERSION) P(CW_BOX) P(CW_MULTI_BINARY) P(CW_UINT8) P(CW_MAX_RANK)";
    ours.extend([VERSION as usize, 1, 4, 1, 4]);

    let folder = tempfile::tempdir().unwrap();
    let (source, program) = (folder.path().join("layout.c"), folder.path().join("layout"));
    let head = "#include <stdio.h>\n#include \"cartwheel.h\"\n#define P(x) printf(\"%zu\\n\", (size_t)(x));\n";
    std::fs::write(&source, format!("{head}int main(void) {{\n{lines}\nreturn 0; }}\n")).unwrap();
    let header = concat!(env!("CARGO_MANIFEST_DIR"), "/c");
    let flags = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", header, "-o"];
    assert!(Command::new("cc").args(flags).arg(&program).arg(&source).status().unwrap().success());
    let printed = String::from_utf8(Command::new(&program).output().unwrap().stdout).unwrap();
    let theirs: Vec<usize> = printed.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(theirs, ours);
}
