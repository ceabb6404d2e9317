//! A tree of sums: finds which of many weights a point on their total lies in, without adding them all up.

#[cfg(target_arch = "x86_64")]
mod avx512;

/// Children of a node: as many as a cache line holds, so that a node costs one read of memory.
const FANOUT: usize = 8;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(align(64))]
struct Node([f64; FANOUT]);

impl Node {
    /// What the weights before each of these come to.
    #[inline]
    fn before(&self) -> Self {
        let mut before = [0.0; FANOUT];
        for i in 1..FANOUT {
            before[i] = before[i - 1] + self.0[i - 1];
        }
        Self(before)
    }

    /// With the sums before each child: how many of these a target has come to.
    #[inline(always)]
    fn passed(&self, target: f64) -> u32 {
        self.0.iter().map(|before| u32::from(*before <= target)).sum()
    }
}

/// Weights by index, and their sums, all in f64.
///
/// Each sum is added up anew from its eight children when one of them changes. So no error builds up however often
/// weights change, and the same weights give the same sums, bit for bit, whatever the order in which they were set.
#[derive(Clone, Debug)]
pub(super) struct SumTree {
    /// Level by level what eight neighbours of the level below come to, from the weights themselves to a single node.
    sums: Vec<Vec<Node>>,
    /// Of each level but the weights, the sums before each child: what a search reads.
    before: Vec<Vec<Node>>,
    len: usize,
}

impl SumTree {
    /// `len` weights of 0.
    pub(super) fn new(len: usize) -> Self {
        let level = |nodes| vec![Node::default(); nodes as usize];
        let sums: Vec<_> = level_sizes(len as u128).map(level).collect();
        Self { before: sums[1..].to_vec(), sums, len }
    }

    /// The tree of `weights`.
    pub(super) fn of(weights: &[f64]) -> Self {
        let mut tree = Self::new(weights.len());
        for (index, weight) in weights.iter().enumerate() {
            tree.set(index, *weight);
        }
        tree
    }

    /// Bytes that a tree of `len` weights takes.
    pub(super) fn bytes(len: u128) -> u128 {
        let weights = level_sizes(len).next().unwrap_or_default();
        (2 * level_sizes(len).sum::<u128>() - weights) * size_of::<Node>() as u128
    }

    /// How many weights there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The weight at `index`.
    pub(super) fn get(&self, index: usize) -> f64 {
        self.sums[0][index / FANOUT].0[index % FANOUT]
    }

    /// All weights.
    pub(super) fn weights(&self) -> Vec<f64> {
        self.sums[0].iter().flat_map(|node| node.0).take(self.len).collect()
    }

    /// What all weights come to.
    pub(super) fn total(&self) -> f64 {
        let top = &self.sums[self.sums.len() - 1][0];
        top.before().0[FANOUT - 1] + top.0[FANOUT - 1]
    }

    /// Sets a weight, which is not negative.
    pub(super) fn set(&mut self, index: usize, weight: f64) {
        let (mut node, mut child, mut sum) = (index / FANOUT, index % FANOUT, weight);
        for (level, sums) in self.sums.iter_mut().enumerate() {
            sums[node].0[child] = sum;
            let before = sums[node].before();
            sum = before.0[FANOUT - 1] + sums[node].0[FANOUT - 1];
            if level > 0 {
                self.before[level - 1][node] = before;
            }
            (node, child) = (node / FANOUT, node % FANOUT);
        }
    }

    /// The indices whose weights the `targets` lie in, from 0 to the total, when all are laid end to end. Never one
    /// of weight 0 while there is another. The targets become the weights that were found.
    ///
    /// All targets go down a level before any goes to the next: what they read does not depend on one another, so the
    /// processor waits for memory once a level and not once a target; less where it can be asked for ahead.
    pub(super) fn find(&self, targets: &mut [f64], indices: &mut [usize]) {
        #[cfg(target_arch = "x86_64")]
        if avx512::find(self, targets, indices) {
            return;
        }
        self.descend(targets, indices, Node::passed, |_| {});
    }

    /// The same, given how many of a node's children a target has passed, and what asks for the memory of a node that will be
    /// read.
    #[inline(always)]
    fn descend(
        &self,
        targets: &mut [f64],
        indices: &mut [usize],
        passed: impl Fn(&Node, f64) -> u32,
        ask: impl Fn(&Node),
    ) {
        // The child that a target lies in by the sums before each, and how far.
        let child = |before: &Node, target: f64| {
            let child = passed(before, target).saturating_sub(1) as usize % FANOUT;
            (child, target - before.0[child])
        };
        // A target past the end can come to a node that is not there.
        let node = |level: &[Node], index: usize| index.min(level.len() - 1);
        indices.fill(0);
        for (depth, level) in self.before.iter().enumerate().rev() {
            let below = if depth > 0 { &self.before[depth - 1] } else { &self.sums[0] };
            for (target, index) in targets.iter_mut().zip(&mut *indices) {
                let at = node(level, *index);
                let (child, rest) = child(&level[at], *target);
                (*index, *target) = (at * FANOUT + child, rest);
                ask(&below[node(below, *index)]);
            }
        }
        let weights = &self.sums[0];
        for (target, index) in targets.iter_mut().zip(indices) {
            let at = node(weights, *index);
            let (child, _) = child(&weights[at].before(), *target);
            (*index, *target) = (at * FANOUT + child, weights[at].0[child]);
            if *target <= 0.0 {
                *index = self.last();
                *target = self.get(*index);
            }
        }
    }

