//! Many environments of one native kind, stepped several at a time.

use serde::{Deserialize, Serialize};

use super::instructions::Instructions;
use super::{AutoresetMode, Lanes, VectorEnv, VectorStep, discrete_actions};
use crate::{Actions, Env, EnvError, Generator, Info, Result, RowMut, Rows, Scene, Space};

/// An environment whose states are plain values, so that many of them are stepped without a call for each.
///
/// The environment itself holds the arguments, which all have in common, and the one state that its own steps move.
pub(crate) trait Native<const LANES: usize>: Env + Clone + 'static {
    /// All that differs between two environments with the same arguments.
    type State: Copy;
    /// `LANES` of them.
    type Lanes: Lanes<State = Self::State>;
    /// `i32`, or `f32` for a box of one number.
    type Action: BatchAction;
    /// An array of numbers.
    type Observation: BatchObservation;

    fn state(&self) -> Self::State;

    fn set_state(&mut self, state: Self::State);

    /// Where an episode starts.
    fn start(&self, rng: &mut Generator) -> Self::State;

    fn observe(state: &Self::State) -> Self::Observation;

    /// Whether a step of the batch may begin at a state that was saved.
    fn is_within_episode(state: &Self::State) -> bool {
        let _ = state;
        true
    }

    /// One step of `LANES` environments. `rngs` has as many generators as there are environments: fewer in the last chunk. What the other lanes hold and lead to means nothing.
    ///
    /// It must give the bits of [`Env::step`], is to be `#[inline(always)]`, so that it is compiled for each
    /// instruction set, and may fuse multiplications with additions (`f64::mul_add`) only if `FMA`.
    fn step_lanes<const FMA: bool>(
        &self,
        states: &mut Self::Lanes,
        actions: &[Self::Action; LANES],
        rngs: &mut [Generator],
        out: Outcome<'_, Self::Observation, LANES>,
    );
}

/// What a step of `LANES` environments led to, before autoreset.
// Three arrays by themselves: as fields of one value, they vectorise badly.
pub(crate) struct Outcome<'a, O, const LANES: usize> {
    pub(crate) observations: &'a mut [O; LANES],
    pub(crate) rewards: &'a mut [f32; LANES],
    pub(crate) terminated: &'a mut [bool; LANES],
}

/// One environment's action as a number.
pub(crate) trait BatchAction: Copy + Default + Send {
    /// A batch of actions, checked to be one for each environment and all in the space.
    fn checked<'a>(actions: Actions<'a>, space: &Space, num_envs: usize) -> Result<&'a [Self]>;
}

impl BatchAction for i32 {
    fn checked<'a>(actions: Actions<'a>, space: &Space, num_envs: usize) -> Result<&'a [Self]> {
        discrete_actions(actions, space, num_envs)
    }
}

impl BatchAction for f32 {
    /// What is outside of the bounds is taken as it comes, but for NaN.
    fn checked<'a>(actions: Actions<'a>, space: &Space, num_envs: usize) -> Result<&'a [Self]> {
        super::check_actions(actions, space, num_envs)?;
        let Actions::Continuous(numbers) = actions else { return Ok(&[]) };
        match numbers.iter().position(|number| number.is_nan()) {
            None => Ok(numbers),
            Some(index) => {
                Err(EnvError::InvalidAction { found: "NaN".to_owned(), expected: format!("of {space}") }.at(index))
            }
        }
    }
}

/// An observation as an array of numbers.
pub(crate) trait BatchObservation: Copy + Default + Send {
    /// The rows as such arrays; `None` if they are of another type or width.
    fn of_rows(rows: &mut Rows) -> Option<&mut [Self]>;

