//! Reacher2D: bring the tip of an arm with two links to a point in the plane, and hold it there.
//!
//! A task of our own in the form of Gymnasium-Robotics' FetchReach and panda-gym's PandaReach, without a simulator of
//! rigid bodies: motors turn the joints at speeds that follow the action with a lag.
//!
//! | | |
//! |---|---|
//! | Action | `Box(-1, 1, (2,))`: speeds asked of shoulder and elbow, counterclockwise if positive, in parts of 2 rad/s; clipped to the bounds |
//! | Observation | `Dict` of f32 boxes: `achieved_goal` \[2\] is where the tip is, `desired_goal` \[2\] where it should be (m); `observation` \[6\] is cosine and sine of the shoulder's angle from the x axis, the same of the elbow's angle from the upper arm, and both angular velocities (rad/s) |
//! | Observation bounds | ±1, ±1; ±1 four times, ±2 twice |
//! | Dynamics | 0.05 s a step: ω += (2 action - ω) / 2, then θ += 0.05 ω, in f64; both links are 0.5 m long |
//! | Reward | `sparse`: 0 where the tip is less than 0.05 m from the goal after the step, else -1; `dense`: minus the distance (m) |
//! | Start | both angles uniform in \[-π, π), at rest; the goal uniform over the ring from 0.2 to 0.95 m around the shoulder |
//! | Terminated | never, as in Gymnasium-Robotics: the tip has to stay |
//! | Truncated | after 50 steps |
//! | Solved | not agreed on |
//! | Info | `is_success`: whether the tip is less than 0.05 m from the goal |
//!
//! Distances are those of the f32 numbers that are observed, so that `compute_reward` agrees with steps to the last bit.

mod dynamics;
mod scene;

pub use dynamics::Reacher2DState;
use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::goal_space;
use crate::state_variable::numbers;
use crate::{
    Action, Env, EnvError, EnvSpec, Generator, Info, Key, KeyBindings, Result, Row, RowMut, Scene, Space,
    StateVariable, Step,
};

/// How near is near enough, in metres: as of Gymnasium-Robotics' and panda-gym's arms.
const DISTANCE_THRESHOLD: f64 = 0.05;

/// What a step pays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RewardType {
    /// 0 at the goal, -1 elsewhere.
    #[default]
    Sparse,
    /// Minus the distance to the goal.
    Dense,
}

/// Reacher2D's keyword arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reacher2DConfig {
    /// What a step pays.
    pub reward_type: RewardType,
}

/// An arm with two links; see the module's table in the source.
#[derive(Clone, Debug, Default)]
pub struct Reacher2D {
    config: Reacher2DConfig,
    state: Reacher2DState,
}

impl Reacher2D {
    /// An arm stretched along the x axis, at rest, with its goal at the shoulder, until it is reset.
    pub fn new(config: Reacher2DConfig) -> Self {
        Self { config, state: Reacher2DState::default() }
    }

    /// The exact state, which the observation shows rounded to f32.
    pub fn state(&self) -> Reacher2DState {
        self.state
    }

    fn take_up(&mut self, state: Reacher2DState) -> Result<()> {
        if !state.is_within_limits() {
            return Err(EnvError::bad_state("an angle, a speed or the goal is out of bounds"));
        }
        self.state = state;
        Ok(())
    }

    fn observe(&self, mut observation: RowMut<'_>) {
        let [[tip_x, tip_y], [goal_x, goal_y]] = [self.state.observed_tip(), self.state.observed_goal()];
        let [cos1, sin1, cos2, sin2, omega1, omega2] = self.state.observed_joints();
        observation.write(&[tip_x, tip_y, goal_x, goal_y, cos1, sin1, cos2, sin2, omega1, omega2]);
    }

    /// From the tip to the goal, as observed.
    fn distance(&self) -> f64 {
        distance(self.state.observed_tip().map(f64::from), self.state.observed_goal().map(f64::from))
    }

