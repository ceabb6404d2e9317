//! V-trace (Espeholt et al. 2018): what states are worth under the policy as it is, from rollouts of an older one.
//!
//! With ρₜ = min(ρ̄, πₜ/μₜ) and cₜ = min(1, πₜ/μₜ), the values v that V is regressed onto are
//!
//! vₜ = V(sₜ) + δₜ + γ cₜ (vₜ₊₁ − V(sₜ₊₁)), δₜ = ρₜ (rₜ + γ V(sₜ₊₁) − V(sₜ)),
//!
//! and the policy's advantages are min(ρ̄_pg, πₜ/μₜ) (rₜ + γ vₜ₊₁ − V(sₜ)). Where an episode ends, nothing follows a terminal
//! state, and V of the last observation an episode that was truncated; after the last step of a rollout, V follows.

use crate::advantage::Values;
use crate::learner::RolloutBatch;

/// Up to where ratios of chances count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// ρ̄: in values.
    pub rho: f32,
    /// ρ̄_pg: in the policy's gradient.
    pub pg_rho: f32,
}

/// Writes the advantage of each row of `rollout`, and what its value should be. `ratios` are π(a|s) / μ(a|s) of its rows.
pub fn vtrace(
    rollout: &RolloutBatch,
    values: &Values,
    ratios: &[f32],
    gamma: f32,
    thresholds: Thresholds,
    advantages: &mut Vec<f32>,
    targets: &mut Vec<f32>,
) {
    for to in [&mut *advantages, &mut *targets] {
        to.clear();
        to.resize(rollout.len(), 0.0);
    }
    values.backwards(rollout, |row, value, next| {
        let target = next.map_or(value, |next| targets[next]);
        let (reward, own, ratio) = (rollout.rewards[row], values.rows[row], ratios[row]);
        let delta = ratio.min(thresholds.rho) * (reward + gamma * value - own);
        targets[row] = own + delta + gamma * ratio.min(1.0) * (target - value);
        advantages[row] = ratio.min(thresholds.pg_rho) * (reward + gamma * target - own);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advantage::{gae, tests};

    const GAMMA: f32 = 0.9;

    fn rollout() -> (RolloutBatch, Values, Vec<f32>, Vec<usize>) {
        let (rollout, values, drawn, ends) = tests::rollout();
        let ratios = drawn.iter().map(|x| (1.5 * x).exp()).collect();
        (rollout, values, ratios, ends)
    }

    /// The sum of the paper's equation 1 written out: V(s) + Σₜ γᵗ (Π cᵢ) δₜ up to the end of the episode or rollout.
    #[test]
    fn values_and_advantages_are_the_sums_written_out() {
        let (rollout, values, ratios, ends) = rollout();
        let (n, envs) = (rollout.len(), rollout.envs);
        let next = |at: usize| match ends.iter().position(|end| *end == at) {
            Some(_) if rollout.terminated[at] => (0.0, true),
            Some(i) => (values.finals[i], true),
            None if at + envs < n => (values.rows[at + envs], false),
            None => (values.last[at % envs], true),
        };
        for thresholds in [Thresholds { rho: 1.0, pg_rho: 1.0 }, Thresholds { rho: 0.7, pg_rho: 2.0 }] {
            let target = |row: usize| {
                let (mut sum, mut factor, mut at) = (values.rows[row], 1.0, row);
                loop {
                    let (value, over) = next(at);
                    let rho = ratios[at].min(thresholds.rho);
                    sum += factor * rho * (rollout.rewards[at] + GAMMA * value - values.rows[at]);
                    if over {
                        return sum;
                    }
                    factor *= GAMMA * ratios[at].min(1.0);
                    at += envs;
                }
            };
            let (mut advantages, mut targets) = (Vec::new(), Vec::new());
            vtrace(&rollout, &values, &ratios, GAMMA, thresholds, &mut advantages, &mut targets);
            for row in 0..n {
                assert!((targets[row] - target(row)).abs() < 1e-5, "{row}: {} {}", targets[row], target(row));
                let (value, over) = next(row);
                let after = if over { value } else { target(row + envs) };
                let expected =
                    ratios[row].min(thresholds.pg_rho) * (rollout.rewards[row] + GAMMA * after - values.rows[row]);
                assert!((advantages[row] - expected).abs() < 1e-5, "{row}: {} {expected}", advantages[row]);
            }
        }
    }

    /// With nothing to correct, they are the returns of as many steps as there are.
    #[test]
    fn on_policy_it_is_n_step_returns() {
        let (rollout, values, ratios, _) = rollout();
        let (mut advantages, mut targets, mut returns, mut of_gae) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let thresholds = Thresholds { rho: 1.0, pg_rho: 1.0 };
        vtrace(&rollout, &values, &vec![1.0; ratios.len()], GAMMA, thresholds, &mut advantages, &mut targets);
        gae(&rollout, &values, GAMMA, 1.0, &mut of_gae, &mut returns);
        for (found, expected) in targets.iter().zip(&returns).chain(advantages.iter().zip(&of_gae)) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }
}
