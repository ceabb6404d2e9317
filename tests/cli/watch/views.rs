//! What viewers see.

use cartwheel::envs::OwnedAction;
use cartwheel::trainer::run::Episodes;
use cartwheel::trainer::watch::{
    ChosenBy, Command, Judgement, Observation, ReplayColor, ReplayQuery, Reply, Request, RunFile, VERSION, WatchFile,
};
use std::os::unix::fs::PermissionsExt as _;

use super::ENDLESS;
use super::viewer::Viewer;
use crate::support::{CART_POLE, Folder};

/// A policy that draws its actions follows its best guess or strays from it, and which of both is told.
#[test]
fn what_a_policy_draws_is_told_from_its_best() {
    let folder = Folder::new();
    // It hardly learns: once it holds the pole for good it strays no more, and its episodes of 500 steps may all begin
    // between two looks.
    let line = format!("{CART_POLE} {ENDLESS} --algo ppo --set ppo.learning_rate=1e-9 --name a");
    let mut running = folder.spawn(&line);
    let mut viewer = Viewer::attach(&folder.run("a"), &mut running);
    viewer.look(240.0);
    for chosen_by in [ChosenBy::Greedy, ChosenBy::Exploration] {
        let frame = viewer.frame(0, |frame| frame.chosen_by == chosen_by);
        let Judgement::Probabilities(chances) = &frame.judgement else { panic!("{frame:?}") };
        let Some(OwnedAction::Discrete(action)) = frame.action else { panic!("{frame:?}") };
        assert!((chances.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        let best = i32::from(chances[1] > chances[0]);
        assert_eq!(action == best, chosen_by == ChosenBy::Greedy, "{frame:?}");
    }
    // The value function says what the state of the environment is worth that is looked at.
    let mut value =
        |begins| viewer.frame(1, |frame| frame.value.is_some() && (frame.episode_step == 0) == begins).value;
    let values = [value(true), value(false)];
    assert!(values.iter().flatten().all(|value| value.is_finite()) && values[0] != values[1], "{values:?}");
    assert!(viewer.frames.iter().all(|frame| frame.env == 1 || frame.value.is_none()));
    viewer.ok(Command::Stop);
    viewer.until(|viewer, _| viewer.ended.then_some(()));
    assert_eq!(running.wait().code, 0);
}

/// Also while the first rollout is made, at whose end the learner would first leave its value function for viewers.
#[test]
fn a_run_that_is_paused_at_once_says_what_states_are_worth() {
    let folder = Folder::new();
    let mut running = folder.spawn("train Scripted-v0 --algo ppo --set ppo.n_steps=1000000 --steps 1000000 --n-envs 2 --env-arg step_us=1000 --name a");
    let mut viewer = Viewer::attach(&folder.run("a"), &mut running);
    viewer.ok(Command::Pause);
    viewer.look(60.0);
    assert!(viewer.frame(1, |frame| frame.value.is_some()).value.is_some_and(f32::is_finite));
}

/// Values are of rewards as wrappers change them, returns of those that the environment pays.
#[test]
fn rewards_are_told_as_they_are_paid_and_as_they_are_learnt() {
    let folder = Folder::new();
    let mut running = folder.spawn(&format!("{CART_POLE} {ENDLESS} --wrapper ClipReward(-0.25,0.25) --name a"));
    let mut viewer = Viewer::attach(&folder.run("a"), &mut running);
    viewer.look(60.0);
    let frame = viewer.frame(0, |frame| frame.episode_step > 0);
    assert_eq!((frame.reward, frame.learnt_reward), (1.0, 0.25), "{frame:?}");
    assert_eq!(frame.return_, f64::from(frame.episode_step));
    // Where an episode begins, what ended the one before was paid.
    let first = viewer.frame(0, |frame| frame.episode_step == 0 && frame.episode > 0);
    assert_eq!((first.reward, first.learnt_reward, first.return_), (1.0, 0.25, 0.0));
}

/// What a state is worth to a value function that remembers depends on the episode before it: it is told while each step is shown.
#[test]
fn a_value_function_that_remembers_says_what_states_are_worth() {
    let folder = Folder::new();
    let line = format!("train MaskedCartPole-v1 {ENDLESS} --algo recurrent-ppo --set recurrent-ppo.lstm_hidden_size=8");
    let mut running = folder.spawn(&format!("{line} --name a"));
    let mut viewer = Viewer::attach(&folder.run("a"), &mut running);
    viewer.look(60.0);
    // The learner leaves its value function after an update that somebody watches.
    let before = viewer.until(|viewer, reply| matches!(reply, Reply::Status(_)).then_some(viewer.status.updates));
    viewer.until(|viewer, _| (viewer.status.updates > before).then_some(()));
    viewer.ok(Command::Pause);
    let (mut at, mut values, mut begun) = (viewer.at_rest(), Vec::new(), false);
    while values.len() < 5 {
        viewer.ok(Command::Step(1));
        let frame = viewer.frame(1, |frame| frame.step > at);
        at = frame.step;
        begun |= frame.episode_step == 0;
        if begun {
            values.push(frame.value.unwrap_or_else(|| panic!("no value of {frame:?}")));
        }
    }
    assert!(values.windows(2).all(|pair| pair[0].is_finite() && pair[0] != pair[1]), "{values:?}");
    viewer.ok(Command::Stop);
    viewer.until(|viewer, _| viewer.ended.then_some(()));
    assert_eq!(running.wait().code, 0);
}

/// A run that learns from recorded episodes steps an environment for who watches, in step with its updates, and can be held.
#[test]
fn a_policy_that_learns_from_a_dataset_is_shown() {
    let folder = Folder::new();
    folder.ok("record CartPole-v1 --transitions data --episodes 5");
    let line =
        "train CartPole-v1 --algo bc --dataset data --steps 400000000 --checkpoint-every 0 --set eval.eval_freq=0";
    let mut running = folder.spawn(&format!("{line} --name a"));
    let mut viewer = Viewer::attach(&folder.run("a"), &mut running);
    viewer.look(60.0);
    let frame = viewer.frame(0, |frame| frame.step > 0 && frame.episode > 0);
    assert!(matches!(frame.judgement, Judgement::Probabilities(_)) && !frame.scene.shapes.is_empty(), "{frame:?}");
    viewer.ok(Command::Pause);
    let at = viewer.at_rest();
    viewer.ok(Command::Step(3));
    assert_eq!((viewer.at_rest(), viewer.status.updates), (at + 3, at + 3), "a step is a gradient step");
    let query = ReplayQuery { axes: (0, 1), bins: (9, 9), color: ReplayColor::Count };
    viewer.send(Request::ReplayMap(query));
    let map = viewer.until(|_, reply| if let Reply::ReplayMap(map) = reply { Some(map.clone()) } else { None });
    assert_eq!(map.transitions, viewer.status.replay.0, "the dataset is there to be looked into");
    viewer.ok(Command::Stop);
    viewer.until(|viewer, _| viewer.ended.then_some(()));
    assert_eq!(running.wait().code, 0);
    assert!(folder.run("a").rows().iter().all(|row| row["episodes"] == 0), "what is shown is not counted");
}

/// A transition says when it happened: the episode that is recorded for that time has its action there.
#[test]
fn transitions_lead_to_their_episodes() {
    let folder = Folder::new();
    let mut running = folder.spawn(&format!("{CART_POLE} {ENDLESS} --name a"));
    let run = folder.run("a");
    let mut viewer = Viewer::attach(&run, &mut running);
    viewer.until(|viewer, _| (viewer.status.episodes > 40).then_some(()));
    let query = ReplayQuery { axes: (0, 0), bins: (1, 1), color: ReplayColor::Count };
    viewer.send(Request::Transitions { query, cell: (0, 0), limit: 200 });
    let listed = viewer.until(|_, reply| match reply {
        Reply::Transitions { transitions, .. } => Some(transitions.clone()),
        _ => None,
    });
    viewer.ok(Command::Stop);
    viewer.until(|viewer, _| viewer.ended.then_some(()));
    assert_eq!(running.wait().code, 0);
    let episodes = Episodes::open(&run.path).unwrap();
    let (mut found, mut ends) = (0, 0);
    for transition in &listed {
        let holds = |at: &usize| {
            let entry = &episodes.index()[*at];
            let end = entry.start_step + 4 * u64::from(entry.length);
            entry.env == transition.env && (entry.start_step..end).contains(&transition.step)
        };
        let Some(at) = (0..episodes.index().len()).find(holds) else { continue };
        let (entry, record) = (&episodes.index()[at], episodes.read(at).unwrap());
        let step = ((transition.step - entry.start_step) / 4) as usize;
        assert_eq!((transition.step - entry.start_step) % 4, 0);
        assert_eq!(record.actions.get(step).map(|action| action.to_owned()), Some(transition.action.clone()));
        assert_eq!(transition.terminated, record.terminated && step + 1 == record.actions.len(), "{transition:?}");
        (found, ends) = (found + 1, ends + usize::from(transition.terminated));
    }
    assert!(found > 100 && ends > 0, "{found} of {}, {ends} ends", listed.len());
}

#[test]
fn environments_threads_and_layers_are_seen() {
    let folder = Folder::new();
    let mut running = folder.spawn(&format!("{CART_POLE} {ENDLESS} --name a"));
    let run = folder.run("a");
    let mut viewer = Viewer::attach(&run, &mut running);
    assert_eq!((viewer.welcome.run.as_str(), viewer.welcome.n_envs), ("a", 4));
    assert_eq!((viewer.welcome.total_timesteps, viewer.welcome.device.as_str()), (400_000_000, "cpu"));
    assert_eq!(viewer.welcome.lanes, ["learner, actor 0", "actor 1"]);
    let file = run.file("watch.json");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let file = WatchFile::load(&file).unwrap();
    assert!(file.protocol == VERSION && file.address.ip().is_loopback() && file.pid == running.pid());

    viewer.look(60.0);
    viewer.until(|viewer, _| (0..4).all(|env| viewer.frames.iter().any(|f| f.env == env)).then_some(()));
    for frame in &viewer.frames {
        assert!(!frame.scene.shapes.is_empty());
        assert!(matches!(&frame.judgement, Judgement::QValues(values) if values.len() == 2), "{frame:?}");
        assert!(matches!(frame.action, Some(OwnedAction::Discrete(0 | 1))), "{frame:?}");
        match &frame.observation {
            Some(Observation::F32(numbers)) => assert!(frame.env == 1 && numbers.len() == 4),
            other => assert!(frame.env != 1 && other.is_none(), "{other:?}"),
        }
        // CartPole pays one a step.
        assert_eq!(frame.return_, f64::from(frame.episode_step));
    }
    viewer.until(|_, reply| match reply {
        Reply::Lanes(lanes) => (lanes.seen.len() == 2 && lanes.seen.iter().all(|seen| seen.len() > 3)).then_some(()),
        _ => None,
    });
    viewer.until(|viewer, _| {
        let layers = &viewer.status.layers;
        (!layers.is_empty() && layers.iter().all(|layer| layer.parameters > 0.0 && layer.gradient > 0.0)).then_some(())
    });
    let status = &viewer.status;
    assert!(status.updates > 0 && status.episodes > 0 && status.mean_return.is_some() && status.measured_speed > 0.0);
    assert!(status.replay.0 > 0 && status.replay.0 <= status.replay.1 && status.memory > 1 << 20, "{status:?}");
    assert!(status.layers.iter().any(|layer| layer.name == "0.weight"));
    // Nobody asks any more.
    viewer.look(0.0);
    viewer.until(|viewer, reply| match reply {
        Reply::Frames(_) => {
            viewer.frames.clear();
            None
        }
        _ => (viewer.status.step > 0 && matches!(reply, Reply::Lanes(_))).then_some(()),
    });
}

#[test]
fn files_weights_and_replay_are_given() {
    let folder = Folder::new();
    let mut running = folder.spawn(&format!("{CART_POLE} {ENDLESS} --name a"));
    let run = folder.run("a");
    let mut viewer = Viewer::attach(&run, &mut running);
    viewer.until(|viewer, _| (viewer.status.updates > 0).then_some(()));

    viewer.send(Request::Read { file: RunFile::Config, offset: 3, limit: 20 });
    let config = run.bytes("config.toml");
    viewer.until(|_, reply| match reply {
        Reply::Bytes { file: RunFile::Config, offset: 3, length, bytes, .. } => {
            assert_eq!((*length, &bytes[..]), (config.len() as u64, &config[3..23]));
            Some(())
        }
        _ => None,
    });

    let mut version = None;
    for _ in 0..3 {
        viewer.send(Request::Weights { newer_than: version });
        let newer = viewer.until(|_, reply| match reply {
            Reply::Weights(weights) => Some(weights.clone()),
            _ => None,
        });
        assert!(Some(newer.version) > version && newer.parameters.iter().any(|x| *x != 0.0));
        version = Some(newer.version);
    }

    // Replay can be looked into while the run is held, too.
    for hold in [false, true] {
        if hold {
            viewer.ok(Command::Pause);
            viewer.at_rest();
        }
        for color in [ReplayColor::Count, ReplayColor::Age, ReplayColor::TdError] {
            let query = ReplayQuery { axes: (0, 2), bins: (20, 10), color };
            viewer.send(Request::ReplayMap(query.clone()));
            let map = viewer.until(|_, reply| match reply {
                Reply::ReplayMap(map) => Some(map.clone()),
                _ => None,
            });
            assert_eq!((&map.query, map.counts.len(), map.values.len()), (&query, 200, 200));
            assert_eq!(u64::from(map.counts.iter().sum::<u32>()), map.transitions);
            assert!(map.transitions > 0 && map.values.iter().any(|value| value.is_finite()), "{color:?}");
            let most = (0..200).max_by_key(|cell| map.counts[*cell]).unwrap() as u32;
            let cell = (most % 20, most / 20);
            viewer.send(Request::Transitions { query, cell, limit: 5 });
            let listed = viewer.until(|_, reply| match reply {
                Reply::Transitions { cell: of, transitions } if *of == cell => Some(transitions.clone()),
                _ => None,
            });
            assert!(!listed.is_empty() && listed.len() <= 5);
            assert!(listed.iter().all(|t| t.td_error.is_finite() && t.env < 4 && t.reward == 1.0), "{listed:?}");
            assert!(listed.is_sorted_by_key(|t| t.age));
        }
    }
}

#[test]
fn a_run_that_is_not_to_be_watched_is_not() {
    let folder = Folder::new();
    let mut running = folder.spawn(&format!("{CART_POLE} {ENDLESS} --no-watch --name a"));
    let run = folder.run("a");
    assert!(running.until(|| run.file("metrics.jsonl").exists() && !run.bytes("metrics.jsonl").is_empty()));
    assert!(!run.file("watch.json").exists());
    assert!(String::from_utf8(run.bytes("config.toml")).unwrap().contains("watch = false"));
}
