#!/usr/bin/env bash
# Installs what tests of the real window need: a display in memory, hands for it, and OpenGL on the processor.
set -euo pipefail

missing() { for tool in Xvfb xdotool; do command -v "$tool" >/dev/null || return 0; done; return 1; }
missing || exit 0
packages="xvfb xdotool libgl1-mesa-dri libegl1 libgl1 libxkbcommon-x11-0 libxcursor1 libxi6 libxrandr2"
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
command -v apt-get >/dev/null || {
    echo "The tests of the window need Xvfb and xdotool: install them (Debian's names: $packages)" >&2
    exit 1
}
$as_root apt-get update -qq
# shellcheck disable=SC2086 # A list of words.
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -y -qq --no-install-recommends $packages >/dev/null
