//! What viewers do to a run.

use std::thread;
use std::time::{Duration, Instant};

use cartwheel::envs::OwnedAction;
use cartwheel::trainer::run::{ActionLog, Episodes};
use cartwheel::trainer::watch::{ChosenBy, Command, ReplayColor, ReplayQuery, Request, SILENCE, WatchError};
use cartwheel::trainer::{Experiment, Settings};

use super::ENDLESS;
use super::viewer::{PATIENCE, Viewer};
use crate::support::{CART_POLE, Folder, Run, SCRIPTED};

#[test]
fn a_run_is_paused_stepped_slowed_down_and_stopped() {
    for clock in ["sync", "async"] {
        let folder = Folder::new();
        let mut running = folder.spawn(&format!("{CART_POLE} {ENDLESS} --clock {clock} --name a --json"));
        let run = folder.run("a");
        let mut viewer = Viewer::attach(&run, &mut running);
        viewer.look(60.0);
        viewer.past(0);
        viewer.ok(Command::Pause);
        let before = viewer.at_rest();
        assert!(viewer.status.paused && viewer.status.step < 400_000_000);
        for (count, more) in [(1, 4), (3, 12), (10, 40)] {
            let at = viewer.status.step;
            viewer.afresh(Command::Step(count));
            assert_eq!(viewer.at_rest(), at + more);
            // Each state on the way was seen, in every environment.
            for env in 0..4 {
                let mut steps: Vec<u64> = viewer.frames.iter().filter(|f| f.env == env).map(|f| f.step).collect();
                steps.dedup();
                assert_eq!(steps.len() as u32, count, "environment {env}: {steps:?}");
            }
        }
        assert_eq!(viewer.status.step, before + 56);

        viewer.ok(Command::Speed(Some(20.0)));
        viewer.ok(Command::Resume);
        viewer.past(before + 100);
        assert!(viewer.status.measured_speed < 40.0, "{:?}", viewer.status);
        viewer.ok(Command::Speed(None));
        viewer.past(before + 10_000);

        viewer.ok(Command::Stop);
        viewer.until(|viewer, _| viewer.ended.then_some(()));
        let output = running.wait();
        assert_eq!((output.code, &output.json["interrupted"]), (0, &true.into()), "{}", output.stderr);
        assert!(!run.file("watch.json").exists() && !run.states().is_empty());
    }
}

#[test]
fn watching_alters_nothing() {
    let folder = Folder::new();
    folder.ok(&format!("{CART_POLE} --n-envs 4 --actors 2 --steps 6000 --seed 5 --no-watch --name alone"));
    let alone = folder.run("alone");
    for actors in [1, 2] {
        let name = format!("watched{actors}");
        let watched = folder.run(&name);
        let (training, mut viewer) = train(&folder, &alone, &name, actors);
        viewer.ok(Command::Pause);
        viewer.look(240.0);
        viewer.frame(3, |frame| frame.step == 0);
        for _ in 0..30 {
            viewer.ok(Command::Step(1));
        }
        viewer.ok(Command::Step(250));
        viewer.until(|viewer, _| (viewer.status.step == 4 * 280).then_some(()));
        viewer.send(Request::ReplayMap(ReplayQuery { axes: (0, 1), bins: (9, 9), color: ReplayColor::TdError }));
        viewer.send(Request::Weights { newer_than: None });
        viewer.ok(Command::Speed(Some(500.0)));
        viewer.ok(Command::Resume);
        viewer.past(2000);
        viewer.ok(Command::Pause);
        viewer.at_rest();
        viewer.ok(Command::Speed(None));
        viewer.ok(Command::Resume);
        viewer.until(|viewer, _| viewer.ended.then_some(()));
        training.join().unwrap();
        watched.is_as(&alone);
    }
}

