//! One Double-DQN update, three ways: ours (one fused operation on dfdx's tape), a hand-written loop without
//! dfdx over the same kernels, and dfdx's own operations.
//!
//! `cargo bench -p cartwheel-agents`

#![allow(missing_docs, reason = "a benchmark")]
#![allow(unsafe_code, reason = "the hand-written loop picks its instruction set by hand, too")]

use cartwheel_agents::dqn::{Dqn, DqnConfig, Rule};
use cartwheel_agents::nn::{
    Activations, Cnn, Cpu, Device, Image, Inputs, Isa, Method, Mlp, Net, Network, Optimizer, Stock, TrainingState,
    prepare_thread,
};
use cartwheel_agents::{Batch, OffPolicy as _, Progress, argmax};
use cartwheel_envs::{ActionRows, Generator};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

const OBSERVATION: usize = 4;
const ACTIONS: usize = 2;

fn batch(n: usize, width: usize) -> Batch {
    let mut rng = Generator::new(1);
    let mut batch = Batch::default();
    batch.resize(n, width);
    batch.observations.iter_mut().chain(&mut batch.next_observations).for_each(|x| *x = rng.uniform(-1.0, 1.0) as f32);
    batch.actions = ActionRows::Discrete((0..n).map(|_| rng.below(ACTIONS as u64) as i32).collect());
    batch.returns.fill(1.0);
    batch.discounts.iter_mut().for_each(|d| *d = if rng.random() < 0.05 { 0.0 } else { 0.99 });
    batch
}

/// Everything that an update needs and nothing else.
struct ByHand {
    mlp: Mlp,
    state: TrainingState,
    gradient: Vec<f32>,
    grad: Vec<f32>,
    targets: Vec<f32>,
    scratch: [Activations; 3],
}

impl ByHand {
    fn new(mlp: Mlp) -> Self {
        let state = TrainingState::new(mlp.init(&mut Generator::new(1)));
        let n = mlp.flat_len();
        Self { mlp, state, gradient: vec![0.0; n], grad: vec![], targets: vec![], scratch: Default::default() }
    }

