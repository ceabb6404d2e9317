//! Replay against plain lists of episodes.

use super::*;
use proptest::prelude::*;

/// One step of a scripted episode. Observations are numbered so that any mix-up shows.
#[derive(Clone, Copy, Debug)]
struct Scripted {
    reward: f32,
    terminated: bool,
    truncated: bool,
}

fn space() -> Space {
    Space::box_f32(vec![f32::NEG_INFINITY], vec![f32::INFINITY])
}

/// An observation and the step made from it, if one was.
type Seen = (f32, Option<Scripted>);

/// Everything that may be drawn for the transition starting at an observation.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Expected {
    observation: f32,
    return_: f32,
    next: f32,
    discount: f32,
}

const BY_PRIORITY: Option<Prioritization> =
    Some(Prioritization { alpha: 0.7, eps: 1e-3, beta0: 0.4, beta_iters: None, by_actors: false });

/// Plays `script` on one environment; answers the replay and the observations of each episode.
fn play(script: &[Scripted], capacity: usize) -> (Replay, Vec<Vec<Seen>>) {
    play_into(Replay::new(&space(), &ActionRows::default(), 1, capacity, None).unwrap(), script)
}

fn play_into(mut replay: Replay, script: &[Scripted]) -> (Replay, Vec<Vec<Seen>>) {
    let mut episodes = vec![vec![]];
    let mut number = 0.0;
    let mut fresh = || {
        number += 1.0;
        number
    };
    let mut now = fresh();
    replay.begin(0, Row::F32(&[now]));
    for step in script {
        let next = fresh();
        replay.push(0, Action::Discrete(0), step.reward, step.terminated, step.truncated, Row::F32(&[next]));
        let episode = episodes.last_mut().unwrap();
        episode.push((now, Some(*step)));
        now = next;
        if step.terminated || step.truncated {
            episode.push((now, None));
            episodes.push(vec![]);
            now = fresh();
            replay.begin(0, Row::F32(&[now]));
        }
    }
    // The newest observation, whose step is not known.
    episodes.last_mut().unwrap().push((now, None));
    (replay, episodes)
}

/// The n-step transition from `from`, summed the slow way.
fn expected(episode: &[Seen], from: usize, returns: Returns) -> Expected {
    let (mut return_, mut discount, mut at) = (0.0, 1.0, from);
    for _ in 0..returns.n_steps {
        let Some(step) = episode[at].1 else { break };
        return_ += discount * step.reward;
        discount *= returns.gamma;
        at += 1;
        if step.terminated {
            discount = 0.0;
        }
        if step.terminated || step.truncated {
            break;
        }
    }
    Expected { observation: episode[from].0, return_: return_ * returns.reward_scale, next: episode[at].0, discount }
}

fn draw(replay: &mut Replay, n: usize, returns: Returns) -> Vec<Expected> {
    let mut batch = Batch::default();
    replay.sample(n, returns, 1.0, &mut Generator::new(1), &mut batch);
    (0..n)
        .map(|i| Expected {
            observation: batch.observations[i],
            return_: batch.returns[i],
            next: batch.next_observations[i],
            discount: batch.discounts[i],
        })
        .collect()
}

fn step(terminated: bool, truncated: bool) -> Scripted {
    Scripted { reward: 1.0, terminated, truncated }
}

const ONE_STEP: Returns = Returns { n_steps: 1, gamma: 0.5, reward_scale: 1.0 };

#[test]
fn truncation_bootstraps_termination_does_not_and_both_terminate() {
    for (terminated, truncated, discount) in [(true, false, 0.0), (false, true, 0.5), (true, true, 0.0)] {
        let (mut replay, _) = play(&[step(terminated, truncated)], 10);
        for drawn in draw(&mut replay, 20, ONE_STEP) {
            assert_eq!(drawn, Expected { observation: 1.0, return_: 1.0, next: 2.0, discount });
        }
    }
}

#[test]
fn every_transition_is_drawn_about_equally_often() {
    let script: Vec<_> = (0..40).map(|i| step(i % 7 == 6, false)).collect();
    let (mut replay, _) = play(&script, 100);
    let mut counts = std::collections::BTreeMap::new();
    for drawn in draw(&mut replay, 40_000, ONE_STEP) {
        *counts.entry(drawn.observation as i32).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 40, "each once");
    assert!(counts.values().all(|&count| (850..1150).contains(&count)), "{counts:?}");
}

