//! Any environments, one after the other in the caller's thread.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::episode_log::{EpisodeLog, Saved, SavedEnv};
use super::{AutoresetMode, VectorEnv, VectorStep, check_actions};
use crate::{Actions, Env, EnvError, Generator, Info, Result, RowMut, Rows, Scene, Space, Statistics, panic_message};

/// A loop over environments, all with the same spaces.
///
/// A panic in one is caught and returned as [`EnvError::Panicked`]; the batch must then be reset.
pub struct SyncVectorEnv {
    envs: Vec<Box<dyn Env>>,
    generators: Vec<Generator>,
    /// Each generator just before its environment's current episode was reset.
    episodes: Vec<Generator>,
    /// A copy of the current observations, which a saved state must hold.
    observations: Rows,
    observation_space: Space,
    action_space: Space,
    /// For each environment that cannot save its state, what its current episode did: repeated from the generator, it
    /// leads to the same state.
    episode_logs: Vec<Option<EpisodeLog>>,
    autoreset_mode: AutoresetMode,
    /// Which environments' episodes are over and wait for their reset; none with same-step autoreset.
    ended: Vec<bool>,
    /// Whether environments tell what they pay beside what wrappers make of it: see [`Env::raw_reward`].
    is_monitored: bool,
    /// Whether the batch may be stepped.
    running: bool,
}

impl SyncVectorEnv {
    /// A batch of these environments.
    ///
    /// # Errors
    /// [`EnvError::Failed`] if there are none, or their spaces differ.
    pub fn new(mut envs: Vec<Box<dyn Env>>) -> Result<Self> {
        let first = envs.first().ok_or_else(|| EnvError::failed("a batch has at least one environment"))?;
        let spaces = |env: &dyn Env| (env.observation_space(), env.action_space());
        let expected = spaces(first.as_ref());
        if let Some(index) = envs.iter().position(|env| spaces(env.as_ref()) != expected) {
            return Err(EnvError::failed("its spaces differ from those of environment 0").at(index));
        }
        let (observation_space, action_space) = expected;
        let generators: Vec<_> = envs.iter().zip(0..).map(|(env, seed)| env.seeded(seed)).collect();
        Ok(Self {
            episodes: generators.clone(),
            generators,
            observations: Rows::for_space(&observation_space, envs.len()),
            observation_space,
            action_space,
            episode_logs: vec![None; envs.len()],
            autoreset_mode: AutoresetMode::default(),
            ended: vec![false; envs.len()],
            running: false,
            is_monitored: envs.iter_mut().any(|env| env.raw_reward().is_some()),
            envs,
        })
    }

    /// Runs `each` on every environment in order: see [`Self::for_each_in`].
    fn for_each(&mut self, each: impl FnMut(&mut Self, usize) -> Result<()>) -> Result<()> {
        self.for_each_in(0..self.envs.len(), each)
    }

    /// Runs `each` on some environments in order, naming the one that fails or panics.
    ///
    /// One `catch_unwind` serves the whole batch: a step pays for it once, not once an environment.
    fn for_each_in(&mut self, envs: Range<usize>, mut each: impl FnMut(&mut Self, usize) -> Result<()>) -> Result<()> {
        self.running = false;
        let mut index = envs.start;
        // Unwind safety: after a panic nothing is used before a reset or restore has rewritten it.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            while index < envs.end {
                each(self, index)?;
                index += 1;
            }
            Ok(())
        }));
        match outcome {
            Ok(Ok(())) => {
                self.running = true;
                Ok(())
            }
            Ok(Err(error)) => Err(EnvError::at(error, index)),
            Err(panic) => Err(EnvError::Panicked { index, message: panic_message(&*panic) }),
        }
    }

    fn reset_one(&mut self, i: usize) -> Result<()> {
        self.ended[i] = false;
        self.episodes[i].clone_from(&self.generators[i]);
        if let Some(log) = &mut self.episode_logs[i] {
            log.clear();
            self.envs[i].statistics(&mut |statistics| log.statistics.push(statistics.clone()));
        }
        self.envs[i].reset(&mut self.generators[i], self.observations.row_mut(i))
    }

    /// Brings environment `i` to where `log` leads from the start of the saved episode.
    fn replay(&mut self, i: usize, saved: &Saved, log: &EpisodeLog) -> Result<()> {
        self.generators[i].clone_from(&saved.episode);
        self.envs[i].statistics_mut(&mut Statistics::put(&log.statistics));
        self.reset_one(i)?;
        for action in log.actions(&self.action_space) {
            self.envs[i].step(action, &mut self.generators[i], self.observations.row_mut(i))?;
        }
        self.episode_logs[i] = Some(log.clone());
        saved.check(&self.generators[i], self.observations.row(i))
    }
}

impl VectorEnv for SyncVectorEnv {
    fn num_envs(&self) -> usize {
        self.envs.len()
    }

    fn single_observation_space(&self) -> &Space {
        &self.observation_space
    }

    fn single_action_space(&self) -> &Space {
        &self.action_space
    }

