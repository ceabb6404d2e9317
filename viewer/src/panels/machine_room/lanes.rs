//! What threads did over time: what is seen of each, as blocks to paint and as shares.

use std::collections::VecDeque;

use cartwheel_trainer::watch::Activity;

/// Something a thread did for a while, or for a share of a while in which it did several things.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Block {
    /// From when to when, as shares of the time that is shown: 1 is now.
    pub(super) time: [f32; 2],
    /// From which to which share of the lane's height.
    pub(super) height: [f32; 2],
    /// What.
    pub(super) activity: Activity,
}

/// The last `looks` looks at a thread as blocks, in at most so many columns of time: looks that share a column share its
/// height, so that nothing is left out.
pub(super) fn blocks(seen: &VecDeque<u8>, looks: usize, columns: usize) -> Vec<Block> {
    let each = looks.div_ceil(columns.max(1)).max(1);
    let shown = seen.len().min(looks);
    // From the newest to the oldest, so that full columns do not change while time goes on.
    let newest: Vec<_> = seen.iter().rev().take(shown).copied().collect();
    let mut blocks: Vec<Block> = Vec::new();
    for (column, column_looks) in newest.chunks(each).enumerate() {
        let to = 1.0 - (column * each) as f32 / looks as f32;
        let from = to - column_looks.len() as f32 / looks as f32;
        let mut low = 0.0;
        for (activity, share) in Activity::ALL.into_iter().zip(shares(column_looks.iter())) {
            if share == 0.0 {
                continue;
            }
            let block = Block { time: [from, to], height: [low, low + share], activity };
            low += share;
            match blocks.last_mut() {
                // Whole columns of one activity are one block.
                Some(last) if share == 1.0 && last.activity == activity && last.height == [0.0, 1.0] => {
                    last.time[0] = from;
                }
                _ => blocks.push(block),
            }
        }
    }
    blocks
}

/// For each activity, the share of looks at which a thread was at it. Numbers that this version does not know count to
/// nothing.
pub(super) fn shares<'a>(seen: impl Iterator<Item = &'a u8>) -> [f32; Activity::ALL.len()] {
    let mut counts = [0_u32; Activity::ALL.len()];
    let mut looks = 0;
    for number in seen {
        looks += 1;
        if let Some(count) = counts.get_mut(usize::from(*number)) {
            *count += 1;
        }
    }
    counts.map(|count| if looks == 0 { 0.0 } else { count as f32 / looks as f32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITING: u8 = Activity::Waiting as u8;
    const STEPPING: u8 = Activity::Stepping as u8;

    fn block(time: [f32; 2], height: [f32; 2], activity: Activity) -> Block {
        Block { time, height, activity }
    }

    #[test]
    fn what_is_the_same_is_one_block() {
        let seen = VecDeque::from([WAITING, WAITING, STEPPING, STEPPING]);
        let expected =
            [block([0.5, 1.0], [0.0, 1.0], Activity::Stepping), block([0.0, 0.5], [0.0, 1.0], Activity::Waiting)];
        assert_eq!(blocks(&seen, 4, 4), expected);
        assert_eq!(blocks(&seen, 4, 2), expected);
    }

    #[test]
    fn a_column_is_shared_and_what_is_missing_is_blank() {
        let seen = VecDeque::from([WAITING, STEPPING]);
        assert_eq!(
            blocks(&seen, 4, 2),
            [block([0.5, 1.0], [0.0, 0.5], Activity::Waiting), block([0.5, 1.0], [0.5, 1.0], Activity::Stepping)]
        );
        assert_eq!(blocks(&VecDeque::new(), 4, 2), []);
        assert_eq!(blocks(&VecDeque::from([99]), 4, 2), [], "an activity of a later version");
    }

    #[test]
    fn shares_are_of_all_looks() {
        let seen = [WAITING, STEPPING, STEPPING, 99];
        let shares = shares(seen.iter());
        assert_eq!((shares[0], shares[1], shares[2]), (0.25, 0.5, 0.0));
        assert_eq!(super::shares([].iter()), [0.0; 8]);
    }
}