    fn reward(&self, distance: f64) -> f64 {
        match self.config.reward_type {
            RewardType::Sparse if distance < DISTANCE_THRESHOLD => 0.0,
            RewardType::Sparse => -1.0,
            RewardType::Dense => -distance,
        }
    }
}

fn distance(a: [f64; 2], b: [f64; 2]) -> f64 {
    // Not hypot, whose last bit depends on the platform's library.
    let [x, y] = [a[0] - b[0], a[1] - b[1]];
    (x * x + y * y).sqrt()
}

impl Env for Reacher2D {
    fn observation_space(&self) -> Space {
        let cube = |high: Vec<f32>| Space::box_f32(high.iter().map(|x| -x).collect(), high);
        let speed = dynamics::MAX_SPEED as f32;
        goal_space(&cube(vec![1.0; 2]), cube(vec![1.0, 1.0, 1.0, 1.0, speed, speed]))
    }

    fn action_space(&self) -> Space {
        Space::box_f32(vec![-1.0; 2], vec![1.0; 2])
    }

    fn reset(&mut self, rng: &mut Generator, observation: RowMut<'_>) -> Result<()> {
        self.state = Reacher2DState::random(rng);
        self.observe(observation);
        Ok(())
    }

    #[inline]
    fn step(&mut self, action: Action<'_>, _rng: &mut Generator, observation: RowMut<'_>) -> Result<Step> {
        let speeds = match action {
            Action::Continuous(&[shoulder, elbow]) if !shoulder.is_nan() && !elbow.is_nan() => [shoulder, elbow],
            _ => return Err(EnvError::invalid_action(action, "the speeds of shoulder and elbow, from -1 to 1")),
        };
        self.state = self.state.after(speeds);
        self.observe(observation);
        Ok(Step { reward: self.reward(self.distance()), terminated: false, truncated: false })
    }

    fn observation_names(&self) -> &[&str] {
        &[
            "tip x",
            "tip y",
            "goal x",
            "goal y",
            "cos shoulder",
            "sin shoulder",
            "cos elbow",
            "sin elbow",
            "shoulder velocity",
            "elbow velocity",
        ]
    }

    fn action_names(&self) -> &[&str] {
        &["shoulder speed", "elbow speed"]
    }

    fn draw(&self, scene: &mut Scene) {
        scene::draw(&self.state, self.distance() < DISTANCE_THRESHOLD, scene);
    }

    fn info(&self) -> Info {
        Info::from_iter([("is_success".to_owned(), (self.distance() < DISTANCE_THRESHOLD).into())])
    }

    /// Half its own speed.
    fn key_bindings(&self) -> KeyBindings {
        KeyBindings::real_time(10, vec![0.0, 0.0])
            .key(Key::Left, vec![1.0, 0.0], "shoulder left")
            .key(Key::Right, vec![-1.0, 0.0], "shoulder right")
            .key(Key::Up, vec![0.0, 1.0], "elbow left")
            .key(Key::Down, vec![0.0, -1.0], "elbow right")
    }

    fn compute_reward(&self, achieved_goal: Row<'_>, desired_goal: Row<'_>) -> Option<f64> {
        let point = |row: Row<'_>| [row.number(0), row.number(1)];
        Some(self.reward(distance(point(achieved_goal), point(desired_goal))))
    }

