//! A batch of environments of Python, over worker processes.

use std::cell::RefCell;
use std::sync::Arc;
use std::thread::available_parallelism;

use super::bounds::Bounds;
use super::messages::{Loss, Outcomes, Trouble, When, begin_message, body};
use super::seeds::{next_seed, seeded};
use super::worker::{Kept, Worker};
use super::{OnWorkerDeath, Recipe, picture, spaces_of};
use crate::vector::{EpisodeLog, Saved, SavedEnv, check_actions};
use crate::{
    Actions, EnvError, Generator, Info, Result, RowMut, Rows, Scene, Space, Statistics, VectorEnv, VectorStep,
};

/// A worker is given up if it dies this often...
const DEATHS: u32 = 5;
/// ...without so many steps of its environments in between.
const CALM: u64 = 1000;

/// Environments spread in order over worker processes.
pub(super) struct BridgeVectorEnv {
    places: Vec<Place>,
    observation_space: Space,
    action_space: Space,
    bounds: Option<Bounds>,
    draws: bool,
    /// Whether wrappers have running statistics.
    learns: bool,
    /// Those of each environment's wrappers when they were last told or replaced: what a fresh worker goes on with.
    known: RefCell<Vec<Vec<Statistics>>>,
    /// Whether there are wrappers, which may change rewards.
    is_monitored: bool,
    /// The seeds of each environment's episodes.
    generators: Vec<Generator>,
    /// Each generator just before its environment's current episode was reset.
    episodes: Vec<Generator>,
    /// What each current episode did.
    logs: Vec<EpisodeLog>,
    /// The observations before the step, if interrupted episodes are to end with them.
    last: Option<Rows>,
    /// Whether every environment is within an episode.
    running: bool,
    restarts: u64,
    /// A message or answer.
    buffer: RefCell<Vec<u8>>,
}

/// A worker, and how its predecessors fared.
struct Place {
    worker: Worker,
    /// Deaths in a row.
    deaths: u32,
    /// Steps since the last.
    steps: u64,
}

impl BridgeVectorEnv {
    pub(super) fn new(recipe: Recipe, num_envs: usize) -> Result<Self> {
        if num_envs == 0 {
            return Err(EnvError::failed("a batch has at least one environment"));
        }
        let recipe = Arc::new(recipe);
        let cores = || available_parallelism().map_or(1, usize::from);
        let count = recipe.options.workers.unwrap_or_else(cores).clamp(1, num_envs);
        // All start at once, as most of a start is imports.
        let shares = (0..count).map(|w| w * num_envs / count..(w + 1) * num_envs / count);
        let mut workers = shares.map(|envs| Worker::spawn(recipe.clone(), envs)).collect::<Result<Vec<_>>>()?;
        let hellos = workers.iter_mut().map(Worker::hello).collect::<Result<Vec<_>>>()?;
        if let Some(other) = hellos.iter().position(|hello| *hello != hellos[0]) {
            return Err(
                EnvError::failed("its spaces differ from those of environment 0").at(workers[other].envs().start)
            );
        }
        let (observation_space, action_space) = spaces_of(&recipe, &hellos[0])?;
        workers.iter_mut().try_for_each(|worker| worker.map(&observation_space, &action_space))?;
        let generators: Vec<_> = (0..num_envs as u64).map(seeded).collect();
        let restart = recipe.options.on_worker_death == OnWorkerDeath::Restart;
        let batch = Self {
            places: workers.into_iter().map(|worker| Place { worker, deaths: 0, steps: 0 }).collect(),
            bounds: Bounds::new(&observation_space),
            draws: hellos[0].draws,
            learns: hellos[0].learns,
            known: RefCell::new(vec![Vec::new(); num_envs]),
            is_monitored: !recipe.wrappers.is_empty(),
            episodes: generators.clone(),
            generators,
            logs: vec![EpisodeLog::default(); num_envs],
            last: restart.then(|| Rows::for_space(&observation_space, num_envs)),
            observation_space,
            action_space,
            running: false,
            restarts: 0,
            buffer: RefCell::default(),
        };
        (0..num_envs).for_each(|i| drop(batch.ask_statistics(i, When::Now)));
        Ok(batch)
    }

    /// Begins an episode of environment `i` in the books, and answers its seed.
    fn begin(&mut self, i: usize) -> u64 {
        self.episodes[i].clone_from(&self.generators[i]);
        self.logs[i].clear();
        next_seed(&mut self.generators[i])
    }

    fn worker_of(&self, i: usize) -> &Worker {
        // There are few, and this is not asked for in a step.
        let of = self.places.iter().find(|place| place.worker.envs().contains(&i));
        &of.unwrap_or(&self.places[0]).worker
    }

