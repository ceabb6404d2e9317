//! Expected: a greedy return of 475 or more on CartPole-v1 in a few seconds, building excluded.
//!
//! An algorithm of your own: declared, registered under a name, and trained by that name, from code or as a `cartwheel`
//! command of your own. docs/add-an-algorithm.md walks through it.
//! `cargo run --release --example custom_algorithm`, or `... -- train Acrobot-v1 --algo munchausen`.
//!
//! It is Munchausen DQN (Vieillard, Pietquin & Geist 2020, *Munchausen reinforcement learning*): a softmax policy of the
//! target network's values, whose own log-probability is part of the reward.

use std::error::Error;
use std::process::ExitCode;

use cartwheel::agents::nn::{
    Activation, Device, DeviceError, Inputs, Mlp, Net, Network, NnError, Optimizer, TrainingState,
};
use cartwheel::agents::{
    Acting, ActionHead, Algorithm, AnyLearner, Batch, Data, EpsilonSchedule, Exploration, Head, Learner, OffPolicy,
    Progress, ReplayUse, Returns, config,
};
use cartwheel::envs::{ActionRows, Generator, Space};
use cartwheel::trainer::{Algo, Experiment, Settings, register_algorithm};

config! {
    /// Munchausen DQN.
    pub struct MunchausenConfig in "munchausen" {
        /// Adam's step size.
        learning_rate: f64 = 5e-4, positive;
        /// Transitions that replay holds.
        buffer_size: usize = 100_000, at_least(1);
        /// Environment steps with random actions before the first update.
        learning_starts: u64 = 1000;
        /// Transitions in an update.
        batch_size: usize = 64, within(1, 1_000_000);
        /// Environment steps between updates, and gradient steps of each.
        train_freq: u64 = 64, within(1, 1_000_000);
        /// Environment steps between copies to the target network.
        target_update_interval: u64 = 200, at_least(1);
        /// Discount of future rewards.
        gamma: f64 = 0.98, within(0.0, 1.0);
        /// How soft the policy is.
        entropy_tau: f64 = 0.03, positive;
        /// Share of the policy's log-probability in the reward.
        alpha: f64 = 0.9, within(0.0, 1.0);
        /// What that log-probability is kept above.
        log_prob_min: f64 = -1.0, at_most(0.0);
    }
}

impl Algorithm for MunchausenConfig {
    fn head(&self, action_space: &Space) -> Option<Head> {
        matches!(action_space, Space::Discrete { .. }).then_some(Head::QValues)
    }

    fn network(&self, inputs: Inputs, actions: &ActionHead) -> Mlp {
        Mlp::new(inputs, &[64, 64], actions.outputs(), Activation::Relu)
    }

    fn exploration(&self, total_timesteps: u64) -> Exploration {
        let fall = 0.2 * total_timesteps as f64;
        EpsilonSchedule { random_steps: self.learning_starts, initial: 1.0, last: 0.05, fall }.into()
    }

    fn data(&self) -> Data {
        Data::Replay(ReplayUse {
            buffer_size: self.buffer_size,
            learning_starts: self.learning_starts,
            batch_size: self.batch_size,
            train_freq: self.train_freq,
            gradient_steps: -1,
            returns: Returns { n_steps: 1, gamma: self.gamma as f32, reward_scale: 1.0 },
            prioritization: None,
        })
    }

    fn learner(&self, acting: &Acting, device: Device, rng: &mut Generator) -> Result<AnyLearner, NnError> {
        let state = TrainingState::new(acting.mlp.init(rng));
        Ok(AnyLearner::OffPolicy(Box::new(Munchausen {
            config: self.clone(),
            network: device.build(acting.mlp.clone(), &state)?,
            updates: 0,
            steps: 0,
            targets: Vec::new(),
            errors: Vec::new(),
            metrics: [("train/loss", 0.0), ("train/mean_q", 0.0)],
        })))
    }
}

