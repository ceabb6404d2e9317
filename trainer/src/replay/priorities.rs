//! Proportional prioritization (Schaul et al. 2016, *Prioritized experience replay*): transitions that surprised the
//! network are drawn more often, and count less in the loss to make up for it.
//!
//! A transition's priority is p = |δ| + eps, δ its TD error when it was last learnt from; one that is new has the
//! highest that there ever was, so that each is seen at least about once. It is drawn with chance pᵅ / Σ pᵅ, and its
//! loss is weighted by wᵢ = (N Pᵢ)^−β / maxⱼ (N Pⱼ)^−β.
//!
//! Reference implementations: `baselines/deepq/replay_buffer.py`, `cleanrl/rainbow_atari.py`. A batch is drawn from
//! strata, as in the paper, and the maximum of the weights is the batch's, as in CleanRL. Baselines takes that of the
//! whole buffer: one transition of low priority in it makes every update small.

use cartwheel_agents::{Batch, Prioritization};
use cartwheel_envs::Generator;
use serde::{Deserialize, Serialize};

use super::sum_tree::SumTree;

/// The priorities of all rows.
#[derive(Clone, Debug)]
pub(super) struct Priorities {
    prioritization: Prioritization,
    /// pᵅ of each row; 0 for what cannot be drawn.
    pub(super) tree: SumTree,
    /// The highest pᵅ that there ever was.
    highest: f64,
    /// Where a batch is drawn, and then the weights that lie there.
    targets: Vec<f64>,
    /// How many of the last batch had the highest there ever was.
    at_highest: usize,
}

/// What a checkpoint keeps of them: sums follow from the weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PriorityState {
    #[serde(with = "cartwheel_envs::as_bytes")]
    weights: Vec<f64>,
    highest: f64,
}

impl PriorityState {
    /// The same of `rings` rings of `capacity` rows each: rows that there were not have no weight.
    pub(super) fn with_rings(self, rings: usize, capacity: usize) -> Self {
        let before = self.weights.len() / rings.max(1);
        if before == capacity {
            return self;
        }
        let of_ring =
            |ring: &[f64]| -> Vec<f64> { (0..capacity).map(|row| ring.get(row).copied().unwrap_or(0.0)).collect() };
        let weights = self.weights.chunks_exact(before.max(1)).flat_map(of_ring).collect();
        Self { weights, highest: self.highest }
    }
}

impl Priorities {
    pub(super) fn new(prioritization: Prioritization, rows: usize) -> Self {
        Self { prioritization, tree: SumTree::new(rows), highest: 1.0, targets: Vec::new(), at_highest: 0 }
    }

    /// Bytes that the priorities of `rows` rows take.
    pub(super) fn bytes(rows: u128) -> u128 {
        SumTree::bytes(rows)
    }

    /// `row` holds a transition that was never learnt from.
    #[inline]
    pub(super) fn insert(&mut self, row: usize) {
        self.tree.set(row, self.highest);
    }

    /// `row` cannot be drawn any more.
    #[inline]
    pub(super) fn remove(&mut self, row: usize) {
        self.tree.set(row, 0.0);
    }

    /// Notes the |TD errors| that rows were learnt from with.
    pub(super) fn update(&mut self, rows: &[usize], td_errors: &[f32]) {
        let Prioritization { alpha, eps, .. } = self.prioritization;
        for (row, error) in rows.iter().zip(td_errors) {
            // However small eps is: what has no weight is never drawn again.
            let weight = (f64::from(*error) + eps).powf(alpha).max(f64::MIN_POSITIVE);
            self.highest = self.highest.max(weight);
            self.tree.set(*row, weight);
        }
    }

