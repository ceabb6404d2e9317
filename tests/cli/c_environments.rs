//! Environments in C, behind `c:`: the example, and small ones that are wrong in one place each. `cc` compiles them, which is
//! there wherever Rust links.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::Folder;

/// The example, over a few thousand steps with short evaluations.
const SQUARED: &str = "train c:./libsquared.so --algo ppo --n-envs 4 --seed 3 --set train.stop_when_solved=false \
    --set ppo.n_steps=64 --set eval.eval_freq=2048 --set eval.n_eval_episodes=5";

/// A walk to either side, with places for what tests want to be wrong.
const WALK: &str = r#"
#include <stdlib.h>
#include "cartwheel.h"

#ifndef VERSION
#define VERSION CW_ABI_VERSION
#endif
#ifndef SPACE
#define SPACE {.kind = CW_BOX, .rank = 1, .shape = {2}, .low = -5, .high = 5}
#endif
#ifndef ACTIONS
#define ACTIONS {.kind = CW_DISCRETE, .n = 2}
#endif
#ifndef LENGTH
#define LENGTH 2
#endif
#ifndef SAVED
#define SAVED sizeof(Walk)
#endif
#ifndef ARGS
#define ARGS {"reach", 5, "how far"}
#endif
#ifndef MORE
#define MORE
#endif

typedef struct { float position, last, steps; } Walk;

static const int32_t choices[] = {2, 3};

static const char *init(void *env, const double *args, cw_setup *setup) {
    (void)env, (void)choices;
    if (args[0] < 1) return "reach must be 1 or more";
    setup->observation_space = (cw_space)SPACE;
    setup->action_space = (cw_space)ACTIONS;
    return NULL;
}

static void observe(const Walk *walk, float *observation) {
    for (int i = 0; i < LENGTH; i++) observation[i] = i % 2 ? walk->last : walk->position;
}

static const char *reset(void *env, uint64_t seed, void *observation) {
    Walk *walk = env;
    *walk = (Walk){(float)cw_below(&seed, 3) - 1, 0, 0};
    observe(walk, observation);
    return NULL;
}

static const char *step(void *env, const void *action, void *observation, cw_step *step) {
    Walk *walk = env;
    walk->last = *(const int32_t *)action ? 1 : -1;
    walk->position += walk->last;
    walk->steps += 1;
    step->reward = walk->last;
    step->terminated = walk->position == 5 || walk->position == -5;
    observe(walk, observation);
#ifdef STEP
    STEP;
#endif
    return NULL;
}

__attribute__((unused)) static void paint(const void *env, uint8_t *rgb) {
    (void)env, rgb[0] = 1;
}

/* No further than 3 to the right. */
__attribute__((unused)) static void mask(const void *env, uint8_t *valid) {
    valid[0] = 1, valid[1] = ((const Walk *)env)->position < 3;
}

static const cw_arg args[] = {ARGS, {0}};

CW_EXPORT const cw_env cartwheel_env = {
    .abi_version = VERSION, .env_size = sizeof(Walk), .state_size = SAVED, .args = args, .init = init,
    .reset = reset, .step = step, MORE
};
"#;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Compiles a file of C to a library in the folder.
fn compile(source: &Path, library: &Path, flags: &[&str]) {
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]).args(flags);
    cc.arg("-I").arg(repository().join("envs/c")).arg("-o").arg(library).arg(source);
    let output = cc.output().expect("cc, which Rust links with");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Compiles the example to `libsquared.so`.
pub(crate) fn squared(folder: &Folder) {
    compile(&repository().join("examples/squared/squared.c"), &folder.path("libsquared.so"), &[]);
}

/// Compiles the walk with these definitions, to `libNAME.so`, and answers its id.
fn walk(folder: &Folder, name: &str, definitions: &[&str]) -> String {
    folder.write("walk.c", WALK);
    let flags: Vec<_> = definitions.iter().map(|definition| format!("-D{definition}")).collect();
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    compile(&folder.path("walk.c"), &folder.path(&format!("lib{name}.so")), &flags);
    format!("c:./lib{name}.so")
}

