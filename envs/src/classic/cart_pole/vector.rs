//! Many CartPoles at once, eight to a vector register.

use serde::{Deserialize, Serialize};

use super::dynamics::{ANGLE_LIMIT, CartPoleState};
use super::{CartPoleConfig, observation_space, scene};
use crate::vector::discrete_actions;
use crate::{
    Actions, AutoresetMode, EnvError, Generator, Info, Result, RowMut, Rows, Scene, Space, VectorEnv, VectorStep,
};

/// One AVX-512 register of f64. Narrower machines take a chunk in two or four parts.
const LANES: usize = 8;

/// A batch of CartPoles that agrees bit for bit with single ones.
///
/// The body of a step is written once and compiled for AVX-512, AVX2 and the plain target; which one
/// runs is found out at construction. None of them fuses multiplications and additions, so all give
/// the same bits.
pub struct CartPoleVector {
    num_envs: usize,
    rewards: [f32; 2],
    time_limit: u32,
    observation_space: Space,
    action_space: Space,
    instructions: Instructions,
    /// Structure of arrays within a chunk. Lanes past `num_envs` rest at zero between steps.
    chunks: Vec<Chunk>,
    streams: Vec<Stream>,
    autoreset_mode: AutoresetMode,
    /// Which environments' episodes are over and wait for their reset; none with same-step autoreset.
    ended: Vec<bool>,
    running: bool,
}

#[derive(Clone, Default)]
#[repr(align(64))]
struct Chunk {
    x: [f64; LANES],
    x_dot: [f64; LANES],
    theta: [f64; LANES],
    theta_dot: [f64; LANES],
    elapsed: [u32; LANES],
}

/// An environment's random stream, now and as it was before the current episode was reset.
#[derive(Clone, Serialize, Deserialize)]
struct Stream {
    now: Generator,
    episode: Generator,
}

#[derive(Clone, Copy)]
enum Instructions {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Plain,
}

/// What [`VectorEnv::save`] writes for each environment, in postcard: exact for every float.
#[derive(Serialize, Deserialize)]
struct Saved {
    stream: Stream,
    state: CartPoleState,
    elapsed: u32,
}

impl CartPoleVector {
    /// `num_envs` CartPoles whose episodes are truncated with step `max_episode_steps` (`None`: with
    /// step 2^32 - 1).
    ///
    /// # Errors
    /// [`EnvError::Failed`] if `num_envs` is zero.
    pub fn new(config: CartPoleConfig, num_envs: usize, max_episode_steps: Option<u32>) -> Result<Self> {
        if num_envs == 0 {
            return Err(EnvError::failed("a batch has at least one environment"));
        }
        let stream = |seed| Stream { now: Generator::new(seed), episode: Generator::new(seed) };
        Ok(Self {
            num_envs,
            rewards: config.rewards(),
            time_limit: max_episode_steps.unwrap_or(u32::MAX),
            observation_space: observation_space(),
            action_space: Space::discrete(2),
            instructions: Instructions::detect(),
            chunks: vec![Chunk::default(); num_envs.div_ceil(LANES)],
            streams: (0..num_envs as u64).map(stream).collect(),
            autoreset_mode: AutoresetMode::default(),
            ended: vec![false; num_envs],
            running: false,
        })
    }

    /// The exact state of environment `i`.
    pub fn state(&self, i: usize) -> CartPoleState {
        self.chunks[i / LANES].state(i % LANES)
    }

    fn write_observations(&self, observations: &mut Rows) {
        for i in 0..self.num_envs {
            observations.row_mut(i).write(&self.state(i).observation());
        }
    }
}

impl Instructions {
    fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512bw")
            {
                return Self::Avx512;
            }
            if is_x86_feature_detected!("avx2") {
                return Self::Avx2;
            }
        }
        Self::Plain
    }
}

impl Chunk {
    #[inline(always)]
    fn state(&self, lane: usize) -> CartPoleState {
        CartPoleState {
            x: self.x[lane],
            x_dot: self.x_dot[lane],
            theta: self.theta[lane],
            theta_dot: self.theta_dot[lane],
        }
    }

    #[inline(always)]
    fn set(&mut self, lane: usize, state: CartPoleState) {
        self.x[lane] = state.x;
        self.x_dot[lane] = state.x_dot;
        self.theta[lane] = state.theta;
        self.theta_dot[lane] = state.theta_dot;
    }
}

impl Stream {
    #[inline]
    fn reset(&mut self) -> CartPoleState {
        self.episode.clone_from(&self.now);
        CartPoleState::random(&mut self.now)
    }
}

