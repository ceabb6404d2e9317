//! The viewer's own memory: what it keeps of runs has shares of one budget, and each is held where it is kept.

use crate::series;

/// What the viewer may take at most, in bytes.
pub(crate) const BUDGET: u64 = 512 << 20;

/// What is known of episodes of all runs: the oldest of the run with most are forgotten.
pub(crate) const EPISODES: usize = 32 << 20;
/// What was just seen of the live run: the oldest frames are forgotten.
pub(crate) const HISTORY: usize = 48 << 20;
/// Episodes that are played again: those that were not looked at for longest are forgotten.
pub(crate) const FILMS: usize = 64 << 20;
/// Branches off episodes: the oldest are forgotten.
pub(crate) const BRANCHES: usize = 24 << 20;
/// Two policies side by side, and the two before them while these are played: what is longer is cut off.
pub(crate) const CONTESTS: usize = 48 << 20;
/// Samples of models that are fitted to data: those of the runs that were opened last are put aside.
pub(crate) const SAMPLES: usize = 16 << 20;
/// The program, its window and fonts, and messages on their way.
const PROGRAM: usize = 152 << 20;

// The points of curves, and as much again smoothed. With this, the figure that is shown beside the budget stays below it.
const _: () = assert!(
    2 * series::BUDGET + EPISODES + HISTORY + FILMS + BRANCHES + CONTESTS + SAMPLES + PROGRAM <= BUDGET as usize
);

/// The bytes of this process in memory, where the system tells them.
pub(crate) fn of_this_process() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn the_process_takes_memory() {
        let bytes = super::of_this_process().expect("linux tells it");
        assert!((1 << 20..super::BUDGET).contains(&bytes), "{bytes}");
    }
}
