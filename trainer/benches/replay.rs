//! Replay: pushing into a full one, and drawing batches of 64 from it, uniformly and by priority.
//!
//! `cargo bench -p cartwheel-trainer --bench replay`

#![allow(missing_docs, reason = "a benchmark")]

use std::time::Duration;

use cartwheel_agents::nn::prepare_thread;
use cartwheel_agents::{Batch, Prioritization, Returns};
use cartwheel_envs::{Action, ActionRows, Generator, Row, Space};
use cartwheel_trainer::Replay;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const ENVS: usize = 8;
const BATCH: usize = 64;

/// A step of every environment, with episodes of about 200 steps; observations are CartPole's in size.
fn step(replay: &mut Replay, rng: &mut Generator) {
    for env in 0..ENVS {
        let observation = [rng.random() as f32; 4];
        let terminated = rng.below(200) == 0;
        replay.push(env, Action::Discrete(0), 1.0, terminated, false, Row::F32(&observation));
        if terminated {
            replay.begin(env, Row::F32(&observation));
        }
    }
}

fn replay(c: &mut Criterion) {
    prepare_thread();
    let space = Space::box_f32(vec![0.0; 4], vec![1.0; 4]);
    for size in [100_000, 1_000_000] {
        let mut group = c.benchmark_group(format!("replay of {size}"));
        for (how, prioritization) in [
            ("uniform", None),
            (
                "prioritized",
                Some(Prioritization { alpha: 0.6, eps: 1e-6, beta0: 0.4, beta_iters: None, by_actors: false }),
            ),
        ] {
            let mut replay =
                Replay::new(&space, &ActionRows::default(), ENVS, size, prioritization).expect("an encodable space");
            let (mut batch, mut rng) = (Batch::default(), Generator::new(0));
            (0..ENVS).for_each(|env| replay.begin(env, Row::F32(&[0.0; 4])));
            (0..2 * size / ENVS).for_each(|_| step(&mut replay, &mut rng));
            let returns = Returns { n_steps: 1, gamma: 0.99, reward_scale: 1.0 };
            // Priorities as learning leaves them: no two alike, most of them small.
            let mut errors = vec![0.0; BATCH];
            for _ in 0..2 * size / BATCH {
                replay.sample(BATCH, returns, 0.4, &mut rng, &mut batch);
                errors.fill_with(|| rng.random().powi(3) as f32);
                replay.update_priorities(&batch.rows, &errors);
            }
            group.throughput(Throughput::Elements(ENVS as u64));
            group.bench_function(BenchmarkId::new("push", how), |b| b.iter(|| step(&mut replay, &mut rng)));
            group.throughput(Throughput::Elements(BATCH as u64));
            for n_steps in [1, 4] {
                let returns = Returns { n_steps, ..returns };
                group.bench_function(BenchmarkId::new(format!("sample 64, n-step {n_steps}"), how), |b| {
                    b.iter(|| replay.sample(BATCH, returns, 0.4, &mut rng, &mut batch));
                });
            }
            group.bench_function(BenchmarkId::new("sample 64 and give their priorities back", how), |b| {
                b.iter(|| {
                    replay.sample(BATCH, returns, 0.4, &mut rng, &mut batch);
                    replay.update_priorities(&batch.rows, &errors);
                });
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(60).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(300));
    targets = replay
}
criterion_main!(benches);
