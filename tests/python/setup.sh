#!/usr/bin/env bash
# Makes target/python-venv, the Python that tests of `py:` environments run. Done in no time if it is there already.
# PYTHON names the Python to make it from; CARTWHEEL_TEST_PYTHON names one to use instead of it, with the same packages.
set -euo pipefail
cd "$(dirname "$0")/../.."

venv=target/python-venv
requirements=tests/python/requirements.txt
# The stamp is written last, so that an installation that broke off is done again.
cmp -s "$requirements" "$venv/installed.txt" && exit 0

python=${PYTHON:-python3}
"$python" -c 'import sys, venv, ensurepip; assert sys.version_info >= (3, 11)' 2>/dev/null || {
    echo "The tests of Python environments need Python 3.11 or later with venv (Debian: python3-venv); PYTHON=... names one" >&2
    exit 1
}
"$python" -m venv --clear "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
cp "$requirements" "$venv/installed.txt"
