//! What wrappers leave to the environment inside.

/// Methods of [`Env`](crate::Env) that a wrapper leaves to the environment in its field: `inner` and `inner_mut`, and with them
/// all that have a default, and those of the required ones that are named. It stands among the methods that the wrapper writes.
///
/// ```
/// use cartwheel_envs::*;
///
/// /// Punishes every step.
/// struct Hurry<E> {
///     env: E,
/// }
///
/// impl<E: Env> Env for Hurry<E> {
///     forward_env!(env: observation_space, action_space, reset);
///
///     fn step(&mut self, action: Action<'_>, rng: &mut Generator, observation: RowMut<'_>) -> Result<Step> {
///         let step = self.env.step(action, rng, observation)?;
///         Ok(Step { reward: step.reward - 0.01, ..step })
///     }
/// }
/// assert!(check_env(&mut Hurry { env: IdentityEnv::new(IdentityConfig::default()) }).is_empty());
/// ```
#[macro_export]
macro_rules! forward_env {
    ($field:tt $(: $($method:ident),+)?) => {
        fn inner(&self) -> ::std::option::Option<&dyn $crate::Env> {
            ::std::option::Option::Some(&self.$field)
        }

        fn inner_mut(&mut self) -> ::std::option::Option<&mut dyn $crate::Env> {
            ::std::option::Option::Some(&mut self.$field)
        }

        $($($crate::forward_env!(@$method $field);)+)?
    };
    (@observation_space $field:tt) => {
        fn observation_space(&self) -> $crate::Space {
            $crate::Env::observation_space(&self.$field)
        }
    };
    (@action_space $field:tt) => {
        fn action_space(&self) -> $crate::Space {
            $crate::Env::action_space(&self.$field)
        }
    };
    (@reset $field:tt) => {
        #[inline]
        fn reset(&mut self, rng: &mut $crate::Generator, observation: $crate::RowMut<'_>) -> $crate::Result<()> {
            $crate::Env::reset(&mut self.$field, rng, observation)
        }
    };
    (@step $field:tt) => {
        #[inline]
        fn step(
            &mut self,
            action: $crate::Action<'_>,
            rng: &mut $crate::Generator,
            observation: $crate::RowMut<'_>,
        ) -> $crate::Result<$crate::Step> {
            $crate::Env::step(&mut self.$field, action, rng, observation)
        }
    };
}
