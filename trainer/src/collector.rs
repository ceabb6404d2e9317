//! Collecting transitions with one or several actors, in step with the learner or running free.
//!
//! In step (`sync`): the learner asks for a rollout of each actor and waits; its own thread is the first
//! actor, so that one actor needs no second thread. Running free (`async`): every actor has a thread and
//! fills rollouts for as long as it finds empty ones; how many there are bounds how far the weights it acts
//! with can be behind. Weights are picked up between rollouts and never waited for.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use crossbeam::channel::{Receiver, RecvError, Sender, TryRecvError, bounded};

use crate::actor::{Actor, EnvState, Weights};
use crate::cpu_time::thread_cpu_time;
use crate::error::EnvFault;
use crate::rollout::Rollout;
use crate::watch::Activity;

type Filled = Result<Rollout, EnvFault>;

/// See the module's documentation.
pub enum Collector<'scope> {
    /// In step with the learner.
    Sync(InStep<'scope>),
    /// Running free.
    Async(Free<'scope>),
    /// Nothing is collected.
    Shown(Box<Shown>),
}

/// An actor of a run that learns from a dataset: what it does is for viewers alone, and while there are any.
pub struct Shown {
    actor: Actor,
    /// What it fills, for nobody.
    rollout: Rollout,
    /// Steps of the run before.
    first: u64,
}

/// Actors in step with the learner.
pub struct InStep<'scope> {
    first: Box<Actor>,
    workers: Vec<Worker<'scope>>,
    rollouts: Vec<Rollout>,
}

/// An actor on a thread of its own that answers one request at a time.
struct Worker<'scope> {
    requests: Sender<Request>,
    answers: Receiver<Filled>,
    thread: ScopedJoinHandle<'scope, (Actor, f64)>,
}

#[allow(clippy::large_enum_variant, reason = "moved once an update; a box would be allocated each time")]
enum Request {
    /// Fill this rollout under these weights, after so many environment steps; whether it may be left unfinished.
    Collect(Arc<Weights>, u64, bool, Rollout),
    /// Answer with the states of the environments.
    EnvStates(Sender<Option<Vec<EnvState>>>),
}

/// Actors that run free.
pub struct Free<'scope> {
    weights: Arc<ArcSwap<Weights>>,
    filled: Receiver<(usize, Filled)>,
    /// For each actor, where its empty rollouts go.
    empty: Vec<Sender<Rollout>>,
    /// For each actor, rollouts that the learner has taken.
    consumed: Vec<u64>,
    /// Rollouts of each actor.
    each: u64,
    /// Empty rollouts of actors that are ahead of the others.
    held: Vec<(usize, Rollout)>,
    /// The rollout that the learner works on, and whose it is.
    current: Vec<Rollout>,
    owner: usize,
    threads: Vec<ScopedJoinHandle<'scope, (Actor, f64)>>,
}

/// What actors leave behind.
pub struct Finished {
    /// The state of each environment in the run's order; nothing if one cannot save it.
    pub envs: Option<Vec<EnvState>>,
    /// CPU seconds of the actors' own threads.
    pub cpu_s: f64,
}

