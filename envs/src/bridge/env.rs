//! One environment of Python.

use std::cell::RefCell;

use super::bounds::Bounds;
use super::messages::{Hello, Trouble, When};
use super::seeds::{next_seed, seeded};
use super::worker::{Kept, Worker};
use super::{OnWorkerDeath, picture, spaces_of};
use crate::{Action, Env, EnvError, Generator, Info, Result, Row, RowMut, Rows, Scene, Space, Statistics, Step};

/// A worker process with a single environment.
pub(super) struct BridgeEnv {
    worker: Worker,
    observation_space: Space,
    action_space: Space,
    bounds: Option<Bounds>,
    /// The last observation.
    observation: Rows,
    /// Steps of this episode.
    steps: u64,
    /// Paid inside of the wrappers, for [`Env::raw_reward`].
    unread_reward: f64,
    draws: bool,
    /// Whether wrappers have running statistics.
    learns: bool,
    answer: RefCell<Vec<u8>>,
}

impl BridgeEnv {
    /// The environment of a worker that has said `hello`.
    pub(super) fn new(mut worker: Worker, hello: &Hello) -> Result<Self> {
        let (observation_space, action_space) = spaces_of(worker.recipe(), hello)?;
        worker.map(&observation_space, &action_space)?;
        Ok(Self {
            worker,
            bounds: Bounds::new(&observation_space),
            observation: Rows::for_space(&observation_space, 1),
            observation_space,
            action_space,
            steps: 0,
            unread_reward: 0.0,
            draws: hello.draws,
            learns: hello.learns,
            answer: RefCell::default(),
        })
    }

    fn observe(&mut self, mut row: RowMut<'_>) -> Result<()> {
        let outcome = self.worker.read(Kept::Present, 0..1, &mut self.observation, 0);
        outcome.map_err(EnvError::failed)?;
        row.copy_from(self.observation.row(0));
        let checked = self.bounds.as_ref().map_or(Ok(()), |bounds| bounds.check(&self.observation_space, row.as_row()));
        checked.map_err(|problem| self.worker.outside(0, self.steps, problem))
    }

    fn ask_statistics(&self) -> Vec<Statistics> {
        if !self.learns {
            return Vec::new();
        }
        self.worker.statistics(0, When::Now, &mut self.answer.borrow_mut()).unwrap_or_default()
    }

    fn lost(&mut self, trouble: Trouble) -> EnvError {
        let steps = self.steps;
        self.worker.error(trouble, |_| steps)
    }
}

impl Env for BridgeEnv {
    fn observation_space(&self) -> Space {
        self.observation_space.clone()
    }

    fn action_space(&self) -> Space {
        self.action_space.clone()
    }

    fn reset(&mut self, rng: &mut Generator, observation: RowMut<'_>) -> Result<()> {
        if self.worker.is_gone() {
            self.worker = self.worker.again()?;
            self.worker.hello()?;
            self.worker.map(&self.observation_space, &self.action_space)?;
        }
        (self.steps, self.unread_reward) = (0, 0.0);
        let outcome = self.worker.reset_one(0, next_seed(rng), self.answer.get_mut());
        outcome.map_err(|trouble| self.lost(trouble))?;
        self.observe(observation)
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Generator, mut observation: RowMut<'_>) -> Result<Step> {
        self.steps += 1;
        let (step, raw_reward) = match self.worker.step_one(0, action, self.answer.get_mut()) {
            Ok(outcome) => outcome,
            Err(trouble) => {
                let restart = matches!(trouble, Trouble::Lost(_)) && self.worker.on_death() == OnWorkerDeath::Restart;
                let error = self.lost(trouble);
                if !restart {
                    return Err(error);
                }
                tracing::warn!("{error}; its episode ends here, and a fresh worker begins the next");
                observation.copy_from(self.observation.row(0));
                return Ok(Step { reward: 0.0, terminated: false, truncated: true });
            }
        };
        self.unread_reward += raw_reward;
        self.observe(observation)?;
        Ok(step)
    }

    fn seeded(&self, seed: u64) -> Generator {
        seeded(seed)
    }

    fn compute_reward(&self, achieved_goal: Row<'_>, desired_goal: Row<'_>) -> Option<f64> {
        let [achieved, desired] = [achieved_goal, desired_goal].map(|goal| {
            let mut rows = Rows::new(goal.dtype(), goal.len(), 1);
            rows.set(0, goal);
            rows
        });
        let mut reward = [0.0];
        self.compute_rewards(&achieved, &desired, &mut reward).ok()?.then_some(reward[0])
    }

    fn compute_rewards(&self, achieved_goals: &Rows, desired_goals: &Rows, rewards: &mut [f64]) -> Result<bool> {
        let told = self.worker.rewards([achieved_goals, desired_goals], rewards, &mut self.answer.borrow_mut());
        told.map_err(|trouble| self.worker.unanswered(trouble))
    }

    fn raw_reward(&mut self) -> Option<f64> {
        (!self.worker.recipe().wrappers.is_empty()).then(|| std::mem::take(&mut self.unread_reward))
    }

    fn statistics(&self, visit: &mut dyn FnMut(&Statistics)) {
        self.ask_statistics().iter().for_each(visit);
    }

    fn statistics_mut(&mut self, visit: &mut dyn FnMut(&mut Statistics)) {
        let mut statistics = self.ask_statistics();
        if !statistics.is_empty() {
            statistics.iter_mut().for_each(visit);
            // A worker that does not answer is dead, which the next step will tell.
            let _ = self.worker.put_statistics(0, &statistics, self.answer.get_mut());
        }
    }

    fn draw(&self, scene: &mut Scene) {
        if self.draws {
            picture(&self.worker, 0, &mut self.answer.borrow_mut(), scene);
        }
    }

    fn info(&self) -> Info {
        self.worker.info(0, &mut self.answer.borrow_mut())
    }
}