    fn reset(&mut self, seed: Option<u64>, observations: &mut Rows) -> Result<()> {
        if let Some(seed) = seed {
            for ((generator, env), i) in self.generators.iter_mut().zip(&self.envs).zip(0..) {
                *generator = env.seeded(seed.wrapping_add(i));
            }
        }
        self.for_each(|this, i| {
            this.episode_logs[i] = this.envs[i].save().is_none().then(EpisodeLog::default);
            this.reset_one(i)?;
            observations.copy_row(i, &this.observations, i);
            Ok(())
        })
    }

    fn reset_at(&mut self, i: usize, seed: Option<u64>, mut observation: RowMut<'_>) -> Result<()> {
        if !self.running {
            return Err(EnvError::ResetNeeded);
        }
        if let Some(seed) = seed {
            self.generators[i] = self.envs[i].seeded(seed);
        }
        self.for_each_in(i..i + 1, |this, i| {
            this.reset_one(i)?;
            observation.copy_from(this.observations.row(i));
            Ok(())
        })
    }

    fn set_autoreset_mode(&mut self, mode: AutoresetMode) -> bool {
        self.autoreset_mode = mode;
        self.running = false;
        true
    }

    fn step(&mut self, actions: Actions<'_>, out: &mut VectorStep) -> Result<()> {
        if !self.running {
            return Err(EnvError::ResetNeeded);
        }
        if self.autoreset_mode == AutoresetMode::Disabled
            && let Some(i) = self.ended.iter().position(|ended| *ended)
        {
            return Err(EnvError::ResetNeeded.at(i));
        }
        check_actions(actions, &self.action_space, self.num_envs())?;
        let width = self.action_space.width();
        self.for_each(|this, i| {
            if this.ended[i] {
                this.reset_one(i)?;
                (out.rewards[i], out.terminated[i], out.truncated[i]) = (0.0, false, false);
                if this.is_monitored {
                    out.monitored.resize(this.envs.len(), 0.0);
                    out.monitored[i] = 0.0;
                }
                out.observations.copy_row(i, &this.observations, i);
                return Ok(());
            }
            if let Some(log) = &mut this.episode_logs[i] {
                log.push(actions.get(i, width));
            }
            let observation = this.observations.row_mut(i);
            let step = this.envs[i].step(actions.get(i, width), &mut this.generators[i], observation)?;
            out.rewards[i] = step.reward as f32;
            if this.is_monitored {
                out.monitored.resize(this.envs.len(), 0.0);
                out.monitored[i] = this.envs[i].raw_reward().unwrap_or(step.reward) as f32;
            }
            out.terminated[i] = step.terminated;
            out.truncated[i] = step.truncated;
            this.ended[i] = step.terminated || step.truncated;
            if this.ended[i] && this.autoreset_mode == AutoresetMode::SameStep {
                out.final_observations.copy_row(i, &this.observations, i);
                if let Some(infos) = &mut out.final_infos {
                    infos[i] = this.envs[i].info();
                }
                this.reset_one(i)?;
            }
            out.observations.copy_row(i, &this.observations, i);
            Ok(())
        })
    }

    fn episode_generator(&self, i: usize) -> Generator {
        self.episodes[i].clone()
    }

    fn draw(&self, i: usize, scene: &mut Scene) {
        self.envs[i].draw(scene);
    }

    fn info(&self, i: usize) -> Info {
        self.envs[i].info()
    }

    fn statistics(&self, i: usize, visit: &mut dyn FnMut(&Statistics)) {
        self.envs[i].statistics(visit);
    }

    fn statistics_mut(&mut self, i: usize, visit: &mut dyn FnMut(&mut Statistics)) {
        self.envs[i].statistics_mut(visit);
    }

    fn save(&self, i: usize) -> Option<Vec<u8>> {
        if !self.running || self.ended[i] {
            return None;
        }
        let mut observation = Rows::for_space(&self.observation_space, 1);
        observation.copy_row(0, &self.observations, i);
        let (generator, episode) = (self.generators[i].clone(), self.episodes[i].clone());
        let state = match &self.episode_logs[i] {
            Some(log) => SavedEnv::Episode(log.clone()),
            None => SavedEnv::State(self.envs[i].save()?),
        };
        let saved = Saved { generator, episode, observation, state };
        postcard::to_stdvec(&saved).ok()
    }

    fn restore(&mut self, i: usize, state: &[u8], mut observation: RowMut<'_>) -> Result<()> {
        if !std::mem::take(&mut self.running) {
            return Err(EnvError::ResetNeeded);
        }
        let saved = Saved::read(state, &self.observation_space).map_err(|error| error.at(i))?;
        let restored = match &saved.state {
            SavedEnv::State(state) => self.envs[i].restore(state),
            SavedEnv::Episode(log) => self.replay(i, &saved, log),
        };
        restored.map_err(|error| error.at(i))?;
        self.generators[i] = saved.generator;
        self.episodes[i] = saved.episode;
        self.ended[i] = false;
        self.observations.copy_row(i, &saved.observation, 0);
        observation.copy_from(saved.observation.row(0));
        self.running = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, NormalizeObservation, RowMut, Step, make};

