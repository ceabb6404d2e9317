//! PPO's hyperparameters, by the names of Stable-Baselines3. The keys of all that learns by its rule are declared here, and what
//! the rule is told of them is a [`PpoRule`](super::PpoRule).

/// Declares an algorithm of PPO's rule: how long rollouts and minibatches are by default, and keys of its own. For what it may
/// `share` see [`Rule::share_features_extractor`](crate::actor_critic::Rule::share_features_extractor), and for its `memory`
/// [`Rule::memory`](crate::actor_critic::Rule::memory).
macro_rules! ppo {
    (
        $(#[doc = $doc:literal])*
        $config:ident in $table:literal,
        n_steps: $n_steps:literal,
        batch_size: $batch_size:literal,
        own: { $($own:tt)* },
        $(share: $share:expr,)?
        $(memory: $memory:expr,)?
        $(check: $check:expr,)?
    ) => {
        crate::actor_critic::actor_critic! {
            $(#[doc = $doc])*
            $config in $table,
            own: {
                /// Adam's step size: a schedule.
                learning_rate: crate::schedule::Schedule =
                    crate::schedule::Schedule::Constant(3e-4), crate::schedule::positive_schedule;
                /// Adam's epsilon.
                adam_eps: f64 = 1e-5, positive;
                /// Steps of each environment between two updates.
                n_steps: usize = $n_steps, within(1, 1_000_000);
                /// Transitions in a gradient step.
                batch_size: usize = $batch_size, within(1, 1_000_000);
                /// Epochs over each rollout.
                n_epochs: usize = 10, within(1, 1000);
                /// Discount factor.
                gamma: f64 = 0.99, within(0.0, 1.0);
                /// λ of generalized advantage estimation: 0 for one-step advantages, 1 for Monte Carlo.
                gae_lambda: f64 = 0.95, within(0.0, 1.0);
                /// Clipping range ε of the probability ratio: a schedule.
                clip_range: crate::schedule::Schedule =
                    crate::schedule::Schedule::Constant(0.2), crate::schedule::positive_schedule;
                /// Clipping range of the value function, in units of returns; "none" for no clipping.
                clip_range_vf: Option<f64> = None, if_some(positive);
                /// Whether the advantages of a minibatch are normalized to mean 0 and standard deviation 1.
                normalize_advantage: bool = true;
                /// Entropy coefficient of the loss.
                ent_coef: f64 = 0.0, non_negative;
                /// Coefficient of the value loss.
                vf_coef: f64 = 0.5, non_negative;
                /// Maximum norm of the gradients of policy and value function together; 0 for no clipping.
                max_grad_norm: f64 = 0.5, non_negative;
                /// An update stops early once the approximate KL divergence from the old policy exceeds 1.5 times this; "none"
                /// for never.
                target_kl: Option<f64> = None, if_some(positive);
                $($own)*
            },
            use_sde,
        }

        impl From<&$config> for crate::ppo::PpoRule {
            fn from(config: &$config) -> Self {
                Self {
                    learning_rate: config.learning_rate,
                    adam_eps: config.adam_eps,
                    batch_size: config.batch_size,
                    n_epochs: config.n_epochs,
                    gamma: config.gamma as f32,
                    gae_lambda: config.gae_lambda as f32,
                    clip_range: config.clip_range,
                    coefficients: crate::actor_critic::Coefficients {
                        ent_coef: config.ent_coef as f32,
                        vf_coef: config.vf_coef as f32,
                        clip_range_vf: config.clip_range_vf.map(|clip| clip as f32),
                    },
                    normalize_advantage: config.normalize_advantage,
                    max_grad_norm: crate::nn::clip(config.max_grad_norm),
                    target_kl: config.target_kl.map(|target| target as f32),
                }
            }
        }

        impl crate::actor_critic::Rule for $config {
            $(fn memory(&self) -> (Option<(usize, usize)>, crate::actor_critic::CriticReads) {
                let memory: fn(&Self) -> (Option<(usize, usize)>, crate::actor_critic::CriticReads) = $memory;
                memory(self)
            })?

            $(fn share_features_extractor(&self) -> bool {
                let share: fn(&Self) -> bool = $share;
                share(self)
            })?

            fn rollouts(&self) -> crate::algorithm::RolloutUse {
                let (n_steps, gamma) = (self.n_steps, self.gamma as f32);
                crate::algorithm::RolloutUse {
                    n_steps,
                    epochs: self.n_epochs,
                    batch_size: Some(self.batch_size),
                    gamma,
                }
            }

            fn style(&self) -> crate::exploration::Style {
                crate::exploration::Style::drawn(self.use_sde, self.sde_sample_freq)
            }

            $(fn check(&self) -> Result<(), String> {
                let check: fn(&Self) -> Result<(), String> = $check;
                check(self)
            })?

            fn learn(
                &self,
                networks: &mut crate::actor_critic::Networks,
                rollout: &crate::learner::RolloutBatch,
                now: crate::learner::Progress,
                rng: &mut cartwheel_envs::Generator,
                metrics: &mut crate::actor_critic::Metrics,
            ) -> Result<(), crate::nn::DeviceError> {
                crate::ppo::PpoRule::from(self).learn(networks, rollout, now, rng, metrics)
            }
        }
    };
}

pub(crate) use ppo;

ppo! {
    /// Proximal policy optimization (Schulman et al. 2017; docs/algorithms/ppo.md). Defaults are those of
    /// Stable-Baselines3's PPO. A schedule is a number, or "lin_" and a number for one that falls to 0 over the run.
    PpoConfig in "ppo",
    n_steps: 2048,
    batch_size: 64,
    own: {
        /// Whether policy and value function share the convolutions of image observations, which learn from both losses.
        share_features_extractor: bool = true;
    },
    share: |config| config.share_features_extractor,
}