#[test]
fn what_the_library_says_is_shown() {
    let folder = Folder::new();
    squared(&folder);
    let json = folder.ok("env info c:./libsquared.so --env-arg size=7 --json").json;
    assert_eq!(json["name"], "c:./libsquared.so");
    assert_eq!(json["observation_space"], "Box(0, 1, (7, 7, 2), uint8)");
    assert_eq!(json["action_names"], json!(["stay", "up", "down", "left", "right"]));
    assert_eq!((&json["max_episode_steps"], &json["reward_threshold"]), (&json!(50), &json!(0.95)));
    assert_eq!((&json["kwargs"][0]["name"], &json["kwargs"][0]["default"]), (&json!("size"), &json!(5)));
    assert_eq!(json["keys"][2], json!({"key": "←", "action": 3, "meaning": "left"}));
    for line in ["c:./libsquared.so", "c:./libsquared.so --env-arg size=3 --wrapper FlattenObservation"] {
        let json = folder.ok(&format!("env check {line} --json")).json;
        assert_eq!(json[0]["violations"], json!([]));
    }
}

#[test]
fn there_are_actions_of_every_kind_and_masks() {
    let folder = Folder::new();
    for (space, shown) in [
        ("{.kind=CW_MULTI_DISCRETE,.n=2,.nvec=choices}", "MultiDiscrete([2 3])"),
        ("{.kind=CW_MULTI_BINARY,.n=3}", "MultiBinary(3)"),
        ("{.kind=CW_BOX,.rank=1,.shape={2},.low=-1,.high=1}", "Box(-1.0, 1.0, (2,), float32)"),
    ] {
        let id = walk(&folder, "walk", &[&format!("ACTIONS={space}")]);
        assert_eq!(folder.ok(&format!("env info {id} --json")).json["action_space"], shown);
        assert_eq!(folder.ok(&format!("env check {id} --json")).json[0]["violations"], json!([]));
    }
    let masked = ["MORE=.action_mask=mask,.max_episode_steps=30", "STEP=if(walk->position>3)return\"too far\""];
    let id = walk(&folder, "masked", &masked);
    assert_eq!(folder.ok(&format!("env info {id} --json")).json["action_mask"], true);
    let line = format!("{} --steps 2048", SQUARED.replace("c:./libsquared.so", &id));
    folder.refused(&line, 1, &["too far"]);
    folder.ok(&format!("{line} --wrapper ActionMaskObservation"));
}