    fn write_to(&self, row: &mut RowMut<'_>);
}

impl<const N: usize> BatchObservation for [f32; N]
where
    Self: Default,
{
    fn of_rows(rows: &mut Rows) -> Option<&mut [Self]> {
        if rows.width() == N { Some(rows.as_f32_mut()?.as_chunks_mut().0) } else { None }
    }

    fn write_to(&self, row: &mut RowMut<'_>) {
        row.write(self);
    }
}

impl<const N: usize> BatchObservation for [i32; N]
where
    Self: Default,
{
    fn of_rows(rows: &mut Rows) -> Option<&mut [Self]> {
        if rows.width() == N { Some(rows.as_i32_mut()?.as_chunks_mut().0) } else { None }
    }

    fn write_to(&self, row: &mut RowMut<'_>) {
        row.write(self);
    }
}

/// A batch that agrees bit for bit with single environments.
///
/// A step is written once and compiled for AVX-512, AVX2 and the plain target; which one runs is found out at
/// construction.
pub(crate) struct NativeVector<E: Native<LANES>, const LANES: usize> {
    env: E,
    time_limit: Option<u32>,
    observation_space: Space,
    action_space: Space,
    instructions: Instructions,
    chunks: Vec<Chunk<E::Lanes, LANES>>,
    generators: Vec<Generator>,
    /// Each generator just before its environment's current episode was reset.
    episodes: Vec<Generator>,
    autoreset_mode: AutoresetMode,
    /// Which environments' episodes are over and wait for their reset; none with same-step autoreset.
    ended: Vec<bool>,
    running: bool,
}

/// `LANES` environments; in the last chunk, lanes past the last one rest at the default state between steps.
#[derive(Clone)]
struct Chunk<L, const LANES: usize> {
    states: L,
    elapsed: [u32; LANES],
}

/// What [`VectorEnv::save`] writes for each environment, in postcard: exact for every float.
#[derive(Serialize, Deserialize)]
struct Saved {
    generator: Generator,
    episode: Generator,
    elapsed: u32,
    /// As [`Env::save`] writes it.
    state: Vec<u8>,
}

impl<E: Native<LANES>, const LANES: usize> NativeVector<E, LANES> {
    /// `num_envs` environments with `env`'s arguments, whose episodes are truncated with step `max_episode_steps`
    /// (`None`: with step 2^32 - 1).
    ///
    /// # Errors
    /// [`EnvError::Failed`] if `num_envs` is zero.
    pub(crate) fn new(env: E, num_envs: usize, max_episode_steps: Option<u32>) -> Result<Self> {
        if num_envs == 0 {
            return Err(EnvError::failed("a batch has at least one environment"));
        }
        let generators: Vec<_> = (0..num_envs as u64).map(Generator::new).collect();
        Ok(Self {
            time_limit: max_episode_steps,
            observation_space: env.observation_space(),
            action_space: env.action_space(),
            instructions: Instructions::available()[0],
            chunks: vec![Chunk { states: E::Lanes::default(), elapsed: [0; LANES] }; num_envs.div_ceil(LANES)],
            episodes: generators.clone(),
            generators,
            autoreset_mode: AutoresetMode::default(),
            ended: vec![false; num_envs],
            running: false,
            env,
        })
    }

    fn state(&self, i: usize) -> E::State {
        self.chunks[i / LANES].states.get(i % LANES)
    }

    /// Environment `i` by itself.
    fn single(&self, i: usize) -> E {
        let mut env = self.env.clone();
        env.set_state(self.state(i));
        env
    }
}

impl<E: Native<LANES>, const LANES: usize> VectorEnv for NativeVector<E, LANES> {
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
        let rows = rows_of::<E::Observation>(observations);
        for (i, generator) in self.generators.iter_mut().enumerate() {
            if let Some(seed) = seed {
                *generator = Generator::new(seed.wrapping_add(i as u64));
            }
            self.episodes[i].clone_from(generator);
            let state = self.env.start(generator);
            rows[i] = E::observe(&state);
            let chunk = &mut self.chunks[i / LANES];
            chunk.states.set(i % LANES, state);
            chunk.elapsed[i % LANES] = 0;
        }
        self.ended.fill(false);
        self.running = true;
        Ok(())
    }

