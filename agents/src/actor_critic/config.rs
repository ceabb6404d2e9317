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
                /// Logarithm of the standard deviation of continuous actions at the beginning.
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
                /// Whether exploration depends on the state (gSDE), of actions that are numbers: one state is answered by one
                /// action until its noise is drawn anew.
                use_sde: bool = false;
                /// Steps of each environment after which that noise is drawn anew; -1 for at the beginning of each rollout only.
                sde_sample_freq: i64 = -1, crate::exploration::sde_sample_freq;
                /// Logarithm of the standard deviation of continuous actions at the beginning; of each unit's part in it where
                /// use_sde is true.
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
                /// What sees an observation before hidden layers do: "auto", "flatten", "nature_cnn", "minatar_cnn", or convolutions
                /// of one's own, as `{ conv_filters = [[32, 3, 1]], features_dim = 128 }`.
                features_extractor: crate::extractor::FeaturesExtractor = crate::extractor::FeaturesExtractor::Auto;
                /// Units of each hidden layer, of the policy and of the value function, or of each: `{ pi = [64], vf = [64, 64] }`.
                net_arch: crate::net_arch::NetArch = vec![64, 64].into(), crate::net_arch::NetArch::check;
                /// What follows each hidden layer.
                activation_fn: crate::nn::Activation = crate::nn::Activation::Tanh;
                /// Whether weights begin orthogonal; otherwise as PyTorch's layers do.
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
