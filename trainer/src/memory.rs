//! How much memory there is, and how it is told.

/// This machine's memory, in bytes.
pub(crate) fn memory_bytes() -> u64 {
    // A system that does not tell is taken at its word when memory runs out.
    sysinfo::System::new().map_or(u64::MAX, |mut system| {
        system.refresh_memory();
        system.total_memory()
    })
}

/// `1.5 MiB`, `2.0 GiB`
pub(crate) fn in_mib(bytes: impl Into<u128>) -> String {
    let bytes = bytes.into();
    let mib = bytes as f64 / f64::from(1 << 20);
    if mib < 1024.0 { format!("{mib:.1} MiB") } else { format!("{:.1} GiB", mib / 1024.0) }
}