#[test]
fn one_is_learned_shown_and_judged_from_any_folder() {
    let folder = Folder::new();
    squared(&folder);
    let line = "train c:./libsquared.so --algo ppo --n-envs 8 --name a --json";
    assert_eq!(folder.ok(line).json["solved"], true);
    fs::create_dir(folder.path("elsewhere")).unwrap();
    let run = folder.path("runs/a");
    let output = Command::new(env!("CARGO_BIN_EXE_cartwheel"))
        .args(["eval", run.to_str().unwrap(), "--episodes", "20", "--json"])
        .current_dir(folder.path("elsewhere"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let shown = folder.ok("record runs/a --out a.gif --width 60 --json").json;
    assert!(shown["returns"][0].is_number() && fs::read(folder.path("a.gif")).unwrap().starts_with(b"GIF89a"));
}

/// With one actor or two, killed or not, and whether states are copied or episodes played again.
#[test]
fn a_killed_run_comes_to_the_same() {
    let folder = Folder::new();
    squared(&folder);
    let played_again = walk(&folder, "walk", &["SAVED=0"]);
    let walk_line = SQUARED.replace("c:./libsquared.so", &played_again);
    for (name, line) in [("squared", SQUARED), ("walk", &walk_line)] {
        folder.ok(&format!("{line} --actors 2 --steps 8192 --name {name}"));
        let mut running =
            folder.spawn(&format!("{line} --actors 1 --steps 8192 --checkpoint-every 700 --name {name}-killed"));
        let killed = folder.run(&format!("{name}-killed"));
        assert!(running.until(|| !killed.states().is_empty()), "no checkpoint");
        assert!(running.kill(), "it ended before");
        folder.ok(&format!("train --resume runs/{name}-killed"));
        killed.is_as(&folder.run(name));
    }
}

#[test]
fn a_library_that_changed_or_went_is_told() {
    let folder = Folder::new();
    let id = walk(&folder, "walk", &[]);
    folder.ok(&format!("{} --steps 256 --name a", SQUARED.replace("c:./libsquared.so", &id)));
    walk(&folder, "walk", &["STEP=step->reward*=2"]);
    let output = folder.ok("train --resume runs/a --steps 1024");
    assert!(output.stderr.contains("libwalk.so has changed since the run began"), "{}", output.stderr);
    let other = "STEP=step->reward*=2";
    walk(&folder, "walk", &[other, "SAVED=4"]);
    folder.refused("train --resume runs/a --steps 2048", 2, &["12 bytes", "libwalk.so have 4", "another build"]);
    fs::remove_file(folder.path("libwalk.so")).unwrap();
    folder.refused("train --resume runs/a --steps 2048", 2, &["there is no", "libwalk.so"]);
}

#[test]
fn what_is_no_library_is_told() {
    let folder = Folder::new();
    let refused = |id: &str, words: &[&str]| {
        folder.refused(&format!("env info {id} --json"), 2, &[&[id], words].concat());
    };
    refused("c:./libnone.so", &["there is no `./libnone.so`", "such as c:./libsquared.so"]);
    folder.write("text.so", "no library");
    refused("c:./text.so", &["cannot be loaded", "cc -O3 -shared -fPIC"]);
    refused("c:./walk.c", &["there is no `./walk.c`", "a compiled library"]);
    folder.write("none.c", "int nothing;\n");
    compile(&folder.path("none.c"), &folder.path("none.so"), &[]);
    refused("c:./none.so", &["exports no `cartwheel_env`", "CW_EXPORT const cw_env cartwheel_env"]);
    folder.write("undefined.c", "int missing_function(void);\nint call(void) { return missing_function(); }\n");
    compile(&folder.path("undefined.c"), &folder.path("undefined.so"), &[]);
    refused("c:./undefined.so", &["cannot be loaded", "missing_function", "link what it needs"]);
    folder.refused("env info libnone.so --json", 2, &["`libnone.so`", "`c:libnone.so`"]);
}

#[test]
fn what_is_wrong_in_a_table_is_told() {
    let folder = Folder::new();
    let refused = |definition: &str, words: &[&str]| {
        let id = walk(&folder, "wrong", &[definition]);
        folder.refused(&format!("env info {id} --json"), 2, &[&[id.as_str()], words].concat());
    };
    refused("VERSION=7", &["abi_version is 7", "knows 1"]);
    refused("SAVED=1000", &["state_size is 1000", "env_size 12"]);
    refused("SPACE={0}", &["observation space", "init left it empty"]);
    refused("SPACE={.kind=CW_BOX,.rank=1,.shape={2}}", &["observation space", "both 0"]);
    refused("SPACE={.kind=CW_BOX,.rank=1,.shape={2},.low=1,.high=-1}", &["observation space", "element 0"]);
    refused("SPACE={.kind=CW_BOX,.rank=4,.shape={60000,60000,60000,60000},.high=1}", &["60000", "too much"]);
    refused("SPACE={.kind=CW_DISCRETE}", &["observation space", "Discrete(0)"]);
    refused("SPACE={.kind=77}", &["kind is 77"]);
    refused("MORE=.render=paint", &["picture is 0 pixels by 0", "picture_width"]);
    refused("SPACE={.kind=CW_MULTI_BINARY,.n=2147483647}", &["n is 2147483647", "too much"]);
    refused("MORE=.info_names=(const char*[]){\"score\",NULL}", &["`info` is missing"]);
    refused("ARGS={\"a\",1,0},{\"a\",2,0}", &["its args have the name `a` twice", ".args"]);
    refused("ARGS={\"\",1,0}", &["its args have the name ``", "a name"]);
    let id = walk(&folder, "walk", &[]);
    folder.refused(&format!("env info {id} --env-arg reach=0"), 2, &["init refused: reach must be 1 or more"]);
    folder.refused(&format!("env info {id} --env-arg reahc=3"), 2, &["no argument `reahc`", "did you mean reach"]);
    folder.refused(&format!("env info {id} --env-arg reach=far"), 2, &["`reach` is \"far\"", "a number"]);
    folder.refused(&format!("record {id} --out a.gif"), 2, &[&id, "draws nothing", "`render`"]);
    folder.refused(&format!("play {id}"), 2, &[&id, "no keys"]);
}

#[test]
fn what_breaks_the_contract_is_seen() {
    let folder = Folder::new();
    let seen = |name: &str, definition: &str, word: &str| {
        let id = walk(&folder, name, &[definition]);
        let output = folder.cartwheel(&format!("env check {id}"));
        assert_eq!(output.code, 1, "{}", output.stdout);
        assert!(output.stdout.contains(word), "{}", output.stdout);
        id
    };
    seen("past", "LENGTH=3", "wrote 3 float32 numbers of an observation or more where there are 2");
    seen("less", "LENGTH=1", "NaN may be one left out");
    seen("farther", "STEP=((float*)observation)[6]=1", "step of");
    seen("rand", "STEP=step->reward=rand()", "determinism");
    seen("wide", "STEP=((float*)observation)[0]*=9", "is not in Box(-5.0, 5.0, (2,), float32)");
    seen("nan", "STEP=step->reward=0.0/(walk->last-walk->last)", "a step's reward is");
    let id = walk(&folder, "state", &["SAVED=8", "STEP=step->reward=walk->steps"]);
    assert!(folder.cartwheel(&format!("env check {id}")).stdout.contains("save everything that changes"));
    let id = seen("fails", "STEP=if(walk->position>2)return\"the rope broke\"", "the rope broke");
    let line = format!("{} --steps 20000 --name a --json", SQUARED.replace("c:./libsquared.so", &id));
    folder.refused(&line, 1, &["libfails.so", "the rope broke", "seed 3"]);
}

/// Of the same size are also networks of two actions and of three.
#[test]
fn a_run_is_not_gone_on_with_on_another_environment_and_stays_as_it_was() {
    let folder = Folder::new();
    let id = walk(&folder, "walk", &[]);
    let line = "--algo ppo --n-envs 2 --seed 3 --set ppo.n_steps=64 --set eval.n_eval_episodes=2 --steps 256 --name a";
    folder.ok(&format!("train {id} {line}"));
    let before = [folder.run("a").file("run.json"), folder.run("a").file("config.toml")];
    let contents = || before.iter().map(|file| fs::read_to_string(file).unwrap()).collect::<Vec<_>>();
    let known = contents();
    for (definition, code, words) in [
        ("ACTIONS={.kind=CW_DISCRETE,.n=3}", 2, &["Discrete(2)", "Discrete(3)", "bring it back"][..]),
        ("SAVED=8", 2, &["12 bytes", "have 8"]),
    ] {
        walk(&folder, "walk", &[definition]);
        folder.refused("train --resume runs/a --steps 512 --json", code, words);
        assert_eq!(contents(), known, "{definition}");
    }
    walk(&folder, "walk", &[]);
    folder.ok("train --resume runs/a --steps 512");
}