    fn state_variables(&self) -> Vec<StateVariable> {
        let Reacher2DState { angles, velocities, goal } = self.state;
        let variable = |(name, value, limit): (&'static str, f64, f64)| StateVariable::new(name, value, -limit..=limit);
        let variables = [
            ("shoulder", angles[0], PI),
            ("elbow", angles[1], PI),
            ("shoulder velocity", velocities[0], dynamics::MAX_SPEED),
            ("elbow velocity", velocities[1], dynamics::MAX_SPEED),
            ("goal x", goal[0], 1.0),
            ("goal y", goal[1], 1.0),
        ];
        variables.map(variable).to_vec()
    }

    fn set_state_variables(&mut self, values: &[f64], observation: RowMut<'_>) -> Result<()> {
        let [shoulder, elbow, shoulder_dot, elbow_dot, goal_x, goal_y] = numbers(values)?;
        let (angles, velocities) = ([shoulder, elbow], [shoulder_dot, elbow_dot]);
        self.take_up(Reacher2DState { angles, velocities, goal: [goal_x, goal_y] })?;
        self.observe(observation);
        Ok(())
    }

    fn save(&self) -> Option<Vec<u8>> {
        postcard::to_stdvec(&self.state).ok()
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.take_up(postcard::from_bytes(state).map_err(EnvError::bad_state)?)
    }
}

pub(super) fn spec() -> EnvSpec {
    EnvSpec::new("Reacher2D-v0", "Bring the tip of an arm with two links to a point", |config| {
        Ok(Reacher2D::new(config))
    })
    .max_episode_steps(50)
    .kwarg(
        "reward_type",
        "sparse",
        "what a step pays: sparse (0 at the goal, else -1) or dense (minus the distance)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EnvBuilder, Row};

    fn floats(row: Row<'_>) -> Vec<f32> {
        if let Row::F32(row) = row { row.to_vec() } else { panic!("{row:?}") }
    }

    /// Closes in on the joint angles of the goal, by the law of cosines.
    #[test]
    fn inverse_kinematics_reach_every_goal_and_stay() {
        let mut env = EnvBuilder::new("Reacher2D-v0").make().unwrap();
        for seed in 0..50 {
            env.reset(Some(seed)).unwrap();
            let mut held = 0;
            for _ in 0..50 {
                let row = floats(env.observation());
                let (goal, elbow_now) =
                    ([f64::from(row[2]), f64::from(row[3])], f64::from(row[7]).atan2(row[6].into()));
                let bend = ((goal[0] * goal[0] + goal[1] * goal[1]) / 0.5 - 1.0).clamp(-1.0, 1.0).acos();
                let elbow = bend.copysign(elbow_now);
                let shoulder = goal[1].atan2(goal[0]) - 0.5 * elbow;
                let wrapped = |x: f64| x.sin().atan2(x.cos());
                let gap = [wrapped(shoulder - f64::from(row[5]).atan2(row[4].into())), elbow - elbow_now];
                // Ten steps a radian at full speed, and less than that to stop.
                let action = gap.map(|gap| (4.0 * gap) as f32);
                let step = env.step(&action[..]).unwrap();
                held = if step.reward == 0.0 { held + 1 } else { 0 };
            }
            assert!(held >= 3, "seed {seed}: held for {held} steps");
            assert_eq!(env.info()["is_success"], true);
        }
    }

    #[test]
    fn a_dense_reward_is_the_distance() {
        let mut env = EnvBuilder::new("Reacher2D-v0").kwarg("reward_type", "dense").make().unwrap();
        env.reset(Some(1)).unwrap();
        let step = env.step(&[0.5, -0.5][..]).unwrap();
        let row = floats(env.observation());
        assert!((step.reward + f64::from((row[0] - row[2]).hypot(row[1] - row[3]))).abs() < 1e-6, "{step:?}");
        let error = EnvBuilder::new("Reacher2D-v0").kwarg("reward_type", "thick").make().err().unwrap();
        assert!(error.to_string().contains("`sparse` or `dense`"), "{error}");
    }

    #[test]
    fn a_state_out_of_bounds_is_not_restored() {
        let mut env = Reacher2D::default();
        for bad in [f64::NAN, 1e30] {
            let state = Reacher2DState { angles: [bad, 0.0], ..Reacher2DState::default() };
            let saved = postcard::to_stdvec(&state).unwrap();
            assert!(matches!(env.restore(&saved), Err(EnvError::BadState { .. })), "{bad}");
        }
    }
}