    fn reset_at(&mut self, i: usize, seed: Option<u64>, mut observation: RowMut<'_>) -> Result<()> {
        if !self.running {
            return Err(EnvError::ResetNeeded);
        }
        if let Some(seed) = seed {
            self.generators[i] = Generator::new(seed);
        }
        self.episodes[i].clone_from(&self.generators[i]);
        let state = self.env.start(&mut self.generators[i]);
        let chunk = &mut self.chunks[i / LANES];
        chunk.states.set(i % LANES, state);
        chunk.elapsed[i % LANES] = 0;
        self.ended[i] = false;
        E::observe(&state).write_to(&mut observation);
        Ok(())
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
        let actions = E::Action::checked(actions, &self.action_space, self.num_envs())?;
        let mut work = Work {
            env: &self.env,
            time_limit: self.time_limit,
            chunks: &mut self.chunks,
            generators: &mut self.generators,
            episodes: &mut self.episodes,
            actions,
            observations: rows_of::<E::Observation>(&mut out.observations),
            final_observations: rows_of::<E::Observation>(&mut out.final_observations),
            rewards: &mut out.rewards,
            terminated: &mut out.terminated,
            truncated: &mut out.truncated,
            final_infos: out.final_infos.as_deref_mut(),
            autoreset_mode: self.autoreset_mode,
            ended: &mut self.ended,
        };
        work.run_with(self.instructions);
        Ok(())
    }

    fn episode_generator(&self, i: usize) -> Generator {
        self.episodes[i].clone()
    }

    fn draw(&self, i: usize, scene: &mut Scene) {
        self.single(i).draw(scene);
    }

    fn info(&self, i: usize) -> Info {
        self.single(i).info()
    }

    fn has_info(&self) -> bool {
        !self.env.info().is_empty()
    }

    fn has_info_of(&self, key: &str) -> bool {
        self.env.info().contains_key(key)
    }

    fn save(&self, i: usize) -> Option<Vec<u8>> {
        if !self.running || self.ended[i] {
            return None;
        }
        let saved = Saved {
            generator: self.generators[i].clone(),
            episode: self.episodes[i].clone(),
            elapsed: self.chunks[i / LANES].elapsed[i % LANES],
            state: self.single(i).save()?,
        };
        postcard::to_stdvec(&saved).ok()
    }

    fn restore(&mut self, i: usize, state: &[u8], mut observation: RowMut<'_>) -> Result<()> {
        if !std::mem::take(&mut self.running) {
            return Err(EnvError::ResetNeeded);
        }
        let saved: Saved = postcard::from_bytes(state).map_err(|error| EnvError::bad_state(error).at(i))?;
        let mut env = self.env.clone();
        env.restore(&saved.state).map_err(|error| error.at(i))?;
        let state = env.state();
        if !E::is_within_episode(&state) {
            return Err(EnvError::bad_state("no episode goes on from there").at(i));
        }
        let chunk = &mut self.chunks[i / LANES];
        chunk.states.set(i % LANES, state);
        chunk.elapsed[i % LANES] = saved.elapsed;
        self.generators[i] = saved.generator;
        self.episodes[i] = saved.episode;
        self.ended[i] = false;
        self.running = true;
        E::observe(&state).write_to(&mut observation);
        Ok(())
    }
}

/// # Panics
/// If the rows were not made for such observations.
fn rows_of<O: BatchObservation>(rows: &mut Rows) -> &mut [O] {
    let Some(rows) = O::of_rows(rows) else { panic!("the VectorStep was made for other environments") };
    rows
}

/// Everything a step reads and writes, as plain slices with an element for each environment.
struct Work<'a, E: Native<LANES>, const LANES: usize> {
    env: &'a E,
    time_limit: Option<u32>,
    chunks: &'a mut [Chunk<E::Lanes, LANES>],
    generators: &'a mut [Generator],
    episodes: &'a mut [Generator],
    actions: &'a [E::Action],
    observations: &'a mut [E::Observation],
    final_observations: &'a mut [E::Observation],
    rewards: &'a mut [f32],
    terminated: &'a mut [bool],
    truncated: &'a mut [bool],
    final_infos: Option<&'a mut [Info]>,
    autoreset_mode: AutoresetMode,
    ended: &'a mut [bool],
}

