//! Maps of replay for viewers: a histogram over two elements of the observations, and what is in one of its cells.
//!
//! A map visits every transition twice, for the range and for the cells: some nanoseconds each, for which the learner
//! waits if it goes on meanwhile. TD errors are of at most [`SAMPLE`] transitions, evenly spread, that are copied first:
//! the learner does not wait for the network.

use cartwheel_agents::nn::Activations;
use cartwheel_agents::{Acting, Batch, Judgement, Returns, argmax, masked};
use cartwheel_envs::{ActionRows, Row};

use super::protocol::{Observation, ReplayColor, ReplayMap, ReplayQuery, Transition};
use crate::replay::{Replay, Stored};

/// The most transitions whose TD error colours a map.
const SAMPLE: usize = 4096;
/// The most columns, and the most rows: a column for each of many states.
const BINS: u32 = 1024;
/// The most cells.
const CELLS: u32 = 1 << 16;
/// The most transitions in one answer.
const LISTED: usize = 256;

/// Least and greatest value of each axis.
pub(super) type Ranges = [(f32, f32); 2];

/// A map whose TD errors are still to be worked out.
pub(super) struct Draft {
    map: ReplayMap,
    /// Transitions of the sample, and the cell of each.
    batch: Batch,
    cells: Vec<usize>,
}

/// Transitions of a cell whose TD errors are still to be worked out.
#[derive(Default)]
pub(super) struct Listed {
    transitions: Vec<Transition>,
    batch: Batch,
}

/// `query` with what is out of range brought within it.
fn within(mut query: ReplayQuery, replay: &Replay) -> ReplayQuery {
    let last = replay.observation_width() as u32 - 1;
    query.axes = (query.axes.0.min(last), query.axes.1.min(last));
    let columns = query.bins.0.clamp(1, BINS);
    query.bins = (columns, query.bins.1.clamp(1, BINS.min(CELLS / columns)));
    query
}

fn at(observation: Row<'_>, query: &ReplayQuery) -> [f32; 2] {
    [query.axes.0, query.axes.1].map(|axis| observation.number(axis as usize) as f32)
}

/// The cell's number; values beyond the ranges are in the cells at the edge.
fn cell(observation: Row<'_>, query: &ReplayQuery, ranges: &Ranges) -> usize {
    let [x, y] = at(observation, query);
    let bin = |value: f32, (low, high): (f32, f32), bins: u32| {
        let share = if high > low { (value - low) / (high - low) } else { 0.0 };
        ((share * bins as f32) as usize).min(bins as usize - 1)
    };
    bin(y, ranges[1], query.bins.1) * query.bins.0 as usize + bin(x, ranges[0], query.bins.0)
}

/// The map of `replay`, but for its TD errors.
pub(super) fn draft(replay: &Replay, query: ReplayQuery, returns: Returns) -> Draft {
    let query = within(query, replay);
    let mut ranges: Ranges = [(f32::INFINITY, f32::NEG_INFINITY); 2];
    if let Some((first, count)) = replay.features().states() {
        // As many columns as there are states are one for each.
        let low = first as f32 - 0.5;
        ranges = [(low, low + count as f32); 2];
    } else {
        for stored in replay.stored() {
            for ((low, high), value) in ranges.iter_mut().zip(at(stored.observation, &query)) {
                (*low, *high) = (low.min(value), high.max(value));
            }
        }
    }
    let total = replay.transitions();
    if total == 0 {
        ranges = [(0.0, 0.0); 2];
    }
    let cells = (query.bins.0 * query.bins.1) as usize;
    let mut map =
        ReplayMap { query, transitions: total as u64, ranges, counts: vec![0; cells], values: vec![f32::NAN; cells] };
    let mut ages = vec![0.0; if map.query.color == ReplayColor::Age { cells } else { 0 }];
    let every = total.div_ceil(SAMPLE).max(1);
    let mut sample = Vec::new();
    for (i, stored) in replay.stored().enumerate() {
        let cell = cell(stored.observation, &map.query, &ranges);
        map.counts[cell] += 1;
        match map.query.color {
            ReplayColor::Count => {}
            ReplayColor::Age => ages[cell] += stored.age as f64 * replay.envs() as f64,
            ReplayColor::TdError if i % every == 0 => sample.push((stored.row, cell)),
            ReplayColor::TdError => {}
        }
    }
    for (cell, count) in map.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        match map.query.color {
            ReplayColor::Count => map.values[cell] = *count as f32,
            ReplayColor::Age => map.values[cell] = (ages[cell] / f64::from(*count)) as f32,
            ReplayColor::TdError => {}
        }
    }
    let batch = gather(replay, sample.iter().map(|(row, _)| *row), returns);
    Draft { map, batch, cells: sample.into_iter().map(|(_, cell)| cell).collect() }
}

