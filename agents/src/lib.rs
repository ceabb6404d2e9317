//! Agents: what decides and what learns.
//!
//! | module | holds |
//! |---|---|
//! | [`nn`] | networks, their kernels, devices and weights: with [`models`] the only place that knows dfdx |
//! | [`models`] | what learns from data instead: classifiers, T5 |
//! | [`compression`] | smaller networks of the same function: pruning, low-rank factors |
//! | [`Algorithm`] | what makes an algorithm: how it acts, explores, and learns from which data |
//! | [`dqn`] | deep Q-network, Rainbow, QR-DQN and IQN: their hyperparameters and their update rule |
//! | [`ppo`] | proximal policy optimization |
//! | [`recurrent_ppo`] | the same of a policy that remembers |
//! | [`a2c`] | advantage actor-critic |
//! | [`impala`] | advantage actor-critic of actors that run free |
//! | [`reinforce`] | the policy gradient of whole episodes |
//! | [`actor_critic`] | what these share |
//! | [`pqn`] | Q-learning from rollouts, without replay or target network |
//! | [`sac`] | soft actor-critic |
//! | [`tqc`] | truncated quantile critics |
//! | [`discrete_sac`] | soft actor-critic for discrete actions |
//! | [`td3`] | twin delayed DDPG |
//! | [`bc`] | behaviour cloning, from a dataset |
//! | [`cql`] | conservative Q-learning, from a dataset |
//! | [`quantization`] | classifiers in integers of 8 bits |
//! | [`mod@advantage`] | generalized advantage estimation |
//! | [`vtrace`] | the same of rollouts that another policy made: IMPALA's |
//! | [`Head`] | what the outputs of a network that acts mean |
//! | [`mod@config`] | how settings are declared once and then read, checked, printed and documented |
//!
//! A [`Policy`] acts with a trained network:
//!
//! ```
//! use cartwheel_agents::{Acting, Policy, dqn::DqnConfig};
//! use cartwheel_envs::{Generator, make};
//!
//! let mut env = make("CartPole-v1")?;
//! let (observations, actions) = (env.observation_space().clone(), env.action_space().clone());
//! let acting = Acting::new(&DqnConfig::default(), &observations, &actions)?;
//! let parameters = acting.mlp.init(&mut Generator::new(0));
//! let mut policy = Policy::new(&observations, &actions, acting, parameters);
//! let action = policy.act(env.reset(Some(0))?);
//! let step = env.step(&action)?;
//! assert_eq!(step.reward, 1.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod a2c;
pub mod actor_critic;
pub mod advantage;
pub mod bc;
pub mod compression;
pub mod config;
pub mod cql;
pub mod discrete_sac;
pub mod dqn;
pub mod impala;
pub mod models;
pub mod nn;
pub mod ppo;
pub mod pqn;
pub mod quantization;
pub mod recurrent_ppo;
pub mod reinforce;
pub mod sac;
pub mod td3;
pub mod tqc;
pub mod vtrace;

mod algorithm;
mod critic;
mod critic_ensemble;
mod exploration;
mod extractor;
mod features;
mod head;
mod judgement;
mod learner;
mod mask;
mod net_arch;
mod onnx;
mod policy;
mod quantiles;
mod replay_algorithm;
mod schedule;
mod support;

pub use algorithm::{Acting, Algorithm, AnyLearner, Data, DatasetUse, Prioritization, ReplayUse, Returns, RolloutUse};
pub use critic::{Climb, Critic, CriticMemory, CriticScratch, Sight, ValueOf};
pub use exploration::{ActionNoise, EpsilonSchedule, Exploration, NoiseState, NoiseType, Style};
pub use extractor::FeaturesExtractor;
pub use features::{Features, Picture};
pub use head::{ActionHead, Head};
pub use judgement::Judgement;
pub use learner::{Batch, Learner, LearnerState, OffPolicy, OnPolicy, Progress, RolloutBatch, Stop};
pub use mask::{INVALID, mask, masked};
pub use net_arch::{NetArch, QNetArch};
pub use policy::{Appraisal, Normalization, Policy, PolicyError, argmax};
pub use schedule::Schedule;
pub use support::Support;