impl<'scope> Collector<'scope> {
    /// Actors in step with the learner, each filling rollouts of `steps`.
    pub fn sync<'env>(scope: &'scope Scope<'scope, 'env>, mut actors: Vec<Actor>, steps: usize) -> Self {
        let rollouts = actors.iter().map(|a| a.rollout(steps)).collect();
        let others = actors.split_off(1);
        let workers = others.into_iter().map(|actor| Worker::spawn(scope, actor)).collect();
        Self::Sync(InStep { first: Box::new(actors.remove(0)), workers, rollouts })
    }

    /// Actors that run free from `weights` on, filling rollouts of `steps`, none of which reaches the learner
    /// more than `max_policy_lag` publications late. `done` is how many environment steps the run has done.
    pub fn free<'env>(
        scope: &'scope Scope<'scope, 'env>,
        actors: Vec<Actor>,
        steps: usize,
        max_policy_lag: usize,
        weights: Arc<Weights>,
        done: u64,
    ) -> Self {
        let count = actors.len();
        let each = rollouts_each(count, max_policy_lag);
        let shared = Arc::new(ArcSwap::new(weights));
        let started = Arc::new(AtomicU64::new(done));
        let (send, filled) = bounded(each * count);
        let (mut empties, mut threads) = (Vec::new(), Vec::new());
        for (i, actor) in actors.into_iter().enumerate() {
            let (empty, take) = bounded(each);
            for _ in 0..each {
                drop(empty.send(actor.rollout(steps)));
            }
            empties.push(empty);
            let (weights, started, send) = (shared.clone(), started.clone(), send.clone());
            threads.push(scope.spawn(move || run_free(actor, i, &take, &send, &weights, &started)));
        }
        Self::Async(Free {
            weights: shared,
            filled,
            empty: empties,
            consumed: vec![0; count],
            each: each as u64,
            held: Vec::new(),
            current: Vec::new(),
            owner: 0,
            threads,
        })
    }

    /// The first of `actors`, which acts while somebody watches and collects nothing, in a run that has done `steps`.
    pub fn shown(mut actors: Vec<Actor>, steps: u64) -> Self {
        let actor = actors.remove(0);
        Self::Shown(Box::new(Shown { rollout: actor.rollout(1), actor, first: steps }))
    }

    /// The next rollouts in the order of their environments: with the sync clock one of each actor, all
    /// under `weights`; with the async clock the next that is ready, while actors pick `weights` up for those
    /// to come. `steps` is how many environment steps the run has done. With `may_stop`, or where actors run free, rollouts are left
    /// unfinished once the run is asked to stop; one in step with the learner is then to go back to
    /// [`env_states`](Self::env_states) from before them.
    ///
    /// # Errors
    /// If an environment failed or an actor panicked.
    pub fn collect(&mut self, weights: &Arc<Weights>, steps: u64, may_stop: bool) -> Result<&mut [Rollout], EnvFault> {
        match self {
            Self::Sync(actors) => actors.collect(weights, steps, may_stop),
            Self::Async(actors) => actors.collect(weights),
            Self::Shown(shown) => shown.act(weights, steps).map(|()| &mut [][..]),
        }
    }

    /// The state of each environment, where that can be had without stopping actors that run free.
    pub fn env_states(&mut self) -> Option<Vec<EnvState>> {
        match self {
            Self::Sync(actors) => actors.env_states(),
            Self::Async(_) | Self::Shown(_) => None,
        }
    }

    /// Rollouts that wait for the learner, and how many may.
    pub fn queue(&self) -> (usize, usize) {
        match self {
            Self::Sync(_) | Self::Shown(_) => (0, 0),
            Self::Async(actors) => (actors.filled.len(), actors.filled.capacity().unwrap_or_default()),
        }
    }

    /// Stops all actors.
    pub fn finish(self) -> Finished {
        // Hanging up on the threads is what ends them; only then can they be joined.
        let (mut actors, threads): (Vec<_>, Vec<_>) = match self {
            Self::Sync(InStep { first, workers, .. }) => {
                (vec![*first], workers.into_iter().map(Worker::hang_up).collect())
            }
            Self::Async(Free { threads, empty, filled, .. }) => {
                drop((empty, filled));
                (Vec::new(), threads)
            }
            // Where it got to is nobody's business.
            Self::Shown(_) => return Finished { envs: None, cpu_s: 0.0 },
        };
        let (mut cpu_s, mut whole) = (0.0, true);
        for thread in threads {
            // A thread that panicked said so when it did.
            match thread.join() {
                Ok((actor, seconds)) => {
                    actors.push(actor);
                    cpu_s += seconds;
                }
                Err(_) => whole = false,
            }
        }
        let states = actors.iter().map(Actor::env_states).collect::<Option<Vec<_>>>();
        Finished { envs: states.filter(|_| whole).map(|states| states.into_iter().flatten().collect()), cpu_s }
    }
}

/// How many rollouts each of `actors` may have under way so that none is more than `max_policy_lag`
/// publications late. An actor gets an empty one back only while the learner has taken fewer than that many
/// more from it than from the slowest. So while a rollout is under way, each other actor can hand in
/// 3·each − 2 of its own, and this one each − 1 earlier ones; every one taken is followed by one publication.
fn rollouts_each(actors: usize, max_policy_lag: usize) -> usize {
    let lag = |each: usize| (actors - 1) * (3 * each - 2) + each - 1;
    (1..).take_while(|&each| lag(each) <= max_policy_lag).last().unwrap_or(1)
}

impl<'scope> Worker<'scope> {
    fn spawn<'env>(scope: &'scope Scope<'scope, 'env>, mut actor: Actor) -> Self {
        let (requests, inbox) = bounded(1);
        let (answer, answers) = bounded(1);
        let thread = scope.spawn(move || {
            cartwheel_agents::nn::prepare_thread();
            while let Ok(request) = receive(&inbox) {
                match request {
                    Request::Collect(weights, steps, may_stop, mut rollout) => {
                        let result = guarded_collect(&mut actor, &weights, steps, may_stop, &mut rollout);
                        actor.seat().doing(Activity::Waiting);
                        drop(answer.send(result.map(|()| rollout)));
                    }
                    Request::EnvStates(reply) => drop(reply.send(actor.env_states())),
                }
            }
            (actor, thread_cpu_time())
        });
        Self { requests, answers, thread }
    }

    fn hang_up(self) -> ScopedJoinHandle<'scope, (Actor, f64)> {
        self.thread
    }
}

