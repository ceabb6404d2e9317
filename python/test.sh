#!/usr/bin/env bash
# Builds the wheel and tests it. Arguments go to pytest.
#
# A virtual environment with pinned packages lies under python/target. Cargo builds into ../target, beside the command: what
# the two have in common with the same features is compiled once (all but what depends on serde: pyo3 asks for more of syn).
set -euo pipefail
cd "$(dirname "$0")"

venv=target/venv
[ -x $venv/bin/pip ] || python3 -m venv $venv
# Asks the network only if something is missing.
if ! cmp -s requirements.txt $venv/installed.txt; then
    $venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt
    cp requirements.txt $venv/installed.txt
fi

rm -rf target/wheels
export PYO3_PYTHON="$PWD/$venv/bin/python" CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/../target}"
$venv/bin/maturin build --release --locked --out target/wheels
$venv/bin/pip install --quiet --disable-pip-version-check --force-reinstall --no-deps --no-index target/wheels/*.whl

# Where the command has been built, policies that it trains are tested too.
command=$CARGO_TARGET_DIR/release/cartwheel
if [ -z "${CARTWHEEL:-}" ] && [ -x "$command" ]; then
    export CARTWHEEL="$command"
fi
exec $venv/bin/pytest --quiet "$@"
