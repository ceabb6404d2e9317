//! The settings of a policy and a value function that learn from rollouts, which an algorithm has after keys of its own.

use super::Beginning;
use crate::config::Section;

/// Settings with these keys: `actor_critic!` declares them.
pub trait ActorCriticConfig: Section + Clone + 'static {
    /// The networks that they describe, without a memory.
    fn beginning(&self) -> Beginning<'_>;
}

/// Declares a section: its `own` keys and those that all have. Its last line says what weights
/// begin as, or that it knows state-dependent exploration, with Stable-Baselines3's defaults.
macro_rules! actor_critic {
    (
        $(#[doc = $doc:literal])*
        $config:ident in $table:literal,
        own: { $($own:tt)* },
        ortho_init: $ortho_init:literal, log_std_init: $log_std_init:literal,
    ) => {
        crate::actor_critic::actor_critic! {
            $(#[doc = $doc])* $config in $table, own: { $($own)* }, ortho_init: $ortho_init,
            {
                /// Initial log standard deviation of continuous actions.
                log_std_init: f64 = $log_std_init, within(-20.0, 2.0);
            }
        }
    };
    (
        $(#[doc = $doc:literal])*
        $config:ident in $table:literal,
        own: { $($own:tt)* },
        use_sde,
    ) => {
        crate::actor_critic::actor_critic! {
            $(#[doc = $doc])* $config in $table, own: { $($own)* }, ortho_init: true,
            {
                /// Generalized state-dependent exploration (gSDE) for continuous actions: noise is a function of the state,
                /// resampled every sde_sample_freq steps.
                use_sde: bool = false;
                /// Steps of each environment between resamplings of gSDE noise; -1 for only at the start of each rollout.
                sde_sample_freq: i64 = -1, crate::exploration::sde_sample_freq;
                /// Initial log standard deviation of continuous actions; with use_sde, of each unit's contribution to the noise.
                log_std_init: f64 = 0.0, within(-20.0, 2.0);
            }
        }
    };
    (
        $(#[doc = $doc:literal])*
        $config:ident in $table:literal,
        own: { $($own:tt)* },
        ortho_init: $ortho_init:literal,
        { $($exploration:tt)* }
    ) => {
        crate::config! {
            $(#[doc = $doc])*
            pub struct $config in $table {
                $($own)*
                /// The feature extractor in front of the hidden layers: "auto", "flatten", "nature_cnn", "minatar_cnn", or your
                /// own convolutions, as `{ conv_filters = [[32, 3, 1]], features_dim = 128 }`.
                features_extractor: crate::extractor::FeaturesExtractor = crate::extractor::FeaturesExtractor::Auto;
                /// Units of the hidden layers of policy and value function, or separately: `{ pi = [64], vf = [64, 64] }`.
                net_arch: crate::net_arch::NetArch = vec![64, 64].into(), crate::net_arch::NetArch::check;
                /// Activation of hidden layers.
                activation_fn: crate::nn::Activation = crate::nn::Activation::Tanh;
                /// Orthogonal initialization; otherwise that of PyTorch's layers.
                ortho_init: bool = $ortho_init;
                $($exploration)*
            }
        }

        impl crate::actor_critic::ActorCriticConfig for $config {
            fn beginning(&self) -> crate::actor_critic::Beginning<'_> {
                crate::actor_critic::Beginning {
                    features_extractor: &self.features_extractor,
                    net_arch: &self.net_arch,
                    activation_fn: self.activation_fn,
                    ortho_init: self.ortho_init,
                    log_std_init: self.log_std_init as f32,
                }
            }
        }
    };
}

pub(crate) use actor_critic;
