//! Generalized advantage estimation (Schulman et al. 2016): how much better than expected what was done turned out.
//!
//! δₜ = rₜ + γ V(sₜ₊₁) − V(sₜ), Aₜ = δₜ + γ λ Aₜ₊₁, with nothing after a terminal state. An episode that was truncated
//! goes on in value: V of its last observation counts. Reference implementation: `stable_baselines3/common/buffers.py`
//! (`compute_returns_and_advantage`) and `on_policy_algorithm.py`, which adds γ V of a truncated episode's last
//! observation to its last reward.

use crate::learner::RolloutBatch;

/// Values of the states of a rollout.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values {
    /// Of each row.
    pub rows: Vec<f32>,
    /// Of the last observation of each episode that ended, in the order of the rows that ended it.
    pub finals: Vec<f32>,
    /// Of each environment's observation after the last step.
    pub last: Vec<f32>,
}

impl Values {
    /// Goes through `rollout` from its last row to its first. `visit` is given each row, the value of what follows it, which is 0
    /// after a terminal state, and in which row its episode goes on, if one of the rollout.
    pub(crate) fn backwards(&self, rollout: &RolloutBatch, mut visit: impl FnMut(usize, f32, Option<usize>)) {
        let (n, envs, mut left) = (rollout.len(), rollout.envs, self.finals.len());
        for row in (0..n).rev() {
            let next = row + envs;
            if rollout.ended(row) {
                left -= 1;
                visit(row, if rollout.terminated[row] { 0.0 } else { self.finals[left] }, None);
            } else if next < n {
                visit(row, self.rows[next], Some(next));
            } else {
                visit(row, self.last[next - n], None);
            }
        }
    }
}

/// Writes the advantage of each row of `rollout`, and what its value should be: the advantage and the value together.
pub fn gae(
    rollout: &RolloutBatch,
    values: &Values,
    gamma: f32,
    lambda: f32,
    advantages: &mut Vec<f32>,
    returns: &mut Vec<f32>,
) {
    advantages.clear();
    advantages.resize(rollout.len(), 0.0);
    values.backwards(rollout, |row, value, next| {
        let delta = rollout.rewards[row] + gamma * value - values.rows[row];
        advantages[row] = delta + gamma * lambda * next.map_or(0.0, |next| advantages[next]);
    });
    returns.clear();
    returns.extend(advantages.iter().zip(&values.rows).map(|(advantage, value)| advantage + value));
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use cartwheel_envs::Generator;

    /// A rollout by chance, in which episodes end in all ways; values of its states; a number for each of its rows; and which
    /// rows end an episode.
    pub(crate) fn rollout() -> (RolloutBatch, Values, Vec<f32>, Vec<usize>) {
        let mut rng = Generator::new(5);
        let (steps, envs) = (20, 3);
        let n = steps * envs;
        let mut draw = |n: usize| (0..n).map(|_| rng.uniform(-1.0, 1.0) as f32).collect::<Vec<_>>();
        let (rewards, rows, last, kinds) = (draw(n), draw(n), draw(envs), draw(n));
        let mut rollout = RolloutBatch { steps, envs, rewards, ..RolloutBatch::default() };
        rollout.terminated = kinds.iter().map(|kind| *kind > 0.8).collect();
        rollout.truncated = kinds.iter().map(|kind| *kind < -0.8 || *kind > 0.95).collect();
        let ends: Vec<usize> = (0..n).filter(|row| rollout.ended(*row)).collect();
        assert!(ends.len() > 5 && rollout.terminated.iter().zip(&rollout.truncated).any(|(a, b)| *a && *b));
        let values = Values { rows, finals: draw(ends.len()), last };
        (rollout, values, draw(n), ends)
    }

    /// The sum written out: for each row, Σ (γλ)ᵏ δ up to the end of its episode.
    #[test]
    fn advantages_are_the_sums_written_out() {
        let (rollout, values, _, ends) = rollout();
        let (n, envs, gamma, lambda) = (rollout.len(), rollout.envs, 0.9_f32, 0.7_f32);
        let (mut advantages, mut returns) = (Vec::new(), Vec::new());
        gae(&rollout, &values, gamma, lambda, &mut advantages, &mut returns);
        for row in 0..n {
            let (mut sum, mut factor, mut at) = (0.0, 1.0, row);
            loop {
                let end = ends.iter().position(|end| *end == at);
                let next = match end {
                    Some(_) if rollout.terminated[at] => 0.0,
                    Some(i) => values.finals[i],
                    None if at + envs < n => values.rows[at + envs],
                    None => values.last[at % envs],
                };
                sum += factor * (rollout.rewards[at] + gamma * next - values.rows[at]);
                factor *= gamma * lambda;
                at += envs;
                if end.is_some() || at >= n {
                    break;
                }
            }
            assert!((advantages[row] - sum).abs() < 1e-5, "{row}: {} {sum}", advantages[row]);
            assert!((returns[row] - sum - values.rows[row]).abs() < 1e-5);
        }
    }
}