    /// An error of worker `w`.
    fn error(&mut self, w: usize, trouble: Trouble) -> EnvError {
        let (logs, space) = (&self.logs, &self.action_space);
        self.places[w].worker.error(trouble, |i| logs[i].len(space) as u64)
    }

    /// Checks the present or final observation of environment `i`, which row `i` is.
    fn check(&self, w: usize, i: usize, rows: &Rows) -> Result<()> {
        let Some(bounds) = &self.bounds else { return Ok(()) };
        bounds
            .check(&self.observation_space, rows.row(i))
            .map_err(|problem| self.places[w].worker.outside(i, self.logs[i].len(&self.action_space) as u64, problem))
    }

    /// Tells worker `w` to begin an episode in each of its environments.
    fn send_reset(&mut self, w: usize) {
        let envs = self.places[w].worker.envs();
        let mut message = self.buffer.take();
        message.clear();
        begin_message(&mut message, b'r', 12 * envs.len());
        for (local, i) in envs.enumerate() {
            message.extend_from_slice(&(local as u32).to_le_bytes());
            message.extend_from_slice(&self.begin(i).to_le_bytes());
        }
        // One that is dead is noticed as it does not answer.
        let _ = self.places[w].worker.send(&message);
        self.buffer.replace(message);
    }

    /// Waits for the first observations of worker `w`'s environments.
    fn finish_reset(&mut self, w: usize, observations: &mut Rows) -> Result<(), Trouble> {
        let worker = &self.places[w].worker;
        worker.receive(self.buffer.get_mut())?;
        let envs = worker.envs();
        let read = worker.read(Kept::Present, envs.clone(), observations, envs.start);
        read.map_err(|_| Trouble::Lost(Loss::Closed))
    }

    /// Tells worker `w` to step, and whether to tell the infos with which episodes end.
    fn send_step(&mut self, w: usize, actions: Actions<'_>, tell_infos: bool) {
        let envs = self.places[w].worker.envs();
        let width = self.action_space.width();
        let share = envs.start * width..envs.end * width;
        let numbers: &[u8] = match actions {
            Actions::Discrete(actions) | Actions::Multi(actions) => bytemuck::cast_slice(&actions[share]),
            Actions::Continuous(actions) => bytemuck::cast_slice(&actions[share]),
        };
        let mut message = self.buffer.take();
        message.clear();
        begin_message(&mut message, if tell_infos { b'S' } else { b's' }, numbers.len() + 8 * envs.len());
        message.extend_from_slice(numbers);
        for i in envs {
            // In case the episode ends. If not, the generator stays where it is.
            message.extend_from_slice(&next_seed(&mut self.generators[i].clone()).to_le_bytes());
        }
        let _ = self.places[w].worker.send(&message);
        self.buffer.replace(message);
    }

    /// Waits for worker `w`'s step.
    fn finish_step(&mut self, w: usize, out: &mut VectorStep) -> Result<()> {
        let envs = self.places[w].worker.envs();
        if let Err(trouble) = self.places[w].worker.receive(self.buffer.get_mut()) {
            let restart = self.last.is_some() && matches!(trouble, Trouble::Lost(_));
            let error = self.error(w, trouble);
            return if restart { self.replace(w, error, out) } else { Err(error) };
        }
        let buffer = self.buffer.take();
        let outcomes = Outcomes::of(body(&buffer), envs.len());
        let mut last_infos = outcomes.last_infos().into_iter();
        let worker = &self.places[w].worker;
        worker.read(Kept::Present, envs.clone(), &mut out.observations, envs.start).map_err(EnvError::failed)?;
        for (local, i) in envs.clone().enumerate() {
            let step = outcomes.step(local);
            (out.rewards[i], out.terminated[i], out.truncated[i]) =
                (step.reward as f32, step.terminated, step.truncated);
            if self.is_monitored {
                out.monitored.resize(self.generators.len(), 0.0);
                out.monitored[i] = outcomes.raw_reward(local) as f32;
            }
            if out.terminated[i] || out.truncated[i] {
                let read = self.places[w].worker.read(Kept::Final, i..i + 1, &mut out.final_observations, i);
                read.map_err(EnvError::failed)?;
                self.check(w, i, &out.final_observations)?;
                if let Some(infos) = &mut out.final_infos {
                    infos[i] = last_infos.next().unwrap_or_default();
                }
                self.begin(i);
            }
            self.check(w, i, &out.observations)?;
        }
        self.buffer.replace(buffer);
        let place = &mut self.places[w];
        place.steps += 1;
        if place.steps == CALM {
            place.deaths = 0;
        }
        Ok(())
    }

