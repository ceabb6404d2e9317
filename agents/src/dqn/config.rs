//! The settings of DQN and of what is built on it, by the names of Stable-Baselines3 and sb3-contrib where they have them.
//!
//! Their keys are declared once, and each algorithm has defaults of its own; what their one update is told of them is a
//! [`Rule`].

use cartwheel_envs::{Generator, Space};

use super::model::{Fractions, ReturnModel};
use super::{Dqn, Rule};
use crate::algorithm::{Acting, Algorithm, AnyLearner, Data, Prioritization, ReplayUse, Returns};
use crate::config::checks::layers;
use crate::exploration::{EpsilonSchedule, Exploration, Style};
use crate::extractor::FeaturesExtractor;
use crate::head::{ActionHead, Head};
use crate::nn::{Activation, Device, Inputs, Mlp, NnError, clip};
use crate::schedule::{Schedule, positive_schedule};
use crate::support::Support;

crate::config_enum! {
    /// What is minimized over the TD error δ.
    pub enum Loss {
        /// ½δ² up to |δ| = 1 and |δ| − ½ beyond: gradients of outliers are clipped (Mnih et al. 2015).
        Huber = "huber",
        /// δ².
        Mse = "mse",
    }
}

/// What the algorithms of the family differ in.
struct Defaults {
    learning_rate: f64,
    adam_eps: f64,
    learning_starts: u64,
    batch_size: usize,
    target_update_interval: u64,
    n_steps: usize,
    double_q: bool,
    dueling: bool,
    noisy: bool,
    prioritized_replay: bool,
    prioritized_replay_alpha: f64,
    worker_side_prioritization: bool,
    exploration_fraction: f64,
    exploration_initial_eps: f64,
    exploration_final_eps: f64,
    exploration_alpha: f64,
    max_grad_norm: f64,
}

const DQN: Defaults = Defaults {
    learning_rate: 1e-4,
    adam_eps: 1e-8,
    learning_starts: 100,
    batch_size: 32,
    target_update_interval: 10_000,
    n_steps: 1,
    double_q: true,
    dueling: false,
    noisy: false,
    prioritized_replay: false,
    prioritized_replay_alpha: 0.6,
    worker_side_prioritization: false,
    exploration_fraction: 0.1,
    exploration_initial_eps: 1.0,
    exploration_final_eps: 0.05,
    exploration_alpha: 0.0,
    max_grad_norm: 10.0,
};

const RAINBOW: Defaults = Defaults {
    learning_rate: 6.25e-5,
    adam_eps: 1.5e-4,
    learning_starts: 20_000,
    target_update_interval: 8_000,
    n_steps: 3,
    dueling: true,
    noisy: true,
    prioritized_replay: true,
    prioritized_replay_alpha: 0.5,
    exploration_final_eps: 0.01,
    ..DQN
};

/// sb3-contrib's QR-DQN.
const QR_DQN: Defaults = Defaults {
    learning_rate: 5e-5,
    adam_eps: 3.125e-4,
    double_q: false,
    exploration_fraction: 0.005,
    exploration_final_eps: 0.01,
    max_grad_norm: 0.0,
    ..DQN
};

const APEX: Defaults = Defaults {
    learning_rate: 6.25e-5,
    adam_eps: 1.5e-4,
    learning_starts: 50_000,
    batch_size: 512,
    n_steps: 3,
    dueling: true,
    prioritized_replay: true,
    worker_side_prioritization: true,
    exploration_fraction: 0.0,
    exploration_initial_eps: 0.4,
    exploration_final_eps: 0.4,
    exploration_alpha: 7.0,
    max_grad_norm: 40.0,
    ..DQN
};

