//! One environment with its generator and observation: Gymnasium's object.

use crate::{
    Action, Env, EnvError, EnvSpec, Generator, Info, KeyBindings, OwnedAction, Result, Row, Rows, Scene, Space,
    Statistics, Step,
};

/// What [`make`](crate::make) returns: an environment, its random stream and its last observation.
///
/// Until it is first seeded, its generator is that of seed 0.
pub struct Environment {
    env: Box<dyn Env>,
    spec: EnvSpec,
    observation_space: Space,
    action_space: Space,
    generator: Generator,
    observation: Rows,
    /// Whether an episode has begun and not ended.
    running: bool,
}

impl Environment {
    /// An environment of one's own under `spec`'s name. `env` must apply the spec's time limit itself.
    pub fn new(spec: EnvSpec, env: Box<dyn Env>) -> Self {
        let observation_space = env.observation_space();
        Self {
            action_space: env.action_space(),
            generator: env.seeded(0),
            observation: Rows::for_space(&observation_space, 1),
            running: false,
            observation_space,
            spec,
            env,
        }
    }

    /// Begins an episode and returns its first observation. With a seed, the generator starts afresh
    /// from it; without, it runs on.
    ///
    /// # Errors
    /// The environment's own.
    pub fn reset(&mut self, seed: Option<u64>) -> Result<Row<'_>> {
        if let Some(seed) = seed {
            self.generator = self.env.seeded(seed);
        }
        self.running = false;
        self.env.reset(&mut self.generator, self.observation.row_mut(0))?;
        self.running = true;
        Ok(self.observation.row(0))
    }

    /// Takes one step; its observation is [`Self::observation`].
    ///
    /// # Errors
    /// [`EnvError::ResetNeeded`] before the first reset and after the episode's end,
    /// [`EnvError::InvalidAction`] for an action that the action space does not accept, and the
    /// environment's own.
    #[inline]
    pub fn step<'a>(&mut self, action: impl Into<Action<'a>>) -> Result<Step> {
        let action = action.into();
        if !self.running {
            return Err(EnvError::ResetNeeded);
        }
        if !self.action_space.accepts(action) {
            return Err(EnvError::invalid_action(action, format_args!("of {}", self.action_space)));
        }
        // Not running while the environment steps, so that it stays so if the step fails.
        self.running = false;
        let step = self.env.step(action, &mut self.generator, self.observation.row_mut(0))?;
        self.running = !(step.terminated || step.truncated);
        Ok(step)
    }

    /// Any action (`env.action_space.sample()`): of a space of numbered actions one that is valid now, where the environment says
    /// which are. Have a generator of your own for it, so that episodes stay those of their seeds.
    ///
    /// ```
    /// use cartwheel_envs::{Generator, make};
    ///
    /// let (mut env, mut rng) = (make("Taxi-v4")?, Generator::new(0));
    /// env.reset(Some(0))?;
    /// let action = env.random_action(&mut rng);
    /// let step = env.step(&action)?;
    /// # Ok::<(), cartwheel_envs::EnvError>(())
    /// ```
    pub fn random_action(&self, rng: &mut Generator) -> OwnedAction {
        if let Space::Discrete { n, start } = self.action_space {
            let mut valid = vec![true; n as usize];
            if self.env.action_mask(&mut valid) {
                let actions: Vec<_> =
                    (start..).zip(valid).filter(|(_, valid)| *valid).map(|(action, _)| action).collect();
                if !actions.is_empty() {
                    return OwnedAction::Discrete(actions[rng.below(actions.len() as u64) as usize]);
                }
            }
        }
        let mut row = Rows::for_space(&self.action_space, 1);
        self.action_space.sample(rng, row.row_mut(0));
        // What is made by an id has actions.
        self.action_space.action(row.row(0)).map_or(OwnedAction::Discrete(0), Action::to_owned)
    }

    /// The last observation; zeros before the first reset.
    pub fn observation(&self) -> Row<'_> {
        self.observation.row(0)
    }

    /// Named values about the present state.
    pub fn info(&self) -> Info {
        self.env.info()
    }

    /// What the present state looks like.
    pub fn draw(&self) -> Scene {
        let mut scene = Scene::default();
        self.env.draw(&mut scene);
        scene
    }

    /// What the numbers of an observation are called; none if they are numbered.
    pub fn observation_names(&self) -> &[&str] {
        self.env.observation_names()
    }

    /// What the actions are called; none if they are called what their keys mean.
    pub fn action_names(&self) -> &[&str] {
        self.env.action_names()
    }

    /// Writes whether each action of a `Discrete` space is valid now; false if the environment does not say:
    /// [`Env::action_mask`].
    pub fn action_mask(&self, valid: &mut [bool]) -> bool {
        self.env.action_mask(valid)
    }

    /// The keys with which a person plays it.
    pub fn key_bindings(&self) -> KeyBindings {
        self.env.key_bindings()
    }

    /// See [`Env::compute_reward`].
    pub fn compute_reward(&self, achieved_goal: Row<'_>, desired_goal: Row<'_>) -> Option<f64> {
        self.env.compute_reward(achieved_goal, desired_goal)
    }

    /// See [`Env::compute_rewards`].
    ///
    /// # Errors
    /// The environment's own.
    pub fn compute_rewards(&self, achieved_goals: &Rows, desired_goals: &Rows, rewards: &mut [f64]) -> Result<bool> {
        self.env.compute_rewards(achieved_goals, desired_goals, rewards)
    }

    /// See [`Env::raw_reward`].
    pub fn raw_reward(&mut self) -> Option<f64> {
        self.env.raw_reward()
    }

    /// The wrappers' running statistics, to look at, to replace or to freeze: see [`Env::statistics_mut`].
    pub fn statistics_mut(&mut self, visit: &mut dyn FnMut(&mut Statistics)) {
        self.env.statistics_mut(visit);
    }

    /// What observations look like.
    pub fn observation_space(&self) -> &Space {
        &self.observation_space
    }

    /// What actions look like.
    pub fn action_space(&self) -> &Space {
        &self.action_space
    }

    /// Id, time limit and reward threshold.
    pub fn spec(&self) -> &EnvSpec {
        &self.spec
    }

    /// The random stream where it is now.
    pub fn generator(&self) -> &Generator {
        &self.generator
    }

    /// Replaces the random stream. To show a recorded episode again, set the generator it was reset
    /// from, `reset(None)`, and repeat its actions.
    pub fn set_generator(&mut self, generator: Generator) {
        self.generator = generator;
    }

    /// Everything needed to go on from here bit for bit, for [`restore`](Self::restore): the generator, and within an episode the
    /// state. Nothing if the environment cannot be saved ([`Env::save`]).
    pub fn save(&self) -> Option<Vec<u8>> {
        let state = if self.running { Some(self.env.save()?) } else { None };
        postcard::to_stdvec(&(&self.generator, &self.observation, state)).ok()
    }

    /// Goes on from where another environment of the same kind was saved.
    ///
    /// # Errors
    /// [`EnvError::BadState`] for bytes that are no such state: the environment must then be reset.
    pub fn restore(&mut self, saved: &[u8]) -> Result<()> {
        self.running = false;
        let read = postcard::from_bytes::<(Generator, Rows, Option<Vec<u8>>)>(saved);
        let (generator, observation, state) = read.map_err(EnvError::bad_state)?;
        let shape = |rows: &Rows| (rows.len(), rows.width(), rows.dtype());
        if shape(&observation) != shape(&self.observation) {
            return Err(EnvError::bad_state("it is of an environment with other observations"));
        }
        if let Some(state) = &state {
            self.env.restore(state)?;
        }
        (self.generator, self.observation, self.running) = (generator, observation, state.is_some());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::make;

    #[test]
    fn steps_outside_an_episode_are_refused() {
        let mut env = make("CartPole-v1").unwrap();
        assert_eq!(env.step(0), Err(EnvError::ResetNeeded));
        env.reset(Some(0)).unwrap();
        while !env.step(0).unwrap().terminated {}
        assert_eq!(env.step(0), Err(EnvError::ResetNeeded));
        env.reset(None).unwrap();
        assert!(env.step(1).is_ok());
    }

    #[test]
    fn invalid_actions_change_nothing() {
        let mut env = make("CartPole-v1").unwrap();
        env.reset(Some(0)).unwrap();
        assert!(matches!(env.step(2), Err(EnvError::InvalidAction { .. })));
        assert!(matches!(env.step(&[0.0_f32][..]), Err(EnvError::InvalidAction { .. })));
        env.step(0).unwrap();
        let mut other = make("CartPole-v1").unwrap();
        other.reset(Some(0)).unwrap();
        other.step(0).unwrap();
        assert_eq!(env.observation(), other.observation());
    }

    #[test]
    fn random_actions_are_of_the_space_and_valid() {
        for id in ["CartPole-v1", "Pendulum-v1", "Taxi-v4"] {
            let (mut env, mut rng) = (make(id).unwrap(), Generator::new(1));
            env.reset(Some(0)).unwrap();
            let actions: Vec<_> = (0..50).map(|_| env.random_action(&mut rng)).collect();
            assert!(actions.iter().all(|action| env.action_space().accepts(action.as_action())), "{id}");
            assert!(actions.iter().any(|action| *action != actions[0]), "{id}");
            let mut valid = [true; 6];
            if id == "Taxi-v4" && env.action_mask(&mut valid) {
                assert!(valid.contains(&false));
                assert!((0..6).all(|i| valid[i as usize] == actions.contains(&OwnedAction::Discrete(i))), "{valid:?}");
            }
        }
    }

    #[test]
    fn an_episode_is_repeated_from_its_generator() {
        let mut env = make("CartPole-v1").unwrap();
        env.reset(Some(9)).unwrap();
        let generator = env.generator().clone();
        let first = env.reset(None).unwrap().to_owned_f32();
        env.step(1).unwrap();
        let second = env.observation().to_owned_f32();
        env.set_generator(generator);
        assert_eq!(env.reset(None).unwrap().to_owned_f32(), first);
        env.step(1).unwrap();
        assert_eq!(env.observation().to_owned_f32(), second);
    }

    #[test]
    fn a_saved_environment_goes_on_bit_for_bit() {
        for id in [
            "CartPole-v1",
            "Acrobot-v1",
            "Pendulum-v1",
            "Taxi-v4",
            "Blackjack-v1",
            "MinAtar/Breakout-v1",
            "Reacher2D-v0",
        ] {
            let (mut env, mut other) = (make(id).unwrap(), make(id).unwrap());
            let (space, mut rng) = (env.action_space().clone(), Generator::new(3));
            let mut action = Rows::for_space(&space, 1);
            assert!(other.restore(&env.save().unwrap()).is_ok(), "{id} before its first episode");
            assert_eq!(other.step(space.action(action.row(0)).unwrap()), Err(EnvError::ResetNeeded));
            env.reset(Some(5)).unwrap();
            for _ in 0..60 {
                other.restore(&env.save().unwrap()).unwrap();
                assert_eq!(other.observation(), env.observation(), "{id}");
                space.sample(&mut rng, action.row_mut(0));
                let chosen = space.action(action.row(0)).unwrap();
                let step = env.step(chosen).unwrap();
                assert_eq!(other.step(chosen), Ok(step), "{id}");
                if step.terminated || step.truncated {
                    // What is drawn for the next episode goes on, too.
                    other.restore(&env.save().unwrap()).unwrap();
                    env.reset(None).unwrap();
                    other.reset(None).unwrap();
                }
                assert_eq!(other.observation(), env.observation(), "{id}");
            }
        }
        let other = make("Acrobot-v1").unwrap().save().unwrap();
        assert!(matches!(make("CartPole-v1").unwrap().restore(&other), Err(EnvError::BadState { .. })));
    }

    impl Row<'_> {
        fn to_owned_f32(self) -> Vec<f32> {
            if let Row::F32(row) = self { row.to_vec() } else { panic!("{self:?}") }
        }
    }
}
