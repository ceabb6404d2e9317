//! Each way in which Python can fail is told: which environment, which step, what, and what to do.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use cartwheel_envs::{Actions, BridgeOptions, EnvBuilder, EnvError, Result};
use serde_json::json;

use super::{bad, builder, options, python_with, room};

/// What a batch of three, of which all have this fault, says at its third step.
fn fault(fault: &str) -> String {
    let error = run(&bad(json!({"fault": fault})), 5).unwrap_err();
    assert!(!matches!(error, EnvError::PythonStart { .. }), "{error}");
    error.to_string()
}

fn run(builder: &EnvBuilder, steps: usize) -> Result<()> {
    let mut env = builder.make_vec(3)?;
    let mut out = room(env.as_ref());
    env.reset(Some(0), &mut out.observations)?;
    (0..steps).try_for_each(|_| env.step(Actions::Discrete(&[0; 3]), &mut out))
}

fn refused(builder: &EnvBuilder) -> String {
    builder.make_vec(1).err().unwrap().to_string()
}

#[test]
fn faults_of_a_step_are_named() {
    let cases = [
        ("step raises", "step raised ValueError: the wheel came off"),
        ("end of file", "step raised EOFError: the simulator hung up"),
        ("exits", "step raised SystemExit: 3"),
        ("wrong shape", "observation is of shape (3,); observation_space says Box("),
        ("wrong dtype", "observation is of dtype float64; observation_space says Box("),
        ("a list", "observation is list [3.0, 0.0]; observation_space says Box("),
        ("nan", "element [1] of the observation is NaN; its space is from 0 to 1; correct the observation"),
        ("outside", "element [1] of the observation is 1.5; its space is from 0 to 1; correct the observation"),
        ("outside discrete", "observation is 7, which is not in Discrete(5); correct the observation"),
        ("not an integer", "observation is float 1.5; observation_space says Discrete(5); return"),
        ("missing part", "observation is dict {'a': 1}, without a part that Dict("),
        ("text reward", "its reward is str 'a lot'; return a number"),
        ("nan reward", "its reward is nan; return a finite reward"),
    ];
    for (name, expected) in cases {
        let message = fault(name);
        let place = "py:bad_envs:Bad-v0: environment 0, step 3 of its episode: ";
        assert!(message.starts_with(&format!("{place}{expected}")), "{name}: {message}");
    }
}

#[test]
fn an_exception_comes_with_the_line_that_raised_it() {
    let message = fault("step raises");
    assert!(message.contains("bad_envs.py\", line ") && message.contains("in misbehave"), "{message}");
    assert!(message.ends_with("raise ValueError(\"the wheel came off\")"), "{message}");
    // The worker's own lines and Gymnasium's are of no use.
    assert!(!message.contains("<string>") && !message.contains("gymnasium/wrappers"), "{message}");
}

#[test]
fn after_an_exception_the_batch_can_be_reset() {
    let mut env = bad(json!({"fault": "step raises"})).make_vec(2).unwrap();
    let mut out = room(env.as_ref());
    env.reset(Some(0), &mut out.observations).unwrap();
    let actions = Actions::Discrete(&[0; 2]);
    while env.step(actions, &mut out).is_ok() {}
    assert_eq!(env.step(actions, &mut out), Err(EnvError::ResetNeeded));
    env.reset(None, &mut out.observations).unwrap();
    env.step(actions, &mut out).unwrap();
    assert_eq!(out.observations.as_f32().unwrap(), [1.0, 0.0, 1.0, 0.0]);
}

#[test]
fn faults_of_making_and_resetting_are_named() {
    let message = refused(&bad(json!({"fault": "make raises"})));
    assert!(message.starts_with("py:bad_envs:Bad-v0: make raised RuntimeError: no license"), "{message}");
    assert!(message.contains("raise RuntimeError(\"no license\")"), "{message}");
    let message = refused(&bad(json!({"lenght": 3})));
    assert!(message.contains("TypeError") && message.contains("lenght"), "{message}");

    // Gymnasium raises another TypeError in its place.
    let message = refused(&bad(json!({"fault": "make has a slip"})));
    assert!(message.contains("has no len()") && message.contains("bad_envs.py\", line "), "{message}");
    let message = refused(&bad(json!({"fault": "no space"})));
    assert!(message.contains("its observation_space or action_space is NoneType None; set both"), "{message}");

    let message = run(&bad(json!({"fault": "reset raises"})), 0).unwrap_err().to_string();
    let expected =
        "py:bad_envs:Bad-v0: environment 0, step 0 of its episode: reset raised LookupError: the level is gone";
    assert!(message.starts_with(expected), "{message}");
    let message = run(&bad(json!({"fault": "reset without info"})), 0).unwrap_err().to_string();
    assert!(
        message.contains("reset returned ndarray array([0., 0.]") && message.contains("(observation, info)"),
        "{message}"
    );
}

#[test]
fn what_was_written_for_gym_is_told_what_gymnasium_asks_for() {
    // Gymnasium's wrappers take steps apart before we do.
    for limited in [false, true] {
        let builder = bad(json!({"fault": "step of gym"}));
        let builder = if limited { builder.wrapper("TimeLimit(50)").unwrap() } else { builder };
        let message = run(&builder, 5).unwrap_err().to_string();
        assert!(message.contains("return (observation, reward, terminated, truncated, info)"), "{limited}: {message}");
    }
    let message = run(&bad(json!({"fault": "reset of gym"})), 0).unwrap_err().to_string();
    assert!(message.contains("reset(self, *, seed=None, options=None)"), "{message}");
}