/// Everything a step reads and writes, as plain slices of one length (observations: four times that).
struct Work<'a> {
    chunks: &'a mut [Chunk],
    streams: &'a mut [Stream],
    actions: &'a [i32],
    observations: &'a mut [[f32; 4]],
    final_observations: &'a mut [[f32; 4]],
    rewards: &'a mut [f32],
    terminated: &'a mut [bool],
    truncated: &'a mut [bool],
    reward: [f32; 2],
    time_limit: u32,
    autoreset_mode: AutoresetMode,
    ended: &'a mut [bool],
}

impl Work<'_> {
    /// One step of every environment.
    #[inline(always)]
    fn run(&mut self) {
        let n = self.streams.len();
        for chunk in 0..n / LANES {
            self.step_chunk::<true>(chunk, LANES);
        }
        if !n.is_multiple_of(LANES) {
            self.step_chunk::<false>(n / LANES, n % LANES);
        }
    }

    /// One step of the first `lanes` environments of a chunk: all of them if it is `FULL`.
    #[inline(always)]
    fn step_chunk<const FULL: bool>(&mut self, index: usize, lanes: usize) {
        let lanes = if FULL { LANES } else { lanes };
        let envs = index * LANES..index * LANES + lanes;
        let chunk = &mut self.chunks[index];
        let mut actions = [0; LANES];
        actions[..lanes].copy_from_slice(&self.actions[envs.clone()]);

        let mut observations = [[0.0; 4]; LANES];
        let mut rewards = [0.0; LANES];
        let mut terminated = [false; LANES];
        let mut truncated = [false; LANES];
        let [before, last] = self.reward;
        // One loop for each width of number: a loop over several vectorises badly.
        for (lane, &action) in actions.iter().enumerate() {
            chunk.set(lane, chunk.state(lane).after_within_limits(action));
        }
        for (elapsed, truncated) in chunk.elapsed.iter_mut().zip(&mut truncated) {
            *elapsed += 1;
            *truncated = *elapsed >= self.time_limit;
        }
        for lane in 0..LANES {
            terminated[lane] = chunk.state(lane).is_terminal();
            rewards[lane] = if terminated[lane] { last } else { before };
        }
        for (lane, observation) in observations.iter_mut().enumerate() {
            *observation = chunk.state(lane).observation();
        }
        if !FULL {
            for lane in lanes..LANES {
                chunk.set(lane, CartPoleState::default());
                chunk.elapsed[lane] = 0;
            }
        }

        self.rewards[envs.clone()].copy_from_slice(&rewards[..lanes]);
        self.terminated[envs.clone()].copy_from_slice(&terminated[..lanes]);
        self.truncated[envs.clone()].copy_from_slice(&truncated[..lanes]);
        self.observations[envs.clone()].copy_from_slice(&observations[..lanes]);

        // For which lanes this step is, or ends with, a reset.
        let mut reset = [false; LANES];
        for lane in 0..LANES {
            reset[lane] = terminated[lane] | truncated[lane];
        }
        if self.autoreset_mode != AutoresetMode::SameStep {
            let ended = &mut self.ended[envs.clone()];
            let mut waiting = [false; LANES];
            waiting[..lanes].copy_from_slice(ended);
            ended.copy_from_slice(&reset[..lanes]);
            reset = waiting;
        }
        for (lane, env) in envs.enumerate() {
            if reset[lane] {
                let state = self.streams[env].reset();
                chunk.set(lane, state);
                chunk.elapsed[lane] = 0;
                self.observations[env] = state.observation();
                if self.autoreset_mode == AutoresetMode::SameStep {
                    self.final_observations[env] = observations[lane];
                } else {
                    (self.rewards[env], self.terminated[env], self.truncated[env]) = (0.0, false, false);
                    self.ended[env] = false;
                }
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw")]
    fn run_avx512(&mut self) {
        self.run();
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn run_avx2(&mut self) {
        self.run();
    }

    #[allow(
        unsafe_code,
        reason = "code for instructions found at run time needs it: 1.7 times the speed of the plain target"
    )]
    fn run_with(&mut self, instructions: Instructions) {
        match instructions {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Instructions::detect` found AVX-512 on this machine.
            Instructions::Avx512 => unsafe { self.run_avx512() },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Instructions::detect` found AVX2 on this machine.
            Instructions::Avx2 => unsafe { self.run_avx2() },
            Instructions::Plain => self.run(),
        }
    }
}

impl VectorEnv for CartPoleVector {
    fn num_envs(&self) -> usize {
        self.num_envs
    }

    fn single_observation_space(&self) -> &Space {
        &self.observation_space
    }

    fn single_action_space(&self) -> &Space {
        &self.action_space
    }

    fn reset(&mut self, seed: Option<u64>, observations: &mut Rows) -> Result<()> {
        for (i, stream) in self.streams.iter_mut().enumerate() {
            if let Some(seed) = seed {
                stream.now = Generator::new(seed.wrapping_add(i as u64));
            }
            let chunk = &mut self.chunks[i / LANES];
            chunk.set(i % LANES, stream.reset());
            chunk.elapsed[i % LANES] = 0;
        }
        self.ended.fill(false);
        self.running = true;
        self.write_observations(observations);
        Ok(())
    }

    fn reset_at(&mut self, i: usize, seed: Option<u64>, mut observation: RowMut<'_>) -> Result<()> {
        if !self.running {
            return Err(EnvError::ResetNeeded);
        }
        let stream = &mut self.streams[i];
        if let Some(seed) = seed {
            stream.now = Generator::new(seed);
        }
        let (state, chunk) = (stream.reset(), &mut self.chunks[i / LANES]);
        chunk.set(i % LANES, state);
        chunk.elapsed[i % LANES] = 0;
        self.ended[i] = false;
        observation.write(&state.observation());
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
        let actions = discrete_actions(actions, &self.action_space, self.num_envs)?;
        let mut work = Work {
            chunks: &mut self.chunks,
            streams: &mut self.streams,
            actions,
            observations: rows_of_four(&mut out.observations),
            final_observations: rows_of_four(&mut out.final_observations),
            rewards: &mut out.rewards,
            terminated: &mut out.terminated,
            truncated: &mut out.truncated,
            reward: self.rewards,
            time_limit: self.time_limit,
            autoreset_mode: self.autoreset_mode,
            ended: &mut self.ended,
        };
        work.run_with(self.instructions);
        Ok(())
    }

    fn episode_generator(&self, i: usize) -> Generator {
        self.streams[i].episode.clone()
    }

    fn draw(&self, i: usize, scene: &mut Scene) {
        scene::draw(&self.state(i), scene);
    }

    fn info(&self, _i: usize) -> Info {
        Info::new()
    }

    fn has_info(&self) -> bool {
        false
    }

    fn save(&self, i: usize) -> Option<Vec<u8>> {
        if !self.running || self.ended[i] {
            return None;
        }
        let elapsed = self.chunks[i / LANES].elapsed[i % LANES];
        postcard::to_stdvec(&Saved { stream: self.streams[i].clone(), state: self.state(i), elapsed }).ok()
    }

    fn restore(&mut self, i: usize, state: &[u8], mut observation: RowMut<'_>) -> Result<()> {
        if !std::mem::take(&mut self.running) {
            return Err(EnvError::ResetNeeded);
        }
        let saved: Saved = postcard::from_bytes(state).map_err(EnvError::bad_state)?;
        // Steps rely on it: see `after_within_limits`.
        if saved.state.theta.abs() > ANGLE_LIMIT || saved.state.theta.is_nan() {
            return Err(EnvError::bad_state("a pole has fallen").at(i));
        }
        let chunk = &mut self.chunks[i / LANES];
        chunk.set(i % LANES, saved.state);
        chunk.elapsed[i % LANES] = saved.elapsed;
        self.streams[i] = saved.stream;
        self.ended[i] = false;
        self.running = true;
        observation.write(&self.state(i).observation());
        Ok(())
    }
}

/// # Panics
/// If the rows are not of four floats.
fn rows_of_four(rows: &mut Rows) -> &mut [[f32; 4]] {
    assert_eq!(rows.width(), 4, "the VectorStep was made for other environments");
    let Some(numbers) = rows.as_f32_mut() else { panic!("the VectorStep was made for other environments") };
    numbers.as_chunks_mut().0
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn all_instruction_sets_give_the_same_bits() {
        let run = |instructions| {
            let mut env = CartPoleVector::new(CartPoleConfig::default(), 19, Some(30)).unwrap();
            env.instructions = instructions;
            let mut out = VectorStep::new(&observation_space(), 19);
            env.reset(Some(1), &mut out.observations).unwrap();
            let mut rng = Generator::new(2);
            let mut seen = Vec::new();
            for _ in 0..1000 {
                let actions: Vec<_> = (0..19).map(|_| rng.below(2) as i32).collect();
                env.step(Actions::Discrete(&actions), &mut out).unwrap();
                seen.push(out.clone());
            }
            let saved: Vec<_> = (0..19).map(|i| env.save(i).unwrap()).collect();
            (seen, saved)
        };
        let plain = run(Instructions::Plain);
        assert!(run(Instructions::detect()) == plain);
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            assert!(run(Instructions::Avx2) == plain);
        }
    }

    #[test]
    fn a_fallen_pole_is_not_restored() {
        let mut env = CartPoleVector::new(CartPoleConfig::default(), 2, None).unwrap();
        let mut observations = Rows::for_space(&observation_space(), 2);
        env.reset(Some(0), &mut observations).unwrap();
        env.chunks[0].theta[1] = 1.0;
        let saved = env.save(1).unwrap();
        let error = env.restore(0, &saved, observations.row_mut(0)).unwrap_err();
        assert_eq!(error.to_string(), "environment 0: the saved state cannot be read: a pole has fallen");
    }
}
