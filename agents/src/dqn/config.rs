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
                /// How returns are distributed is learnt and not their mean alone (C51); loss is then not read.
                distributional: bool = $distributional;
                /// Equally spaced returns that get a chance each, with distributional.
                n_atoms: usize = 51, within(2, 10_000);
                /// The least of them. Returns below count as this, so it should be as low as discounted returns get: the
                /// default is for rewards clipped to ±1, CartPole-v1 with its returns of up to 100 needs 0 to 100.
                v_min: f64 = -10.0, within(-1e9, 1e9);
                /// The greatest of them. Returns above count as this.
                v_max: f64 = 10.0, within(-1e9, 1e9);
                /// What is minimized: "huber" or "mse".
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
                /// Quantiles of the returns of each action that are learnt.
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
                /// Fractions that are drawn for each transition, of the quantiles that are learnt and of those that they are
                /// learnt by.
                num_tau_samples: usize = 64, within(1, 1000);
                /// Fractions of the quantiles whose mean an action is chosen by: drawn for targets, evenly spaced for actors.
                num_quantile_samples: usize = 32, within(1, 1000);
                /// Cosines that tell the network of a fraction.
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
                /// Transitions that replay holds, over all environments.
                buffer_size: usize = 1_000_000, at_least(1);
                /// Environment steps with random actions before the first update.
                learning_starts: u64 = $defaults.learning_starts;
                /// Transitions in an update.
                batch_size: usize = $defaults.batch_size, within(1, 1_000_000);
                /// Share of the way that the target network moves at each target update: 1 copies, less is Polyak averaging.
                tau: f64 = 1.0, within(0.0, 1.0);
                /// Discount of future rewards.
                gamma: f64 = 0.99, within(0.0, 1.0);
                /// Environment steps, over all environments, between updates. Rounded up to a whole step of all environments.
                train_freq: u64 = 4, within(1, 1_000_000);
                /// Gradient steps at each update; -1 for as many as there were environment steps.
                gradient_steps: i64 = 1, within(-1, 1_000_000);
                /// Environment steps between target updates. An update of many gradient steps spreads its environment
                /// steps evenly over them, so 1 with train_freq = gradient_steps moves the target at each gradient step.
                target_update_interval: u64 = $defaults.target_update_interval, at_least(1);
                /// Rewards summed before bootstrapping. Returns stop early at the end of an episode.
                n_steps: usize = $defaults.n_steps, at_least(1);
                /// The online network chooses the next action and the target network values it.
                double_q: bool = $defaults.double_q;
                /// How good a state is and how much better each action is are learnt apart, each with a last hidden layer
                /// of its own (dueling networks).
                dueling: bool = $defaults.dueling;
                $($of_returns)*
                /// The last two layers have noise in their parameters, as much as is learnt, and explore by it:
                /// exploration_* are then not read.
                noisy: bool = $defaults.noisy;
                /// How much noise there is at the beginning.
                noisy_std_init: f64 = 0.5, positive;
                /// Transitions are drawn in proportion to (|TD error| + eps)^alpha instead of uniformly.
                prioritized_replay: bool = $defaults.prioritized_replay;
                /// How much priorities count: 0 draws uniformly, 1 in full proportion.
                prioritized_replay_alpha: f64 = $defaults.prioritized_replay_alpha, within(0.0, 1.0);
                /// How much of the bias of prioritized draws their weights in the loss take back, at the beginning: 1 is all.
                prioritized_replay_beta0: f64 = 0.4, within(0.0, 1.0);
                /// Environment steps over which that share rises to 1, in a line; "none" for train.total_timesteps.
                prioritized_replay_beta_iters: Option<u64> = None, if_some(at_least(1));
                /// Added to |TD error|, so that every transition keeps a chance.
                prioritized_replay_eps: f64 = 1e-6, positive;
                /// With prioritized_replay, actors say what a transition begins with: its |TD error| by the network that they
                /// act with. Otherwise it begins with the highest that there ever was.
                worker_side_prioritization: bool = $defaults.worker_side_prioritization;
                /// Share of total_timesteps over which exploration falls.
                exploration_fraction: f64 = $defaults.exploration_fraction, within(0.0, 1.0);
                /// Chance of a random action at the beginning.
                exploration_initial_eps: f64 = $defaults.exploration_initial_eps, within(0.0, 1.0);
                /// Chance of a random action after the fall.
                exploration_final_eps: f64 = $defaults.exploration_final_eps, within(0.0, 1.0);
                /// How differently environments explore: number i of N takes that chance to the power of
                /// 1 + alpha · i / (N − 1). 0 for all alike.
                exploration_alpha: f64 = $defaults.exploration_alpha, non_negative;
                /// Gradients are scaled down to this global norm; 0 for no clipping.
                max_grad_norm: f64 = $defaults.max_grad_norm, non_negative;
                /// Rewards are multiplied by this in replay, for learning only.
                reward_scale: f64 = 1.0, positive;
                /// What sees an observation before hidden layers do: "auto", "flatten", "nature_cnn", "minatar_cnn", or convolutions
                /// of one's own, as `{ conv_filters = [[32, 3, 1]], features_dim = 128 }`.
                features_extractor: FeaturesExtractor = FeaturesExtractor::Auto;
                /// Units of each hidden layer.
                net_arch: Vec<usize> = vec![64, 64], layers;
                /// What follows each hidden layer.
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
    /// those of OpenAI Baselines, distributional's and noisy's those of CleanRL. A schedule is a number, or "lin_" and a number for one
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