    /// Fills the rows and weights of `batch`: its nth transition comes from the nth of as many equal parts of all
    /// priorities laid end to end.
    pub(super) fn draw(&mut self, beta: f64, rng: &mut Generator, batch: &mut Batch) {
        let stratum = self.tree.total() / batch.rows.len() as f64;
        self.targets.clear();
        self.targets.extend((0..batch.rows.len()).map(|i| (i as f64 + rng.random()) * stratum));
        self.tree.find(&mut self.targets, &mut batch.rows);
        let found = &self.targets;
        self.at_highest = found.iter().filter(|weight| **weight >= self.highest).count();
        // N and the sum of all priorities are the same for all of a batch: the largest weight cancels them.
        let lowest = found.iter().copied().fold(f64::INFINITY, f64::min);
        for (weight, found) in batch.weights.iter_mut().zip(found) {
            *weight = ((lowest / found) as f32).powf(beta as f32);
        }
    }

    /// The share of the last batch that had the highest priority; nothing before one was drawn, or where alpha is 0 and
    /// priorities are meant to be alike.
    pub(super) fn share_at_highest(&self) -> Option<f64> {
        let drawn = self.targets.len();
        (drawn > 0 && self.prioritization.alpha > 0.0).then(|| self.at_highest as f64 / drawn as f64)
    }

    /// What a checkpoint keeps.
    pub(super) fn state(&self) -> PriorityState {
        PriorityState { weights: self.tree.weights(), highest: self.highest }
    }

    /// The same of `rings` rings of `capacity` rows each, longer or shorter ones than there are.
    pub(super) fn with_rings(&self, rings: usize, capacity: usize) -> Self {
        let mut other = Self::new(self.prioritization, rings * capacity);
        let state = self.state().with_rings(rings, capacity);
        (other.tree, other.highest) = (SumTree::of(&state.weights), state.highest);
        other
    }

