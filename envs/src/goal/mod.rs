//! Tasks with goals, for hindsight experience replay: each episode asks for something else.
//!
//! Observations are those of Gymnasium-Robotics' `GoalEnv`: a `Dict` of `achieved_goal`, `desired_goal` and
//! `observation`, in this order. The reward follows from the two goals alone, so that a transition can be given another
//! goal afterwards: [`Env::compute_reward`](crate::Env::compute_reward) tells what it would have paid.

mod bit_flip;
mod reacher_2d;

pub use bit_flip::{BitFlip, BitFlipConfig};
pub use reacher_2d::{Reacher2D, Reacher2DConfig, Reacher2DState, RewardType};

use crate::{EnvSpec, Space};

pub(crate) fn specs() -> [EnvSpec; 2] {
    [bit_flip::spec(), reacher_2d::spec()]
}

/// The observation space of a task with goals from `goal`.
fn goal_space(goal: &Space, observation: Space) -> Space {
    Space::dict([("achieved_goal", goal.clone()), ("desired_goal", goal.clone()), ("observation", observation)])
}

#[cfg(test)]
mod tests {
    use crate::{EnvBuilder, Environment, Generator, Row, Rows, Space, list};

    /// The parts of an observation that a reward follows from, if there are such.
    fn goals<'a>(space: &Space, row: Row<'a>) -> Option<[Row<'a>; 2]> {
        let part = |name| space.part(name).map(|(range, _)| row.part(range));
        Some([part("achieved_goal")?, part("desired_goal")?])
    }

    /// Plays some episodes at random and compares every reward with what `compute_reward` says of the goals.
    fn check(mut env: Environment) {
        let id = env.spec().id.clone();
        let mut rng = Generator::new(11);
        let mut sampled = Rows::for_space(env.action_space(), 1);
        let mut rewards = Vec::new();
        for seed in 0..300 {
            env.reset(Some(seed)).unwrap();
            loop {
                env.action_space().sample(&mut rng, sampled.row_mut(0));
                let step = env.step(env.action_space().action(sampled.row(0)).unwrap()).unwrap();
                let [achieved, desired] = goals(env.observation_space(), env.observation()).unwrap();
                assert_eq!(env.compute_reward(achieved, desired), Some(step.reward), "{id}: {achieved:?} {desired:?}");
                // What hindsight does: where one came to is what was wanted.
                let best = env.compute_reward(achieved, achieved).unwrap();
                assert!(best == 0.0 && step.reward <= best, "{id}: {best} where the goal is reached");
                rewards.push(step.reward);
                if step.terminated || step.truncated {
                    break;
                }
            }
        }
        assert!(rewards.iter().any(|r| *r != rewards[0]), "{id}: rewards are all alike");
    }

    #[test]
    fn rewards_follow_from_goals_in_every_environment_that_has_them() {
        let mut found = Vec::new();
        for spec in list() {
            let env = EnvBuilder::new(&spec.id).make().unwrap();
            let row = Rows::for_space(env.observation_space(), 1);
            if goals(env.observation_space(), row.row(0)).is_some() {
                check(env);
                found.push(spec.id);
            } else {
                let row = Rows::for_space(&Space::discrete(1), 1);
                assert_eq!(env.compute_reward(row.row(0), row.row(0)), None, "{}", spec.id);
            }
        }
        assert!(found.len() >= 2, "{found:?}");
        check(EnvBuilder::new("Reacher2D-v0").kwarg("reward_type", "dense").make().unwrap());
        check(EnvBuilder::new("BitFlip-v0").kwarg("n_bits", 3).make().unwrap());
    }
}