    /// Fails at its second step, and cannot be saved.
    struct Faulty(u32);

    impl Env for Faulty {
        fn observation_space(&self) -> Space {
            Space::discrete(1)
        }

        fn action_space(&self) -> Space {
            Space::box_f32(vec![-1.0; 2], vec![1.0; 2])
        }

        fn reset(&mut self, _rng: &mut Generator, mut observation: RowMut<'_>) -> Result<()> {
            observation.write(&[0]);
            Ok(())
        }

        /// The reward is the second element of the action.
        fn step(&mut self, action: Action<'_>, _rng: &mut Generator, _observation: RowMut<'_>) -> Result<Step> {
            self.0 += 1;
            let Action::Continuous(&[_, reward]) = action else { panic!("{action:?}") };
            if self.0 == 2 {
                return Err(EnvError::failed("worn out"));
            }
            Ok(Step { reward: reward.into(), terminated: false, truncated: false })
        }
    }

    #[test]
    fn failures_name_the_environment() {
        let mut env = SyncVectorEnv::new(vec![Box::new(Faulty(9)), Box::new(Faulty(0))]).unwrap();
        let mut out = VectorStep::new(env.single_observation_space(), 2);
        env.reset(None, &mut out.observations).unwrap();
        let actions = Actions::Continuous(&[0.0, 1.0, 2.0, 3.0]);
        env.step(actions, &mut out).unwrap();
        assert_eq!(out.rewards, [1.0, 3.0]);
        assert_eq!(env.step(actions, &mut out), Err(EnvError::failed("worn out").at(1)));
        assert_eq!(env.step(actions, &mut out), Err(EnvError::ResetNeeded));
    }

    /// A random walk that cannot save itself; the counter shows whether it is the same one.
    struct Walk {
        position: f32,
        jitter: f64,
    }

    impl Env for Walk {
        fn observation_space(&self) -> Space {
            Space::box_f32(vec![f32::NEG_INFINITY], vec![f32::INFINITY])
        }

        fn action_space(&self) -> Space {
            Space::discrete(3)
        }

        fn reset(&mut self, rng: &mut Generator, mut observation: RowMut<'_>) -> Result<()> {
            self.position = rng.uniform(-1.0, 1.0) as f32;
            observation.write(&[self.position]);
            Ok(())
        }

        fn step(&mut self, action: Action<'_>, rng: &mut Generator, mut observation: RowMut<'_>) -> Result<Step> {
            let Action::Discrete(action) = action else { panic!("{action:?}") };
            self.position += (action - 1) as f32 + (rng.random() + self.jitter) as f32;
            observation.write(&[self.position]);
            Ok(Step { reward: 0.0, terminated: self.position > 20.0, truncated: false })
        }
    }

    #[test]
    fn an_environment_that_cannot_save_itself_is_brought_back_by_its_actions() {
        brought_back(|walk| Box::new(walk));
        // The wrapper's statistics are of all episodes, not of the one that is repeated.
        brought_back(|walk| Box::new(NormalizeObservation::new(walk, 1e-8).unwrap()));
    }

    fn brought_back(wrapped: impl Fn(Walk) -> Box<dyn Env>) {
        let walks = |jitter| SyncVectorEnv::new(vec![wrapped(Walk { position: 0.0, jitter })]).unwrap();
        let (mut env, mut other, mut impostor) = (walks(0.0), walks(0.0), walks(0.5));
        let mut out = VectorStep::new(env.single_observation_space(), 1);
        let mut again = out.clone();
        env.reset(Some(1), &mut out.observations).unwrap();
        for t in 0..100 {
            env.step(Actions::Discrete(&[t % 3]), &mut out).unwrap();
        }
        let saved = env.save(0).unwrap();
        other.reset(Some(2), &mut again.observations).unwrap();
        other.restore(0, &saved, again.observations.row_mut(0)).unwrap();
        assert_eq!(again.observations, out.observations);
        for t in 0..100 {
            env.step(Actions::Discrete(&[t % 2]), &mut out).unwrap();
            other.step(Actions::Discrete(&[t % 2]), &mut again).unwrap();
            assert_eq!(again.observations, out.observations, "{t}");
        }
        impostor.reset(Some(2), &mut again.observations).unwrap();
        let error = impostor.restore(0, &saved, again.observations.row_mut(0)).unwrap_err();
        assert!(error.to_string().contains("lead elsewhere"), "{error}");
    }

    #[test]
    fn environments_must_be_alike() {
        let of = |id: &str| make(id).unwrap().spec().build(&crate::Kwargs::new()).unwrap();
        let error = SyncVectorEnv::new(vec![of("CartPole-v1"), of("CartPole-v0"), of("Bandit-v0")]).err().unwrap();
        assert!(matches!(error, EnvError::AtIndex { index: 2, .. }), "{error}");
    }
}