#[test]
fn rings_of_any_length_are_drawn_from_alike() {
    let mut replay = Replay::new(&space(), &ActionRows::default(), 4, 200, None).unwrap();
    for (env, steps) in [5, 0, 30, 15].into_iter().enumerate() {
        let observation = |step: usize| [(100 * env + step) as f32];
        replay.begin(env, Row::F32(&observation(0)));
        for step in 1..=steps {
            replay.push(env, Action::Discrete(0), 0.0, false, false, Row::F32(&observation(step)));
        }
    }
    let mut counts = std::collections::BTreeMap::new();
    for drawn in draw(&mut replay, 50_000, ONE_STEP) {
        *counts.entry(drawn.observation as i32).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 50, "each once");
    assert!(counts.values().all(|&count| (850..1150).contains(&count)), "{counts:?}");
}

/// Three-step returns at γ = ½ over a termination, a truncation and the newest observation, by hand: each partial
/// window is there, none looks over an end, and what was cut short bootstraps with γ to the steps that it has.
#[test]
fn n_step_windows_stop_where_episodes_do() {
    let rewards = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
    let script: Vec<_> =
        (0..9).map(|i| Scripted { reward: rewards[i], terminated: i == 3, truncated: i == 6 }).collect();
    // Observations 1 to 5 (terminal), 6 to 9 (cut), 10 to 12 (the newest).
    let by_hand = [
        (1.0, 1.0 + 1.0 + 1.0, 4.0, 0.125),
        (2.0, 2.0 + 2.0 + 2.0, 5.0, 0.0),
        (3.0, 4.0 + 4.0, 5.0, 0.0),
        (4.0, 8.0, 5.0, 0.0),
        (6.0, 16.0 + 16.0 + 16.0, 9.0, 0.125),
        (7.0, 32.0 + 32.0, 9.0, 0.25),
        (8.0, 64.0, 9.0, 0.5),
        (10.0, 128.0 + 128.0, 12.0, 0.25),
        (11.0, 256.0, 12.0, 0.5),
    ];
    let returns = Returns { n_steps: 3, gamma: 0.5, reward_scale: 1.0 };
    for prioritization in [None, BY_PRIORITY] {
        let (mut replay, _) =
            play_into(Replay::new(&space(), &ActionRows::default(), 1, 100, prioritization).unwrap(), &script);
        let drawn = draw(&mut replay, 1000, returns);
        for (observation, return_, next, discount) in by_hand {
            assert!(drawn.contains(&Expected { observation, return_, next, discount }), "{observation}");
        }
        let known = |drawn: &Expected| by_hand.iter().any(|hand| hand.0 == drawn.observation && hand.2 == drawn.next);
        assert!(drawn.iter().all(known), "nothing else");
    }
}

#[test]
fn memory_is_what_was_announced() {
    for (envs, size) in [(1, 1000), (8, 50_000), (3, 10)] {
        for prioritization in [None, BY_PRIORITY] {
            let space = Space::box_f32(vec![0.0; 4], vec![1.0; 4]);
            let replay = Replay::new(&space, &ActionRows::default(), envs, size, prioritization).unwrap();
            let needed = Replay::bytes_needed(&space, &ActionRows::default(), envs, size, prioritization.is_some());
            assert_eq!(u128::from(replay.bytes()), needed);
        }
    }
}

#[test]
fn a_replay_goes_on_from_its_state() {
    let script: Vec<_> = (0..100).map(|i| step(i % 9 == 8, i % 5 == 4)).collect();
    let new = |size, prioritization| Replay::new(&space(), &ActionRows::default(), 1, size, prioritization).unwrap();
    for prioritization in [None, BY_PRIORITY] {
        let (mut replay, _) = play_into(new(60, prioritization), &script);
        let mut batch = Batch::default();
        replay.sample(40, ONE_STEP, 1.0, &mut Generator::new(2), &mut batch);
        replay.update_priorities(&batch.rows, &(0..40).map(|i| i as f32 * 0.3).collect::<Vec<_>>());
        let bytes = postcard::to_stdvec(&replay.view()).unwrap();
        let mut restored = new(60, prioritization);
        assert!(restored.restore(postcard::from_bytes(&bytes).unwrap()));
        for replay in [&mut replay, &mut restored] {
            replay.push(0, Action::Discrete(1), 7.0, false, false, Row::F32(&[-1.0]));
        }
        let mut again = Batch::default();
        replay.sample(500, ONE_STEP, 0.5, &mut Generator::new(3), &mut batch);
        restored.sample(500, ONE_STEP, 0.5, &mut Generator::new(3), &mut again);
        assert_eq!(batch, again);
        let other = if prioritization.is_some() { None } else { BY_PRIORITY };
        for (size, prioritization) in [(61, prioritization), (60, other)] {
            let mut other = new(size, prioritization);
            assert!(!other.restore(postcard::from_bytes(&bytes).unwrap()), "another shape is refused");
        }
    }
}