/// What learns.
struct Munchausen {
    config: MunchausenConfig,
    network: Box<dyn Network>,
    updates: u64,
    /// Environment steps at the last update.
    steps: u64,
    targets: Vec<f32>,
    errors: Vec<f32>,
    metrics: [(&'static str, f32); 2],
}

/// τ log π of each action under the softmax policy π of `q`.
fn scaled_log_probs(q: &[f32], tau: f32) -> impl Iterator<Item = f32> {
    let highest = q.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let log_sum = tau * q.iter().map(|q| ((q - highest) / tau).exp()).sum::<f32>().ln();
    q.iter().map(move |q| q - highest - log_sum)
}

impl OffPolicy for Munchausen {
    fn update(&mut self, batch: &Batch, now: Progress, _: &mut Generator) -> Result<(), DeviceError> {
        let ActionRows::Discrete(taken) = &batch.actions else { return Ok(()) };
        let (n, stride, actions) = (batch.len(), self.network.mlp().output_stride(), self.network.mlp().outputs());
        let (tau, alpha) = (self.config.entropy_tau as f32, self.config.alpha as f32);

        // y = r + α [τ log π(a|s)] + γ Σ π(a'|s') (Q'(s', a') − τ log π(a'|s')), all by the target network.
        self.targets.clear();
        let q = self.network.forward(Net::Target, &batch.next_observations, n)?;
        for (i, q) in q.chunks_exact(stride).take(n).enumerate() {
            let q = &q[..actions];
            let value: f32 = q.iter().zip(scaled_log_probs(q, tau)).map(|(q, log)| (log / tau).exp() * (q - log)).sum();
            self.targets.push(batch.returns[i] + batch.discounts[i] * value);
        }
        let q = self.network.forward(Net::Target, &batch.observations, n)?;
        for (i, q) in q.chunks_exact(stride).take(n).enumerate() {
            let log = scaled_log_probs(&q[..actions], tau).nth(taken[i] as usize).unwrap_or_default();
            self.targets[i] += alpha * log.clamp(self.config.log_prob_min as f32, 0.0);
        }

        self.errors.clear();
        let mut sum_q = 0.0;
        let optimizer = Optimizer::adam(self.config.learning_rate);
        let mut loss = |q: &[f32], slope: &mut [f32]| {
            let mut sum = 0.0;
            for (i, (&action, y)) in taken.iter().zip(&self.targets).enumerate() {
                let at = i * stride + action as usize;
                let error = q[at] - y;
                // Huber's loss.
                sum += if error.abs() < 1.0 { 0.5 * error * error } else { error.abs() - 0.5 };
                slope[at] = error.clamp(-1.0, 1.0) / n as f32;
                sum_q += q[at];
                self.errors.push(error.abs());
            }
            sum / n as f32
        };
        let step = self.network.step(&batch.observations, n, &optimizer, &mut loss)?;

        self.updates += 1;
        let interval = self.config.target_update_interval;
        if now.steps / interval != self.steps / interval {
            self.network.update_target(1.0)?;
        }
        self.steps = now.steps;
        self.metrics = [("train/loss", step.loss), ("train/mean_q", sum_q / n as f32)];
        Ok(())
    }

    fn td_errors(&self) -> &[f32] {
        &self.errors
    }
}

impl Learner for Munchausen {
    fn actor(&self) -> &dyn Network {
        &*self.network
    }

    fn actor_mut(&mut self) -> &mut dyn Network {
        &mut *self.network
    }

    fn metrics(&self) -> &[(&'static str, f32)] {
        &self.metrics
    }

    fn updates(&self) -> u64 {
        self.updates
    }

    fn resume_at(&mut self, updates: u64, steps: u64) {
        (self.updates, self.steps) = (updates, steps);
    }
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    register_algorithm(MunchausenConfig::default(), "Munchausen DQN.")?;

    // With arguments, this program is the `cartwheel` command, and knows the algorithm.
    if std::env::args().len() > 1 {
        return Ok(cartwheel::cli::run());
    }
    let algo: Algo = "munchausen".parse()?;
    let mut settings = Settings::shipped(algo, "CartPole-v1")?;
    settings.env.n_envs = 8;
    settings.train.total_timesteps = 100_000;
    settings.train.stop_when_solved = true;
    settings.eval.eval_freq = 5000;
    let summary = Experiment::new(settings).run()?;

    let greedy = summary.greedy_return.ok_or("the run ended before any evaluation")?;
    println!("solved: {}, greedy return {:.1} after {} steps", summary.solved, greedy.mean, summary.steps);
    println!("saved in {}", summary.run.display());
    Ok(ExitCode::SUCCESS)
}