/// Trains as `like` did, in this process and with `actors`, held before the first step until the viewer looks.
fn train(folder: &Folder, like: &Run, name: &str, actors: usize) -> (thread::JoinHandle<()>, Viewer) {
    let mut settings = Settings::from_file(&like.file("config.toml")).unwrap();
    settings.set(&format!("train.actors={actors}")).unwrap();
    (settings.run.watch, settings.run.name) = (true, Some(name.into()));
    settings.run.dir = folder.path("runs").display().to_string();
    let training = thread::spawn(|| drop(Experiment::new(settings).wait_for_viewer(PATIENCE).run().unwrap()));
    let run = folder.run(name);
    loop {
        assert!(!training.is_finished(), "it did not wait");
        if let Some(viewer) = Viewer::open(&run) {
            return (training, viewer);
        }
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_viewer_is_awaited_and_no_longer_than_asked() {
    let folder = Folder::new();
    folder.ok(&format!("{CART_POLE} --steps 500 --name alone"));
    let alone = folder.run("alone");
    let (training, mut viewer) = train(&folder, &alone, "awaited", 1);
    assert_eq!(viewer.at_rest(), 0);
    viewer.look(60.0);
    viewer.until(|viewer, _| viewer.ended.then_some(()));
    training.join().unwrap();
    folder.run("awaited").is_as(&alone);

    let mut settings = Settings::from_file(&alone.file("config.toml")).unwrap();
    (settings.run.dir, settings.run.name) = (folder.path("runs").display().to_string(), Some("nobody".into()));
    Experiment::new(settings).wait_for_viewer(Duration::from_millis(50)).run().unwrap();
    folder.run("nobody").is_as(&alone);
}

#[test]
fn a_paused_run_goes_on_when_its_viewer_is_gone() {
    let folder = Folder::new();
    let mut running = folder.spawn(&format!("{CART_POLE} {ENDLESS} --name a"));
    let run = folder.run("a");
    let mut viewer = Viewer::attach(&run, &mut running);
    viewer.look(60.0);
    viewer.ok(Command::Pause);
    viewer.ok(Command::Speed(Some(0.5)));
    viewer.at_rest();
    drop(viewer);
    let rows = run.bytes("metrics.jsonl").len();
    assert!(running.until(|| run.bytes("metrics.jsonl").len() > rows + 1000));
    // A signal ends one that is held.
    let mut viewer = Viewer::attach(&run, &mut running);
    viewer.ok(Command::Pause);
    viewer.at_rest();
    running.signal("TERM");
    viewer.until(|viewer, _| viewer.ended.then_some(()));
    assert_eq!(running.wait().code, 143);
    assert!(!run.states().is_empty() && !run.file("watch.json").exists());
}

/// One that is stopped, or hangs: its connection stays, and nothing comes from it.
#[test]
fn a_viewer_that_stands_still_holds_nothing() {
    let folder = Folder::new();
    let mut running = folder.spawn(&format!("{CART_POLE} {ENDLESS} --name a"));
    let run = folder.run("a");
    let mut frozen = Viewer::attach(&run, &mut running);
    frozen.look(60.0);
    frozen.ok(Command::Epsilon(Some(0.5)));
    frozen.ok(Command::TakeOver { env: 2, action: Some(1.into()) });
    frozen.ok(Command::Speed(Some(50.0)));
    frozen.ok(Command::Pause);
    let at = frozen.at_rest();
    let mut frozen = frozen.into_connection();

    let mut other = Viewer::attach(&run, &mut running);
    other.until(|other, _| other.status.paused.then_some(()));
    assert_eq!((other.status.step, other.status.speed), (at, Some(50.0)));
    assert_eq!(other.status.overrides, (Some(0.5), vec![2]));
    other.until(|other, _| (!other.status.paused).then_some(()));
    other.past(at + 10_000);
    assert_eq!((other.status.speed, &other.status.overrides), (None, &(None, vec![])));
    let error = frozen.receive(PATIENCE).unwrap_err();
    assert!(matches!(error, WatchError::Silent) && error.to_string().contains("let go"), "{error}");
    // Who is there and says nothing is heard.
    other.ok(Command::Pause);
    let at = other.at_rest();
    let begin = Instant::now();
    other.until(|_, _| (begin.elapsed() > SILENCE + Duration::from_secs(2)).then_some(()));
    assert!(other.status.paused && other.status.step == at, "{:?}", other.status);
}

#[test]
fn people_decide_and_the_run_remembers() {
    let folder = Folder::new();
    let mut running = folder.spawn(&format!("{CART_POLE} {ENDLESS} --set dqn.learning_starts=1000000000000 --name a"));
    let run = folder.run("a");
    let mut viewer = Viewer::attach(&run, &mut running);
    viewer.look(120.0);
    viewer.past(100);
    assert_eq!(viewer.status.epsilon, 1.0);
    let take = |env, action: Option<i32>| Command::TakeOver { env, action: action.map(OwnedAction::from) };
    for (wrong, named) in [
        (take(4, Some(0)), "there are 4"),
        (take(0, Some(2)), "Discrete"),
        (Command::TakeOver { env: 0, action: Some(vec![0.5].into()) }, "Discrete"),
        (Command::Epsilon(Some(1.5)), "between 0 and 1"),
        (Command::Epsilon(Some(f32::NAN)), "between 0 and 1"),
        (Command::Speed(Some(0.0)), "0.001"),
        (Command::Speed(Some(f32::INFINITY)), "0.001"),
    ] {
        let problem = viewer.command(wrong).unwrap();
        assert!(problem.contains(named), "{problem}");
    }
    assert!(viewer.frames.iter().all(|frame| frame.chosen_by == ChosenBy::Exploration), "ε is 1");

    viewer.afresh(Command::Epsilon(Some(0.0)));
    viewer.until(|viewer, _| (viewer.status.overrides.0 == Some(0.0) && viewer.status.epsilon == 0.0).then_some(()));
    viewer.frame(2, |frame| frame.chosen_by == ChosenBy::Greedy);
    viewer.ok(Command::Epsilon(None));
    viewer.until(|viewer, _| (viewer.status.epsilon == 1.0).then_some(()));

    // While the run is held, what a person chooses is seen at once, and so is that it is taken back.
    viewer.ok(Command::Pause);
    viewer.at_rest();
    let shown = viewer.frames.iter().rev().find(|frame| frame.env == 1).unwrap().clone();
    for action in [0, 1] {
        viewer.afresh(take(1, Some(action)));
        let seen = viewer.frame(1, |frame| frame.chosen_by == ChosenBy::Person);
        assert_eq!((seen.step, &seen.action), (shown.step, &Some(action.into())));
    }
    viewer.afresh(take(1, None));
    assert_eq!(viewer.frame(1, |frame| frame.chosen_by != ChosenBy::Person).action, shown.action);

    // Pushed to the right at all times, the pole falls soon.
    viewer.ok(take(1, Some(1)));
    let begun = shown.episode + 1;
    viewer.ok(Command::Resume);
    viewer.frame(1, |frame| frame.episode > begun + 1);
    viewer.afresh(take(1, None));
    viewer.frame(1, |frame| frame.chosen_by == ChosenBy::Exploration);
    viewer.ok(Command::Stop);
    viewer.until(|viewer, _| viewer.ended.then_some(()));
    let output = running.wait();
    assert_eq!(output.code, 0);
    for warning in ["a viewer set ε", "a viewer took over"] {
        assert_eq!(output.stderr.matches(warning).count(), 1, "{}", output.stderr);
    }
    let rows = run.rows();
    let control: Vec<_> = rows.iter().filter(|row| row["metrics"].get("control/epsilon").is_some()).collect();
    assert!(control.iter().any(|row| row["metrics"]["control/epsilon"] == 0.0), "{control:?}");
    assert!(control.iter().any(|row| row["metrics"]["control/taken_over"] == 1.0), "{control:?}");
    assert!(control.last().unwrap()["metrics"]["control/person_steps"].as_f64().unwrap() > 10.0, "{control:?}");
    let episodes = Episodes::open(&run.path).unwrap();
    let mut records = (0..episodes.index().len()).map(|place| episodes.read(place).unwrap());
    let record = records.find(|record| (record.env, record.episode) == (1, begun)).unwrap();
    let ActionLog::Discrete(actions) = record.actions else { panic!("discrete actions") };
    assert!(actions.len() < 15 && actions.iter().all(|action| *action == 1), "{actions:?}");
}

#[test]
fn a_fault_ends_a_run_whose_actors_are_held() {
    let folder = Folder::new();
    let line = format!("{SCRIPTED} --n-envs 2 --actors 2 --env-arg step_us=1000 --env-arg panic_at=2000 --steps 90000");
    let mut running = folder.spawn(&format!("{line} --name a"));
    let mut viewer = Viewer::attach(&folder.run("a"), &mut running);
    viewer.look(60.0);
    viewer.ok(Command::Step(1));
    viewer.at_rest();
    viewer.ok(Command::Step(5000));
    viewer.until(|viewer, _| viewer.ended.then_some(()));
    let output = running.wait();
    assert!(output.code == 1 && output.stderr.contains("scripted to panic at step 2000"), "{}", output.stderr);
}

#[test]
fn a_resumed_run_is_watched_anew() {
    let folder = Folder::new();
    let mut running = folder.spawn(&format!("{CART_POLE} {ENDLESS} --name a"));
    let run = folder.run("a");
    let mut viewer = Viewer::attach(&run, &mut running);
    viewer.past(1000);
    viewer.ok(Command::Stop);
    viewer.until(|viewer, _| viewer.ended.then_some(()));
    assert_eq!(running.wait().code, 0);
    let mut running = folder.spawn("train --resume runs/a");
    let mut viewer = Viewer::attach(&run, &mut running);
    viewer.look(60.0);
    let frame = viewer.frame(0, |_| true);
    assert!(frame.step > 1000 && viewer.welcome.total_timesteps == 400_000_000);
    viewer.until(|viewer, _| (viewer.status.step > 1000).then_some(()));
}
