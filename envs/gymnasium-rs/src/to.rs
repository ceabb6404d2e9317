//! Ours, there.

use std::marker::PhantomData;

use cartwheel_envs::{Environment, Rasterizer, Result, Rows};
use gymnasium_rs::core::{Env as TheirEnv, Info as TheirInfo, Options, Reward, Space as TheirSpace};
use ndarray::Array3;

use crate::Member;
use crate::spaces::to_theirs;

/// The size of a picture, Gymnasium's for most of classic control: width and height in pixels.
const FRAME: (u32, u32) = (600, 400);

/// An environment of Cartwheel for what expects one of `gymnasium-rs`, whose observations are `O` and whose
/// actions are `A`.
///
/// | here | there |
/// |---|---|
/// | `Discrete(n)` from 0, a float32 `Box` of one axis | the same; other spaces are refused when it is made |
/// | reward, `f64` | `f32`, rounded |
/// | terminated, truncated | the same, the time limit of the environment's id included |
/// | [`Environment::reset`] | `reset(seed, options)`: the same seed gives the same episode. Negative seeds and options panic |
/// | [`Environment::info`] | `info` |
/// | [`Environment::draw`] | `render()`: 400 by 600 by 3; `None` where nothing is drawn |
/// | | `close()` does nothing: there is nothing to close |
///
/// # Panics
/// The trait has no errors, so `reset` and `step` panic with the error's message: for a step outside an episode,
/// an action outside the action space, and failures of the environment.
pub struct ToGymnasiumRs<O, A> {
    env: Environment,
    observation_space: TheirSpace,
    action_space: TheirSpace,
    /// One row, the action being taken.
    action: Rows,
    members: PhantomData<fn(A) -> O>,
}

impl<O: Member, A: Member> ToGymnasiumRs<O, A> {
    /// `env`, as [`make`](cartwheel_envs::make) returns it.
    ///
    /// # Errors
    /// [`EnvError::Failed`](cartwheel_envs::EnvError::Failed), naming the space that `gymnasium-rs` does not have
    /// or that `O` or `A` does not fit.
    pub fn new(env: Environment) -> Result<Self> {
        let id = &env.spec().id;
        Ok(Self {
            observation_space: to_theirs::<O>(&format!("{id}: the observation space"), env.observation_space())?,
            action_space: to_theirs::<A>(&format!("{id}: the action space"), env.action_space())?,
            action: Rows::for_space(env.action_space(), 1),
            env,
            members: PhantomData,
        })
    }

    fn observed(&self) -> (O, TheirInfo) {
        let Some(observation) = O::read(self.env.observation()) else {
            self.refuse(format!("{:?} is not read by the observation's type", self.env.observation()))
        };
        (observation, self.env.info().into_iter().collect())
    }

    fn refuse(&self, problem: impl std::fmt::Display) -> ! {
        panic!("{}: {problem}", self.env.spec().id)
    }
}

impl<O: Member, A: Member> TheirEnv<O, A> for ToGymnasiumRs<O, A> {
    fn observation_space(&self) -> TheirSpace {
        self.observation_space.clone()
    }

    fn action_space(&self) -> TheirSpace {
        self.action_space.clone()
    }

    fn reset(&mut self, seed: Option<i32>, options: Options) -> (O, TheirInfo) {
        if !options.is_empty() {
            let mut names: Vec<_> = options.into_keys().collect();
            names.sort();
            self.refuse(format!("no option of reset is known, not {}; pass arguments to make_with", names.join(", ")));
        }
        let seed = seed.map(|seed| {
            u64::try_from(seed).unwrap_or_else(|_| self.refuse(format!("the seed is {seed}; it must be 0 or more")))
        });
        if let Err(error) = self.env.reset(seed) {
            self.refuse(error);
        }
        self.observed()
    }

    fn step(&mut self, action: A) -> (O, Reward, bool, bool, TheirInfo) {
        let space = self.env.action_space();
        if action.write(self.action.row_mut(0)).is_none() {
            self.refuse(format!("the action is of another type or length; it must be of {space}"));
        }
        let Some(action) = space.action(self.action.row(0)) else {
            self.refuse(format!("no action can be taken from {space}"));
        };
        match self.env.step(action) {
            Ok(step) => {
                let (observation, info) = self.observed();
                (observation, step.reward as Reward, step.terminated, step.truncated, info)
            }
            Err(error) => self.refuse(error),
        }
    }

    fn render(&self) -> Option<Array3<u8>> {
        let scene = self.env.draw();
        if scene.shapes.is_empty() {
            return None;
        }
        let frame = Rasterizer::new(FRAME.0, FRAME.1).ok()?.draw(&scene);
        Array3::from_shape_vec((frame.height as usize, frame.width as usize, 3), frame.rgb).ok()
    }

    fn close(&mut self) {}
}
