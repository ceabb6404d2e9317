//! Sums over all processes: each adds up a part of the numbers, and sends the sums to all.
//!
//! So each sends and receives as much as in a ring all-reduce, 2(n - 1)/n of the numbers, in 2 steps in the place of 2(n - 1), and
//! numbers are added in the order of the ranks, whatever the part. Beside the numbers it takes memory for two pieces of them.

use super::error::ParallelError;
use super::group::Group;
use super::link::Kind;

/// Numbers that are added at once: they stay in a core's cache meanwhile.
const PIECE: usize = 32 << 10;

impl Group {
    /// Makes each of `values` its sum over all processes, which have as many: the same bits everywhere.
    pub(crate) fn all_reduce(&self, values: &mut [f32]) -> Result<(), ParallelError> {
        if self.size() == 1 {
            return Ok(());
        }
        let mut parts = split(values, self.size());
        let own = std::mem::take(&mut parts[self.rank()]);
        self.exchange(Kind::Summands, |rank| bytemuck::cast_slice(&*parts[rank]), || self.add_up(own))?;
        let sums = bytemuck::cast_slice(own);
        self.exchange(
            Kind::Sums,
            |_| sums,
            || {
                for (rank, part) in parts.iter_mut().enumerate() {
                    if let Some(link) = self.link(rank) {
                        link.await_exactly(Kind::Sums, size_of_val(*part))?;
                        link.read(bytemuck::cast_slice_mut(part))?;
                    }
                }
                Ok(())
            },
        )
    }

    /// Makes `own` the sum of what the processes, this one among them, have of this part, piece by piece.
    fn add_up(&self, own: &mut [f32]) -> Result<(), ParallelError> {
        for link in (0..self.size()).filter_map(|rank| self.link(rank)) {
            link.await_exactly(Kind::Summands, size_of_val(own))?;
        }
        let mut mine = vec![0.0; PIECE.min(own.len())];
        let mut theirs = mine.clone();
        for sums in own.chunks_mut(PIECE) {
            let (mine, theirs) = (&mut mine[..sums.len()], &mut theirs[..sums.len()]);
            mine.copy_from_slice(sums);
            for rank in 0..self.size() {
                let summands = match self.link(rank) {
                    Some(link) => {
                        link.read(bytemuck::cast_slice_mut(theirs))?;
                        &*theirs
                    }
                    None => &*mine,
                };
                match rank {
                    0 => sums.copy_from_slice(summands),
                    _ => sums.iter_mut().zip(summands).for_each(|(sum, summand)| *sum += summand),
                }
            }
        }
        Ok(())
    }
}

/// `values` in as many parts as there are processes, as equal as they can be.
fn split(mut values: &mut [f32], size: usize) -> Vec<&mut [f32]> {
    let count = values.len();
    let lengths = (0..size).map(|rank| count * (rank + 1) / size - count * rank / size);
    let parts = lengths.map(|length| {
        let (part, rest) = std::mem::take(&mut values).split_at_mut(length);
        values = rest;
        part
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::together;
    use super::*;

    /// What the process `rank` has: numbers of very different sizes, so that another order of addition gives other bits.
    fn summands(rank: usize, count: usize) -> Vec<f32> {
        (0..count).map(|at| ((at * 31 + rank * 17) as f32 * 0.37).sin() * 10_f32.powi((at % 7) as i32 - 3)).collect()
    }

    #[test]
    fn parts_are_all_of_it() {
        for (count, size) in [(0, 3), (1, 3), (7, 3), (8, 4), (100, 7)] {
            let mut values: Vec<f32> = (0..count).map(|at| at as f32).collect();
            let whole = values.clone();
            let parts = split(&mut values, size);
            assert_eq!(parts.len(), size);
            assert!(parts.iter().all(|part| part.len().abs_diff(count / size) <= 1));
            assert_eq!(parts.concat(), whole);
        }
    }

    /// `cargo test --release --workspace --lib how_long_sums_take -- --ignored --nocapture`: what docs/parallel.md has figures of.
    #[test]
    #[ignore = "measures"]
    fn how_long_sums_take() {
        const TIMES: usize = 20;
        for (count, size) in [(535_818, 2), (535_818, 4), (25_600_000, 2), (25_600_000, 4)] {
            let seconds = together(size, |group| {
                let mut values = vec![1.0; count];
                let mut all: Vec<f64> = (0..TIMES)
                    .map(|_| {
                        group.any(false).expect("all are there");
                        let begun = std::time::Instant::now();
                        group.all_reduce(&mut values).expect("all are there");
                        begun.elapsed().as_secs_f64()
                    })
                    .collect();
                all.sort_by(f64::total_cmp);
                all[TIMES / 2]
            });
            let small = together(size, |group| {
                let begun = std::time::Instant::now();
                (0..1000).for_each(|_| assert!(!group.any(false).expect("all are there")));
                begun.elapsed().as_secs_f64() / 1000.0
            });
            let sent = 4 * 2 * count * (size - 1) / size;
            println!(
                "{count} numbers, {size} processes: {sent} bytes each way, {:.2} ms; a word from each {:.1} µs",
                1e3 * seconds[0],
                1e6 * small[0]
            );
        }
    }

    #[test]
    fn all_processes_have_the_same_sums() {
        for size in 1..=5 {
            for count in [0, 1, 3, 1001, 3 * PIECE + 5] {
                let sums = together(size, |group| {
                    let mut values = summands(group.rank(), count);
                    // More than once, so that what follows begins where the last ended.
                    for _ in 0..3 {
                        values = summands(group.rank(), count);
                        group.all_reduce(&mut values).expect("all are there");
                    }
                    values
                });
                let mut expected = summands(0, count);
                for rank in 1..size {
                    expected.iter_mut().zip(summands(rank, count)).for_each(|(sum, summand)| *sum += summand);
                }
                for (rank, sums) in sums.iter().enumerate() {
                    let same = sums.iter().zip(&expected).all(|(sum, expected)| sum.to_bits() == expected.to_bits());
                    assert!(same && sums.len() == count, "{count} numbers, rank {rank} of {size}");
                }
            }
        }
    }
}