    /// Goes on from `state`; false if it is of another number of rows or holds what no priority is.
    #[must_use]
    pub(super) fn restore(&mut self, state: PriorityState) -> bool {
        let sound = |weight: &f64| weight.is_finite() && *weight >= 0.0;
        let fits = state.weights.len() == self.tree.len() && state.weights.iter().all(sound) && sound(&state.highest);
        if fits {
            self.tree = SumTree::of(&state.weights);
            self.highest = state.highest;
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PROPORTIONAL: Prioritization =
        Prioritization { alpha: 0.6, eps: 1e-3, beta0: 0.4, beta_iters: None, by_actors: false };

    fn batch(n: usize) -> Batch {
        let mut batch = Batch::default();
        batch.resize(n, 1);
        batch
    }

    /// Priorities of as many rows as there are errors.
    fn learnt(prioritization: Prioritization, errors: &[f32]) -> Priorities {
        let mut priorities = Priorities::new(prioritization, errors.len());
        (0..errors.len()).for_each(|row| priorities.insert(row));
        priorities.update(&(0..errors.len()).collect::<Vec<_>>(), errors);
        priorities
    }

    #[test]
    fn chances_are_in_proportion_to_the_power_of_the_error() {
        let errors = [0.0, 0.1, 0.5, 1.0, 4.0];
        let mut priorities = learnt(PROPORTIONAL, &errors);
        let (mut rng, mut batch, mut counts) = (Generator::new(0), batch(10), [0u32; 5]);
        for _ in 0..20_000 {
            priorities.draw(0.4, &mut rng, &mut batch);
            batch.rows.iter().for_each(|row| counts[*row] += 1);
        }
        let powers = errors.map(|error| (f64::from(error) + 1e-3).powf(0.6));
        for (count, power) in counts.iter().zip(powers) {
            let (share, expected) = (f64::from(*count) / 200_000.0, power / powers.iter().sum::<f64>());
            assert!((share - expected).abs() < 0.05 * expected, "{share} for {expected}");
        }
    }

    #[test]
    fn without_alpha_all_are_drawn_alike_and_count_in_full() {
        let uniform = Prioritization { alpha: 0.0, ..PROPORTIONAL };
        let mut priorities = learnt(uniform, &[0.0, 1.0, 1000.0]);
        let mut batch = batch(3);
        priorities.draw(1.0, &mut Generator::new(0), &mut batch);
        assert_eq!((batch.rows, batch.weights), (vec![0, 1, 2], vec![1.0; 3]), "one from each third");
    }

    /// New transitions have the highest priority ever, which stays when the one that had it loses it.
    #[test]
    fn what_is_new_comes_first() {
        let mut priorities = learnt(PROPORTIONAL, &[0.1, 8.0, 0.1, 0.1]);
        priorities.update(&[1], &[0.1]);
        priorities.insert(2);
        let expected = (8.0_f64 + 1e-3).powf(0.6);
        assert_eq!(priorities.tree.get(2).to_bits(), expected.to_bits());
        let calm = learnt(PROPORTIONAL, &[0.1]);
        assert_eq!(calm.highest.to_bits(), 1.0_f64.to_bits(), "1 before anything was learnt");
    }

    #[test]
    fn what_has_the_highest_priority_of_a_batch_is_counted() {
        let (mut rng, mut batch) = (Generator::new(0), batch(4));
        let mut priorities = learnt(PROPORTIONAL, &[1.0; 4]);
        assert_eq!(priorities.share_at_highest(), None);
        priorities.draw(1.0, &mut rng, &mut batch);
        assert_eq!(priorities.share_at_highest(), Some(1.0), "all are alike");
        priorities.update(&[0, 1, 2, 3], &[0.999; 4]);
        priorities.insert(3);
        priorities.draw(1.0, &mut rng, &mut batch);
        let share = batch.rows.iter().filter(|row| **row == 3).count() as f64 / 4.0;
        assert_eq!(priorities.share_at_highest(), Some(share));
        assert!(share > 0.0 && share < 1.0);
        let mut uniform = learnt(Prioritization { alpha: 0.0, ..PROPORTIONAL }, &[1.0; 4]);
        uniform.draw(1.0, &mut rng, &mut batch);
        assert_eq!(uniform.share_at_highest(), None);
    }

    #[test]
    fn the_last_of_a_rows_errors_in_a_batch_counts() {
        let mut priorities = learnt(PROPORTIONAL, &[1.0, 1.0]);
        priorities.update(&[0, 1, 0], &[5.0, 2.0, 3.0]);
        assert_eq!(priorities.tree.get(0).to_bits(), (3.0_f64 + 1e-3).powf(0.6).to_bits());
    }

    proptest! {
        /// Rows and weights against the paper's formulas, summed the slow way.
        #[test]
        fn draws_are_stratified_and_weighted_as_in_the_paper(
            errors in prop::collection::vec(0.0f32..10.0, 1..200),
            gone in prop::collection::vec(0usize..200, 0..50),
            n in 1usize..80,
            beta in 0.0f64..=1.0,
            seed in 0u64..1000,
        ) {
            let mut priorities = learnt(PROPORTIONAL, &errors);
            // One stays, or there is nothing to draw.
            gone.iter().filter(|row| **row > 0 && **row < errors.len()).for_each(|row| priorities.remove(*row));
            let weights = priorities.tree.weights();
            let (total, alive) = (weights.iter().sum::<f64>(), weights.iter().filter(|w| **w > 0.0).count());
            let mut batch = batch(n);
            priorities.draw(beta, &mut Generator::new(seed), &mut batch);

            let chance = |row: usize| weights[row] / total;
            let raw: Vec<f64> = batch.rows.iter().map(|row| (alive as f64 * chance(*row)).powf(-beta)).collect();
            let largest = raw.iter().copied().fold(0.0, f64::max);
            for (i, row) in batch.rows.iter().enumerate() {
                prop_assert!(weights[*row] > 0.0, "row {} is gone", row);
                let (begin, end): (f64, f64) = (weights[..*row].iter().sum(), weights[..=*row].iter().sum());
                let stratum = (i as f64 * total / n as f64, (i + 1) as f64 * total / n as f64);
                prop_assert!(begin < stratum.1 + 1e-9 * total && stratum.0 < end + 1e-9 * total, "{} is of another part", row);
                let expected = raw[i] / largest;
                prop_assert!((f64::from(batch.weights[i]) - expected).abs() < 1e-5, "{} for {expected}", batch.weights[i]);
            }
            prop_assert!(batch.weights.iter().all(|weight| *weight <= 1.0));
            prop_assert!(batch.weights.contains(&1.0), "the largest weight is 1");
        }
    }
}
