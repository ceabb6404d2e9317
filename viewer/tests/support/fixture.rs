//! Runs made of updates: the same on every machine, with no thread and no clock behind them.

use std::sync::Arc;

use cartwheel_agents::nn::Mlp;
use cartwheel_envs::{Env as _, Generator, OwnedAction, Row, Rows, Scene, StateVariable};
use cartwheel_trainer::run::{EpisodeEntry, MetricsRow};
use cartwheel_trainer::supervised::{Answer, Given, Look, Picture, Sample, Samples};
use cartwheel_trainer::watch::{
    Activity, ChosenBy, EnvFrame, Judgement, Lanes, LayerNorms, Observation, ReplayColor, ReplayMap, ReplayQuery,
    Reply, Status, WeightsReply, Welcome,
};
use cartwheel_trainer::{Algo, Settings};
use cartwheel_viewer::spaces::Spaces;
use cartwheel_viewer::{Branch, Checkpoint, Contender, Contest, Film, Model, Moment, Move, Question, Side, Update};

/// Takes in an update, an episode as one that was asked for.
pub(crate) fn tell(model: &mut Model, update: Update) {
    if let Update::Film(film) = &update {
        model.await_film(film.run, film.episode, 0);
    }
    model.apply(update);
}

/// The run's metrics, episodes and configuration: it has trained for 20,000 steps.
pub(crate) fn finished() -> Vec<Update> {
    let settings = settings();
    vec![
        Update::Opened("runs/CartPole-v1-dqn-s1".into()),
        Update::Spaces(0, Spaces::of(&settings).map(Box::new)),
        Update::Settings(0, Box::new(settings)),
        Update::Metrics(0, (1..=100).map(row).collect()),
        Update::Episodes(0, (0..200).map(episode).collect()),
    ]
}

/// The same run while it trains, with four environments at its beginning.
pub(crate) fn live() -> Vec<Update> {
    let mut updates = finished();
    let welcome = Welcome {
        run: "CartPole-v1-dqn-s1".into(),
        n_envs: 4,
        total_timesteps: 50_000,
        device: "cpu".into(),
        lanes: vec!["learner".into(), "actor 1".into()],
    };
    let seen = |activities: [Activity; 4]| (0..1000).map(|look| activities[look * 4 / 1000] as u8).collect();
    let lanes = vec![
        seen([Activity::Updating, Activity::Replay, Activity::Updating, Activity::Waiting]),
        seen([Activity::Stepping, Activity::Inferring, Activity::Stepping, Activity::Held]),
    ];
    let parameters = Mlp::new(4, &[16], 2, settings().dqn.activation_fn).init(&mut Generator::new(1));
    updates.extend([
        Update::Attached(0),
        Update::Reply(Reply::Welcome(welcome)),
        Update::Reply(Reply::Status(status())),
        Update::Reply(Reply::Lanes(Lanes { start: 0.0, interval: 0.005, seen: lanes })),
        Update::Reply(Reply::Weights(WeightsReply { version: 1, parameters })),
        Update::Reply(Reply::ReplayMap(replay_map())),
        Update::Reply(Reply::Frames((0..4).map(frame).collect())),
    ]);
    updates
}

pub(crate) fn settings() -> Settings {
    let mut settings = Settings::shipped(Algo::Dqn, "CartPole-v1").unwrap();
    settings.dqn.net_arch = vec![16];
    settings
}

fn row(number: u64) -> MetricsRow {
    let progress = number as f64 / 100.0;
    // Something like a curve, with a wiggle that no random generator is needed for.
    let wiggle = (number * 7919 % 101) as f64 / 101.0 - 0.5;
    let metrics = [
        ("rollout/ep_rew_mean", 20.0 + 400.0 * progress * progress + 30.0 * wiggle),
        ("eval/mean_reward", 20.0 + 480.0 * progress.sqrt() * progress + 60.0 * wiggle),
        ("train/loss", 2.0 * (1.0 - progress) + 0.3 * wiggle + 0.3),
    ];
    MetricsRow {
        step: 200 * number,
        updates: 150 * number,
        episodes: 2 * number,
        wall_s: 0.5 * number as f64,
        metrics: metrics.map(|(name, value)| (name.to_owned(), value)).into(),
    }
}

