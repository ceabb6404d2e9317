//! The viewer's own memory.

/// What the viewer may take at most, in bytes: what it keeps of runs is bounded so that it stays below.
pub(crate) const BUDGET: u64 = 512 << 20;

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
