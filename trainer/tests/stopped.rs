//! A run that is stopped within an update goes on bit for bit, as one that is stopped between two does.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use cartwheel_envs::{
    Action, Env, EnvSpec, Generator, IdentityConfig, IdentityEnv, Kwargs, Result, RowMut, Step, forward_env, register,
};
use cartwheel_trainer::run::{MetricsLog, MetricsRow, RunDir};
use cartwheel_trainer::{ActorCount, Algo, Event, Experiment, Settings};

/// Steps until the run is asked to stop, and by what.
static LEFT: AtomicI64 = AtomicI64::new(i64::MAX);
static STOP: Mutex<Option<Arc<AtomicBool>>> = Mutex::new(None);

/// Identity, which asks for a stop in the last step of a rollout: so the update after it is the one that is stopped, however fast the
/// machine is.
struct Stopper(IdentityEnv);

impl Env for Stopper {
    forward_env!(0: observation_space, action_space, reset);

    fn step(&mut self, action: Action<'_>, rng: &mut Generator, observation: RowMut<'_>) -> Result<Step> {
        if LEFT.fetch_sub(1, Ordering::Relaxed) == 1
            && let Some(stop) = STOP.lock().unwrap().as_ref()
        {
            stop.store(true, Ordering::Relaxed);
        }
        self.0.step(action, rng, observation)
    }
}

/// What a run left, but for the time that it took.
fn left(run: &Path) -> (Vec<MetricsRow>, Vec<u8>) {
    let run = RunDir::open(run).unwrap();
    let mut rows = MetricsLog::read(&run.metrics()).unwrap();
    for row in &mut rows {
        row.wall_s = 0.0;
        row.metrics.retain(|name, _| !name.starts_with("time/"));
    }
    (rows, fs::read(run.latest_weights()).unwrap())
}

#[test]
fn a_run_that_is_stopped_within_an_update_goes_on_bit_for_bit() {
    register(EnvSpec::new("Stopper-v0", "Asks for a stop", |_: Kwargs| {
        Ok(Stopper(IdentityEnv::new(IdentityConfig::default())))
    }))
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ppo = ["ppo.n_steps=32", "ppo.batch_size=16", "ppo.n_epochs=3", "ppo.net_arch=[16]"];
    let pqn = ["pqn.n_steps=32", "pqn.batch_size=16", "pqn.n_epochs=3", "pqn.net_arch=[16]"];
    let reinforce = ["reinforce.n_steps=32", "reinforce.baseline_steps=4", "reinforce.net_arch=[16]"];
    let recurrent = [
        "recurrent-ppo.n_steps=32",
        "recurrent-ppo.batch_size=16",
        "recurrent-ppo.net_arch=[16]",
        "recurrent-ppo.lstm_hidden_size=8",
    ];
    // Phases of 64 steps, and as many gradient steps.
    let dqn = ["dqn.train_freq=64", "dqn.gradient_steps=-1", "dqn.learning_starts=10", "dqn.net_arch=[16]"];
    let prioritized = [&dqn[..], &["dqn.prioritized_replay=true", "dqn.noisy=true"]].concat();
    // Its replay is filled anew before the rest of the update is made: no gradient step is lost, but they are others.
    let unkept = [&dqn[..], &["run.checkpoint_replay=false"]].concat();
    for (i, (algo, keys, at, updates)) in [
        (Algo::Ppo, &ppo[..], 64, 0),
        (Algo::Pqn, &pqn, 64, 0),
        (Algo::Reinforce, &reinforce, 64, 0),
        (Algo::RecurrentPpo, &recurrent, 64, 0),
        (Algo::Dqn, &dqn, 64, 1),
        (Algo::Dqn, &unkept, 64, 1),
        // An evaluation of 20 steps comes between.
        (Algo::Dqn, &prioritized, 160, 129),
    ]
    .into_iter()
    .enumerate()
    {
        let experiment = |name: &str| {
            let mut settings = Settings::shipped(algo, "Stopper-v0").unwrap();
            keys.iter().for_each(|key| settings.set(key).unwrap());
            (settings.env.n_envs, settings.train.total_timesteps, settings.train.log_interval) = (2, 320, 64);
            settings.train.actors = ActorCount::Exactly(1);
            (settings.eval.eval_freq, settings.eval.n_eval_episodes) = (128, 2);
            settings.run.dir = folder.path().display().to_string();
            settings.run.name = Some(format!("{name}-{i}"));
            settings.run.watch = false;
            Experiment::new(settings)
        };
        LEFT.store(i64::MAX, Ordering::Relaxed);
        let whole = experiment("whole").run().unwrap();
        let stop = Arc::<AtomicBool>::default();
        *STOP.lock().unwrap() = Some(stop.clone());
        LEFT.store(at, Ordering::Relaxed);
        let mut told = String::new();
        let mut listen = |event: &Event<'_>| {
            if let Event::Notice(notice) = event {
                told += notice;
            }
            ControlFlow::Continue(())
        };
        let cut = experiment("cut").stop_when(stop).callback(&mut listen).run().unwrap();
        assert!(cut.interrupted && told.contains("stopped"), "{algo}: {told}");
        assert_eq!((cut.updates, cut.steps % 64), (updates, 0), "{algo}: it is stopped within an update");
        let resumed = Experiment::resume(&cut.run).unwrap().run().unwrap();
        assert!(!resumed.interrupted, "{algo}");
        assert_eq!(resumed.updates, whole.updates, "{algo} {keys:?}");
        if keys == unkept {
            continue;
        }
        assert_eq!(left(&cut.run), left(&whole.run), "{algo} {keys:?}");
    }
}
