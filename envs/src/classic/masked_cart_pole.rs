//! MaskedCartPole: CartPole of which the velocities are not seen, for policies that remember.
//!
//! The pole-balancing task of Wieland, "Evolving neural network controllers for unstable systems" (1991), of which the
//! present observation does not tell enough: two have to be compared to know how fast the pole falls. RLlib's
//! StatelessCartPole and POPGym's PositionOnlyCartPole show the same two numbers; the RL Zoo's CartPoleNoVel-v1 keeps
//! four and shows 0 for the velocities. Dynamics, rewards and draws are those of [`CartPole`], and so Gymnasium's.
//!
//! | | |
//! |---|---|
//! | Action | `Discrete(2)`: 0 pushes the cart left, 1 right |
//! | Observation | f32 \[2\]: cart position (m), pole angle (rad, clockwise from upright) |
//! | Observation bounds | ±4.8, ±0.41887903 (24°) |
//! | Reward, start, terminated | as of CartPole |
//! | Truncated | after 500 steps |
//! | Solved | mean return of 475 |

use crate::classic::cart_pole::{ANGLE_LIMIT, POSITION_LIMIT};
use crate::{
    Action, CartPole, CartPoleConfig, CartPoleState, Env, EnvSpec, Generator, Result, RowMut, Space, StateVariable,
    Step, forward_env,
};

/// A pole on a cart without its velocities; see the module's table in the source.
#[derive(Clone, Debug, Default)]
pub struct MaskedCartPole {
    env: CartPole,
}

impl MaskedCartPole {
    /// A cart at rest with the pole upright, until it is reset.
    pub fn new(config: CartPoleConfig) -> Self {
        Self { env: CartPole::new(config) }
    }

    fn observe(&self, mut observation: RowMut<'_>) {
        let CartPoleState { x, theta, .. } = self.env.state();
        observation.write(&[x as f32, theta as f32]);
    }
}

impl Env for MaskedCartPole {
    forward_env!(env: action_space);

    fn observation_space(&self) -> Space {
        let high = vec![(2.0 * POSITION_LIMIT) as f32, (2.0 * ANGLE_LIMIT) as f32];
        Space::box_f32(high.iter().map(|x| -x).collect(), high)
    }

    #[inline]
    fn reset(&mut self, rng: &mut Generator, observation: RowMut<'_>) -> Result<()> {
        self.env.reset(rng, RowMut::F32(&mut [0.0; 4]))?;
        self.observe(observation);
        Ok(())
    }

    #[inline]
    fn step(&mut self, action: Action<'_>, rng: &mut Generator, observation: RowMut<'_>) -> Result<Step> {
        let step = self.env.step(action, rng, RowMut::F32(&mut [0.0; 4]))?;
        self.observe(observation);
        Ok(step)
    }

    fn observation_names(&self) -> &[&str] {
        &["position", "angle"]
    }

    fn state_variables(&self) -> Vec<StateVariable> {
        self.env.state_variables()
    }

    fn set_state_variables(&mut self, values: &[f64], observation: RowMut<'_>) -> Result<()> {
        self.env.set_state_variables(values, RowMut::F32(&mut [0.0; 4]))?;
        self.observe(observation);
        Ok(())
    }
}

pub(super) fn spec() -> EnvSpec {
    EnvSpec::new("MaskedCartPole-v1", "Balance a pole on a cart for 500 steps without seeing velocities", |config| {
        Ok(MaskedCartPole::new(config))
    })
    .max_episode_steps(500)
    .reward_threshold(475.0)
    .kwarg("sutton_barto_reward", false, "reward 0, and -1 on termination, in place of 1 for every step")
}

#[cfg(test)]
mod tests {
    use crate::{Row, make};

    #[test]
    fn it_is_cart_pole_without_velocities() {
        let (mut masked, mut whole) = (make("MaskedCartPole-v1").unwrap(), make("CartPole-v1").unwrap());
        masked.reset(Some(5)).unwrap();
        whole.reset(Some(5)).unwrap();
        for action in [1, 0, 0, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1] {
            let (Row::F32(seen), Row::F32(all)) = (masked.observation(), whole.observation()) else { panic!() };
            assert_eq!(seen, [all[0], all[2]]);
            let step = whole.step(action).unwrap();
            assert_eq!(masked.step(action).unwrap(), step);
            if step.terminated {
                return;
            }
        }
        panic!("the pole should have fallen");
    }
}