/// Room that nothing was written to yet is not kept, and goes on the same.
#[test]
fn what_is_kept_of_a_replay_that_is_hardly_filled_is_small() {
    let new = |size, prioritization| Replay::new(&space(), &ActionRows::default(), 2, size, prioritization).unwrap();
    for prioritization in [None, BY_PRIORITY] {
        let mut replay = new(2000, prioritization);
        for (env, length) in [(0, 30), (1, 12)] {
            replay.begin(env, Row::F32(&[env as f32]));
            for i in 0..length {
                replay.push(env, Action::Discrete(i % 2), i as f32, i % 7 == 6, false, Row::F32(&[i as f32 + 0.5]));
            }
        }
        let mut batch = Batch::default();
        replay.sample(20, ONE_STEP, 1.0, &mut Generator::new(2), &mut batch);
        replay.update_priorities(&batch.rows, &(0..20).map(|i| i as f32 * 0.3).collect::<Vec<_>>());
        let trimmed = replay.trimmed().unwrap();
        let [bytes, whole] = [&trimmed, &replay].map(|replay| postcard::to_stdvec(&replay.view()).unwrap());
        assert!(20 * bytes.len() < whole.len(), "{} of {}", bytes.len(), whole.len());
        let mut restored = new(2000, prioritization);
        assert!(restored.restore(postcard::from_bytes(&bytes).unwrap()));
        assert_eq!(postcard::to_stdvec(&restored.view()).unwrap(), whole);
        // A ring that may have gone round says where it began only in one of its own length.
        let mut full = new(40, prioritization);
        for i in 0..60 {
            full.begin(0, Row::F32(&[i as f32]));
        }
        assert!(full.trimmed().is_none());
        let bytes = postcard::to_stdvec(&full.view()).unwrap();
        assert!(!restored.restore(postcard::from_bytes(&bytes).unwrap()));
    }
}

proptest! {
    /// Any script, any ring size, any n: what is drawn is one of the true n-step transitions of the episodes,
    /// so no observation of one episode is ever the next one of another, and no window leaks over an end.
    #[test]
    fn what_is_drawn_really_happened(
        script in prop::collection::vec((-5i8..5, 0u8..8), 1..120),
        capacity in 3usize..80,
        n_steps in 1usize..6,
        prioritized in prop::bool::ANY,
    ) {
        let script: Vec<_> = script.iter().map(|(reward, end)| Scripted {
            reward: f32::from(*reward),
            terminated: *end == 0 || *end == 2,
            truncated: *end == 1 || *end == 2,
        }).collect();
        let returns = Returns { n_steps, gamma: 0.5, reward_scale: 0.25 };
        let prioritization = BY_PRIORITY.filter(|_| prioritized);
        let (mut replay, episodes) = play_into(Replay::new(&space(), &ActionRows::default(), 1, capacity, prioritization).unwrap(), &script);
        let drawable = replay.flags.iter().filter(|flags| *flags & NO_STEP == 0).count();
        prop_assert_eq!(replay.transitions, drawable);
        if let Some(priorities) = &replay.priorities {
            for (row, flags) in replay.flags.iter().enumerate() {
                prop_assert_eq!(priorities.tree.get(row) > 0.0, flags & NO_STEP == 0, "row {}", row);
            }
        }
        prop_assert!(replay.has_transitions());
        let truth: Vec<Expected> = episodes.iter()
            .flat_map(|episode| (0..episode.len()).filter(|&i| episode[i].1.is_some()).map(|i| expected(episode, i, returns)))
            .collect();
        for drawn in draw(&mut replay, 64, returns) {
            prop_assert!(truth.contains(&drawn), "{drawn:?} never happened");
        }
        // And what is still in the ring can be drawn: the newest transition always is.
        let newest = truth.last().unwrap();
        prop_assert!(draw(&mut replay, 4000, returns).contains(newest));
    }
}

/// The newest row waits for its step: it is no transition, and takes no room of one.
#[test]
fn a_full_replay_holds_as_many_transitions_as_it_says() {
    let step = Scripted { reward: 1.0, terminated: false, truncated: false };
    let (replay, _) = play(&[step; 50], 10);
    assert_eq!((replay.transitions(), replay.transition_capacity(), replay.len()), (10, 10, 11));
}
