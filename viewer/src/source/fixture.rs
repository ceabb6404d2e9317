//! Films and runs for tests.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use cartwheel_agents::{Acting, EpsilonSchedule, Policy};
use cartwheel_envs::{Generator, Rgba, Scene, Space, StateVariable, Style, make};
use cartwheel_trainer::run::{EpisodeEntry, EpisodeLog, EpisodeRecord, RunDir};
use cartwheel_trainer::watch::{ChosenBy, Judgement, Observation};
use cartwheel_trainer::{Actor, ActorSpec, Algo, Settings, Weights};

use super::checkpoint::Checkpoint;
use super::contest::{Contender, Contest, Side};
use super::film::{Film, Moment};
use super::what_if::{Branch, Move, Question};
use crate::model::{Model, RunId, Update};

/// A film of so many steps with two actions, each step rewarded by 1, in which every fourth action strays.
pub(crate) fn film(steps: u32) -> Film {
    Film {
        run: 0,
        episode: 0,
        entry: EpisodeEntry { offset: 0, env: 0, length: steps, return_: steps.into(), start_step: 0 },
        judge: "best weights".into(),
        weights: None,
        note: None,
        real_time: 50.0,
        moments: (0..=steps).map(|step| moment(step, step == steps)).collect(),
    }
}

/// Shows a film as one that was asked for, where the cursor is.
pub(crate) fn show(model: &mut Model, film: Film) {
    model.await_film(film.run, film.episode, model.cursor);
    model.apply(Update::Film(Arc::new(film)));
}

/// A branch that leaves such a film at `from`, with so many steps that all do the first action.
pub(crate) fn branch(number: u32, from: u32, steps: u32) -> Branch {
    let moves = vec![Move::Act(0.into()); steps as usize];
    Branch {
        question: Question { branch: number, run: 0, episode: 0, from, moves, follow: 0 },
        moments: film(from + steps).moments.split_off(from as usize),
        variables: vec![StateVariable::new("x", 0.1, -1.0..=1.0), StateVariable::integer("cell", 3, 0..=15)],
        real_time: 50.0,
        choices: vec![(0.into(), "push left".into()), (1.into(), "push right".into())],
        ended: false,
        is_full: false,
        note: None,
    }
}

/// Two policies that part where the shorter episode ends.
pub(crate) fn contest(left: u32, right: u32) -> Contest {
    let side = |(run, name, steps): (RunId, &str, u32)| Side {
        contender: Contender {
            run,
            name: name.into(),
            folder: format!("runs/{name}").into(),
            checkpoint: Checkpoint::Best,
        },
        moments: film(steps).moments,
        ended: true,
        note: None,
    };
    let sides = [(0, "a", left), (1, "b", right)].map(side);
    Contest { seed: 0, sides, parting: Some(left.min(right)), real_time: 50.0, problem: None }
}

fn moment(step: u32, last: bool) -> Moment {
    let mut scene = Scene::default();
    scene.circle([(step as f32 * 0.1).sin(), 0.0], 0.2, Style::fill(Rgba::rgb(200, 60, 60)));
    let (greedy, strays) = (step % 2, step % 4 == 3);
    let action = if strays { 1 - greedy } else { greedy } as i32;
    let values = [0, 1].map(|action| (step as f32 * 0.3).cos() + if action == greedy { 0.5 } else { 0.0 });
    Moment {
        scene,
        observation: Observation::F32(vec![step as f32, 0.5]),
        value: Some(values[0].max(values[1])),
        judgement: Judgement::QValues(values.to_vec()),
        action: (!last).then_some(action.into()),
        chosen_by: if strays { ChosenBy::Exploration } else { ChosenBy::Greedy },
        reward: if step == 0 { 0.0 } else { 1.0 },
        return_: step.into(),
        td_error: (!last).then_some((step as f32 * 0.7).sin()),
    }
}

/// A run with episodes as its actors record them, and weights.
pub(crate) fn run_with_episodes(folder: &Path, id: &str) -> (RunDir, Vec<EpisodeRecord>) {
    let settings = settings(id);
    let envs = settings.env.builder().make_vec(2).unwrap();
    let policy = policy(id, 1);
    let parameters = policy.parameters().to_vec();
    let spec = ActorSpec {
        env_id: id.into(),
        seed: 5,
        total_envs: 2,
        acting: acting(id),
        exploration: EpsilonSchedule { random_steps: 0, initial: 0.3, last: 0.3, fall: 1.0 }.into(),
        record_episodes: true,
    };
    let mut actor = Actor::new(spec, 0, envs, 11).unwrap();
    let mut rollout = actor.rollout(400);
    actor.collect(&Weights { version: 0, parameters }, 0, false, &mut rollout).unwrap();
    let records: Vec<_> = rollout.episodes.iter().map(|episode| episode.record.clone()).collect();
    let run = RunDir::create(folder, "run", &|run| {
        fs::write(run.config(), settings.to_toml(false)).unwrap();
        fs::write(run.manifest(), "{}").unwrap();
        let mut log = EpisodeLog::open(run.path(), None).unwrap();
        records.iter().for_each(|record| log.append(record).unwrap());
        log.sync().unwrap();
        fs::write(run.latest_weights(), policy.to_bytes()).unwrap();
        Ok(())
    })
    .unwrap();
    (run, records)
}

/// A run with weights.
pub(crate) fn run(folder: &Path, id: &str) -> RunDir {
    run_with_episodes(folder, id).0
}

/// A policy that knows nothing, and other things for each seed.
pub(crate) fn policy(id: &str, seed: u64) -> Policy {
    let (env, acting) = (make(id).unwrap(), acting(id));
    let parameters = acting.mlp.init(&mut Generator::new(seed));
    Policy::new(env.observation_space(), env.action_space(), acting, parameters)
}

/// Of a small DQN, or of a small SAC where actions are numbers.
fn settings(id: &str) -> Settings {
    let mut settings = Settings::default();
    settings.env.id = id.into();
    if matches!(make(id).unwrap().action_space(), Space::Box { .. }) {
        settings.train.algo = Algo::Sac;
    }
    (settings.dqn.net_arch, settings.sac.net_arch) = (vec![8], vec![8].into());
    settings
}

/// Its network.
fn acting(id: &str) -> Acting {
    let (env, settings) = (make(id).unwrap(), settings(id));
    Acting::new(settings.algorithm(), env.observation_space(), env.action_space()).unwrap()
}

/// What a run came to.
pub(crate) fn summary(solved: bool) -> cartwheel_trainer::Summary {
    cartwheel_trainer::Summary {
        solved,
        solved_at: Some(475.0),
        greedy_return: Some(cartwheel_trainer::GreedyReturn {
            mean: 499.5,
            std: 1.2,
            episodes: 100,
            success_rate: None,
        }),
        steps: 12_000,
        updates: 9_000,
        episodes: 310,
        wall_s: 3.5,
        cpu_s: 3.0,
        run: "runs/tested".into(),
        seed: 7,
        interrupted: false,
        checkpoints: cartwheel_trainer::CheckpointCosts::default(),
    }
}
