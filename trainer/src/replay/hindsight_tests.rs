//! Hindsight against plain lists of episodes.

use std::collections::BTreeMap;

use super::*;
use cartwheel_envs::{Action, ActionRows, EnvBuilder, WrapperSpec};
use proptest::prelude::*;

const RETURNS: Returns = Returns { n_steps: 1, gamma: 0.5, reward_scale: 0.25 };

fn hindsight(strategy: GoalSelectionStrategy, n_sampled_goal: usize) -> Hindsight {
    let config = HerConfig { goal_selection_strategy: strategy, n_sampled_goal, ..HerConfig::default() };
    Hindsight::new(&config, EnvBuilder::new("Reacher2D-v0").kwarg("reward_type", "dense").make().unwrap()).unwrap()
}

/// What was reached after `t` steps of episode `episode`: no two are alike.
fn reached(episode: usize, t: usize) -> [f32; 2] {
    [episode as f32, t as f32]
}

/// What was asked for in an episode: nothing that is ever reached.
fn asked(episode: usize) -> [f32; 2] {
    [-1.0, episode as f32]
}

/// Achieved goal, desired goal, and the rest as they lie in an observation of the arm.
fn observation(episode: usize, t: usize) -> [f32; 10] {
    let ([a, b], [c, d]) = (reached(episode, t), asked(episode));
    [a, b, c, d, a, b, 0.0, 0.0, 0.0, 7.0]
}

/// The reward with which step `t` of an episode is stored: not what its goals say, so that it is seen to be kept.
fn stored(episode: usize, t: usize) -> f32 {
    100.0 + 10.0 * episode as f32 + t as f32
}

/// An episode: its steps, whether it has ended, and whether for good.
#[derive(Clone, Copy, Debug)]
struct Played {
    steps: usize,
    ended: bool,
    terminated: bool,
}

/// Plays episodes round and round over `envs` environments; the last of each may not have ended.
fn play(lengths: &[(usize, bool)], envs: usize, capacity: usize, open: bool) -> (Replay, Vec<Played>) {
    let space = EnvBuilder::new("Reacher2D-v0").make().unwrap().observation_space().clone();
    let mut replay = Replay::new(&space, &ActionRows::default(), envs, envs * capacity, None).unwrap();
    let mut episodes = Vec::new();
    for (episode, (steps, terminated)) in lengths.iter().enumerate() {
        let (env, ended) = (episode % envs, !open || episode + envs < lengths.len());
        replay.begin(env, Row::F32(&observation(episode, 0)));
        for t in 1..=*steps {
            let end = ended && t == *steps;
            let (action, next) = (Action::Discrete(t as i32), observation(episode, t));
            replay.push(env, action, stored(episode, t), end && *terminated, end && !terminated, Row::F32(&next));
        }
        episodes.push(Played { steps: *steps, ended, terminated: *terminated });
    }
    (replay, episodes)
}

/// The goals that the plain rule allows for step `t` of an episode of so many.
fn allowed(strategy: GoalSelectionStrategy, t: usize, steps: usize) -> std::ops::RangeInclusive<usize> {
    match strategy {
        GoalSelectionStrategy::Future => t..=steps,
        GoalSelectionStrategy::Final => steps..=steps,
        GoalSelectionStrategy::Episode => 1..=steps,
    }
}

/// Checks what was drawn against the episodes; answers (episode, step, step whose outcome is the goal) of each with another.
fn check(
    batch: &Batch,
    episodes: &[Played],
    strategy: GoalSelectionStrategy,
    relabelled: usize,
) -> Vec<(usize, usize, usize)> {
    let mut goals = Vec::new();
    let rows = batch.observations.chunks_exact(10).zip(batch.next_observations.chunks_exact(10));
    for (i, (before, after)) in rows.enumerate() {
        let (episode, t) = (before[0] as usize, before[1] as usize + 1);
        let of = episodes[episode];
        assert!(of.ended, "of an episode that has not ended");
        let (mut expected, mut next) = (observation(episode, t - 1), observation(episode, t));
        let mut reward = stored(episode, t);
        if i < relabelled {
            let goal = [before[2], before[3]];
            assert_eq!(goal[0] as usize, episode, "a goal of another episode");
            let at = goal[1] as usize;
            assert!(allowed(strategy, t, of.steps).contains(&at), "step {t} of {} was given {at}", of.steps);
            for row in [&mut expected, &mut next] {
                row[2..4].copy_from_slice(&goal);
            }
            let [x, y] = reached(episode, t);
            reward = -f64::from(x - goal[0]).hypot(f64::from(y - goal[1])) as f32;
            goals.push((episode, t, at));
        }
        assert_eq!((before, after), (&expected[..], &next[..]));
        assert_eq!(batch.returns[i], reward * RETURNS.reward_scale);
        let over = of.terminated && t == of.steps;
        assert_eq!(batch.discounts[i], if over { 0.0 } else { RETURNS.gamma }, "as it was stored");
        assert_eq!(batch.actions.get(i), Action::Discrete(t as i32));
    }
    goals
}

