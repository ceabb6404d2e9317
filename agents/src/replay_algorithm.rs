//! What actor-critic algorithms with replay have in common: most of their keys, and what they say of their data.

/// Declares such an algorithm: its section of settings with the keys that all of them have, which are Stable-Baselines3's, and
/// with keys of its own for its targets and for the rest; and what it says as an [`Algorithm`](crate::algorithm::Algorithm).
/// Where the docs of a common key differ, they are given.
macro_rules! replay_algorithm {
    (
        $(#[doc = $doc:literal])*
        $config:ident in $table:literal,
        learning_rate: $learning_rate:literal, $of_learning_rate:literal,
        tau: $of_tau:literal,
        targets: { $($of_targets:tt)* },
        own: { $($own:tt)* },
        net_arch: $net_arch:expr, $of_net_arch:literal,
        acts: $space:ident by $head:ident, $style:expr,
        critics: $critics:expr,
        $(check: $check:expr,)?
        learner: $learner:expr,
    ) => {
        crate::config! {
            $(#[doc = $doc])*
            pub struct $config in $table {
                #[doc = $of_learning_rate]
                learning_rate: crate::schedule::Schedule =
                    crate::schedule::Schedule::Constant($learning_rate), crate::schedule::positive_schedule;
                /// Capacity of replay in transitions, over all environments.
                buffer_size: usize = 1_000_000, at_least(1);
                /// Environment steps with random actions before the first update.
                learning_starts: u64 = 100;
                /// Transitions in an update.
                batch_size: usize = 256, within(1, 1_000_000);
                #[doc = $of_tau]
                tau: f64 = 0.005, within(0.0, 1.0);
                /// Discount factor.
                gamma: f64 = 0.99, within(0.0, 1.0);
                /// Environment steps, over all environments, between updates. Rounded up to a whole step of all environments.
                train_freq: u64 = 1, within(1, 1_000_000);
                /// Gradient steps at each update; -1 for as many as there were environment steps.
                gradient_steps: i64 = 1, within(-1, 1_000_000);
                $($of_targets)*
                /// Steps of n-step returns, which are shorter at the end of an episode.
                n_steps: usize = 1, at_least(1);
                $($own)*
                /// The feature extractor in front of the hidden layers: "auto", "flatten", "nature_cnn", "minatar_cnn", or your
                /// own convolutions, as `{ conv_filters = [[32, 3, 1]], features_dim = 128 }`.
                features_extractor: crate::extractor::FeaturesExtractor = crate::extractor::FeaturesExtractor::Auto;
                #[doc = $of_net_arch]
                net_arch: crate::net_arch::QNetArch = $net_arch.into(), crate::net_arch::QNetArch::check;
                /// Activation of hidden layers.
                activation_fn: crate::nn::Activation = crate::nn::Activation::Relu;
            }
        }

        impl crate::algorithm::Algorithm for $config {
            $(fn check(&self) -> Result<(), String> {
                let check: fn(&Self) -> Result<(), String> = $check;
                check(self)
            })?

            fn head(&self, action_space: &cartwheel_envs::Space) -> Option<crate::head::Head> {
                matches!(action_space, cartwheel_envs::Space::$space { .. }).then_some(crate::head::Head::$head)
            }

            fn features_extractor(&self) -> &crate::extractor::FeaturesExtractor {
                &self.features_extractor
            }

            fn network(&self, inputs: crate::nn::Inputs, actions: &crate::head::ActionHead) -> crate::nn::Mlp {
                crate::nn::Mlp::new(inputs, &self.net_arch.pi, actions.outputs(), self.activation_fn)
            }

            fn critics(&self, acting: &crate::algorithm::Acting) -> Option<(usize, crate::nn::Mlp)> {
                let critics: fn(&Self, &crate::algorithm::Acting) -> (usize, crate::nn::Mlp) = $critics;
                Some(critics(self, acting))
            }

            fn exploration(&self, _: u64) -> crate::exploration::Exploration {
                let style: fn(&Self) -> crate::exploration::Style = $style;
                crate::exploration::Exploration::after_random(self.learning_starts, style(self))
            }

            fn data(&self) -> crate::algorithm::Data {
                let (n_steps, gamma) = (self.n_steps, self.gamma as f32);
                crate::algorithm::Data::Replay(crate::algorithm::ReplayUse {
                    buffer_size: self.buffer_size,
                    learning_starts: self.learning_starts,
                    batch_size: self.batch_size,
                    train_freq: self.train_freq,
                    gradient_steps: self.gradient_steps,
                    returns: crate::algorithm::Returns { n_steps, gamma, reward_scale: 1.0 },
                    prioritization: None,
                })
            }

            fn learner(
                &self,
                acting: &crate::algorithm::Acting,
                device: crate::nn::Device,
                rng: &mut cartwheel_envs::Generator,
            ) -> Result<crate::algorithm::AnyLearner, crate::nn::NnError> {
                type New<L> = fn(
                    &$config,
                    &crate::algorithm::Acting,
                    crate::nn::Device,
                    &mut cartwheel_envs::Generator,
                ) -> Result<L, crate::nn::NnError>;
                let learner: New<_> = $learner;
                Ok(crate::algorithm::AnyLearner::OffPolicy(Box::new(learner(self, acting, device, rng)?)))
            }
        }
    };
}

pub(crate) use replay_algorithm;
