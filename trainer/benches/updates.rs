//! One update of every algorithm beside the matrix products that it cannot do without, by themselves: CPU time of the
//! thread, the two in turns, and the median of the ratios.
//!
//! `cargo bench --workspace --bench updates [-- NAME]`

#![allow(missing_docs, reason = "a benchmark")]

use cartwheel_agents::nn::{Device, Matrix, prepare_thread, product};
use cartwheel_agents::{Acting, Algorithm, AnyLearner, Batch, Progress, RolloutBatch};
use cartwheel_agents::{
    a2c::A2cConfig, bc::BcConfig, cql::CqlConfig, discrete_sac::DiscreteSacConfig, dqn, impala::ImpalaConfig,
    ppo::PpoConfig, pqn::PqnConfig, recurrent_ppo::RecurrentPpoConfig, reinforce::ReinforceConfig, sac::SacConfig, td3,
    tqc::TqcConfig,
};
use cartwheel_envs::{Generator, Space};
use cartwheel_trainer::thread_cpu_time;

/// How often each is measured, and for how many CPU seconds at least.
const REPEATS: usize = 15;
const SHORTEST: f64 = 0.02;
/// Numbers of an observation, counted actions, and numbers of a continuous action.
const OBSERVATION: usize = 4;
const ACTIONS: usize = 2;
const DIMENSIONS: usize = 1;
/// Transitions of a batch, and steps and environments of a rollout.
const BATCH: usize = 64;
const STEPS: usize = 32;
const ENVS: usize = 8;

fn main() {
    prepare_thread();
    let wanted = std::env::args().nth(1).filter(|arg| !arg.starts_with('-')).unwrap_or_default();
    println!(
        "| algorithm | hidden layers | an update | its products alone | ratio: min / median / max |\n|---|---|---|---|---|"
    );
    for hidden in [64, 256] {
        let cases = algorithms(hidden).into_iter().filter(|((name, ..), _)| name.contains(&wanted));
        for ((name, algorithm, products), actions) in cases {
            let (mut update, mut alone) = (Update::new(&*algorithm, &actions), Products::new(products));
            let mut measured: Vec<_> = (0..REPEATS).map(|_| (time(|| update.run()), time(|| alone.run()))).collect();
            measured.sort_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)));
            let [least, middle, most] = [0, REPEATS / 2, REPEATS - 1].map(|i| measured[i].0 / measured[i].1);
            let (update, alone) = measured[REPEATS / 2];
            let [update, alone] = [update, alone].map(|seconds| seconds * 1e6);
            println!(
                "| {name} | {hidden}-{hidden} | {update:.0} µs | {alone:.0} µs | {least:.2} / **{middle:.2}** / {most:.2} |"
            );
        }
    }
}

/// CPU seconds of `work`.
fn time(mut work: impl FnMut()) -> f64 {
    let (begin, mut done) = (thread_cpu_time(), 0);
    loop {
        work();
        done += 1;
        let spent = thread_cpu_time() - begin;
        if spent >= SHORTEST {
            return spent / f64::from(done);
        }
    }
}

/// How often an update does each product of a network's layers.
#[derive(Clone, Debug)]
struct Passes {
    /// Numbers that go into the first layer and out of each.
    layers: Vec<usize>,
    rows: usize,
    outputs: usize,
    /// Gradients of weights.
    weights: usize,
    /// Gradients of what layers read, but for the first.
    inputs: usize,
    /// Of what the first reads.
    first_inputs: usize,
}

/// `forward` passes and `learn` gradient steps.
fn passes(layers: &[usize], rows: usize, forward: usize, learn: usize) -> Passes {
    let layers = layers.to_vec();
    Passes { layers, rows, outputs: forward + learn, weights: learn, inputs: learn, first_inputs: 0 }
}

/// The same of layers that others that learn lie below.
fn above(layers: &[usize], rows: usize, forward: usize, learn: usize) -> Passes {
    Passes { first_inputs: learn, ..passes(layers, rows, forward, learn) }
}

/// The gradient by what the network reads, once.
fn grad(layers: &[usize], rows: usize) -> Passes {
    Passes { layers: layers.to_vec(), rows, outputs: 1, weights: 0, inputs: 1, first_inputs: 1 }
}