/// How long a thread looks for its next message before it sleeps: waking one that sleeps costs about as much,
/// and between two rollouts in a row there is less to wait.
const PATIENCE: Duration = Duration::from_micros(100);

/// Receives like `recv`, sleeping only after a while.
fn receive<T>(channel: &Receiver<T>) -> Result<T, RecvError> {
    let begin = Instant::now();
    while begin.elapsed() < PATIENCE {
        match channel.try_recv() {
            Ok(message) => return Ok(message),
            Err(TryRecvError::Disconnected) => return Err(RecvError),
            Err(TryRecvError::Empty) => std::hint::spin_loop(),
        }
    }
    channel.recv()
}

impl Shown {
    /// Takes a step, or waits while the run is held, if somebody watches. The steps of the run are those that it counts.
    fn act(&mut self, weights: &Weights, steps: u64) -> Result<(), EnvFault> {
        self.actor.count_from(steps - self.first);
        if !self.actor.seat().attended() {
            return Ok(());
        }
        guarded_collect(&mut self.actor, weights, steps, false, &mut self.rollout)
    }
}

impl InStep<'_> {
    fn collect(&mut self, weights: &Arc<Weights>, steps: u64, may_stop: bool) -> Result<&mut [Rollout], EnvFault> {
        let mut rollouts = std::mem::take(&mut self.rollouts);
        for (worker, rollout) in self.workers.iter().zip(rollouts.drain(1..)) {
            // A worker that is gone is noticed when it does not answer.
            drop(worker.requests.send(Request::Collect(weights.clone(), steps, may_stop, rollout)));
        }
        let mut result = match rollouts.first_mut() {
            Some(own) => guarded_collect(&mut self.first, weights, steps, may_stop, own),
            None => Err(EnvFault::lost_actor()),
        };
        self.rollouts = rollouts;
        if !self.workers.is_empty() {
            // Its own is done.
            self.first.seat().doing(Activity::Waiting);
        }
        for worker in &self.workers {
            match receive(&worker.answers).unwrap_or_else(|_| Err(EnvFault::lost_actor())) {
                Ok(rollout) => self.rollouts.push(rollout),
                Err(fault) => result = result.and(Err(fault)),
            }
        }
        result.map(|()| self.rollouts.as_mut_slice())
    }

    fn env_states(&mut self) -> Option<Vec<EnvState>> {
        let mut states = self.first.env_states()?;
        for worker in &self.workers {
            let (reply, answer) = bounded(1);
            worker.requests.send(Request::EnvStates(reply)).ok()?;
            states.extend(answer.recv().ok()??);
        }
        Some(states)
    }
}

/// Fills a rollout; a panic becomes the fault of whatever the actor ran.
fn guarded_collect(
    actor: &mut Actor,
    weights: &Weights,
    steps: u64,
    may_stop: bool,
    rollout: &mut Rollout,
) -> Result<(), EnvFault> {
    // After a panic the actor is only asked for nothing more: a broken state cannot be seen.
    catch_unwind(AssertUnwindSafe(|| actor.collect(weights, steps, may_stop, rollout)))
        .unwrap_or_else(|panic| Err(actor.panicked(panic.as_ref(), steps)))
        .inspect_err(|_| actor.seat().failed())
}

/// An actor's life on the async clock: empty rollouts in, filled ones out, until either side hangs up.
fn run_free(
    mut actor: Actor,
    index: usize,
    empty: &Receiver<Rollout>,
    filled: &Sender<(usize, Filled)>,
    weights: &ArcSwap<Weights>,
    started: &AtomicU64,
) -> (Actor, f64) {
    cartwheel_agents::nn::prepare_thread();
    for mut rollout in empty {
        let steps = started.fetch_add((rollout.capacity() * rollout.envs) as u64, Ordering::Relaxed);
        // Where it stops is where the run goes on from.
        let result = guarded_collect(&mut actor, &weights.load(), steps, true, &mut rollout);
        let failed = result.is_err();
        actor.seat().doing(Activity::Waiting);
        if filled.send((index, result.map(|()| rollout))).is_err() || failed {
            break;
        }
    }
    (actor, thread_cpu_time())
}

