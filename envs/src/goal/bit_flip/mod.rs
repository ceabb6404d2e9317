//! BitFlip: flip bits, one a step, until they are as asked for.
//!
//! The environment of Andrychowicz et al., "Hindsight Experience Replay" (2017), section 3.1, with the names of
//! Stable-Baselines3's `BitFlippingEnv`. Of 2^n states one is rewarded, so that learning from rewards alone fails for more
//! than about a dozen bits.
//!
//! | | |
//! |---|---|
//! | Action | `Discrete(n_bits)`: which bit to flip |
//! | Observation | `Dict` of three `MultiBinary(n_bits)`: `achieved_goal` and `observation` are the bits, `desired_goal` those asked for |
//! | Reward | -1; 0 when the bits are as asked for after the step |
//! | Start | bits and goal uniform and independent, as in the paper; Stable-Baselines3 always asks for ones |
//! | Terminated | when the bits are as asked for after a step, as in Stable-Baselines3 |
//! | Truncated | after `max_steps` steps: `n_bits`, unless given |
//! | Info | `is_success`: whether the bits are as asked for |
//!
//! Bits and goal are two draws of 64 bits, of which the lowest are used.

mod scene;

use serde::{Deserialize, Serialize};

use super::goal_space;
use crate::{
    Action, Env, EnvError, EnvSpec, Generator, Info, KeyBindings, Result, Row, RowMut, Scene, Space, Step, TimeLimit,
};

/// BitFlip's keyword arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BitFlipConfig {
    /// How many bits there are: 1 to 64.
    pub n_bits: u8,
    /// Steps in an episode; as many as there are bits, if not given.
    pub max_steps: Option<u32>,
}

impl Default for BitFlipConfig {
    fn default() -> Self {
        Self { n_bits: 10, max_steps: None }
    }
}

/// Bits to be flipped; see the module's table in the source, or `BitFlippingEnv` of Stable-Baselines3.
#[derive(Clone, Debug)]
pub struct BitFlip {
    n_bits: usize,
    state: State,
}

/// Bit i of a number is bit i of the observation.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct State {
    bits: u64,
    goal: u64,
}

impl State {
    fn is_success(self) -> bool {
        self.bits == self.goal
    }
}

impl BitFlip {
    /// All bits are 0, and so they shall be, until it is reset.
    ///
    /// # Errors
    /// [`EnvError::Failed`] unless there are 1 to 64 bits.
    pub fn new(config: BitFlipConfig) -> Result<Self> {
        if !(1..=64).contains(&config.n_bits) {
            return Err(EnvError::failed(format!("n_bits is {}; it must be from 1 to 64", config.n_bits)));
        }
        Ok(Self { n_bits: config.n_bits.into(), state: State::default() })
    }

    fn mask(&self) -> u64 {
        u64::MAX >> (64 - self.n_bits)
    }

    fn observe(&self, mut observation: RowMut<'_>) {
        let State { bits, goal } = self.state;
        for (part, word) in [bits, goal, bits].into_iter().enumerate() {
            for i in 0..self.n_bits {
                observation.set_number(part * self.n_bits + i, (word >> i & 1) as f64);
            }
        }
    }
}

/// 0 where the goal is reached, else -1.
fn reward(is_success: bool) -> f64 {
    if is_success { 0.0 } else { -1.0 }
}

impl Env for BitFlip {
    fn observation_space(&self) -> Space {
        let bits = Space::multi_binary(self.n_bits);
        goal_space(&bits, bits.clone())
    }

    fn action_space(&self) -> Space {
        Space::discrete(self.n_bits as i32)
    }

    fn reset(&mut self, rng: &mut Generator, observation: RowMut<'_>) -> Result<()> {
        let mut draw = || rng.next_u64() & self.mask();
        self.state = State { bits: draw(), goal: draw() };
        self.observe(observation);
        Ok(())
    }

    fn step(&mut self, action: Action<'_>, _rng: &mut Generator, observation: RowMut<'_>) -> Result<Step> {
        match action {
            Action::Discrete(bit) if (0..self.n_bits as i32).contains(&bit) => self.state.bits ^= 1 << bit,
            _ => return Err(EnvError::invalid_action(action, format_args!("of {}", self.action_space()))),
        }
        self.observe(observation);
        let terminated = self.state.is_success();
        Ok(Step { reward: reward(terminated), terminated, truncated: false })
    }