/// An algorithm with its settings, and the products of an update.
type Case = (&'static str, Box<dyn Algorithm>, Vec<Passes>);

/// Layers of long short-term memory: the product with what they read, and at each step that of as many rows as there are
/// sequences with what they remember. Going back, each step once more; the gradients of weights are of all rows at once.
fn memory(reads: usize, h: usize, [rows, sequences]: [usize; 2], forward: usize, learn: usize) -> Vec<Passes> {
    let steps = rows / sequences;
    let none = Passes { layers: vec![h, 4 * h], rows, outputs: 0, weights: 0, inputs: 0, first_inputs: 0 };
    vec![
        passes(&[reads, 4 * h], rows, forward, learn),
        Passes { rows: sequences, outputs: steps * (forward + learn), first_inputs: steps * learn, ..none.clone() },
        Passes { weights: learn, ..none },
    ]
}

/// Every algorithm, with networks of two hidden layers of that size, and the actions that it chooses among.
fn algorithms(h: usize) -> Vec<(Case, Space)> {
    let reals = Space::box_f32(vec![-1.0; DIMENSIONS], vec![1.0; DIMENSIONS]);
    let counted = q_learning(h).into_iter().chain(from_rollouts(h)).map(|case| (case, Space::discrete(ACTIONS as i32)));
    counted.chain(continuous(h).into_iter().map(|case| (case, reals.clone()))).collect()
}

fn q_learning(h: usize) -> Vec<Case> {
    let (o, a, n, net_arch) = (OBSERVATION, ACTIONS, BATCH, vec![h, h]);
    // The second hidden layer of a dueling network is there for the value and for the advantages.
    let dueling =
        |atoms| vec![passes(&[o, h], n, 2, 1), above(&[h, h, atoms], n, 2, 1), above(&[h, h, atoms * a], n, 2, 1)];
    let drawn = dqn::IqnConfig::default().num_tau_samples * n;
    let asked = dqn::IqnConfig::default().num_quantile_samples * n;
    vec![
        (
            "dqn",
            Box::new(dqn::DqnConfig { net_arch: net_arch.clone(), ..Default::default() }),
            vec![passes(&[o, h, h, a], n, 2, 1)],
        ),
        ("rainbow", Box::new(dqn::RainbowConfig { net_arch: net_arch.clone(), ..Default::default() }), dueling(51)),
        ("apex", Box::new(dqn::ApexConfig { net_arch: net_arch.clone(), ..Default::default() }), dueling(1)),
        (
            "qrdqn",
            Box::new(dqn::QrDqnConfig { net_arch: net_arch.clone(), n_quantiles: 25, ..Default::default() }),
            vec![passes(&[o, h, h, 25 * a], n, 1, 1)],
        ),
        (
            "iqn",
            Box::new(dqn::IqnConfig { net_arch, ..Default::default() }),
            vec![
                above(&[h, h, a], drawn, 1, 1),
                passes(&[64, h], drawn, 1, 1),
                passes(&[o, h], n, 2, 1),
                // What chooses the next action.
                passes(&[64, h], asked, 1, 0),
                passes(&[h, h, a], asked, 1, 0),
            ],
        ),
        (
            "discrete-sac",
            Box::new(DiscreteSacConfig { net_arch: vec![h, h].into(), ..Default::default() }),
            // The policy, and two value functions with their targets.
            vec![passes(&[o, h, h, a], n, 1, 1), passes(&[o, h, h, a], n, 2, 1), passes(&[o, h, h, a], n, 2, 1)],
        ),
        (
            "cql",
            Box::new(CqlConfig { net_arch: vec![h, h].into(), ..Default::default() }),
            vec![passes(&[o, h, h, a], n, 2, 1)],
        ),
        ("bc", Box::new(BcConfig { net_arch: vec![h, h], ..Default::default() }), vec![passes(&[o, h, h, a], n, 0, 1)]),
    ]
}

fn from_rollouts(h: usize) -> Vec<Case> {
    let (o, a, n, rows, net_arch) = (OBSERVATION, ACTIONS, BATCH, STEPS * ENVS, vec![h, h]);
    let (policy, value) = ([o, h, h, a], [o, h, h, 1]);
    let minibatches = |layers: &[usize]| vec![passes(layers, n, 0, 1); rows / n];
    vec![
        (
            "pqn",
            Box::new(PqnConfig { net_arch: net_arch.clone(), n_epochs: 1, batch_size: n, ..Default::default() }),
            [vec![passes(&policy, rows, 1, 0)], minibatches(&policy)].concat(),
        ),
        (
            "reinforce",
            Box::new(ReinforceConfig { net_arch: net_arch.clone().into(), baseline_steps: 1, ..Default::default() }),
            vec![passes(&policy, rows, 0, 1), passes(&value, rows, 1, 1)],
        ),
        (
            "a2c",
            Box::new(A2cConfig { net_arch: net_arch.clone().into(), ..Default::default() }),
            vec![passes(&policy, rows, 0, 1), passes(&value, rows, 1, 1)],
        ),
        (
            "impala",
            Box::new(ImpalaConfig { net_arch: net_arch.clone().into(), ..Default::default() }),
            vec![passes(&policy, rows, 1, 1), passes(&value, rows, 1, 1)],
        ),
        (
            "ppo",
            Box::new(PpoConfig { net_arch: net_arch.clone().into(), n_epochs: 1, batch_size: n, ..Default::default() }),
            [vec![passes(&value, rows, 1, 0)], minibatches(&policy), minibatches(&value)].concat(),
        ),
        (
            "recurrent-ppo",
            Box::new(RecurrentPpoConfig {
                net_arch: net_arch.into(),
                lstm_hidden_size: h,
                n_epochs: 1,
                batch_size: n,
                ..Default::default()
            }),
            // Policy and value function have a memory each. A minibatch is of the rows of one environment after the other.
            [
                [memory(o, h, [rows, ENVS], 1, 0), vec![passes(&[h, h, h, 1], rows, 1, 0)]].concat(),
                vec![[memory(o, h, [n, n / STEPS], 0, 1), vec![above(&[h, h, h, a], n, 0, 1)]].concat(); rows / n]
                    .concat(),
                vec![[memory(o, h, [n, n / STEPS], 0, 1), vec![above(&[h, h, h, 1], n, 0, 1)]].concat(); rows / n]
                    .concat(),
            ]
            .concat(),
        ),
    ]
}

fn continuous(h: usize) -> Vec<Case> {
    let (o, d, n, net_arch) = (OBSERVATION, DIMENSIONS, BATCH, vec![h, h]);
    let (gaussian, deterministic) = ([o, h, h, 2 * d], [o, h, h, d]);
    // Of each critic: what its target says and a gradient step; then the policy's way up.
    let critics = |count: usize, outputs: usize| vec![passes(&[o + d, h, h, outputs], n, 1, 1); count];
    let grads = |count: usize, outputs: usize| vec![grad(&[o + d, h, h, outputs], n); count];
    vec![
        (
            "sac",
            Box::new(SacConfig { net_arch: net_arch.clone().into(), ..Default::default() }),
            [critics(2, 1), grads(2, 1), vec![passes(&gaussian, n, 1, 1)]].concat(),
        ),
        (
            "tqc",
            Box::new(TqcConfig { net_arch: net_arch.clone().into(), ..Default::default() }),
            [critics(2, 25), grads(2, 25), vec![passes(&gaussian, n, 1, 1)]].concat(),
        ),
        (
            "td3",
            // The policy learns in every second update: half of two.
            Box::new(td3::Td3Config { net_arch: net_arch.clone().into(), policy_delay: 1, ..Default::default() }),
            [critics(2, 1), grads(1, 1), vec![passes(&deterministic, n, 1, 1)]].concat(),
        ),
        (
            "ddpg",
            Box::new(td3::DdpgConfig { net_arch: net_arch.clone().into(), ..Default::default() }),
            [critics(1, 1), grads(1, 1), vec![passes(&deterministic, n, 1, 1)]].concat(),
        ),
        (
            "cql-continuous",
            Box::new(CqlConfig { net_arch: net_arch.into(), ..Default::default() }),
            // Critics learn from what was done and from actions that are sampled by the policy, here and in the next state, and
            // uniformly.
            [
                vec![passes(&[o + d, h, h, 1], n, 1, 0); 2],
                vec![passes(&[o + d, h, h, 1], n * (1 + 3 * CqlConfig::default().n_action_samples), 0, 1); 2],
                grads(2, 1),
                vec![passes(&gaussian, n, 1, 1)],
            ]
            .concat(),
        ),
    ]
}

/// An algorithm with something to learn from.
struct Update {
    learner: AnyLearner,
    batch: Batch,
    rollout: RolloutBatch,
    rng: Generator,
}

impl Update {
    fn new(algorithm: &dyn Algorithm, actions: &Space) -> Self {
        let (o, rows, mut rng) = (OBSERVATION, STEPS * ENVS, Generator::new(1));
        let observation = Space::box_f32(vec![-1.0; o], vec![1.0; o]);
        let acting = Acting::new(algorithm, &observation, actions).expect("spaces that it takes");
        let learner = algorithm.learner(&acting, Device::Cpu, &mut rng).expect("the processor is there");
        let mut random = |n: usize| (0..n).map(|_| rng.uniform(-1.0, 1.0) as f32).collect::<Vec<_>>();
        let mut batch = Batch { actions: acting.actions.rows(BATCH), ..Batch::default() };
        batch.resize(BATCH, o);
        batch.observations = random(BATCH * o);
        batch.next_observations = random(BATCH * o);
        batch.returns = random(BATCH);
        batch.discounts.fill(0.99);
        let mut terminated = vec![false; rows];
        // REINFORCE learns from whole episodes.
        terminated[rows - ENVS..].fill(true);
        let rollout = RolloutBatch {
            steps: STEPS,
            envs: ENVS,
            observations: random(rows * o),
            episode_starts: (0..rows).map(|row| row < ENVS).collect(),
            memories: vec![0.0; rows * acting.mlp.memory_len()],
            actions: acting.actions.rows(rows),
            log_probs: vec![-0.7; rows],
            rewards: random(rows),
            truncated: vec![false; rows],
            terminated,
            final_observations: random(ENVS * o),
            last_observations: random(ENVS * o),
            ..RolloutBatch::default()
        };
        Self { learner, batch, rollout, rng }
    }

    fn run(&mut self) {
        let now = Progress { steps: 0, total_timesteps: 1 };
        match &mut self.learner {
            AnyLearner::OffPolicy(learner) => learner.update(&self.batch, now, &mut self.rng),
            AnyLearner::OnPolicy(learner) => learner.update(&self.rollout, now, &mut self.rng),
        }
        .expect("the processor works");
    }
}

/// A loop of products and nothing else.
struct Products {
    passes: Vec<Passes>,
    x: Vec<f32>,
    weights: Vec<f32>,
    to: Vec<f32>,
}

impl Products {
    fn new(passes: Vec<Passes>) -> Self {
        let widest = passes.iter().flat_map(|passes| &passes.layers).copied().max().unwrap_or(0);
        let rows = passes.iter().map(|passes| passes.rows).max().unwrap_or(0).max(widest);
        let room = || vec![0.01; rows * widest];
        Self { passes, x: room(), weights: room(), to: room() }
    }

    fn run(&mut self) {
        let Self { passes, x, weights, to } = self;
        for &Passes { ref layers, rows, outputs, weights: gradients, inputs, first_inputs } in &*passes {
            for (l, pair) in layers.windows(2).enumerate() {
                let (k, n) = (pair[0], pair[1]);
                let w = || Matrix::new(&weights[..k * n], k, n);
                for _ in 0..outputs {
                    product(Matrix::new(&x[..rows * k], rows, k), w(), &mut to[..rows * n], false);
                }
                for _ in 0..gradients {
                    let x = Matrix::new(&x[..rows * k], rows, k).transposed();
                    product(x, Matrix::new(&weights[..rows * n], rows, n), &mut to[..k * n], false);
                }
                for _ in 0..if l == 0 { first_inputs } else { inputs } {
                    product(Matrix::new(&x[..rows * n], rows, n), w().transposed(), &mut to[..rows * k], false);
                }
            }
        }
    }
}
