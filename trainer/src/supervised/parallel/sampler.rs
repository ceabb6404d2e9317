//! Which samples are whose: PyTorch's `DistributedSampler`.

/// What is left of an epoch's `order` after its first `done` samples, for `size` processes: filled up by samples from the front
/// until all processes have as many. Nothing is filled up where nothing is left.
pub(crate) fn rest(order: &[usize], done: usize, size: usize) -> Vec<usize> {
    let left = order.get(done..).unwrap_or_default();
    let filled = left.len().next_multiple_of(size);
    left.iter().chain(order.iter().cycle()).take(filled).copied().collect()
}

/// Those of `indices` that the process of `rank` learns from, of `size`.
pub(crate) fn share(indices: &[usize], rank: usize, size: usize) -> Vec<usize> {
    indices.iter().skip(rank).step_by(size).copied().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shares(samples: usize, size: usize) -> Vec<Vec<usize>> {
        let order = rest(&(0..samples).collect::<Vec<_>>(), 0, size);
        (0..size).map(|rank| share(&order, rank, size)).collect()
    }

    /// `list(DistributedSampler(range(n), size, rank, shuffle=False))` of torch 2.15.
    #[test]
    fn shares_are_distributed_samplers() {
        assert_eq!(shares(7, 1), [[0, 1, 2, 3, 4, 5, 6]]);
        assert_eq!(shares(7, 2), [[0, 2, 4, 6], [1, 3, 5, 0]]);
        assert_eq!(shares(10, 4), [[0, 4, 8], [1, 5, 9], [2, 6, 0], [3, 7, 1]]);
        assert_eq!(shares(8, 4), [[0, 4], [1, 5], [2, 6], [3, 7]]);
        // The whole list again where more is missing than it has.
        assert_eq!(shares(2, 5), [[0], [1], [0], [1], [0]]);
        let of_62: Vec<usize> = (0..16).map(|at| (at * 4 + 3) % 62).collect();
        assert_eq!(shares(62, 4)[3], of_62);
    }

    #[test]
    fn nothing_is_left_of_an_epoch_that_is_done() {
        for done in [7, 8, 100] {
            assert!(rest(&[0, 1, 2, 3, 4, 5, 6], done, 4).is_empty());
        }
    }

    proptest! {
        #[test]
        fn every_sample_is_somebodys_and_all_have_as_many(samples in 1_usize..200, size in 1_usize..9) {
            let shares = shares(samples, size);
            let each = samples.div_ceil(size);
            prop_assert!(shares.iter().all(|share| share.len() == each));
            // Read across the processes they are the order, and then its beginning.
            let all: Vec<usize> = (0..each).flat_map(|at| shares.iter().map(move |share| share[at])).collect();
            let expected: Vec<usize> = (0..each * size).map(|at| at % samples).collect();
            prop_assert_eq!(all, expected);
        }

        /// Whoever goes on within an epoch goes on as if nothing had happened.
        #[test]
        fn the_rest_is_the_end_of_the_whole(samples in 1_usize..100, size in 1_usize..6, steps in 0_usize..8, batch in 1_usize..5) {
            let order: Vec<usize> = (0..samples).map(|at| at * 7 % 101).collect();
            let whole = rest(&order, 0, size);
            let done = (steps * batch * size).min(whole.len());
            prop_assert_eq!(&rest(&order, done, size), &whole[done..]);
        }
    }
}