impl Free<'_> {
    fn collect(&mut self, weights: &Arc<Weights>) -> Result<&mut [Rollout], EnvFault> {
        self.weights.store(weights.clone());
        if let Some(rollout) = self.current.pop() {
            self.consumed[self.owner] += 1;
            self.held.push((self.owner, rollout));
        }
        let slowest = self.consumed.iter().min().copied().unwrap_or_default();
        for (actor, rollout) in self.held.extract_if(.., |(actor, _)| self.consumed[*actor] - slowest < self.each) {
            drop(self.empty[actor].send(rollout));
        }
        let (owner, filled) = self.filled.recv().unwrap_or_else(|_| (0, Err(EnvFault::lost_actor())));
        self.owner = owner;
        self.current.push(filled?);
        Ok(&mut self.current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor::ActorSpec;
    use crate::watch::Watch;
    use cartwheel_agents::{Acting, EpsilonSchedule, dqn::DqnConfig};
    use cartwheel_envs::{Kwargs, make_vec};

    /// An actor whose environments take `step_us` a step.
    fn actor(first_env: usize, step_us: u64) -> Actor {
        let args = Kwargs::from_iter([("step_us".to_string(), step_us.into())]);
        let envs = make_vec("Scripted-v0", 1, &args).unwrap();
        let config = DqnConfig { net_arch: vec![16], ..DqnConfig::default() };
        let acting = Acting::new(&config, envs.single_observation_space(), envs.single_action_space()).unwrap();
        let spec = ActorSpec {
            env_id: "Scripted-v0".into(),
            seed: 0,
            total_envs: 3,
            acting,
            exploration: EpsilonSchedule { random_steps: 0, initial: 1.0, last: 1.0, fall: 1.0 }.into(),
            record_episodes: false,
        };
        Actor::new(spec, first_env, envs, 0).unwrap()
    }

    fn version(version: u64) -> Arc<Weights> {
        Arc::new(Weights { version, parameters: vec![0.0; actor(0, 0).weights_len()] })
    }

    /// Slow and fast actors together: the fast ones must not run away from the slow one's weights.
    #[test]
    fn no_transition_comes_later_than_the_bound() {
        for bound in [2, 8, 20] {
            let actors = vec![actor(0, 0), actor(1, 300), actor(2, 0)];
            let (mut worst, mut taken) = (0, [0; 3]);
            std::thread::scope(|scope| {
                let mut collector = Collector::free(scope, actors, 2, bound, version(0), 0);
                for now in 0..200 {
                    let weights = version(now);
                    for rollout in collector.collect(&weights, 0, false).unwrap() {
                        worst = worst.max(now - rollout.version);
                        taken[rollout.first_env] += 1;
                    }
                }
                assert!(collector.finish().envs.is_some_and(|envs| envs.len() == 3));
            });
            assert!(worst <= bound as u64, "bound {bound}: {worst}");
            assert!(taken.iter().all(|&n| n > 50), "everybody is heard: {taken:?}");
        }
    }

    /// Until here it was said to step environments meanwhile.
    #[test]
    fn who_has_collected_waits_for_the_others() {
        let watch = Watch::default();
        let (mut first, mut second) = (actor(0, 0), actor(1, 300));
        let seat = watch.seat(0, 1, false);
        first.take(seat.clone());
        second.take(watch.seat(1, 1, true));
        // What actors do is told while somebody watches.
        seat.ask(1);
        std::thread::scope(|scope| {
            let mut collector = Collector::sync(scope, vec![first, second], 4);
            collector.collect(&version(0), 0, false).unwrap();
            assert_eq!(seat.activity(), Activity::Waiting as u8);
            collector.finish();
        });
    }

    #[test]
    fn rollouts_come_in_the_order_of_their_environments() {
        std::thread::scope(|scope| {
            let mut collector = Collector::sync(scope, vec![actor(0, 300), actor(1, 0), actor(2, 50)], 4);
            for _ in 0..20 {
                let rollouts = collector.collect(&version(7), 0, false).unwrap();
                assert_eq!(
                    rollouts.iter().map(|r| (r.first_env, r.steps, r.version)).collect::<Vec<_>>(),
                    [(0, 4, 7), (1, 4, 7), (2, 4, 7)]
                );
            }
            assert_eq!(collector.env_states().unwrap().len(), 3);
            collector.finish();
        });
    }

    #[test]
    fn more_lag_allows_more_rollouts_under_way() {
        assert_eq!([0, 1, 4].map(|lag| rollouts_each(1, lag)), [1, 2, 5]);
        assert_eq!([1, 4, 5, 9].map(|lag| rollouts_each(2, lag)), [1, 1, 2, 3]);
        assert_eq!(rollouts_each(4, 3), 1);
    }
}
