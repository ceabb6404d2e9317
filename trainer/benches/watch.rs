//! What being watchable costs a run that nobody watches, and what being watched costs its actors: CPU time of the
//! actor's thread, the median of several measurements; and whole runs with and without a viewer.
//!
//! `cargo bench -p cartwheel-trainer --bench watch`

#![allow(missing_docs, reason = "a benchmark")]

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use cartwheel_agents::dqn::DqnConfig;
use cartwheel_agents::nn::prepare_thread;
use cartwheel_agents::{Acting, EpsilonSchedule};
use cartwheel_envs::{Action, ActionRows, Generator, Kwargs, Space, make_vec};
use cartwheel_trainer::watch::{Activity, Connection, EnvFrame, Interest, Reply, Request, Watch};
use cartwheel_trainer::{Actor, ActorSpec, Algo, Experiment, Replay, Rollout, Settings, Weights, thread_cpu_time};

/// How often each is measured, and for how many CPU seconds at least.
const REPEATS: usize = 15;
const SHORTEST: f64 = 0.05;
/// What viewers ask for.
const HZ: f64 = 60.0;
const SHOWN: usize = 16;
/// Whole runs with a viewer and without, and their environment steps.
const PAIRS: usize = 9;
const STEPS: u64 = 120_000;

fn main() {
    prepare_thread();
    println!("| | |\n|---|---|");
    println!("| nobody watches: what that costs a vector step | {:.2} ns |", fast_path());
    for id in ["CartPole-v1", "MinAtar/Breakout-v1"] {
        for n_envs in [1, 8, SHOWN] {
            let ns = Bench::new(id, n_envs).unwatched();
            println!("| {id}, {n_envs} environments, nobody watches: a vector step | {ns:.0} ns |");
        }
        let mut bench = Bench::new(id, SHOWN);
        let (without, with) = (bench.unwatched(), bench.watched());
        let (frame, share) = ((with - without) / 1e3, (with - without) * 1e-9 * HZ * 100.0);
        println!("| {id}, a frame of {SHOWN} environments | {frame:.1} µs |");
        println!("| {id}, {HZ} of them a second | {share:.3} % of a core |");
    }
    let [low, median, high] = pairs();
    println!(
        "| a whole run with {SHOWN} CartPoles, watched at {HZ} Hz: times the CPU of the same alone | {median:.3} ({low:.3} to {high:.3}, {PAIRS} pairs) |"
    );
    for rows in [100_000, 1_000_000] {
        println!("| a map of {rows} transitions, visited once | {:.1} ms |", map(rows) / 1e6);
    }
}

/// Nanoseconds of the CPU for one of `rounds` calls of `work` at a time.
fn median(rounds: u64, mut work: impl FnMut(u64)) -> f64 {
    let mut measured: Vec<f64> = (0..REPEATS)
        .map(|_| {
            let (begin, mut done) = (thread_cpu_time(), 0);
            loop {
                work(rounds);
                done += rounds;
                let spent = thread_cpu_time() - begin;
                if spent >= SHORTEST {
                    return spent * 1e9 / done as f64;
                }
            }
        })
        .collect();
    measured.sort_by(f64::total_cmp);
    measured[REPEATS / 2]
}

/// What an actor does in each vector step where nobody watches, and nothing else.
fn fast_path() -> f64 {
    let seat = Watch::default().seat(0, 8, true);
    median(1_000_000, |rounds| {
        for _ in 0..rounds {
            let seat = black_box(&seat);
            if seat.attended() {
                seat.doing(Activity::Inferring);
                seat.doing(Activity::Stepping);
            }
        }
    })
}

/// How much more CPU time training takes where a viewer asks for all environments than where none does: the least, the
/// median and the greatest ratio of runs in turn.
fn pairs() -> [f64; 3] {
    let folder = tempfile::tempdir().expect("a folder for runs");
    // The first finds caches cold.
    whole_run(folder.path(), "first", false);
    let pair = |number: usize| {
        let run = |kind: &str, watched| whole_run(folder.path(), &format!("{kind}-{number}"), watched);
        run("watched", true) / run("alone", false)
    };
    let mut ratios: Vec<f64> = (0..PAIRS).map(pair).collect();
    ratios.sort_by(f64::total_cmp);
    [ratios[0], ratios[PAIRS / 2], ratios[PAIRS - 1]]
}