fn episode(number: u64) -> EpisodeEntry {
    let length = 20 + (number * number / 100) as u32 + (number * 31 % 17) as u32;
    EpisodeEntry {
        offset: 100 * number,
        env: (number % 4) as u32,
        length,
        return_: f64::from(length),
        start_step: 100 * number,
    }
}

fn status() -> Status {
    let layer = |name: &str, parameters, gradient| LayerNorms { name: name.into(), parameters, gradient };
    Status {
        step: 20_000,
        updates: 15_000,
        episodes: 200,
        mean_return: Some(412.5),
        epsilon: 0.12,
        speed: Some(100.0),
        measured_speed: 99.7,
        replay: (20_000, 50_000),
        memory: 40 << 20,
        layers: vec![layer("0.weight", 12.5, 0.31), layer("0.bias", 2.25, 0.12), layer("2.weight", 8.5, 0.22)],
        ..Status::default()
    }
}

/// The map that the replay buffer's panel first asks for: most of it around the middle.
fn replay_map() -> ReplayMap {
    let bins = 48;
    let count = |cell: u32| {
        let (x, y) = (f64::from(cell % bins) - 23.5, f64::from(cell / bins) - 23.5);
        (400.0 / (1.0 + x * x / 16.0 + y * y / 64.0)) as u32 / 8
    };
    ReplayMap {
        query: ReplayQuery { axes: (2, 3), bins: (bins, bins), color: ReplayColor::Count },
        transitions: 20_000,
        ranges: [(-0.21, 0.21), (-2.5, 2.5)],
        counts: (0..bins * bins).map(count).collect(),
        values: vec![f32::NAN; (bins * bins) as usize],
    }
}

/// Four steps of CartPole with these actions, each judged.
fn moments(actions: &[i32]) -> Vec<Moment> {
    let mut env = settings().env.builder().build().unwrap();
    let mut rows = Rows::for_space(&env.observation_space(), 1);
    let mut generator = Generator::new(3);
    env.reset(&mut generator, rows.row_mut(0)).unwrap();
    let state = |env: &dyn cartwheel_envs::Env, rows: &Rows, step: usize| {
        let mut scene = Scene::default();
        env.draw(&mut scene);
        let Row::F32(observation) = rows.row(0) else { panic!("CartPole sees floats") };
        Moment {
            scene,
            observation: Observation::F32(observation.to_vec()),
            value: Some(13.5_f32.max(12.0 + step as f32)),
            judgement: Judgement::QValues(vec![12.0 + step as f32, 13.5]),
            action: actions.get(step).map(|action| OwnedAction::Discrete(*action)),
            chosen_by: ChosenBy::Greedy,
            reward: if step == 0 { 0.0 } else { 1.0 },
            return_: step as f64,
            td_error: actions.get(step).map(|_| 0.1),
        }
    };
    let mut moments = vec![state(&*env, &rows, 0)];
    for (step, action) in actions.iter().enumerate() {
        env.step((*action).into(), &mut generator, rows.row_mut(0)).unwrap();
        moments.push(state(&*env, &rows, step + 1));
    }
    moments
}

