//! Deep Q-network.
//!
//! The action values Q(s, a) of a network are regressed onto what was earned and what the target network
//! believes can still be earned, on transitions drawn from replay:
//!
//! y = Σₖ γᵏ rₖ + γⁿ (1 − terminated) Q'(s', argmaxₐ Q(s', a))
//!
//! - Mnih et al. 2015, *Human-level control through deep reinforcement learning* (the target network, replay);
//! - van Hasselt et al. 2016, *Deep reinforcement learning with double Q-learning* (who chooses the argmax);
//! - Sutton 1988 and Hessel et al. 2018, *Rainbow* (n-step returns, and all of them together);
//! - Wang et al. 2016, *Dueling network architectures* ([`Mlp::dueling`](crate::nn::Mlp::dueling));
//! - Schaul et al. 2016, *Prioritized experience replay* (the trainer's replay gives a batch its weights and takes
//!   back its TD errors);
//! - Bellemare et al. 2017, *A distributional perspective on reinforcement learning* (C51: Q is the mean of a distribution
//!   over [`Support`](crate::Support), and y that of the sum);
//! - Fortunato et al. 2018, *Noisy networks for exploration* ([`Mlp::noisy`](crate::nn::Mlp::noisy)).
//!
//! Each is a switch, and any goes with any other; [`RainbowConfig`] has them all on. [`QrDqnConfig`] learns quantiles of
//! returns (Dabney et al. 2018, *Distributional reinforcement learning with quantile regression*) in C51's place, and
//! [`IqnConfig`] those of any fraction (Dabney et al. 2018, *Implicit quantile networks*). [`ApexConfig`] is for many actors (Horgan et al.
//! 2018, *Distributed prioritized experience replay*). Reference implementations: `stable_baselines3/dqn/dqn.py`,
//! `cleanrl/dqn.py`, `cleanrl/rainbow_atari.py`, `baselines/deepq`, `sb3_contrib/qrdqn`,
//! `dopamine/jax/agents/implicit_quantile`; docs/algorithms/dqn.md has what is whose.

mod config;
mod conservative;
mod model;
mod rule;
mod update;

pub use config::{ApexConfig, DqnConfig, IqnConfig, Loss, QrDqnConfig, RainbowConfig};
pub use rule::Rule;
pub use update::Dqn;