impl Draft {
    /// The map of a replay that could not be looked into.
    pub(super) fn empty(query: ReplayQuery) -> Self {
        let map = ReplayMap { query, transitions: 0, ranges: [(0.0, 0.0); 2], counts: Vec::new(), values: Vec::new() };
        Self { map, batch: Batch::default(), cells: Vec::new() }
    }

    /// The map, with TD errors under these weights.
    pub(super) fn finish(mut self, acting: &Acting, parameters: Option<&[f32]>) -> ReplayMap {
        let errors = parameters.map(|parameters| td_errors(acting, parameters, &self.batch)).unwrap_or_default();
        let mut sums = vec![(0.0, 0_u32); if errors.is_empty() { 0 } else { self.map.values.len() }];
        for (cell, error) in self.cells.iter().zip(errors) {
            sums[*cell] = (sums[*cell].0 + error.abs(), sums[*cell].1 + 1);
        }
        for (value, (sum, count)) in self.map.values.iter_mut().zip(sums).filter(|(_, (_, count))| *count > 0) {
            *value = sum / count as f32;
        }
        self.map
    }
}

/// At most `limit` transitions of a cell of the map of `query` with these ranges, or with the present ones: the newest
/// first.
pub(super) fn list(
    replay: &Replay,
    query: ReplayQuery,
    ranges: Option<Ranges>,
    (column, row): (u32, u32),
    limit: u32,
    returns: Returns,
) -> Listed {
    let query = within(query, replay);
    let ranges = ranges.unwrap_or_else(|| {
        draft(replay, ReplayQuery { color: ReplayColor::Count, ..query.clone() }, returns).map.ranges
    });
    let wanted = row as usize * query.bins.0 as usize + column as usize;
    let limit = LISTED.min(limit as usize);
    let of =
        |env| replay.stored_of(env).filter(|stored| cell(stored.observation, &query, &ranges) == wanted).take(limit);
    let mut found: Vec<Stored<'_>> = (0..replay.envs()).flat_map(of).filter(|_| column < query.bins.0).collect();
    found.sort_by_key(|stored| (stored.age, stored.env));
    found.truncate(limit);
    let transitions = found.iter().map(|stored| {
        let outcome = replay.outcome(stored.row);
        Transition {
            env: stored.env as u32,
            age: stored.age,
            step: stored.step * replay.envs() as u64,
            observation: Observation::from(stored.observation),
            action: outcome.action.to_owned(),
            reward: outcome.reward,
            next_observation: Observation::from(outcome.next_observation),
            terminated: outcome.terminated,
            truncated: outcome.truncated,
            td_error: f32::NAN,
        }
    });
    Listed { transitions: transitions.collect(), batch: gather(replay, found.iter().map(|stored| stored.row), returns) }
}

impl Listed {
    /// The transitions, with TD errors under these weights.
    pub(super) fn finish(mut self, acting: &Acting, parameters: Option<&[f32]>) -> Vec<Transition> {
        let errors = parameters.map(|parameters| td_errors(acting, parameters, &self.batch)).unwrap_or_default();
        for (transition, error) in self.transitions.iter_mut().zip(errors) {
            transition.td_error = error;
        }
        self.transitions
    }
}

fn gather(replay: &Replay, rows: impl ExactSizeIterator<Item = usize>, returns: Returns) -> Batch {
    let mut batch = replay.batch();
    batch.resize_masked(rows.len(), replay.features().width(), replay.features().masked());
    for (slot, row) in rows.enumerate() {
        replay.gather(row, returns, &mut batch, slot);
    }
    batch
}

