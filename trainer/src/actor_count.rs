//! How many actors pay.
//!
//! A phase of training collects for C seconds and learns for U. More actors divide C, but handing work to
//! another thread costs its wake-up. Where acting is a small part of a phase (CartPole with a small network:
//! 1 ms of 27) more threads can only lose; where an environment is slow every core gains.

use std::time::{Duration, Instant};

use cartwheel_agents::{AnyLearner, Progress, RolloutBatch};
use cartwheel_envs::Generator;

use crate::actor::{Actor, Weights};
use crate::config::Clock;
use crate::error::EnvFault;
use crate::session::fill;

/// What waking another thread and waiting for its answer costs a phase, measured (docs/benchmarks.md).
const HANDOFF: Duration = Duration::from_micros(20);
/// Measuring stops after so long, or after one step of the environments if that takes longer.
const BUDGET: Duration = Duration::from_micros(500);
/// What an update is measured on is collected within so long.
const SOON: Duration = Duration::from_millis(20);
/// More threads must save at least this share of a phase.
const WORTHWHILE: f64 = 0.05;

/// What was measured, for one phase of training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Costs {
    /// Stepping and inference on one thread.
    pub(crate) collect: Duration,
    /// All gradient steps.
    pub(crate) update: Duration,
}

/// Measures a phase of `rollout_steps` steps of all of `actor`'s environments and `updates` gradient steps on
/// `batch_size` transitions each. All are throw-away copies: the run's own random streams are not touched.
pub(crate) fn measure(
    mut actor: Actor,
    learner: AnyLearner,
    rollout_steps: usize,
    updates: u64,
    batch_size: usize,
) -> Result<Costs, EnvFault> {
    let weights = Weights { version: 0, parameters: learner.learner().parameters().to_vec() };
    let mut rollout = actor.rollout(1);
    // The first step pays for cold caches.
    actor.collect(&weights, u64::MAX / 2, false, &mut rollout)?;
    let (begin, mut steps) = (Instant::now(), 0);
    while steps == 0 || begin.elapsed() < BUDGET {
        actor.collect(&weights, u64::MAX / 2, false, &mut rollout)?;
        steps += 1;
    }
    let step = begin.elapsed().div_f64(f64::from(steps));
    let collect = step.mul_f64(rollout_steps as f64);
    let mut rng = Generator::new(0);
    let one = match learner {
        AnyLearner::OffPolicy(mut learner) => {
            let mut batch = actor.batch(batch_size);
            let inputs = batch.observations.iter_mut().chain(&mut batch.next_observations);
            inputs.for_each(|x| *x = rng.uniform(-1.0, 1.0) as f32);
            time_of_step(&mut || {
                let taken = learner.updates();
                learner.update(&batch, Progress::default(), &mut rng).is_ok().then(|| learner.updates() - taken)
            })
        }
        AnyLearner::OnPolicy(mut learner) => {
            // A batch of as much as is collected soon: of a slow environment less than an update takes.
            let wanted = batch_size.div_ceil(actor.num_envs()).min(rollout_steps);
            let steps = wanted.min((SOON.as_secs_f64() / step.as_secs_f64()) as usize).max(1);
            let mut rollout = actor.rollout(steps);
            actor.collect(&weights, u64::MAX / 2, false, &mut rollout)?;
            let mut batch = RolloutBatch { actions: rollout.actions.zeros(0), ..RolloutBatch::default() };
            fill(&mut batch, &[rollout], actor.features());
            let one = time_of_step(&mut || {
                let taken = learner.updates();
                learner.update(&batch, Progress::default(), &mut rng).is_ok().then(|| learner.updates() - taken)
            });
            one.mul_f64(wanted as f64 / steps as f64)
        }
    };
    Ok(Costs { collect, update: one.mul_f64(updates as f64) })
}

/// What one of the gradient steps takes that `update` answers having made. A device that fails here fails again when
/// training begins, and is reported then.
fn time_of_step(update: &mut dyn FnMut() -> Option<u64>) -> Duration {
    // The first pays for cold caches.
    update();
    let (begin, mut done) = (Instant::now(), 0);
    while done == 0 || begin.elapsed() < BUDGET {
        match update() {
            Some(steps) if steps > 0 => done += steps,
            _ => break,
        }
    }
    begin.elapsed().div_f64(done.max(1) as f64)
}

/// The smallest number of actors that is within 5 % of the best, and why.
pub(crate) fn choose_actors(costs: Costs, clock: Clock, n_envs: usize, cores: usize) -> (usize, String) {
    let phase = |actors: usize| {
        let collect = costs.collect.div_f64(actors as f64);
        match clock {
            Clock::Sync if actors == 1 => collect + costs.update,
            Clock::Sync => collect + costs.update + HANDOFF,
            // The learner has a thread of its own and the slower side sets the pace.
            Clock::Async => collect.max(costs.update),
        }
    };
    let most = match clock {
        Clock::Sync => cores,
        Clock::Async => cores.saturating_sub(1),
    };
    let choices = 1..=most.min(n_envs).max(1);
    let best = choices.clone().map(phase).min().unwrap_or_default();
    let worthwhile = |actors: &usize| phase(*actors).as_secs_f64() <= best.as_secs_f64() * (1.0 + WORTHWHILE);
    let actors = choices.clone().find(worthwhile).unwrap_or(1);
    let share = costs.collect.as_secs_f64() / (costs.collect + costs.update).as_secs_f64().max(1e-12);
    let measured = format!(
        "between two updates, stepping and inference take {} on one thread, an update {} ({:.0} % of both is acting)",
        told(costs.collect),
        told(costs.update),
        share * 100.0
    );
    let verdict = match actors {
        1 if *choices.end() == 1 => format!("there is room for only one ({n_envs} environments, {cores} cores)"),
        1 => "more threads would not pay".into(),
        _ => format!("with them, both should take {}", told(phase(actors))),
    };
    (actors, format!("actors: {actors}: {measured}; {verdict}"))
}

/// A time for people.
fn told(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds >= 1.0 => format!("{seconds:.1} s"),
        seconds if seconds >= 0.01 => format!("{:.0} ms", seconds * 1e3),
        seconds => format!("{:.0} µs", seconds * 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(collect_us: u64, update_us: u64, clock: Clock, n_envs: usize, cores: usize) -> usize {
        let costs = Costs { collect: Duration::from_micros(collect_us), update: Duration::from_micros(update_us) };
        choose_actors(costs, clock, n_envs, cores).0
    }

    #[test]
    fn threads_are_added_where_acting_is_what_takes_the_time() {
        assert_eq!(choose(50, 2000, Clock::Sync, 8, 8), 1, "acting is a trifle");
        assert_eq!(choose(20_000, 500, Clock::Sync, 8, 8), 8, "a slow environment");
        assert_eq!(choose(20_000, 500, Clock::Sync, 3, 8), 3, "no more than environments");
        assert_eq!(choose(20_000, 500, Clock::Sync, 8, 2), 2, "no more than cores");
        assert_eq!(choose(15, 10, Clock::Sync, 8, 8), 1, "handing work over costs more than it saves");
        assert_eq!(choose(3000, 1000, Clock::Async, 8, 8), 3, "enough to keep the learner busy");
        assert_eq!(choose(3000, 1000, Clock::Async, 8, 2), 1, "the learner needs a core");
    }
}