    /// The last index with a weight. Sums are rounded, so a target can lie past the end, and then means this one.
    #[cold]
    fn last(&self) -> usize {
        self.sums.iter().rev().fold(0, |index, level| {
            let child = level[index].0.iter().rposition(|weight| *weight > 0.0).unwrap_or(0);
            index * FANOUT + child
        })
    }
}

/// Nodes of each level over `len` weights, the lowest first.
fn level_sizes(len: u128) -> impl Iterator<Item = u128> {
    const CHILDREN: u128 = FANOUT as u128;
    let mut next = Some(len.div_ceil(CHILDREN).max(1));
    std::iter::from_fn(move || {
        let nodes = next?;
        next = (nodes > 1).then(|| nodes.div_ceil(CHILDREN));
        Some(nodes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The index that `target` lies in, by adding up.
    fn slow(weights: &[f64], mut target: f64) -> usize {
        for (i, weight) in weights.iter().enumerate() {
            if target < *weight {
                return i;
            }
            target -= weight;
        }
        weights.len() - 1
    }

    #[test]
    fn what_a_tree_takes_is_known_before_it_is_there() {
        for len in [1, 8, 9, 64, 65, 1000, 4097] {
            let tree = SumTree::new(len);
            let taken: usize = tree.sums.iter().chain(&tree.before).map(|level| size_of_val(&level[..])).sum();
            assert_eq!(taken as u128, SumTree::bytes(len as u128), "{len}");
            assert_eq!(tree.sums[tree.sums.len() - 1].len(), 1, "one node on top");
        }
    }

    fn find(tree: &SumTree, target: f64) -> usize {
        let mut index = [0];
        tree.find(&mut [target], &mut index);
        index[0]
    }

    #[test]
    fn targets_past_the_end_and_weights_of_nothing() {
        let mut tree = SumTree::new(100);
        for (index, weight) in [(3, 0.1), (50, 0.2), (77, 0.3)] {
            tree.set(index, weight);
        }
        assert_eq!(find(&tree, 0.0), 3);
        assert_eq!(find(&tree, 0.1), 50);
        assert_eq!(find(&tree, tree.total()), 77);
        assert_eq!(find(&tree, 1e9), 77);
        tree.set(77, 0.0);
        assert_eq!(find(&tree, 1e9), 50);
        assert!(find(&SumTree::new(100), 0.0) < 100, "none is as good as another");
    }

    /// A weight beside one that is 1e15 times as large is found, and nothing of the large one stays behind: f32 would
    /// lose the one, and sums kept by adding differences the other.
    #[test]
    fn small_weights_beside_large_ones() {
        let mut tree = SumTree::new(20);
        tree.set(0, 1e6);
        tree.set(10, 1e-9);
        assert!(tree.total() > 1e6);
        assert_eq!(find(&tree, 1e6), 10);
        tree.set(0, 0.0);
        assert_eq!(tree.total().to_bits(), 1e-9_f64.to_bits());
    }

    proptest! {
        /// Whole numbers add up exactly, so the tree must agree with adding up at every point.
        #[test]
        fn it_finds_what_adding_up_finds(
            len in 1usize..600,
            changes in prop::collection::vec((0usize..600, 0u32..50), 1..400),
        ) {
            let (mut tree, mut weights) = (SumTree::new(len), vec![0.0; len]);
            for (index, weight) in changes {
                tree.set(index % len, f64::from(weight));
                weights[index % len] = f64::from(weight);
            }
            prop_assert_eq!(tree.weights(), weights.clone());
            let total: f64 = weights.iter().sum();
            prop_assert_eq!(tree.total(), total);
            let mut targets: Vec<f64> = (0..(2.0 * total) as usize).map(|point| point as f64 / 2.0).collect();
            let truth: Vec<usize> = targets.iter().map(|target| slow(&weights, *target)).collect();
            let (mut found, mut portably) = (vec![0; truth.len()], vec![0; truth.len()]);
            tree.descend(&mut targets.clone(), &mut portably, Node::passed, |_| {});
            tree.find(&mut targets, &mut found);
            prop_assert_eq!(&portably, &truth);
            prop_assert_eq!(targets, truth.iter().map(|index| weights[*index]).collect::<Vec<_>>());
            prop_assert_eq!(found, truth);
        }

        /// Whatever the weights and the order they were set in: sums are those of a tree built at once, bit for bit,
        /// and what is found has a weight.
        #[test]
        fn sums_do_not_depend_on_how_they_came_about(
            len in 1usize..600,
            changes in prop::collection::vec((0usize..600, prop_oneof![Just(0.0), 1e-12f64..1e-6, 0.0f64..1e6]), 1..400),
            share in 0.0f64..=1.0,
        ) {
            let mut tree = SumTree::new(len);
            for (index, weight) in changes {
                tree.set(index % len, weight);
            }
            // No weight is negative and none is NaN, so equal numbers are equal bits.
            let built = SumTree::of(&tree.weights());
            prop_assert_eq!(&tree.sums, &built.sums);
            prop_assert_eq!(&tree.before, &built.before);
            if tree.total() > 0.0 {
                prop_assert!(tree.get(find(&tree, share * tree.total())) > 0.0);
            }
        }
    }
}
