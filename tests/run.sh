#!/usr/bin/env bash
# Everything that must hold before a change lands: formatting, lints, documentation, tests, licences.
# Sets up what it needs. Build and tests share one profile and one feature set, so nothing heavy compiles twice.
set -euo pipefail
cd "$(dirname "$0")/.."

DENY_VERSION=0.20.2
step() { printf '\n== %s\n' "$*"; }

step "tools"
command -v cargo >/dev/null || { echo "Rust is missing: install it from https://rustup.rs" >&2; exit 1; }
for component in rustfmt clippy; do
    cargo "${component/rustfmt/fmt}" --version >/dev/null 2>&1 || rustup component add "$component"
done
# Built beside the project's own artefacts, so that a second run finds it.
export PATH="$PWD/target/tools/bin:$PATH"
cargo deny --version >/dev/null 2>&1 || cargo install --locked --root target/tools "cargo-deny@$DENY_VERSION"

step "formatting"
cargo fmt --all --check

step "lints"
cargo clippy --release --workspace --all-targets -- -D warnings

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps

step "the cuda feature still type-checks"
cargo check --release -p cartwheel-trainer --features cuda-check

step "bans, licences and sources (advisories need a network: cargo deny check advisories)"
cargo deny check bans licenses sources

step "a Python with environments for the bridge to them"
bash tests/python/setup.sh

step "a display in memory for tests of the window"
bash tests/viewer/setup.sh

# Workspaces of their own, before the root's tests so that theirs is the last word.
step "the adapter to gymnasium-rs"
bash envs/gymnasium-rs/test.sh

step "the command, with which the wheel's tests train"
cargo test --release --workspace --no-run

step "the Python wheel"
bash python/test.sh

step "tests"
cargo test --release --workspace "$@"
