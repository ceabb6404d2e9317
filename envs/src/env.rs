//! The environment contract: what an author writes.

use crate::{
    Action, EnvError, Generator, KeyBindings, Result, Row, RowMut, Rows, Scene, Space, StateVariable, Statistics,
};

/// Named values beside the observation, such as `action_mask`.
pub type Info = serde_json::Map<String, serde_json::Value>;

/// What a step led to. Its observation is in the row that was passed to `step`.
///
/// The two flags are independent, and both may be true. They decide what a learner may assume of the
/// future: the value of the state after the step is
///
/// | terminated | truncated | value to bootstrap from |
/// |---|---|---|
/// | false | false | V(next observation) |
/// | false | true | V(final observation): the episode would have gone on |
/// | true | either | 0: there is no future |
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The reward of this step.
    pub reward: f64,
    /// The task itself ended: a terminal state was reached.
    pub terminated: bool,
    /// The episode was cut short from outside the task, as by a time limit.
    pub truncated: bool,
}

/// An environment, as its author writes it: two spaces and two methods.
///
/// It holds only its own state. Randomness comes from the generator that it is given, so that an
/// episode is repeated by repeating the generator's state and the actions. Register it with
/// [`register`](crate::register), and run [`check_env`](crate::check_env) on it.
///
/// ```
/// use cartwheel_envs::*;
///
/// /// A walk on a line from 0; right is good, and it ends at 5 steps to either side.
/// #[derive(Default)]
/// struct Walk(f32);
///
/// impl Env for Walk {
///     fn observation_space(&self) -> Space {
///         Space::box_f32(vec![-5.0], vec![5.0])
///     }
///
///     fn action_space(&self) -> Space {
///         Space::discrete(2)
///     }
///
///     fn reset(&mut self, _rng: &mut Generator, mut observation: RowMut<'_>) -> Result<()> {
///         self.0 = 0.0;
///         observation.write(&[self.0]);
///         Ok(())
///     }
///
///     fn step(&mut self, action: Action<'_>, _rng: &mut Generator, mut observation: RowMut<'_>) -> Result<Step> {
///         let direction = if action == Action::Discrete(1) { 1.0 } else { -1.0 };
///         self.0 += direction;
///         observation.write(&[self.0]);
///         Ok(Step { reward: direction.into(), terminated: self.0.abs() >= 5.0, truncated: false })
///     }
/// }
/// assert!(check_env(&mut Walk::default()).is_empty());
/// ```
pub trait Env: Send {
    /// What observations look like. It does not change.
    fn observation_space(&self) -> Space;

    /// What actions look like. It does not change.
    fn action_space(&self) -> Space;

