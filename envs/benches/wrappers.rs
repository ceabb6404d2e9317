//! Steps through wrappers on one core, under random actions.
//!
//! `cargo bench -p cartwheel-envs --bench wrappers`

use std::hint::black_box;

use cartwheel_envs::{Action, Env, EnvBuilder, Generator, Row, Rows};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A wrapper each, around what it is for.
fn wrapped(c: &mut Criterion) {
    let mut group = c.benchmark_group("wrapped");
    let cases = [
        ("CartPole-v1", "FrameStackObservation(4)"),
        ("CartPole-v1", "NormalizeObservation"),
        ("CartPole-v1", "NormalizeReward"),
        ("CartPole-v1", "ClipReward(-1, 1)"),
        ("CartPole-v1", "TransformReward(0.01 * r)"),
        ("CartPole-v1", "FlattenObservation"),
        ("CartPole-v1", "TimeAwareObservation"),
    ];
    for (id, wrapper) in cases {
        let builder = EnvBuilder::new(id).wrapper(wrapper).expect("a wrapper");
        bench_single(&mut group, wrapper, builder.build().expect("it fits"));
    }
    // A screen of Atari's size; most of the time is that of its images.
    group.sample_size(10);
    let screen = EnvBuilder::new("Frames-v0").kwarg("height", 210).kwarg("width", 160);
    for wrapper in
        ["TimeLimit(100)", "GrayscaleObservation", "ResizeObservation((84, 84))", "AtariPreprocessing(frame_skip=1)"]
    {
        let builder = screen.clone().wrapper(wrapper).expect("a wrapper");
        bench_screen(&mut group, wrapper, builder.build().expect("it fits"));
    }
}

fn bench_screen(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    mut env: impl Env,
) {
    let mut rng = Generator::new(0);
    let mut observation = Rows::for_space(&env.observation_space(), 1);
    env.reset(&mut rng, observation.row_mut(0)).expect("it resets");
    group.throughput(Throughput::Elements(1));
    group.bench_function(format!("210x160 {name}"), |bencher| {
        bencher.iter(|| {
            black_box(env.step(Action::Discrete(1), &mut rng, observation.row_mut(0)).expect("a valid action"));
        });
    });
}

fn bench_single(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    mut env: impl Env,
) {
    let space = env.action_space();
    let mut rows = Rows::for_space(&space, 1 << 16);
    let mut rng = Generator::new(1);
    (0..rows.len()).for_each(|i| space.sample(&mut rng, rows.row_mut(i)));
    let action = |i| match rows.row(i) {
        Row::I32(action) => Action::Discrete(action[0]),
        Row::F32(action) => Action::Continuous(action),
        Row::U8(_) => unreachable!("actions are no bytes"),
    };
    let actions: Vec<_> = (0..rows.len()).map(action).collect();
    group.throughput(Throughput::Elements(actions.len() as u64));
    group.bench_function(name, |bencher| {
        let mut rng = Generator::new(0);
        let mut observation = Rows::for_space(&env.observation_space(), 1);
        env.reset(&mut rng, observation.row_mut(0)).expect("it resets");
        bencher.iter(|| {
            for &action in &actions {
                let step = env.step(action, &mut rng, observation.row_mut(0)).expect("valid actions");
                if step.terminated || step.truncated {
                    env.reset(&mut rng, observation.row_mut(0)).expect("it resets");
                }
                black_box((&step, &observation));
            }
        });
    });
}

criterion_group!(benches, wrapped);
criterion_main!(benches);
