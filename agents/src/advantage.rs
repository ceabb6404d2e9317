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

/// Writes the advantage of each row of `rollout`, and what its value should be: the advantage and the value together.
pub fn gae(
    rollout: &RolloutBatch,
    values: &Values,
    gamma: f32,
    lambda: f32,
    advantages: &mut Vec<f32>,
    returns: &mut Vec<f32>,
) {
    let (n, envs) = (rollout.len(), rollout.envs);
    advantages.clear();
    advantages.resize(n, 0.0);
    let mut left = values.finals.len();
    for row in (0..n).rev() {
        let (terminated, ended) = (rollout.terminated[row], rollout.terminated[row] || rollout.truncated[row]);
        let (next, after) = if ended {
            left -= 1;
            (if terminated { 0.0 } else { values.finals[left] }, 0.0)
        } else if row + envs < n {
            (values.rows[row + envs], advantages[row + envs])
        } else {
            (values.last[row + envs - n], 0.0)
        };
        let delta = rollout.rewards[row] + gamma * next - values.rows[row];
        advantages[row] = delta + gamma * lambda * after;
    }
    returns.clear();
    returns.extend(advantages.iter().zip(&values.rows).map(|(advantage, value)| advantage + value));
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartwheel_envs::Generator;

    /// The sum written out: for each row, Σ (γλ)ᵏ δ up to the end of its episode.
    #[test]
    fn advantages_are_the_sums_written_out() {
        let mut rng = Generator::new(5);
        let (steps, envs, gamma, lambda) = (20, 3, 0.9_f32, 0.7_f32);
        let n = steps * envs;
        let mut draw = |n: usize| (0..n).map(|_| rng.uniform(-1.0, 1.0) as f32).collect::<Vec<_>>();
        let (rewards, rows, last, kinds) = (draw(n), draw(n), draw(envs), draw(n));
        let mut rollout = RolloutBatch { steps, envs, rewards, ..RolloutBatch::default() };
        rollout.terminated = kinds.iter().map(|kind| *kind > 0.8).collect();
        rollout.truncated = kinds.iter().map(|kind| *kind < -0.8 || *kind > 0.95).collect();
        let ends: Vec<usize> = (0..n).filter(|row| rollout.terminated[*row] || rollout.truncated[*row]).collect();
        assert!(ends.len() > 5 && rollout.terminated.iter().zip(&rollout.truncated).any(|(a, b)| *a && *b));
        let values = Values { rows, finals: draw(ends.len()), last };
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
