//! SAC's hyperparameters, by the names of Stable-Baselines3.

use std::fmt;
use std::str::FromStr;

use super::Sac;
use crate::algorithm::Acting;
use crate::config::{Value, plain, toml_edit};
use crate::critic_ensemble::critic;
use crate::nn::Mlp;

/// What entropy is worth: a number, `"auto"` for one that is learnt from 1 on, or `"auto_0.1"` from 0.1 on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EntCoef {
    /// Learnt, from this on.
    Auto(f64),
    /// This.
    Fixed(f64),
}

impl FromStr for EntCoef {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse().ok().filter(|x: &f64| x.is_finite() && *x > 0.0);
        let read = match text.strip_prefix("auto") {
            Some("") => Some(Self::Auto(1.0)),
            Some(rest) => rest.strip_prefix('_').and_then(number).map(Self::Auto),
            None => number(text).map(Self::Fixed),
        };
        read.ok_or_else(|| "\"auto\", \"auto_0.1\" or a number above 0".into())
    }
}

impl fmt::Display for EntCoef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto(initial) if *initial == 1.0 => f.write_str("auto"),
            Self::Auto(initial) => write!(f, "auto_{initial:?}"),
            Self::Fixed(alpha) => write!(f, "{alpha:?}"),
        }
    }
}

impl Value for EntCoef {
    fn from_toml(value: &toml_edit::Value) -> Result<Self, String> {
        plain(value).parse()
    }
    fn to_toml(&self) -> toml_edit::Value {
        match self {
            Self::Fixed(alpha) => (*alpha).into(),
            Self::Auto(_) => self.to_string().into(),
        }
    }
}

/// Declares an algorithm of SAC's rule: keys of its value functions, and what learns.
macro_rules! soft_actor_critic {
    (
        $(#[doc = $doc:literal])*
        $config:ident in $table:literal,
        critics: { $($of_critics:tt)* },
        value_functions: $value_functions:expr,
        $(check: $check:expr,)?
        learner: $learner:expr,
    ) => {
        crate::replay_algorithm::replay_algorithm! {
            $(#[doc = $doc])*
            $config in $table,
            learning_rate: 3e-4, " Adam's step size, for the policy, the value functions and the temperature: a schedule.",
            tau: " Polyak coefficient of target updates.",
            targets: {
                /// Gradient steps between target updates.
                target_update_interval: u64 = 1, at_least(1);
            },
            own: {
                /// Entropy coefficient (temperature): "auto" to learn it, "auto_0.1" to learn it starting at 0.1, or a number.
                ent_coef: crate::sac::EntCoef = crate::sac::EntCoef::Auto(1.0);
                /// Target entropy of an automatic ent_coef; "none" for the negative number of action dimensions.
                target_entropy: Option<f64> = None;
                $($of_critics)*
                /// Generalized state-dependent exploration (gSDE): noise is a function of the state, resampled every
                /// sde_sample_freq steps.
                use_sde: bool = false;
                /// Steps of each environment between resamplings of gSDE noise; -1 for every train_freq steps.
                sde_sample_freq: i64 = -1, crate::exploration::sde_sample_freq;
                /// Initial log standard deviation of each unit's contribution to the noise, where use_sde is true.
                log_std_init: f64 = -3.0, within(-20.0, 2.0);
            },
            net_arch: vec![256, 256], " Units of the hidden layers of policy and value functions, or separately: `{ pi = [64], qf = [64, 64] }`.",
            acts: Box by SquashedGaussian,
            |config| crate::exploration::Style::drawn(config.use_sde, config.sde_sample_freq),
            critics: $value_functions,
            $(check: $check,)?
            learner: $learner,
        }

        impl From<&$config> for crate::sac::SoftRule {
            fn from(config: &$config) -> Self {
                Self {
                    learning_rate: config.learning_rate,
                    actor_learning_rate: config.learning_rate,
                    tau: config.tau as f32,
                    target_update_interval: config.target_update_interval,
                    ent_coef: config.ent_coef,
                    target_entropy: config.target_entropy,
                    log_std_init: config.log_std_init as f32,
                }
            }
        }
    };
}

pub(crate) use soft_actor_critic;

soft_actor_critic! {
    /// Soft actor-critic (Haarnoja et al. 2018; docs/algorithms/sac.md). Defaults are those of Stable-Baselines3's SAC. A
    /// schedule is a number, or "lin_" and a number for one that falls to 0 over the run.
    SacConfig in "sac",
    critics: {
        /// Number of value functions, of which the minimum is taken.
        n_critics: usize = 2, within(1, 100);
    },
    value_functions: Self::value_functions,
    learner: |config: &Self, acting, device, rng| Sac::new(config.clone(), acting, device, rng),
}

impl SacConfig {
    pub(super) fn value_functions(&self, acting: &Acting) -> (usize, Mlp) {
        (self.n_critics, critic(acting, &self.net_arch.qf, 1, self.activation_fn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_are_read_as_stable_baselines_writes_them() {
        for (text, expected) in
            [("\"auto\"", EntCoef::Auto(1.0)), ("\"auto_0.1\"", EntCoef::Auto(0.1)), ("0.2", EntCoef::Fixed(0.2))]
        {
            let read = EntCoef::from_toml(&text.parse().expect("TOML"));
            assert_eq!(read, Ok(expected));
            assert_eq!(EntCoef::from_toml(&expected.to_toml()), Ok(expected));
        }
        for wrong in ["\"auto_\"", "\"auto0.1\"", "0", "-1", "\"none\""] {
            assert!(EntCoef::from_toml(&wrong.parse().expect("TOML")).is_err(), "{wrong}");
        }
    }
}