/// CPU seconds of the thread that trains in a whole run; the server's threads are not its own.
fn whole_run(runs: &Path, name: &str, watched: bool) -> f64 {
    let mut settings = Settings::shipped(Algo::Dqn, "CartPole-v1").expect("a known environment");
    (settings.env.n_envs, settings.train.total_timesteps) = (SHOWN, STEPS);
    (settings.train.stop_when_solved, settings.eval.eval_freq) = (false, 0);
    (settings.run.dir, settings.run.name) = (runs.display().to_string(), Some(name.to_owned()));
    let run = runs.join(name);
    let viewer = watched.then(|| std::thread::spawn(move || look_on(&run)));
    let begin = thread_cpu_time();
    Experiment::new(settings).run().expect("a sound run");
    let spent = thread_cpu_time() - begin;
    if let Some(viewer) = viewer {
        assert!(viewer.join().expect("it ends with the run") > 0, "frames came");
    }
    spent
}

/// Attaches to a run once it is live, and looks on until its end; how many frames came.
fn look_on(run: &Path) -> usize {
    let mut connection = loop {
        match Connection::open(run) {
            Ok(connection) => break connection,
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    };
    let interest = Interest { envs: 0..SHOWN as u32, hz: HZ as f32, inspected: Some(0), lanes: true };
    connection.send(&Request::Watch(interest)).expect("it listens");
    let mut frames = 0;
    loop {
        match connection.receive(Duration::from_secs(1)) {
            Ok(Some(Reply::Ended)) | Err(_) => return frames,
            Ok(Some(Reply::Frames(_))) => frames += 1,
            Ok(_) => {}
        }
    }
}

/// The pass over replay that a map makes twice, by way of what is public of it.
fn map(rows: usize) -> f64 {
    let space = Space::box_f32(vec![-1.0; 4], vec![1.0; 4]);
    let mut replay = Replay::new(&space, &ActionRows::default(), 1, rows, None).expect("an encodable space");
    let mut rng = Generator::new(0);
    let mut random = || [(); 4].map(|()| rng.uniform(-1.0, 1.0) as f32);
    replay.begin(0, cartwheel_envs::Row::F32(&random()));
    for _ in 0..rows {
        replay.push(0, Action::Discrete(0), 1.0, false, false, cartwheel_envs::Row::F32(&random()));
    }
    median(1, |_| {
        let sum: f64 = replay.stored().map(|stored| stored.observation.number(0) + stored.observation.number(2)).sum();
        black_box(sum);
    })
}

struct Bench {
    actor: Actor,
    seat: cartwheel_trainer::watch::Seat,
    weights: Weights,
    rollout: Rollout,
    frames: Vec<EnvFrame>,
}

impl Bench {
    fn new(id: &str, n_envs: usize) -> Self {
        let envs = make_vec(id, n_envs, &Kwargs::new()).expect("a registered environment");
        let (observations, actions) = (envs.single_observation_space(), envs.single_action_space());
        let acting = Acting::new(&DqnConfig::default(), observations, actions).expect("spaces that it takes");
        let weights = Weights { version: 0, parameters: acting.mlp.init(&mut Generator::new(0)) };
        let epsilon = EpsilonSchedule { random_steps: 0, initial: 0.05, last: 0.05, fall: 1.0 };
        let env_id = id.into();
        let exploration = epsilon.into();
        let spec = ActorSpec { env_id, seed: 0, total_envs: n_envs, acting, exploration, record_episodes: true };
        let mut actor = Actor::new(spec, 0, envs, 0).expect("a sound environment");
        let seat = Watch::default().seat(0, n_envs, true);
        actor.take(seat.clone());
        Self { rollout: actor.rollout(1), actor, seat, weights, frames: Vec::new() }
    }

    fn step(&mut self) {
        self.actor.collect(&self.weights, 0, false, &mut self.rollout).expect("a sound environment");
    }

    fn unwatched(&mut self) -> f64 {
        median(1000, |rounds| (0..rounds).for_each(|_| self.step()))
    }

    /// With a frame in every vector step; the server's share of the hand-over is in it.
    fn watched(&mut self) -> f64 {
        median(1000, |rounds| {
            for _ in 0..rounds {
                self.seat.ask(SHOWN);
                self.step();
                assert!(self.seat.frames(&mut self.frames) && self.frames.len() == SHOWN);
            }
        })
    }
}
