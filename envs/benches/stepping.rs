//! Steps a second on one core, resets included, under random actions.
//!
//! `cargo bench -p cartwheel-envs`

use std::hint::black_box;

use cartwheel_envs::{
    Action, Actions, CartPole, CartPoleConfig, CartPoleVector, Env, Generator, Rows, Space, SyncVectorEnv, TimeLimit,
    VectorEnv, VectorStep,
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Batches of actions are taken from here, each from another place.
fn random_actions() -> Vec<i32> {
    let mut rng = Generator::new(1);
    (0..1 << 16).map(|_| rng.below(2) as i32).collect()
}

fn single(c: &mut Criterion) {
    let mut group = c.benchmark_group("single");
    let actions = random_actions();
    group.throughput(Throughput::Elements(actions.len() as u64));
    group.bench_function("CartPole-v1", |bencher| {
        let mut env = TimeLimit::new(CartPole::new(CartPoleConfig::default()), 500);
        let mut rng = Generator::new(0);
        let mut observation = Rows::for_space(&env.observation_space(), 1);
        env.reset(&mut rng, observation.row_mut(0)).expect("CartPole resets");
        bencher.iter(|| {
            for &action in &actions {
                let step = env.step(Action::Discrete(action), &mut rng, observation.row_mut(0)).expect("valid actions");
                if step.terminated || step.truncated {
                    env.reset(&mut rng, observation.row_mut(0)).expect("CartPole resets");
                }
                black_box((&step, &observation));
            }
        });
    });
}

fn batched(c: &mut Criterion) {
    let mut group = c.benchmark_group("batched");
    for n in [8, 64, 1024, 8192] {
        let native = CartPoleVector::new(CartPoleConfig::default(), n, Some(500)).expect("a batch");
        bench_batch(&mut group, "native", native);
        let boxed = |_| -> Box<dyn Env> { Box::new(TimeLimit::new(CartPole::new(CartPoleConfig::default()), 500)) };
        let sync = SyncVectorEnv::new((0..n).map(boxed).collect()).expect("a batch");
        bench_batch(&mut group, "SyncVectorEnv", sync);
    }
}

fn bench_batch(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    mut env: impl VectorEnv,
) {
    let n = env.num_envs();
    let space: Space = env.single_observation_space().clone();
    let mut out = VectorStep::new(&space, n);
    env.reset(Some(0), &mut out.observations).expect("CartPole resets");
    let actions = random_actions();
    let mut at = 0;
    group.throughput(Throughput::Elements(n as u64));
    group.bench_function(BenchmarkId::new(name, n), |bencher| {
        bencher.iter(|| {
            at = (at + n) % (actions.len() - n);
            env.step(Actions::Discrete(&actions[at..at + n]), &mut out).expect("valid actions");
            black_box(&out);
        });
    });
}

criterion_group!(benches, single, batched);
criterion_main!(benches);