    /// Puts a fresh worker in the place of one that died of `error`: its environments' episodes end as truncated.
    fn replace(&mut self, w: usize, error: EnvError, out: &mut VectorStep) -> Result<()> {
        for i in self.places[w].worker.envs() {
            (out.rewards[i], out.terminated[i], out.truncated[i]) = (0.0, false, true);
            if let Some(raw_reward) = out.monitored.get_mut(i) {
                *raw_reward = 0.0;
            }
            if let Some(last) = &self.last {
                out.final_observations.copy_row(i, last, i);
            }
            if let Some(infos) = &mut out.final_infos {
                infos[i].clear();
            }
        }
        self.revive(w, error, &mut out.observations)
    }

    /// Puts a fresh worker in the place of one that died of `error`, and begins an episode in each of its environments.
    fn revive(&mut self, w: usize, mut error: EnvError, observations: &mut Rows) -> Result<()> {
        let envs = self.places[w].worker.envs();
        loop {
            let place = &mut self.places[w];
            (place.deaths, place.steps) = (place.deaths + 1, 0);
            if place.deaths > DEATHS {
                tracing::warn!("{DEATHS} fresh workers in a row did not last {CALM} steps: giving up");
                return Err(error);
            }
            self.restarts += 1;
            tracing::warn!("{error}; a fresh worker takes over, with new episodes");
            self.renew(w)?;
            self.send_reset(w);
            match self.finish_reset(w, observations) {
                Ok(()) => return envs.into_iter().try_for_each(|i| self.check(w, i, observations)),
                Err(trouble @ Trouble::Lost(_)) => error = self.error(w, trouble),
                Err(trouble) => return Err(self.error(w, trouble)),
            }
        }
    }

    /// Starts worker `w` again.
    fn renew(&mut self, w: usize) -> Result<()> {
        let worker = &mut self.places[w].worker;
        *worker = worker.again()?;
        worker.hello()?;
        worker.map(&self.observation_space, &self.action_space)?;
        if self.learns {
            let known = self.known.get_mut();
            let mut put = worker.envs().map(|i| worker.put_statistics(i, &known[i], self.buffer.get_mut()));
            if let Some(trouble) = put.find_map(Result::err) {
                drop(put);
                return Err(self.error(w, trouble));
            }
        }
        Ok(())
    }

    /// Brings environment `i` to where `log` leads from the start of the saved episode.
    fn replay(&mut self, i: usize, saved: &Saved, log: &EpisodeLog) -> Result<()> {
        self.generators[i].clone_from(&saved.episode);
        let seed = self.begin(i);
        let mut buffer = self.buffer.take();
        let w = self.places.iter().position(|place| place.worker.envs().contains(&i)).unwrap_or_default();
        let worker = &self.places[w].worker;
        let mut play = || {
            if self.learns {
                worker.put_statistics(i, &log.statistics, &mut buffer)?;
            }
            worker.reset_one(i, seed, &mut buffer)?;
            log.actions(&self.action_space).try_for_each(|action| worker.step_one(i, action, &mut buffer).map(drop))
        };
        play().map_err(|trouble| self.error(w, trouble))?;
        self.buffer.replace(buffer);
        self.logs[i].clone_from(log);
        saved.check(&self.generators[i], self.observation(i)?.row(0))
    }

    /// The statistics of environment `i`'s wrappers. If its worker does not answer, which the next step will tell,
    /// they are the ones last known.
    fn ask_statistics(&self, i: usize, when: When) -> Vec<Statistics> {
        if !self.learns {
            return Vec::new();
        }
        let told = self.worker_of(i).statistics(i, when, &mut self.buffer.borrow_mut());
        match (told, when) {
            (Ok(statistics), When::Now) => {
                self.known.borrow_mut()[i].clone_from(&statistics);
                statistics
            }
            (Err(_), When::Now) => self.known.borrow()[i].clone(),
            (told, When::BeforeEpisode) => told.unwrap_or_default(),
        }
    }

    /// The present observation of environment `i`.
    fn observation(&self, i: usize) -> Result<Rows> {
        let mut row = Rows::for_space(&self.observation_space, 1);
        self.worker_of(i).read(Kept::Present, i..i + 1, &mut row, 0).map_err(EnvError::failed)?;
        Ok(row)
    }
}

impl VectorEnv for BridgeVectorEnv {
    fn num_envs(&self) -> usize {
        self.generators.len()
    }

    fn single_observation_space(&self) -> &Space {
        &self.observation_space
    }

    fn single_action_space(&self) -> &Space {
        &self.action_space
    }