    fn update(&mut self, batch: &Batch) -> f32 {
        let (n, stride) = (batch.len(), self.mlp.output_stride());
        let [online, target, training] = &mut self.scratch;
        let chooser = self.mlp.forward(&self.state.online, &batch.next_observations, n, online);
        let q = self.mlp.forward(&self.state.target, &batch.next_observations, n, target);
        self.targets.clear();
        for i in 0..n {
            let greedy = argmax(&chooser[i * stride..i * stride + ACTIONS]);
            self.targets.push(batch.returns[i] + batch.discounts[i] * q[i * stride + greedy]);
        }
        let ActionRows::Discrete(actions) = &batch.actions else { panic!("discrete actions") };
        let q = self.mlp.forward(&self.state.online, &batch.observations, n, training);
        self.grad.clear();
        self.grad.resize(n * stride, 0.0);
        let mut loss = 0.0;
        for (i, (action, target)) in actions.iter().zip(&self.targets).enumerate() {
            let at = i * stride + *action as usize;
            let error = q[at] - target;
            loss += if error.abs() < 1.0 { 0.5 * error * error } else { error.abs() - 0.5 };
            self.grad[at] = error.clamp(-1.0, 1.0) / n as f32;
        }
        self.gradient.fill(0.0);
        self.mlp.backward(&self.state.online, &batch.observations, n, training, &self.grad, &mut self.gradient);
        let norm = self.gradient.iter().map(|g| g * g).sum::<f32>().sqrt();
        let scale = if norm > 10.0 { 10.0 / norm } else { 1.0 };
        self.state.steps += 1;
        match self.mlp.isa() {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: the network found AVX-512 on this machine.
            Isa::Avx512 => unsafe { adam_avx512(&mut self.state, &self.gradient, scale) },
            _ => adam(&mut self.state, &self.gradient, scale),
        }
        loss / n as f32
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx2,fma")]
unsafe fn adam_avx512(state: &mut TrainingState, gradient: &[f32], scale: f32) {
    adam(state, gradient, scale);
}

#[inline(always)]
fn adam(state: &mut TrainingState, gradient: &[f32], scale: f32) {
    let (first, second) = (1.0 / (1.0 - 0.9f32.powi(state.steps)), 1.0 / (1.0 - 0.999f32.powi(state.steps)));
    let moments = state.first_moment.iter_mut().zip(&mut state.second_moment);
    for ((p, g), (m, v)) in state.online.iter_mut().zip(gradient).zip(moments) {
        let g = g * scale;
        *m = 0.9 * *m + 0.1 * g;
        *v = 0.999 * *v + 0.001 * g * g;
        *p -= 1e-3 * (*m * first) / ((*v * second).sqrt() + 1e-8);
    }
}

/// The same update with dfdx's own operations for the network.
fn stock_update(network: &mut Stock<Cpu>, batch: &Batch) -> f32 {
    let (n, stride) = (batch.len(), network.mlp().output_stride());
    let q = network.forward(Net::Online, &batch.next_observations, n).expect("the processor works");
    let greedy: Vec<usize> = q.chunks_exact(stride).map(|row| argmax(&row[..ACTIONS])).collect();
    let q = network.forward(Net::Target, &batch.next_observations, n).expect("the processor works");
    let targets: Vec<f32> = (0..n).map(|i| batch.returns[i] + batch.discounts[i] * q[i * stride + greedy[i]]).collect();
    let ActionRows::Discrete(actions) = &batch.actions else { panic!("discrete actions") };
    let optimizer = Optimizer { method: Method::Adam, learning_rate: 1e-3, eps: 1e-8, max_grad_norm: 10.0 };
    let mut loss = |q: &[f32], grad: &mut [f32]| {
        let mut sum = 0.0;
        for (i, target) in targets.iter().enumerate() {
            let at = i * stride + actions[i] as usize;
            let error = q[at] - target;
            sum += if error.abs() < 1.0 { 0.5 * error * error } else { error.abs() - 0.5 };
            grad[at] = error.clamp(-1.0, 1.0) / n as f32;
        }
        sum / n as f32
    };
    network.step(&batch.observations, n, &optimizer, &mut loss).expect("the processor works").loss
}

fn update(c: &mut Criterion) {
    prepare_thread();
    println!("kernels: {}", Isa::detect());
    for (hidden, size) in
        [([32, 32], 64), ([64, 64], 32), ([64, 64], 64), ([64, 64], 256), ([256, 256], 64), ([256, 256], 256)]
    {
        let mut group = c.benchmark_group(format!("double dqn update, {}-{}", hidden[0], hidden[1]));
        let config = DqnConfig { net_arch: hidden.to_vec(), learning_rate: 1e-3.into(), ..DqnConfig::default() };
        let batch = batch(size, OBSERVATION);
        let mut dqn = Dqn::new(&config, OBSERVATION, ACTIONS, Device::Cpu, &mut Generator::new(1))
            .expect("the processor is there");
        group.bench_function(BenchmarkId::new("cartwheel", size), |b| {
            b.iter(|| dqn.update(&batch, Progress::default(), &mut Generator::new(0)))
        });
        let mut hand = ByHand::new(Rule::from(&config).network(OBSERVATION, ACTIONS));
        group.bench_function(BenchmarkId::new("by hand", size), |b| b.iter(|| hand.update(&batch)));
        let mlp = Rule::from(&config).network(OBSERVATION, ACTIONS);
        let state = TrainingState::new(mlp.init(&mut Generator::new(1)));
        let mut stock = Stock::new(mlp, Cpu::default(), &state).expect("a state of this size");
        group.bench_function(BenchmarkId::new("dfdx's operations", size), |b| {
            b.iter(|| stock_update(&mut stock, &batch))
        });
    }
}

/// The same update on pictures: MinAtar's planes, and four stacked frames of Atari.
fn pictures(c: &mut Criterion) {
    prepare_thread();
    let planes = Image { height: 10, width: 10, channels: 4, planes: 1 };
    let frames = Image { height: 84, width: 84, channels: 4, planes: 4 };
    for (name, cnn, image) in [("minatar_cnn", Cnn::minatar(), planes), ("nature_cnn", Cnn::nature(), frames)] {
        let mut group = c.benchmark_group(format!("double dqn update, {name}"));
        let inputs = Inputs::picture(cnn, image);
        let config = DqnConfig { net_arch: vec![], learning_rate: 1e-3.into(), ..DqnConfig::default() };
        let batch = batch(32, inputs.width());
        let mut dqn =
            Dqn::new(&config, inputs, ACTIONS, Device::Cpu, &mut Generator::new(1)).expect("the processor is there");
        group.bench_function(BenchmarkId::new("cartwheel", 32), |b| {
            b.iter(|| dqn.update(&batch, Progress::default(), &mut Generator::new(0)))
        });
    }
}

/// What an actor pays to choose: one forward pass.
fn inference(c: &mut Criterion) {
    prepare_thread();
    let mut group = c.benchmark_group("inference, 64-64");
    let mlp = Mlp::new(OBSERVATION, &[64, 64], ACTIONS, cartwheel_agents::nn::Activation::Relu);
    let parameters = mlp.init(&mut Generator::new(1));
    let mut scratch = Activations::default();
    for n in [1, 8, 64, 1024] {
        let x = vec![0.1; n * OBSERVATION];
        group.bench_function(BenchmarkId::from_parameter(n), |b| {
            b.iter(|| mlp.forward(&parameters, &x, n, &mut scratch)[0])
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(60).measurement_time(std::time::Duration::from_secs(2)).warm_up_time(std::time::Duration::from_millis(300));
    targets = update, pictures, inference
}
criterion_main!(benches);
