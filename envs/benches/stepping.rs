//! Million steps per second of CPU time on one core, resets included, under random actions: a table of what
//! `bench/peers/gymnasium_stepping.py` measures of others.
//!
//! `cargo bench -p cartwheel-envs -- [ENVIRONMENT ...]`; all of Gymnasium's, if none is named.

use std::hint::black_box;
use std::time::Duration;

use cartwheel_envs::{
    Action, Actions, Environment, Generator, Kwargs, Row, Rows, Space, SyncVectorEnv, VectorEnv, VectorStep, make,
    make_vec, spec,
};
use rustix::time::{ClockId, clock_gettime};

const IDS: [&str; 11] = [
    "CartPole-v1",
    "Acrobot-v1",
    "MountainCar-v0",
    "MountainCarContinuous-v0",
    "Pendulum-v1",
    "FrozenLake-v1",
    "FrozenLake8x8-v1",
    "CliffWalking-v1",
    "CliffWalkingSlippery-v1",
    "Taxi-v4",
    "Blackjack-v1",
];
const SIZES: [usize; 4] = [8, 64, 1024, 8192];
/// How often each is measured, and for how long at least. The median counts.
const REPEATS: usize = 7;
const SHORTEST: Duration = Duration::from_millis(60);

fn main() {
    // Cargo passes arguments of its own.
    let named: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let ids: Vec<_> = if named.is_empty() { IDS.map(str::to_owned).into() } else { named };
    let row = |cells: Vec<String>| println!("| {} |", cells.join(" | "));
    row(["million steps a second, environments:", "form"].map(str::to_owned).into_iter().chain(sizes()).collect());
    row(vec!["---".to_owned(); 3 + SIZES.len()]);
    for id in ids {
        let mut env = make(&id).expect("a registered environment");
        let alone = format!("{:.1}", single(&mut env) / 1e6);
        let batch =
            |make: &dyn Fn(usize) -> Box<dyn VectorEnv>| SIZES.map(|n| format!("{:.1}", batched(make(n)) / 1e6));
        let native = batch(&|n| make_vec(&id, n, &Kwargs::new()).expect("a batch"));
        let looped = batch(&|n| Box::new(boxed(&id, n)));
        row([&[id.clone(), "batch".to_owned(), String::new()][..], &native].concat());
        row([&[id.clone(), "loop over boxes".to_owned(), alone][..], &looped].concat());
    }
}

fn sizes() -> impl Iterator<Item = String> {
    std::iter::once(1).chain(SIZES).map(|n| n.to_string())
}

/// The environments one by one, behind pointers, as a batch of any environments is.
fn boxed(id: &str, n: usize) -> SyncVectorEnv {
    let spec = spec(id).expect("a registered environment");
    let envs = (0..n).map(|_| spec.build(&Kwargs::new()).expect("an environment")).collect();
    SyncVectorEnv::new(envs).expect("a batch")
}

/// Actions are taken from here, batches each from another place.
fn random_actions(space: &Space) -> Rows {
    let mut rows = Rows::for_space(space, 1 << 16);
    let mut rng = Generator::new(1);
    (0..rows.len()).for_each(|i| space.sample(&mut rng, rows.row_mut(i)));
    rows
}

fn single(env: &mut Environment) -> f64 {
    let actions = random_actions(env.action_space());
    env.reset(Some(0)).expect("it resets");
    let mut at = 0;
    steps_per_second(|| {
        for _ in 0..1024 {
            at = (at + 1) % actions.len();
            let action = match actions.row(at) {
                Row::I32(action) => Action::Discrete(action[0]),
                Row::F32(action) => Action::Continuous(action),
                Row::U8(_) => unreachable!("actions are no bytes"),
            };
            let step = env.step(action).expect("valid actions");
            if step.terminated || step.truncated {
                env.reset(None).expect("it resets");
            }
            black_box((&step, env.observation()));
        }
        1024
    })
}

fn batched(mut env: Box<dyn VectorEnv>) -> f64 {
    let n = env.num_envs();
    let actions = random_actions(env.single_action_space());
    let width = actions.width();
    let mut out = VectorStep::new(env.single_observation_space(), n);
    env.reset(Some(0), &mut out.observations).expect("it resets");
    let mut at = 0;
    steps_per_second(|| {
        at = (at + n) % (actions.len() - n);
        let here = at * width..(at + n) * width;
        let actions = match (actions.as_i32(), actions.as_f32()) {
            (Some(integers), _) => Actions::Discrete(&integers[here]),
            (_, Some(floats)) => Actions::Continuous(&floats[here]),
            _ => unreachable!("actions are no bytes"),
        };
        env.step(actions, &mut out).expect("valid actions");
        black_box(&out);
        n
    })
}

/// The median of how many steps a second of CPU time `take` takes; it returns how many it took.
fn steps_per_second(mut take: impl FnMut() -> usize) -> f64 {
    let mut rates: Vec<f64> = (0..=REPEATS)
        .map(|_| {
            let (start, mut spent, mut steps) = (cpu_time(), Duration::ZERO, 0);
            while spent < SHORTEST {
                // Reading the clock takes as long as some steps.
                (0..64).for_each(|_| steps += take());
                spent = cpu_time() - start;
            }
            steps as f64 / spent.as_secs_f64()
        })
        .skip(1) // It warms up.
        .collect();
    rates.sort_by(f64::total_cmp);
    rates[REPEATS / 2]
}

/// What this thread has had of the processor.
fn cpu_time() -> Duration {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}
