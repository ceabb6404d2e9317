//! What actors give: stepping with one and two threads, a fast environment and a slow one; and what waking
//! another thread costs.
//!
//! `cargo bench -p cartwheel-trainer --bench collect`

#![allow(missing_docs, reason = "a benchmark")]

use std::sync::Arc;
use std::time::Duration;

use cartwheel_agents::dqn::DqnConfig;
use cartwheel_agents::nn::prepare_thread;
use cartwheel_agents::{Acting, EpsilonSchedule};
use cartwheel_envs::{Generator, Kwargs, make_vec};
use cartwheel_trainer::{Actor, ActorSpec, Collector, Weights};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

fn actors(env_id: &str, args: &Kwargs, n_envs: usize, count: usize) -> (Vec<Actor>, Arc<Weights>) {
    let mut actors = Vec::new();
    let mut weights = Weights::default();
    for i in 0..count {
        let envs = make_vec(env_id, n_envs / count, args).expect("a registered environment");
        let config = DqnConfig { net_arch: vec![32, 32], ..DqnConfig::default() };
        let acting = Acting::new(&config, envs.single_observation_space(), envs.single_action_space());
        let acting = acting.expect("spaces that it takes");
        weights.parameters = acting.mlp.init(&mut Generator::new(0));
        let epsilon = EpsilonSchedule { random_steps: 0, initial: 0.05, last: 0.05, fall: 1.0 };
        let spec = ActorSpec {
            env_id: env_id.into(),
            seed: 0,
            total_envs: n_envs,
            acting,
            exploration: epsilon.into(),
            record_episodes: false,
        };
        actors.push(Actor::new(spec, i * n_envs / count, envs, 0).expect("a sound environment"));
    }
    (actors, Arc::new(weights))
}

fn collect(c: &mut Criterion) {
    prepare_thread();
    let slow = Kwargs::from_iter([("step_us".to_string(), 20.into())]);
    let none = Kwargs::new();
    for (name, env_id, args, n_envs, steps) in [
        ("collect, CartPole, 256 environments", "CartPole-v1", &none, 256, 64),
        ("collect, 20 µs a step, 8 environments", "Scripted-v0", &slow, 8, 8),
        ("collect, CartPole, 8 environments, one step", "CartPole-v1", &none, 8, 1),
    ] {
        let mut group = c.benchmark_group(name);
        group.throughput(Throughput::Elements((n_envs * steps) as u64));
        for count in [1, 2] {
            let (actors, weights) = actors(env_id, args, n_envs, count);
            std::thread::scope(|scope| {
                let mut collector = Collector::sync(scope, actors, steps);
                group.bench_function(BenchmarkId::new("actors", count), |b| {
                    b.iter(|| collector.collect(&weights, 0, false).expect("a sound environment").len());
                });
                collector.finish();
            });
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(60).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(300));
    targets = collect
}
criterion_main!(benches);
