//! Twin delayed deep deterministic policy gradient (TD3), and DDPG, which it grew out of.
//!
//! Value functions learn from replay what is earned and can still be earned by the target policy with a little noise,
//!
//! y = r + γ (1 − terminated) min Q'(s', π'(s') + clip(ε, −c, c)),
//!
//! and every other step the policy climbs Q(s, π(s)) of the first of them. DDPG is the same with one value function, no
//! noise in the target, and a policy that moves at every step.
//!
//! - Fujimoto et al. 2018, *Addressing function approximation error in actor-critic methods*;
//! - Lillicrap et al. 2016, *Continuous control with deep reinforcement learning*.
//!
//! Reference implementations: `stable_baselines3/td3/td3.py`, whose rule and defaults these are, and
//! `cleanrl/td3_continuous_action.py`.

mod config;
mod update;

pub use config::{DdpgConfig, Td3Config};
pub use update::{Rule, Td3};
