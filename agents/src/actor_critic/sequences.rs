//! Rollouts of a policy that remembers, as sequences: environment after environment, cut where episodes end and wherever a
//! minibatch does. Each is learnt from with what was remembered before its first row, and nothing is padded.

use serde::{Deserialize, Serialize};

use crate::advantage::Values;
use crate::learner::RolloutBatch;
use crate::nn::{Activation, DeviceError, Inputs, Mlp, Net, Network};

/// What the value function beside a policy reads. Of one that remembers nothing there is one choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CriticReads {
    /// The observation alone. Beside a policy that remembers, a linear map first brings it to as many numbers as that has
    /// units, as in Stable-Baselines3.
    #[default]
    Observations,
    /// The observation, with a memory of its own.
    OwnMemory,
    /// What the policy remembers after the observation, which it does not change.
    PolicysMemory,
}

impl CriticReads {
    /// Whether it is the observation alone.
    pub(crate) fn is_observations(&self) -> bool {
        *self == Self::Observations
    }

    /// The value function beside the policy `acting`.
    pub(crate) fn network(self, acting: &Mlp, net_arch: &[usize], activation: Activation) -> Mlp {
        let ([units, layers], reads) = (acting.lstm_shape(), acting.reads());
        match self {
            Self::Observations if units == 0 => Mlp::new(reads, net_arch, 1, activation),
            Self::Observations => Mlp::new(reads, &[&[units], net_arch].concat(), 1, activation).projecting(),
            Self::OwnMemory => Mlp::new(reads, net_arch, 1, activation).remembering(units, layers),
            Self::PolicysMemory => Mlp::new(Inputs::from(units), net_arch, 1, activation),
        }
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Sequences {
    critic_reads: CriticReads,
    /// What a value function with a memory of its own remembers of each environment of the run.
    kept: Vec<f32>,
    /// The same before each row of the rollout.
    before: Vec<f32>,
    /// What the value function reads of a minibatch, where that is not what the policy reads.
    critic_x: Vec<f32>,
}

impl Sequences {
    pub(super) fn new(critic_reads: CriticReads) -> Self {
        Self { critic_reads, kept: Vec::new(), before: Vec::new(), critic_x: Vec::new() }
    }

    /// What a checkpoint keeps.
    pub(super) fn state(&self) -> Vec<f64> {
        self.kept.iter().map(|x| f64::from(*x)).collect()
    }

    /// Goes on from what a checkpoint kept.
    pub(super) fn restore(&mut self, kept: &[f64]) {
        self.kept = kept.iter().map(|x| *x as f32).collect();
    }

    /// Whether values depend on more than the observation.
    pub(super) fn critic_remembers(&self) -> bool {
        self.critic_reads != CriticReads::Observations
    }

    /// The rows of a rollout, environment after environment.
    pub(super) fn order(&self, rollout: &RolloutBatch, order: &mut Vec<usize>) {
        let RolloutBatch { steps, envs, .. } = *rollout;
        order.clear();
        order.extend((0..envs).flat_map(|env| (0..steps).map(move |t| t * envs + env)));
    }

    /// Works out the values of a rollout's states: by a memory that goes through it row by row, with the networks as they are.
    pub(super) fn value(
        &mut self,
        rollout: &RolloutBatch,
        actor: &mut dyn Network,
        critic: &mut dyn Network,
        values: &mut Values,
    ) -> Result<(), DeviceError> {
        let mut order = Vec::new();
        self.order(rollout, &mut order);
        let (n, envs, own) = (rollout.len(), rollout.envs, self.critic_reads == CriticReads::OwnMemory);
        let mlp = if own { critic.mlp() } else { actor.mlp() };
        let (width, len) = (mlp.inputs(), mlp.memory_len());
        let first = rollout.first_env * len;
        if own && self.kept.len() < first + envs * len {
            self.kept.resize(first + envs * len, 0.0);
        }
        // What is remembered before the rollout; of an episode that begins with it, nothing.
        let mut begin =
            if own { self.kept[first..first + envs * len].to_vec() } else { rollout.memories[..envs * len].to_vec() };
        let begins = begin.chunks_exact_mut(len).zip(&rollout.episode_starts);
        begins.filter(|(_, starts)| **starts).for_each(|(memory, _)| memory.fill(0.0));
        let mut x = Vec::with_capacity(n * width);
        order.iter().for_each(|row| x.extend_from_slice(&rollout.observations[row * width..(row + 1) * width]));
        append(&order, rollout, &begin, len, &mut x);
        let (found, after) = self.read(&x, n, actor, critic)?;
        values.rows.resize(n, 0.0);
        self.before.resize(n * len, 0.0);
        // What is remembered after each row of the rollout, in the rollout's order.
        let mut memories = vec![0.0; n * len];
        for (at, row) in order.iter().enumerate() {
            values.rows[*row] = found[at];
            memories[row * len..(row + 1) * len].copy_from_slice(&after[at * len..(at + 1) * len]);
        }
        for row in 0..n {
            let to = row * len..(row + 1) * len;
            match (rollout.episode_starts[row], row.checked_sub(envs)) {
                (true, _) => self.before[to].fill(0.0),
                (false, None) => self.before[to.clone()].copy_from_slice(&begin[to]),
                (false, Some(above)) => self.before[to].copy_from_slice(&memories[above * len..(above + 1) * len]),
            }
        }
        let mut x = rollout.final_observations.clone();
        (0..n)
            .filter(|row| rollout.ended(*row))
            .for_each(|row| begin_with(1, &memories[row * len..(row + 1) * len], &mut x));
        values.finals = self.read(&x, rollout.final_observations.len() / width, actor, critic)?.0;
        let last = &mut memories[(n - envs) * len..];
        let lasts = last.chunks_exact_mut(len).zip(n - envs..n);
        lasts.filter(|(_, row)| rollout.ended(*row)).for_each(|(memory, _)| memory.fill(0.0));
        let mut x = rollout.last_observations.clone();
        last.chunks_exact(len).for_each(|memory| begin_with(1, memory, &mut x));
        values.last = self.read(&x, envs, actor, critic)?.0;
        if own {
            self.kept[first..first + envs * len].copy_from_slice(last);
        }
        Ok(())
    }

    /// The values of rows, and what is remembered after each.
    fn read(
        &self,
        x: &[f32],
        n: usize,
        actor: &mut dyn Network,
        critic: &mut dyn Network,
    ) -> Result<(Vec<f32>, Vec<f32>), DeviceError> {
        let mut memories = Vec::new();
        let mut seen = Vec::new();
        let x = if self.critic_reads == CriticReads::PolicysMemory {
            actor.forward(Net::Online, x, n)?;
            memories.extend_from_slice(actor.memories());
            outputs_of(actor, &mut seen);
            &seen
        } else {
            x
        };
        let stride = critic.mlp().output_stride();
        let values = critic.forward(Net::Online, x, n)?.chunks_exact(stride).take(n).map(|row| row[0]).collect();
        if memories.is_empty() {
            memories.extend_from_slice(critic.memories());
        }
        Ok((values, memories))
    }

    /// Writes behind the `rows` of a minibatch, which are in `x`, what sequences they are; and for the value function.
    pub(super) fn select(&mut self, rows: &[usize], rollout: &RolloutBatch, x: &mut Vec<f32>) {
        if self.critic_reads == CriticReads::OwnMemory {
            self.critic_x.clone_from(x);
            let len = self.before.len() / rollout.len();
            append(rows, rollout, &self.before, len, &mut self.critic_x);
        }
        append(rows, rollout, &rollout.memories, rollout.memories.len() / rollout.len(), x);
    }

    /// What the value function reads of a minibatch of which the policy reads `x`, and has since its last backward pass.
    pub(super) fn critic_input<'a>(&'a mut self, x: &'a [f32], actor: &dyn Network) -> &'a [f32] {
        match self.critic_reads {
            CriticReads::Observations => x,
            CriticReads::OwnMemory => &self.critic_x,
            CriticReads::PolicysMemory => {
                outputs_of(actor, &mut self.critic_x);
                &self.critic_x
            }
        }
    }
}

/// What a network's last layer that remembers answered to each row of its last pass: h within what it remembers.
fn outputs_of(network: &dyn Network, to: &mut Vec<f32>) {
    let [units, layers] = network.mlp().lstm_shape();
    to.clear();
    for memory in network.memories().chunks_exact(network.mlp().memory_len()) {
        to.extend_from_slice(&memory[2 * units * (layers - 1)..][..units]);
    }
}

/// A sequence of so many rows, with what is remembered before it.
fn begin_with(rows: usize, memory: &[f32], to: &mut Vec<f32>) {
    to.push(rows as f32);
    to.extend_from_slice(memory);
}

/// Writes what sequences `rows` are, with what is remembered before the first row of each: `memories` are of each row.
fn append(rows: &[usize], rollout: &RolloutBatch, memories: &[f32], len: usize, to: &mut Vec<f32>) {
    let mut length = to.len();
    for (i, &row) in rows.iter().enumerate() {
        if i > 0 && row == rows[i - 1] + rollout.envs && !rollout.episode_starts[row] {
            to[length] += 1.0;
        } else {
            length = to.len();
            match rollout.episode_starts[row] {
                true => begin_with(1, &[], to),
                false => begin_with(1, &memories[row * len..(row + 1) * len], to),
            }
            to.resize(length + 1 + len, 0.0);
        }
    }
}