/// Declares an algorithm of the family: what it learns of returns, `c51(whether by default)`, `quantiles(how many)` or
/// `implicit`, and its [`Defaults`].
macro_rules! q_learning {
    ($(#[doc = $doc:literal])* $config:ident in $table:literal, returns: c51($distributional:literal), $defaults:ident) => {
        q_learning! {
            @declare $config, $table, [$($doc)*], $defaults,
            {
                /// Learns the distribution of returns and not only their mean (C51); loss is then not used.
                distributional: bool = $distributional;
                /// Number of atoms: equally spaced returns between v_min and v_max, with distributional.
                n_atoms: usize = 51, within(2, 10_000);
                /// Smallest atom. Returns below count as this, so it should be as low as discounted returns get: the
                /// default is for rewards clipped to ±1, CartPole-v1 with its returns of up to 100 needs 0 to 100.
                v_min: f64 = -10.0, within(-1e9, 1e9);
                /// Largest atom. Returns above count as this.
                v_max: f64 = 10.0, within(-1e9, 1e9);
                /// The loss.
                loss: Loss = Loss::Huber;
            }
        }

        impl $config {
            fn check_returns(&self) -> Result<(), String> {
                let (v_min, v_max) = (self.v_min, self.v_max);
                if v_min < v_max {
                    return Ok(());
                }
                let why = "they are the least and the greatest return";
                Err(format!("v_min = {v_min} must be less than v_max = {v_max}: {why}"))
            }

            fn model(&self) -> ReturnModel {
                if self.distributional {
                    let (v_min, v_max) = (self.v_min as f32, self.v_max as f32);
                    return ReturnModel::Distribution(Support { n_atoms: self.n_atoms, v_min, v_max });
                }
                ReturnModel::Mean(self.loss)
            }
        }
    };

    ($(#[doc = $doc:literal])* $config:ident in $table:literal, returns: quantiles($n_quantiles:literal), $defaults:ident) => {
        q_learning! {
            @declare $config, $table, [$($doc)*], $defaults,
            {
                /// Quantiles of the return that are learnt for each action.
                n_quantiles: usize = $n_quantiles, within(1, 10_000);
            }
        }

        impl $config {
            fn check_returns(&self) -> Result<(), String> {
                Ok(())
            }

            fn model(&self) -> ReturnModel {
                ReturnModel::Quantiles(self.n_quantiles)
            }
        }
    };

    ($(#[doc = $doc:literal])* $config:ident in $table:literal, returns: implicit, $defaults:ident) => {
        q_learning! {
            @declare $config, $table, [$($doc)*], $defaults,
            {
                /// Quantile fractions sampled for each transition, for the predictions and for their targets.
                num_tau_samples: usize = 64, within(1, 1000);
                /// Quantile fractions whose mean is an action's value: sampled for targets, evenly spaced for actors.
                num_quantile_samples: usize = 32, within(1, 1000);
                /// Size of the cosine embedding of a fraction.
                quantile_embedding_dim: usize = 64, within(1, 10_000);
            }
        }

        impl $config {
            fn check_returns(&self) -> Result<(), String> {
                if self.net_arch.is_empty() {
                    return Err("net_arch = [] has no hidden layer to tell of fractions: give it one, such as [64]".into());
                }
                Ok(())
            }

            fn model(&self) -> ReturnModel {
                ReturnModel::Implicit(Fractions {
                    drawn: self.num_tau_samples,
                    policy: self.num_quantile_samples,
                    embedding_dim: self.quantile_embedding_dim,
                })
            }
        }
    };

    (
        @declare $config:ident, $table:literal, [$($doc:literal)*], $defaults:ident,
        { $($of_returns:tt)* }
    ) => {
        crate::config! {
            $(#[doc = $doc])*
            pub struct $config in $table {
                /// Adam's step size.
                learning_rate: Schedule = Schedule::Constant($defaults.learning_rate), positive_schedule;
                /// Adam's epsilon.
                adam_eps: f64 = $defaults.adam_eps, positive;
                /// Capacity of replay in transitions, over all environments.
                buffer_size: usize = 1_000_000, at_least(1);
                /// Environment steps with random actions before the first update.
                learning_starts: u64 = $defaults.learning_starts;
                /// Transitions in an update.
                batch_size: usize = $defaults.batch_size, within(1, 1_000_000);
                /// Polyak coefficient of target updates: 1 copies the network.
                tau: f64 = 1.0, within(0.0, 1.0);
                /// Discount factor.
                gamma: f64 = 0.99, within(0.0, 1.0);
                /// Environment steps, over all environments, between updates. Rounded up to a whole step of all environments.
                train_freq: u64 = 4, within(1, 1_000_000);
                /// Gradient steps at each update; -1 for as many as there were environment steps.
                gradient_steps: i64 = 1, within(-1, 1_000_000);
                /// Environment steps between target updates. An update of many gradient steps spreads its environment
                /// steps evenly over them, so 1 with train_freq = gradient_steps moves the target at each gradient step.
                target_update_interval: u64 = $defaults.target_update_interval, at_least(1);
                /// Steps of n-step returns, which are shorter at the end of an episode.
                n_steps: usize = $defaults.n_steps, at_least(1);
                /// Double Q-learning: the online network chooses the next action and the target network evaluates it.
                double_q: bool = $defaults.double_q;
                /// Dueling networks: separate streams for the state's value and the advantages of actions, each with its own last
                /// hidden layer.
                dueling: bool = $defaults.dueling;
                $($of_returns)*
                /// Noisy networks: learnt parameter noise in the last two layers takes the place of epsilon-greedy exploration;
                /// exploration_* are then not used.
                noisy: bool = $defaults.noisy;
                /// Initial scale σ₀ of the noise.
                noisy_std_init: f64 = 0.5, positive;
                /// Transitions are drawn in proportion to (|TD error| + eps)^alpha instead of uniformly.
                prioritized_replay: bool = $defaults.prioritized_replay;
                /// Exponent of priorities: 0 samples uniformly, 1 in proportion to them.
                prioritized_replay_alpha: f64 = $defaults.prioritized_replay_alpha, within(0.0, 1.0);
                /// Initial exponent of the importance-sampling weights: 1 corrects the bias of prioritized sampling in full.
                prioritized_replay_beta0: f64 = 0.4, within(0.0, 1.0);
                /// Environment steps over which that exponent rises linearly to 1; "none" for train.total_timesteps.
                prioritized_replay_beta_iters: Option<u64> = None, if_some(at_least(1));
                /// Added to |TD error|, so that every transition keeps a chance.
                prioritized_replay_eps: f64 = 1e-6, positive;
                /// With prioritized_replay, actors say what a transition begins with: its |TD error| by the network that they
                /// act with. Otherwise it begins with the highest that there ever was.
                worker_side_prioritization: bool = $defaults.worker_side_prioritization;
                /// Fraction of total_timesteps over which the probability of a random action decays.
                exploration_fraction: f64 = $defaults.exploration_fraction, within(0.0, 1.0);
                /// Initial probability of a random action.
                exploration_initial_eps: f64 = $defaults.exploration_initial_eps, within(0.0, 1.0);
                /// Final probability of a random action.
                exploration_final_eps: f64 = $defaults.exploration_final_eps, within(0.0, 1.0);
                /// How much exploration differs between environments: environment i of N uses epsilon to the power of 1 + alpha ·
                /// i / (N − 1). 0 for the same everywhere.
                exploration_alpha: f64 = $defaults.exploration_alpha, non_negative;
                /// Maximum global norm of gradients; 0 for no clipping.
                max_grad_norm: f64 = $defaults.max_grad_norm, non_negative;
                /// Factor on rewards in replay, for learning only.
                reward_scale: f64 = 1.0, positive;
                /// The feature extractor in front of the hidden layers: "auto", "flatten", "nature_cnn", "minatar_cnn", or your
                /// own convolutions, as `{ conv_filters = [[32, 3, 1]], features_dim = 128 }`.
                features_extractor: FeaturesExtractor = FeaturesExtractor::Auto;
                /// Units of each hidden layer.
                net_arch: Vec<usize> = vec![64, 64], layers;
                /// Activation of hidden layers.
                activation_fn: Activation = Activation::Relu;
            }
        }

        impl From<&$config> for Rule {
            fn from(config: &$config) -> Self {
                Self {
                    model: config.model(),
                    learning_rate: config.learning_rate,
                    adam_eps: config.adam_eps,
                    max_grad_norm: clip(config.max_grad_norm),
                    tau: config.tau as f32,
                    target_update_interval: config.target_update_interval,
                    double_q: config.double_q,
                    conservative_weight: 0.0,
                    dueling: config.dueling,
                    noisy_std_init: config.noisy.then_some(config.noisy_std_init),
                    net_arch: config.net_arch.clone(),
                    activation_fn: config.activation_fn,
                }
            }
        }

        impl Algorithm for $config {
            fn check(&self) -> Result<(), String> {
                self.check_returns()
            }

            fn head(&self, action_space: &Space) -> Option<Head> {
                matches!(action_space, Space::Discrete { .. }).then(|| self.model().head())
            }

            fn features_extractor(&self) -> &FeaturesExtractor {
                &self.features_extractor
            }

            fn network(&self, inputs: Inputs, actions: &ActionHead) -> Mlp {
                Rule::from(self).network(inputs, actions.choices())
            }

            fn exploration(&self, total_timesteps: u64) -> Exploration {
                if self.noisy {
                    return Exploration::after_random(self.learning_starts, Style::Best);
                }
                let schedule = EpsilonSchedule {
                    random_steps: self.learning_starts,
                    initial: self.exploration_initial_eps,
                    last: self.exploration_final_eps,
                    fall: self.exploration_fraction * total_timesteps as f64,
                };
                Exploration { alpha: self.exploration_alpha, ..Exploration::from(schedule) }
            }

            fn data(&self) -> Data {
                Data::Replay(ReplayUse {
                    buffer_size: self.buffer_size,
                    learning_starts: self.learning_starts,
                    batch_size: self.batch_size,
                    train_freq: self.train_freq,
                    gradient_steps: self.gradient_steps,
                    returns: Returns {
                        n_steps: self.n_steps,
                        gamma: self.gamma as f32,
                        reward_scale: self.reward_scale as f32,
                    },
                    prioritization: self.prioritized_replay.then_some(Prioritization {
                        alpha: self.prioritized_replay_alpha,
                        eps: self.prioritized_replay_eps,
                        beta0: self.prioritized_replay_beta0,
                        beta_iters: self.prioritized_replay_beta_iters,
                        by_actors: self.worker_side_prioritization,
                    }),
                })
            }

            fn learner(&self, acting: &Acting, device: Device, rng: &mut Generator) -> Result<AnyLearner, NnError> {
                let (inputs, actions) = (acting.mlp.reads(), acting.actions.choices());
                Ok(AnyLearner::OffPolicy(Box::new(Dqn::new(self, inputs, actions, device, rng)?)))
            }
        }
    };
}

q_learning! {
    /// Deep Q-network (Mnih et al. 2015), with the parts of Rainbow (Hessel et al. 2018) as switches that compose:
    /// n_steps, double_q, dueling, distributional, noisy and prioritized_replay (docs/algorithms/dqn.md).
    /// Defaults are those of Stable-Baselines3's DQN, but for double_q and net_arch's 64-64; prioritized_replay's are
    /// those of OpenAI Baselines, distributional's and noisy's those of CleanRL. A schedule is a number, or "lin_" and a number
    /// for one
    /// that falls to 0 over the run.
    DqnConfig in "dqn", returns: c51(false), DQN
}

q_learning! {
    /// Rainbow (Hessel et al. 2018): DQN with all of its switches on (docs/algorithms/rainbow.md). Defaults are the
    /// paper's, in environment steps instead of frames, but for net_arch's 64-64; noisy_std_init and max_grad_norm are
    /// those of CleanRL and of Kaixhin's Rainbow.
    RainbowConfig in "rainbow", returns: c51(true), RAINBOW
}

q_learning! {
    /// Quantile regression DQN (Dabney et al. 2018; docs/algorithms/qrdqn.md), with the parts of Rainbow as switches but for
    /// distributional, whose place it takes. Defaults are those of sb3-contrib.
    QrDqnConfig in "qrdqn", returns: quantiles(200), QR_DQN
}

q_learning! {
    /// Implicit quantile networks (Dabney et al. 2018; docs/algorithms/iqn.md): DQN that learns the quantile of any fraction of
    /// returns, with the parts of Rainbow as switches but for distributional, whose place it takes. Its own keys are
    /// Dopamine's, with its values; the other defaults are QR-DQN's of sb3-contrib.
    IqnConfig in "iqn", returns: implicit, QR_DQN
}

q_learning! {
    /// Ape-X DQN (Horgan et al. 2018; docs/algorithms/apex.md): DQN for many actors, best on the async clock, each of whose
    /// environments explores by a chance of its own, and who say themselves what their transitions begin with in prioritized
    /// replay. Defaults are the paper's for Atari, in environment steps instead of frames, but for Adam in RMSprop's place,
    /// net_arch's 64-64, and prioritized_replay_beta0's 0.4, which here rises to 1.
    ApexConfig in "apex", returns: c51(false), APEX
}