/// A model that was fitted to pictures, and what it made of five of them after two epochs.
pub(crate) fn fitted() -> Vec<Update> {
    let picture = |number: u32| {
        // Bright along a line that turns with the number.
        let shade = |x: u32, y: u32| 255_u32.saturating_sub((x * number + y * (5 - number)).abs_diff(20) * 16) as u8;
        let pixels = (0..64).map(|i| shade(i % 8, i / 8)).collect();
        Sample { given: Given::Picture(Picture { width: 8, channels: 1, pixels }), expected: number.to_string() }
    };
    let answer = |(class, score): (u32, f32)| Answer { text: class.to_string(), score: Some(score) };
    let look = |epoch, best: [(u32, f32); 5]| Look {
        epoch,
        answers: best.map(|best| vec![answer(best), answer((9, 0.02))]).into(),
    };
    let samples = Samples {
        part: "validation".into(),
        samples: (0..5).map(picture).collect(),
        looks: vec![
            look(1, [(0, 0.5), (7, 0.3), (2, 0.4), (8, 0.25), (1, 0.7)]),
            look(2, [(0, 0.95), (1, 0.88), (2, 0.97), (3, 0.71), (1, 0.6)]),
        ],
    };
    let row = |epoch: u64| MetricsRow {
        step: 100 * epoch,
        episodes: epoch,
        metrics: [("val/loss".to_owned(), 1.0 / epoch as f64)].into(),
        ..MetricsRow::default()
    };
    vec![
        Update::Opened("runs/digits-mlp-s1".into()),
        Update::Fit(0, vec![("fit.model".into(), "mlp".into()), ("data.dir".into(), "digits".into())]),
        Update::Metrics(0, vec![row(1), row(2)]),
        Update::Samples(0, Box::new(samples)),
    ]
}

/// The run's episode 7.
pub(crate) fn film() -> Update {
    let actions = [1, 0, 1, 1];
    let entry = EpisodeEntry { length: 4, return_: 4.0, ..episode(7) };
    let (judge, real_time) = ("best weights".into(), 10.0);
    let moments = moments(&actions);
    Update::Film(Arc::new(Film { run: 0, episode: 7, entry, judge, weights: None, note: None, real_time, moments }))
}

/// A branch off its step 1, with two steps.
pub(crate) fn branch() -> Update {
    let moves = vec![Move::Act(1.into()), Move::Act(0.into())];
    let variable = |(name, value, limit): (&'static str, f64, f64)| StateVariable::new(name, value, -limit..=limit);
    let variables =
        [("position", 0.012, 4.8), ("velocity", 0.2, 4.0), ("angle", -0.03, 0.418), ("angular velocity", -0.31, 4.0)];
    Update::Branch(Arc::new(Branch {
        question: Question { branch: 0, run: 0, episode: 7, from: 1, moves, follow: 0 },
        moments: moments(&[1, 1, 0]).split_off(1),
        variables: variables.map(variable).to_vec(),
        real_time: 10.0,
        choices: vec![(0.into(), "push left".into()), (1.into(), "push right".into())],
        ended: false,
        is_full: false,
        note: None,
    }))
}

/// Two policies that part at step 1.
pub(crate) fn contest() -> Update {
    let side = |(checkpoint, actions): (Checkpoint, &[i32])| Side {
        contender: Contender {
            run: 0,
            name: "CartPole-v1-dqn-s1".into(),
            folder: "runs/CartPole-v1-dqn-s1".into(),
            checkpoint,
        },
        moments: moments(actions),
        ended: true,
        note: None,
    };
    let sides = [(Checkpoint::Best, &[1, 0, 1, 1][..]), (Checkpoint::Latest, &[1, 1, 1][..])].map(side);
    Update::Contest(Arc::new(Contest { seed: 0, sides, parting: Some(1), real_time: 10.0, problem: None }))
}

/// An environment early in an episode.
fn frame(number: u32) -> EnvFrame {
    let mut env = settings().env.builder().build().unwrap();
    let mut rows = Rows::for_space(&env.observation_space(), 1);
    env.reset(&mut Generator::new(u64::from(number)), rows.row_mut(0)).unwrap();
    let mut scene = Scene::default();
    env.draw(&mut scene);
    let Row::F32(observation) = rows.row(0) else { panic!("CartPole sees floats") };
    let chosen_by = [ChosenBy::Greedy, ChosenBy::Exploration, ChosenBy::Greedy, ChosenBy::Person][number as usize];
    EnvFrame {
        env: number,
        step: 20_000,
        episode: 50,
        episode_step: 10 + number,
        return_: f64::from(10 + number),
        reward: 1.0,
        learnt_reward: 1.0,
        judgement: Judgement::QValues(vec![12.0 + number as f32, 15.5 - number as f32]),
        value: None,
        action: Some(OwnedAction::Discrete(1 - (number as i32 % 2))),
        chosen_by,
        observation: Some(Observation::F32(observation.to_vec())),
        scene,
    }
}