impl<E: Native<LANES>, const LANES: usize> Work<'_, E, LANES> {
    /// One step of every environment.
    #[inline(always)]
    fn run<const FMA: bool>(&mut self) {
        let n = self.generators.len();
        for chunk in 0..n / LANES {
            self.step_chunk::<FMA, true>(chunk, LANES);
        }
        if !n.is_multiple_of(LANES) {
            self.step_chunk::<FMA, false>(n / LANES, n % LANES);
        }
    }

    /// One step of the first `lanes` environments of a chunk: all of them if it is `FULL`.
    #[inline(always)]
    fn step_chunk<const FMA: bool, const FULL: bool>(&mut self, index: usize, lanes: usize) {
        let lanes = if FULL { LANES } else { lanes };
        let envs = index * LANES..index * LANES + lanes;
        let chunk = &mut self.chunks[index];
        let mut actions = [E::Action::default(); LANES];
        actions[..lanes].copy_from_slice(&self.actions[envs.clone()]);

        let mut observations = [E::Observation::default(); LANES];
        let mut rewards = [0.0; LANES];
        let mut terminated = [false; LANES];
        let out = Outcome { observations: &mut observations, rewards: &mut rewards, terminated: &mut terminated };
        let mut truncated = [false; LANES];
        for (elapsed, truncated) in chunk.elapsed.iter_mut().zip(&mut truncated) {
            *elapsed = elapsed.saturating_add(1);
            *truncated = self.time_limit.is_some_and(|limit| *elapsed >= limit);
        }
        let default = E::Lanes::default();
        // Those that this step resets, where that was not done in the step before: it leads nowhere, and draws nothing.
        let mut waiting = [false; LANES];
        let is_same_step = self.autoreset_mode == AutoresetMode::SameStep;
        if !is_same_step {
            waiting[..lanes].copy_from_slice(&self.ended[envs.clone()]);
            for lane in (0..lanes).filter(|lane| waiting[*lane]) {
                let env = envs.start + lane;
                chunk.states.set(lane, default.get(lane));
                self.episodes[env].clone_from(&self.generators[env]);
            }
        }
        self.env.step_lanes::<FMA>(&mut chunk.states, &actions, &mut self.generators[envs.clone()], out);
        if !FULL {
            for lane in lanes..LANES {
                chunk.states.set(lane, default.get(lane));
                chunk.elapsed[lane] = 0;
            }
        }

        self.rewards[envs.clone()].copy_from_slice(&rewards[..lanes]);
        self.terminated[envs.clone()].copy_from_slice(&terminated[..lanes]);
        self.truncated[envs.clone()].copy_from_slice(&truncated[..lanes]);
        self.observations[envs.clone()].copy_from_slice(&observations[..lanes]);

        // Loops of their own: most chunks have nothing to reset.
        let mut resets = [false; LANES];
        for lane in 0..LANES {
            resets[lane] = terminated[lane] | truncated[lane];
        }
        if !is_same_step {
            let ended = &mut self.ended[envs.clone()];
            for lane in 0..lanes {
                ended[lane] = resets[lane] & !waiting[lane];
            }
            resets = waiting;
        }
        for (lane, env) in envs.enumerate() {
            if !resets[lane] {
                continue;
            }
            if is_same_step {
                self.episodes[env].clone_from(&self.generators[env]);
                self.final_observations[env] = observations[lane];
                if let Some(infos) = &mut self.final_infos {
                    let mut last = self.env.clone();
                    last.set_state(chunk.states.get(lane));
                    infos[env] = last.info();
                }
            } else {
                self.generators[env].clone_from(&self.episodes[env]);
                (self.rewards[env], self.terminated[env], self.truncated[env]) = (0.0, false, false);
            }
            let state = self.env.start(&mut self.generators[env]);
            self.observations[env] = E::observe(&state);
            chunk.states.set(lane, state);
            chunk.elapsed[lane] = 0;
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
    fn run_avx512(&mut self) {
        self.run::<true>();
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn run_avx2(&mut self) {
        self.run::<true>();
    }

    #[allow(
        unsafe_code,
        reason = "code for instructions found at run time needs it: CartPole at 1.7 times the speed of the plain target"
    )]
    fn run_with(&mut self, instructions: Instructions) {
        match instructions {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Instructions::available` found AVX-512 and FMA on this machine.
            Instructions::Avx512 => unsafe { self.run_avx512() },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Instructions::available` found AVX2 and FMA on this machine.
            Instructions::Avx2 => unsafe { self.run_avx2() },
            Instructions::Plain => self.run::<false>(),
        }
    }
}

#[cfg(test)]
#[path = "native_tests.rs"]
mod tests;