#[test]
fn flags_are_numbers() {
    let builder = bad(json!({"fault": "flags"}));
    assert_eq!(builder.make().unwrap().observation_space().to_string(), "Box(0.0, 1.0, (2,), float32)");
    run(&builder, 5).unwrap();
}

#[test]
fn spaces_that_are_not_supported_are_named() {
    let message = refused(&bad(json!({"fault": "sequence"})));
    assert!(message.contains("observation space is not supported: the space Sequence in `bag`; "), "{message}");
    let message = refused(&bad(json!({"fault": "action dict"})));
    assert!(message.contains("action space is not supported: a Dict of actions; wrap it"), "{message}");
}

#[test]
fn what_is_missing_is_named_with_how_to_get_it() {
    let message = refused(&builder("py:CartPol-v1"));
    assert!(message.contains("no environment `CartPol-v1`; did you mean CartPole-v1"), "{message}");
    let message = refused(&builder("py:ALE/Pong-v5"));
    assert!(
        message.contains("write py:ale_py:ALE/Pong-v5, after `") && message.contains("pip install ale-py"),
        "{message}"
    );
    let message = refused(&builder("py:no_such_thing:Foo-v0"));
    assert!(
        message.contains("no Python module `no_such_thing`; `") && message.contains("pip install no_such_thing`"),
        "{message}"
    );

    let message = refused(&builder("py:bad_envs.py:Bad-v0"));
    assert!(message.contains("`bad_envs.py` is a file, and no module; write py:bad_envs:ID"), "{message}");

    let bare = python_with("bare", "-S");
    let message = refused(&builder("py:CartPole-v1").bridge(BridgeOptions { python: bare, ..options() }));
    assert!(
        message.contains("has no module `gymnasium`; `") && message.contains("-m pip install gymnasium`"),
        "{message}"
    );

    let nowhere = PathBuf::from("/nowhere/python3");
    let message = refused(&builder("py:CartPole-v1").bridge(BridgeOptions { python: nowhere, ..options() }));
    assert!(message.contains("`/nowhere/python3`") && message.contains("or name one with --python"), "{message}");

    let no_python = BridgeOptions { python: "false".into(), ..options() };
    let message = refused(&builder("py:CartPole-v1").bridge(no_python));
    assert!(message.contains("died (exit status: 1)"), "{message}");
}

#[test]
fn printing_does_no_harm() {
    run(&bad(json!({"fault": "prints"})), 5).unwrap();
    run(&bad(json!({"fault": "integer reward"})), 5).unwrap();
}

#[test]
fn a_dead_worker_is_told_with_its_end() {
    let message = fault("killed");
    assert!(
        message.starts_with("py:bad_envs:Bad-v0: environment 0, step 3 of its episode: the worker process "),
        "{message}"
    );
    assert!(
        message.contains(" of environments 0 to 2 died (signal: 9 (SIGKILL)); ") && message.contains("memory"),
        "{message}"
    );
    let message = fault("dies");
    assert!(message.contains("died (exit status: 7); see above") && !message.contains("memory"), "{message}");
}

#[test]
fn a_hanging_worker_is_killed() {
    let impatient = BridgeOptions { timeout: Duration::from_secs(1), ..options() };
    let mut env = bad(json!({"fault": "hangs"})).bridge(impatient).make_vec(2).unwrap();
    let mut out = room(env.as_ref());
    env.reset(Some(0), &mut out.observations).unwrap();
    let pid = env.info(1)["pid"].as_u64().unwrap();
    let actions = Actions::Discrete(&[0; 2]);
    env.step(actions, &mut out).unwrap();
    env.step(actions, &mut out).unwrap();
    let start = Instant::now();
    let message = env.step(actions, &mut out).unwrap_err().to_string();
    assert!(
        message.contains("environment 0, step 3") && message.contains("gave no answer for 1 s and was killed"),
        "{message}"
    );
    assert!(message.contains("(env.python_timeout)"), "{message}");
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    // A reset starts a fresh one.
    env.reset(None, &mut out.observations).unwrap();
    env.step(actions, &mut out).unwrap();
}

#[test]
fn a_single_environment_fails_as_one_of_a_batch() {
    let mut env = bad(json!({"fault": "outside"})).make().unwrap();
    env.reset(Some(0)).unwrap();
    env.step(0).unwrap();
    env.step(0).unwrap();
    let message = env.step(0).unwrap_err().to_string();
    assert!(
        message.contains("environment 0, step 3 of its episode: element [1] of the observation is 1.5"),
        "{message}"
    );
    assert_eq!(env.step(0), Err(EnvError::ResetNeeded));
    let mut env = bad(json!({"fault": "dies"})).make().unwrap();
    env.reset(Some(0)).unwrap();
    env.step(0).unwrap();
    env.step(0).unwrap();
    assert!(env.step(0).unwrap_err().to_string().contains("exit status: 7"));
    env.reset(None).unwrap();
    assert_eq!(env.step(0).unwrap().reward, 1.0);
}