/// y − Q(s, a) with y = return + discount · max Q(s', ·), all by the same weights; nothing where the network values no
/// actions.
fn td_errors(acting: &Acting, parameters: &[f32], batch: &Batch) -> Vec<f32> {
    let (Acting { actions: head, mlp, .. }, n) = (acting, batch.len());
    let ActionRows::Discrete(taken) = &batch.actions else { return Vec::new() };
    if n == 0 {
        return Vec::new();
    }
    let (mut scratch, mut judgement, mut buffer) = (Activations::default(), Judgement::None, Vec::new());
    let mut values = |outputs: &[f32], valid: &[bool], of: &dyn Fn(&[f32], usize) -> f32| -> Vec<f32> {
        let outputs = masked(valid, head.shape(mlp.output_stride()), outputs, &mut buffer);
        let rows = outputs.chunks_exact(mlp.output_stride()).enumerate();
        rows.filter_map(|(i, outputs)| {
            head.judge(outputs, &mut judgement);
            judgement.values().map(|values| of(values, i))
        })
        .collect()
    };
    let next = mlp.forward(parameters, &batch.next_observations, n, &mut scratch);
    let best = values(next, &batch.next_masks, &|values, _| values[argmax(values)]);
    let now = mlp.forward(parameters, &batch.observations, n, &mut scratch);
    let now = values(now, &[], &|values, i| values[taken[i] as usize]);
    let targets = best.iter().zip(&batch.returns).zip(&batch.discounts).map(|((q, r), d)| r + d * q);
    now.iter().zip(targets).map(|(q, target)| target - q).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartwheel_agents::dqn::DqnConfig;
    use cartwheel_envs::{Action, Generator, Space};

    const ONE_STEP: Returns = Returns { n_steps: 1, gamma: 0.5, reward_scale: 1.0 };

    /// Two environments; environment e's step k goes from (k, e) to (k + 1, e) with reward k.
    fn replay(steps: usize, room: usize) -> Replay {
        let space = Space::box_f32(vec![-100.0; 2], vec![100.0; 2]);
        let mut replay = Replay::new(&space, &ActionRows::default(), 2, room, None).unwrap();
        for env in 0..2 {
            replay.begin(env, Row::F32(&[0.0, env as f32]));
            for k in 0..steps {
                let last = k + 1 == steps;
                replay.push(
                    env,
                    Action::Discrete(env as i32),
                    k as f32,
                    last,
                    false,
                    Row::F32(&[k as f32 + 1.0, env as f32]),
                );
            }
        }
        replay
    }

    fn query(bins: (u32, u32), color: ReplayColor) -> ReplayQuery {
        ReplayQuery { axes: (0, 1), bins, color }
    }

    fn network() -> (Acting, Vec<f32>) {
        let config = DqnConfig { net_arch: vec![16], ..DqnConfig::default() };
        let space = Space::box_f32(vec![-100.0; 2], vec![100.0; 2]);
        let acting = Acting::new(&config, &space, &Space::discrete(2)).unwrap();
        let parameters = acting.mlp.init(&mut Generator::new(3));
        (acting, parameters)
    }

    fn map(replay: &Replay, query: ReplayQuery) -> ReplayMap {
        let (acting, parameters) = network();
        draft(replay, query, ONE_STEP).finish(&acting, Some(&parameters))
    }

    #[test]
    fn every_transition_is_in_a_cell() {
        let map = map(&replay(10, 100), query((5, 2), ReplayColor::Count));
        assert_eq!((map.transitions, map.ranges), (20, [(0.0, 9.0), (0.0, 1.0)]));
        assert_eq!(map.counts, [2; 10]);
        assert_eq!(map.values, [2.0; 10]);
    }

    #[test]
    fn what_was_overwritten_is_gone_and_ages_are_the_runs() {
        // A ring of 6 rows keeps the last 5 transitions.
        let map = map(&replay(50, 10), query((5, 1), ReplayColor::Age));
        assert_eq!((map.transitions, map.ranges[0]), (10, (45.0, 49.0)));
        assert_eq!(map.values, [8.0, 6.0, 4.0, 2.0, 0.0]);
    }

    #[test]
    fn td_errors_are_those_of_the_rule() {
        let (acting, parameters) = network();
        let replay = replay(3, 10);
        let map = map(&replay, query((3, 2), ReplayColor::TdError));
        let mut scratch = Activations::default();
        let mut q = |k: f32, env: f32| {
            let row = acting.mlp.forward(&parameters, &[k, env], 1, &mut scratch);
            [row[0], row[1]]
        };
        for env in 0..2 {
            for k in 0..3 {
                let next = q(k as f32 + 1.0, env as f32);
                // The last step ended the episode.
                let after = if k == 2 { 0.0 } else { 0.5 * next[0].max(next[1]) };
                let error = k as f32 + after - q(k as f32, env as f32)[env];
                assert!((map.values[env * 3 + k] - error.abs()).abs() < 1e-5, "{k} of {env}");
            }
        }
        let weightless = draft(&replay, query((3, 2), ReplayColor::TdError), ONE_STEP).finish(&acting, None);
        assert!(weightless.values.iter().all(|value| value.is_nan()) && weightless.counts == map.counts);
    }

    #[test]
    fn the_sample_of_td_errors_is_bounded() {
        let draft = draft(&replay(20_000, 50_000), query((4, 4), ReplayColor::TdError), ONE_STEP);
        assert!((SAMPLE / 2..=SAMPLE).contains(&draft.batch.len()), "{}", draft.batch.len());
        assert_eq!(draft.map.counts.iter().sum::<u32>(), 40_000);
    }

    #[test]
    fn a_cell_is_listed_newest_first() {
        let (acting, parameters) = network();
        let replay = replay(10, 100);
        let list = |cell, limit, ranges| {
            let listed = super::list(&replay, query((5, 1), ReplayColor::Count), ranges, cell, limit, ONE_STEP);
            let listed = listed.finish(&acting, Some(&parameters));
            listed
                .into_iter()
                .map(|t| (t.age, t.env, t.reward, t.terminated, t.td_error.is_finite()))
                .collect::<Vec<_>>()
        };
        assert_eq!(list((4, 0), 3, None), [(0, 0, 9.0, true, true), (0, 1, 9.0, true, true), (1, 0, 8.0, false, true)]);
        assert_eq!(list((0, 0), 100, None).len(), 4);
        // The ranges of the map that was clicked on.
        assert_eq!(list((0, 0), 100, Some([(0.0, 100.0), (0.0, 1.0)])).len(), 20);
        assert!(list((5, 0), 100, None).is_empty() && list((0, 1), 100, None).is_empty());
    }

    #[test]
    fn nonsense_is_brought_within_bounds() {
        let replay = replay(0, 10);
        let wild = ReplayQuery { axes: (9, u32::MAX), bins: (0, u32::MAX), color: ReplayColor::TdError };
        let map = map(&replay, wild);
        assert_eq!((map.query.axes, map.query.bins), ((1, 1), (1, 1024)));
        assert_eq!((map.transitions, map.counts), (0, vec![0; 1024]));
        let wide = within(ReplayQuery { bins: (u32::MAX, 500), ..map.query }, &replay);
        assert_eq!(wide.bins, (1024, 64), "so many cells in all");
    }

    #[test]
    fn states_have_a_column_each() {
        let space = Space::Discrete { n: 500, start: 3 };
        let mut replay = Replay::new(&space, &ActionRows::default(), 1, 100, None).unwrap();
        replay.begin(0, Row::I32(&[3]));
        for next in [502, 502, 100, 3] {
            replay.push(0, Action::Discrete(0), 1.0, false, false, Row::I32(&[next]));
        }
        let query = ReplayQuery { axes: (0, 0), bins: (500, 1), color: ReplayColor::Count };
        let map = draft(&replay, query.clone(), ONE_STEP).map;
        let counted: Vec<_> = map.counts.iter().enumerate().filter(|(_, count)| **count > 0).collect();
        assert_eq!(counted, [(0, &1), (97, &1), (499, &2)]);
        let listed = super::list(&replay, query, Some(map.ranges), (499, 0), 9, ONE_STEP);
        assert_eq!(listed.transitions.len(), 2);
    }
}
