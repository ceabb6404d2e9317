#!/usr/bin/env bash
# Builds the wheel and tests it. Arguments go to pytest.
#
# Everything lies under python/target: a virtual environment with pinned packages, and what cargo builds. Nothing is
# shared with ../target: the wheel's dependencies need other features of some crates that nearly all others use, so that
# next to nothing could be used by both.
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
export PYO3_PYTHON="$PWD/$venv/bin/python"
$venv/bin/maturin build --release --locked --out target/wheels
$venv/bin/pip install --quiet --disable-pip-version-check --force-reinstall --no-deps --no-index target/wheels/*.whl

# Where the command has been built, policies that it trains are tested too.
command=../target/release/cartwheel
if [ -z "${CARTWHEEL:-}" ] && [ -x $command ]; then
    export CARTWHEEL="$PWD/$command"
fi
exec $venv/bin/pytest --quiet "$@"