    fn reset(&mut self, seed: Option<u64>, observations: &mut Rows) -> Result<()> {
        self.running = false;
        if let Some(seed) = seed {
            for (generator, i) in self.generators.iter_mut().zip(0..) {
                *generator = seeded(seed.wrapping_add(i));
            }
        }
        for w in 0..self.places.len() {
            if self.places[w].worker.is_gone() {
                self.renew(w)?;
            }
            self.send_reset(w);
        }
        let mut failure = None;
        for w in 0..self.places.len() {
            // Also after a failure: an answer that is not taken would be taken for the next.
            if let Err(trouble) = self.finish_reset(w, observations) {
                let restart = self.last.is_some() && matches!(trouble, Trouble::Lost(_));
                let error = self.error(w, trouble);
                if !restart {
                    failure.get_or_insert(error);
                    continue;
                }
                // The same episodes: with the seeds that were asked for.
                for i in self.places[w].worker.envs() {
                    self.generators[i].clone_from(&self.episodes[i]);
                }
                if let Err(error) = self.revive(w, error, observations) {
                    failure.get_or_insert(error);
                }
            }
        }
        failure.map_or(Ok(()), Err)?;
        for w in 0..self.places.len() {
            self.places[w].worker.envs().try_for_each(|i| self.check(w, i, observations))?;
        }
        if let Some(last) = &mut self.last {
            last.clone_from(observations);
        }
        self.running = true;
        Ok(())
    }

    fn step(&mut self, actions: Actions<'_>, out: &mut VectorStep) -> Result<()> {
        if !self.running {
            return Err(EnvError::ResetNeeded);
        }
        check_actions(actions, &self.action_space, self.num_envs())?;
        self.running = false;
        for w in 0..self.places.len() {
            self.send_step(w, actions, out.final_infos.is_some());
        }
        let width = self.action_space.width();
        for (i, log) in self.logs.iter_mut().enumerate() {
            log.push(actions.get(i, width));
        }
        let mut failure = None;
        for w in 0..self.places.len() {
            if let Err(error) = self.finish_step(w, out) {
                failure.get_or_insert(error);
            }
        }
        failure.map_or(Ok(()), Err)?;
        if let Some(last) = &mut self.last {
            last.clone_from(&out.observations);
        }
        self.running = true;
        Ok(())
    }

    fn episode_generator(&self, i: usize) -> Generator {
        self.episodes[i].clone()
    }

    fn draw(&self, i: usize, scene: &mut Scene) {
        if self.draws {
            picture(self.worker_of(i), i, &mut self.buffer.borrow_mut(), scene);
        }
    }

    fn info(&self, i: usize) -> Info {
        self.worker_of(i).info(i, &mut self.buffer.borrow_mut())
    }

    fn statistics(&self, i: usize, visit: &mut dyn FnMut(&Statistics)) {
        self.ask_statistics(i, When::Now).iter().for_each(visit);
    }

    fn statistics_mut(&mut self, i: usize, visit: &mut dyn FnMut(&mut Statistics)) {
        let mut statistics = self.ask_statistics(i, When::Now);
        if !statistics.is_empty() {
            statistics.iter_mut().for_each(visit);
            // One that does not answer is dead, which the next step will tell; a fresh one takes them too.
            let _ = self.worker_of(i).put_statistics(i, &statistics, &mut self.buffer.borrow_mut());
            self.known.get_mut()[i] = statistics;
        }
    }

    fn worker_restarts(&self) -> u64 {
        self.restarts
    }

    fn save(&self, i: usize) -> Option<Vec<u8>> {
        if !self.running {
            return None;
        }
        let mut log = self.logs[i].clone();
        log.statistics = self.ask_statistics(i, When::BeforeEpisode);
        let saved = Saved {
            generator: self.generators[i].clone(),
            episode: self.episodes[i].clone(),
            observation: self.observation(i).ok()?,
            state: SavedEnv::Episode(log),
        };
        postcard::to_stdvec(&saved).ok()
    }

    fn restore(&mut self, i: usize, state: &[u8], mut observation: RowMut<'_>) -> Result<()> {
        if !std::mem::take(&mut self.running) {
            return Err(EnvError::ResetNeeded);
        }
        let saved = Saved::read(state, &self.observation_space).map_err(|error| error.at(i))?;
        let SavedEnv::Episode(log) = &saved.state else {
            return Err(EnvError::bad_state("it is of another kind of environment").at(i));
        };
        self.replay(i, &saved, log).map_err(|error| error.at(i))?;
        observation.copy_from(saved.observation.row(0));
        if let Some(last) = &mut self.last {
            last.set(i, saved.observation.row(0));
        }
        self.running = true;
        Ok(())
    }
}

impl Drop for BridgeVectorEnv {
    fn drop(&mut self) {
        // Told all together, they end at the same time.
        self.places.iter().for_each(|place| place.worker.hang_up());
    }
}
