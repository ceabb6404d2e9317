#!/usr/bin/env bash
# What must hold of this workspace, which the root's tests do not see. Arguments go to cargo test.
set -euo pipefail
cd "$(dirname "$0")"

# --locked fails once the crates above depend on something else: `cargo update --workspace` here mends Cargo.lock.
cargo fmt --check
cargo clippy --release --locked --all-targets -- -D warnings
RUSTDOCFLAGS="-D warnings" cargo doc --release --locked --no-deps
cargo test --release --locked "$@"