    fn draw(&self, scene: &mut Scene) {
        scene::draw(self.n_bits, self.state.bits, self.state.goal, scene);
    }

    fn info(&self) -> Info {
        Info::from_iter([("is_success".to_owned(), self.state.is_success().into())])
    }

    fn key_bindings(&self) -> KeyBindings {
        KeyBindings::digits(self.n_bits, |i| format!("bit {i}"))
    }

    fn compute_reward(&self, achieved_goal: Row<'_>, desired_goal: Row<'_>) -> Option<f64> {
        Some(reward((0..self.n_bits).all(|i| achieved_goal.number(i) == desired_goal.number(i))))
    }

    fn save(&self) -> Option<Vec<u8>> {
        postcard::to_stdvec(&self.state).ok()
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        let state: State = postcard::from_bytes(state).map_err(EnvError::bad_state)?;
        if (state.bits | state.goal) & !self.mask() != 0 {
            return Err(EnvError::bad_state(format!("it has more than {} bits", self.n_bits)));
        }
        self.state = state;
        Ok(())
    }
}

pub(super) fn spec() -> EnvSpec {
    EnvSpec::new("BitFlip-v0", "Flip bits, one a step, until they are as asked for", |config: BitFlipConfig| {
        let limit = config.max_steps.unwrap_or(config.n_bits.into());
        Ok(TimeLimit::new(BitFlip::new(config)?, limit))
    })
    .kwarg("n_bits", BitFlipConfig::default().n_bits, "how many bits there are: 1 to 64")
    .kwarg("max_steps", (), "steps in an episode; as many as there are bits, if not given")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EnvBuilder, Row};

    #[test]
    fn flipping_what_differs_ends_the_episode() {
        for (n_bits, seed) in [(1, 1), (10, 0), (64, 3)] {
            let mut env = EnvBuilder::new("BitFlip-v0").kwarg("n_bits", n_bits).make().unwrap();
            env.reset(Some(seed)).unwrap();
            let n = n_bits as usize;
            let Row::I32(row) = env.observation() else { panic!() };
            let wrong: Vec<i32> = (0..n).filter(|&i| row[i] != row[n + i]).map(|i| i as i32).collect();
            let (last, others) = wrong.split_last().unwrap();
            for bit in others {
                let step = env.step(*bit).unwrap();
                assert_eq!((step.reward, step.terminated), (-1.0, false));
            }
            assert_eq!(env.info()["is_success"], false);
            let step = env.step(*last).unwrap();
            assert_eq!((step.reward, step.terminated, env.info()["is_success"].clone()), (0.0, true, true.into()));
            let Row::I32(row) = env.observation() else { panic!() };
            assert_eq!((&row[..n], &row[2 * n..]), (&row[n..2 * n], &row[n..2 * n]));
        }
    }

    #[test]
    fn the_limit_is_the_number_of_bits_unless_given() {
        let length = |builder: EnvBuilder| {
            let mut env = builder.make().unwrap();
            env.reset(Some(0)).unwrap();
            (1..).find(|_| env.step(0).unwrap().truncated).unwrap()
        };
        let builder = EnvBuilder::new("BitFlip-v0").kwarg("n_bits", 30);
        assert_eq!((length(builder.clone()), length(builder.kwarg("max_steps", 7))), (30, 7));
    }

    #[test]
    fn there_are_1_to_64_bits() {
        for n_bits in [0, 65] {
            assert!(BitFlip::new(BitFlipConfig { n_bits, max_steps: None }).is_err());
        }
    }

    #[test]
    fn a_state_of_more_bits_is_not_restored() {
        let of = |n_bits| BitFlip::new(BitFlipConfig { n_bits, max_steps: None }).unwrap();
        let mut wide = of(20);
        wide.state.goal = 1 << 15;
        assert!(matches!(of(10).restore(&wide.save().unwrap()), Err(EnvError::BadState { .. })));
    }
}