fn draw(replay: &mut Replay, n: usize, hindsight: &mut Hindsight) -> Batch {
    let mut batch = Batch::default();
    replay.sample_hindsight(n, RETURNS, hindsight, &mut Generator::new(3), &mut batch).unwrap();
    batch
}

#[test]
fn goals_are_drawn_evenly_from_those_that_the_strategy_allows() {
    let lengths = [(4, false), (1, true), (6, true)];
    for strategy in GoalSelectionStrategy::ALL {
        let (mut replay, episodes) = play(&lengths, 1, 50, false);
        let batch = draw(&mut replay, 110_000, &mut hindsight(*strategy, 4));
        let mut counts = BTreeMap::new();
        for goal in check(&batch, &episodes, *strategy, 88_000) {
            *counts.entry(goal).or_insert(0) += 1;
        }
        // Each of the 11 transitions about 8000 times, its goals evenly.
        for (episode, of) in episodes.iter().enumerate() {
            for t in 1..=of.steps {
                let goals = allowed(*strategy, t, of.steps);
                let each = 8000.0 / goals.clone().count() as f64;
                for at in goals {
                    let found = f64::from(counts.remove(&(episode, t, at)).unwrap_or(0));
                    assert!((found - each).abs() < 6.0 * each.sqrt(), "{strategy}: {episode} {t} {at}: {found}");
                }
            }
        }
        assert!(counts.is_empty(), "{counts:?}");
    }
}

#[test]
fn so_many_goals_are_exchanged_for_each_that_is_kept() {
    for (n_sampled_goal, batch, relabelled) in [(0, 64, 0), (1, 64, 32), (4, 64, 51), (4, 320, 256), (9, 10, 9)] {
        let of = hindsight(GoalSelectionStrategy::Future, n_sampled_goal);
        assert_eq!(of.relabelled(batch), relabelled, "as int(her_ratio * batch_size)");
    }
}

#[test]
fn nothing_is_drawn_before_an_episode_has_ended_and_all_that_is_there_after_a_resume() {
    let (replay, _) = play(&[(5, false)], 1, 50, true);
    assert!(replay.has_transitions() && !replay.has_ended_episode());
    let (mut replay, episodes) = play(&[(5, false), (7, true), (3, true)], 1, 50, true);
    // A run that is cut off and resumed begins the present episode anew.
    replay.begin(0, Row::F32(&observation(3, 0)));
    let bytes = postcard::to_stdvec(&replay.view()).unwrap();
    let (mut again, _) = play(&[], 1, 50, true);
    assert!(!again.has_ended_episode() && again.restore(postcard::from_bytes(&bytes).unwrap()));
    let mut hindsight = hindsight(GoalSelectionStrategy::Episode, 4);
    for replay in [&mut replay, &mut again] {
        check(&draw(replay, 500, &mut hindsight), &episodes, GoalSelectionStrategy::Episode, 400);
    }
    assert_eq!(replay.ends, again.ends);
}

#[test]
fn environments_without_goals_or_with_other_rewards_are_refused() {
    let refusal = |builder: EnvBuilder| Hindsight::new(&HerConfig::default(), builder.make().unwrap()).err().unwrap();
    let wrapped = |wrapper: &str| {
        let wrapper: WrapperSpec = wrapper.parse().unwrap();
        refusal(EnvBuilder::new("Reacher2D-v0").wrappers(vec![wrapper]))
    };
    assert!(refusal(EnvBuilder::new("CartPole-v1")).contains("needs observations with achieved_goal"));
    assert!(wrapped("FlattenObservation").contains("needs observations with achieved_goal"));
    let clipped = wrapped("ClipReward(max_reward=-2)");
    assert!(clipped.contains("paid -2 and its compute_reward says -1"), "{clipped}");
}

proptest! {
    /// Any episodes over any rings: what is drawn is what happened, with goals of the same episode only.
    #[test]
    fn no_goal_is_of_another_episode(
        lengths in prop::collection::vec((1usize..12, prop::bool::ANY), 3..40),
        envs in 1usize..4,
        capacity in 3usize..40,
        strategy in 0usize..3,
        open in prop::bool::ANY,
    ) {
        let strategy = GoalSelectionStrategy::ALL[strategy];
        let (mut replay, episodes) = play(&lengths, envs, capacity, open);
        let ends = replay.flags.iter().filter(|flags| *flags & (TERMINATED | TRUNCATED) != 0).count();
        prop_assert_eq!(replay.ends, ends);
        if replay.has_ended_episode() {
            check(&draw(&mut replay, 200, &mut hindsight(strategy, 4)), &episodes, strategy, 160);
        }
    }
}
