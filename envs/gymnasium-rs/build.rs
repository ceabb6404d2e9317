//! Cargo looks at build dependencies only where there is a build script: see Cargo.toml on why there are some.

fn main() {}