    /// Begins an episode and writes its first observation. Called before the first `step` and after
    /// each step that terminated or truncated; it may also cut an episode short.
    ///
    /// # Errors
    /// [`EnvError::Failed`] if the environment cannot begin.
    fn reset(&mut self, rng: &mut Generator, observation: RowMut<'_>) -> Result<()>;

    /// Takes one step and writes the observation after it, also when that ends the episode.
    ///
    /// # Errors
    /// [`EnvError::InvalidAction`] if `action` is not in the action space, [`EnvError::Failed`] if the
    /// environment cannot go on.
    fn step(&mut self, action: Action<'_>, rng: &mut Generator, observation: RowMut<'_>) -> Result<Step>;

    /// The generator that `reset(Some(seed))` begins with: NumPy's of that seed. An environment whose randomness lies
    /// elsewhere gives one that tells it the seed.
    fn seeded(&self, seed: u64) -> Generator {
        self.inner().map_or_else(|| Generator::new(seed), |env| env.seeded(seed))
    }

    /// The environment inside, for a wrapper: what the methods below do if the wrapper does not write them is asked of
    /// it. `None` for an environment that is no wrapper. [`forward_env!`](crate::forward_env) writes it.
    fn inner(&self) -> Option<&dyn Env> {
        None
    }

    /// As [`Self::inner`]; a wrapper writes both.
    fn inner_mut(&mut self) -> Option<&mut dyn Env> {
        None
    }

    /// Adds what the present state looks like to `scene`, which is empty. Nothing, if not written.
    fn draw(&self, scene: &mut Scene) {
        if let Some(env) = self.inner() {
            env.draw(scene);
        }
    }

    /// Named values about the present state. Asked for only when wanted, so that stepping pays nothing.
    fn info(&self) -> Info {
        self.inner().map(Env::info).unwrap_or_default()
    }

    /// What the numbers of an observation are called, in the order of its row: `&["position", "velocity"]`. None, if not
    /// written: then they are numbered.
    fn observation_names(&self) -> &[&str] {
        self.inner().map(Env::observation_names).unwrap_or_default()
    }

    /// What each action is called, from the first on; of actions that are not counted, their numbers. None, if not
    /// written: then a counted action is called what its key means.
    fn action_names(&self) -> &[&str] {
        self.inner().map(Env::action_names).unwrap_or_default()
    }

    /// Writes for each action of a `Discrete` space, from the first on, whether it is valid in the present state: what
    /// sb3-contrib calls `action_masks`. False, if not written: then all are.
    fn action_mask(&self, valid: &mut [bool]) -> bool {
        self.inner().is_some_and(|env| env.action_mask(valid))
    }

    /// Rows and columns, if the observation is `Discrete` and counts the cells of a grid row by row from the upper left,
    /// and within a cell whatever else there is. Then viewers show states where they are.
    fn grid_shape(&self) -> Option<[usize; 2]> {
        self.inner()?.grid_shape()
    }

    /// The keys with which a person plays it. None, if not written.
    fn key_bindings(&self) -> KeyBindings {
        self.inner().map(Env::key_bindings).unwrap_or_default()
    }

    /// The reward of a step to where `achieved_goal` is reached when `desired_goal` was asked for: rows of those two
    /// parts of a `Dict` observation, as of Gymnasium-Robotics' `GoalEnv`. `None` for an environment without goals.
    fn compute_reward(&self, achieved_goal: Row<'_>, desired_goal: Row<'_>) -> Option<f64> {
        self.inner()?.compute_reward(achieved_goal, desired_goal)
    }

    /// [`Self::compute_reward`] of row `i` of each for reward `i`; false for an environment without goals. Written where
    /// asking once is quicker than asking often, as of an environment in another process.
    ///
    /// # Errors
    /// The environment's own.
    fn compute_rewards(&self, achieved_goals: &Rows, desired_goals: &Rows, rewards: &mut [f64]) -> Result<bool> {
        for (i, reward) in rewards.iter_mut().enumerate() {
            let Some(own) = self.compute_reward(achieved_goals.row(i), desired_goals.row(i)) else { return Ok(false) };
            *reward = own;
        }
        Ok(true)
    }

    /// What the environment itself paid since this was last asked, where a [`Monitor`](crate::Monitor) is inside
    /// wrappers: returns are told in the environment's own rewards, whatever a learner is shown.
    fn raw_reward(&mut self) -> Option<f64> {
        self.inner_mut()?.raw_reward()
    }

    /// After how many steps a [`TimeLimit`](crate::TimeLimit) cuts episodes off; `None` without one.
    fn max_episode_steps(&self) -> Option<u32> {
        self.inner()?.max_episode_steps()
    }

    /// Shows each wrapper's running statistics, the outermost wrapper's first.
    fn statistics(&self, visit: &mut dyn FnMut(&Statistics)) {
        if let Some(env) = self.inner() {
            env.statistics(visit);
        }
    }

    /// As [`Self::statistics`], to replace or to freeze them.
    fn statistics_mut(&mut self, visit: &mut dyn FnMut(&mut Statistics)) {
        if let Some(env) = self.inner_mut() {
            env.statistics_mut(visit);
        }
    }

    /// The state as bytes, for [`Self::restore`]. `None`, if not written: then an episode is restored by
    /// replaying it from its generator and actions. A wrapper that holds nothing that changes needs no own.
    fn save(&self) -> Option<Vec<u8>> {
        self.inner()?.save()
    }

    /// Takes up a saved state, to go on from there exactly as before.
    ///
    /// # Errors
    /// [`EnvError::SaveUnsupported`], if not written; [`EnvError::BadState`] for bytes that are no state.
    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.inner_mut().ok_or(EnvError::SaveUnsupported)?.restore(state)
    }

    /// The numbers that the present state consists of, for who wants to try another one. None, if not written, and none
    /// of an environment inside that is observed otherwise.
    fn state_variables(&self) -> Vec<StateVariable> {
        let inner = self.inner().filter(|env| env.observation_space() == self.observation_space());
        inner.map(Env::state_variables).unwrap_or_default()
    }

    /// Puts the environment into the state with these values of [`Self::state_variables`], in their order, and writes
    /// what is observed there. To set the present values changes nothing.
    ///
    /// # Errors
    /// [`EnvError::NoStateVariables`], if not written; [`EnvError::BadState`] for values that are no state.
    fn set_state_variables(&mut self, values: &[f64], observation: RowMut<'_>) -> Result<()> {
        let space = self.observation_space();
        let inner = self.inner_mut().filter(|env| env.observation_space() == space);
        inner.ok_or(EnvError::NoStateVariables)?.set_state_variables(values, observation)
    }
}

/// A box is its contents.
impl Env for Box<dyn Env> {
    fn observation_space(&self) -> Space {
        (**self).observation_space()
    }

    fn action_space(&self) -> Space {
        (**self).action_space()
    }

    fn reset(&mut self, rng: &mut Generator, observation: RowMut<'_>) -> Result<()> {
        (**self).reset(rng, observation)
    }

    fn step(&mut self, action: Action<'_>, rng: &mut Generator, observation: RowMut<'_>) -> Result<Step> {
        (**self).step(action, rng, observation)
    }

    fn compute_rewards(&self, achieved_goals: &Rows, desired_goals: &Rows, rewards: &mut [f64]) -> Result<bool> {
        (**self).compute_rewards(achieved_goals, desired_goals, rewards)
    }

    fn inner(&self) -> Option<&dyn Env> {
        Some(&**self)
    }

    fn inner_mut(&mut self) -> Option<&mut dyn Env> {
        Some(&mut **self)
    }
}
