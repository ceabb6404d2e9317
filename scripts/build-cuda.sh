#!/usr/bin/env bash
# Builds `cartwheel` with CUDA on any x86-64 Linux machine, with or without a GPU or a CUDA toolkit.
#
#     scripts/build-cuda.sh            the command, in target/cuda/release/cartwheel
#     scripts/build-cuda.sh --bench    the update benchmark instead
#
# Needs Rust, gcc and python3 with pip. docs/cuda.md says what a machine needs to run the result.
#
# dfdx compiles its kernels with nvcc; the compiler and headers come from NVIDIA's Python packages. 13.0 is the
# newest whose PTX (ISA 9.0) drivers of the 580 series load. Libraries that only a GPU machine has are linked
# as stubs that carry the right names and are never run.
set -euo pipefail
cd "$(dirname "$0")/.."

# Compute capability to compile for: 9.0 is Hopper; 8.0 runs on everything since Ampere.
CAPABILITY=${CAPABILITY:-8.0}
# These paths end up in the binary: dfdx compiles some kernels when they are first used.
TOOLKIT=$PWD/target/cuda-toolkit
export CARGO_TARGET_DIR=$PWD/target/cuda

wheels() {
    [ -x "$TOOLKIT/wheels/nvidia/cu13/bin/nvcc" ] && return
    python3 -m pip install --quiet --no-deps --target "$TOOLKIT/wheels" \
        nvidia-cuda-nvcc==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-cuda-cccl==13.0.85 \
        nvidia-cuda-runtime==13.0.96 nvidia-cuda-nvrtc==13.0.88 nvidia-cuda-profiler-api==13.0.85
}

# The folder layout that dfdx's and cudarc's build scripts look for, and an nvidia-smi that answers the one
# question they ask it.
layout() {
    local cu13=$TOOLKIT/wheels/nvidia/cu13
    mkdir -p "$TOOLKIT/lib" "$TOOLKIT/tools"
    for part in include bin nvvm; do ln -sfn "$cu13/$part" "$TOOLKIT/$part"; done
    printf '#!/bin/sh\nprintf "compute_cap\\n%s\\n"\n' "$CAPABILITY" >"$TOOLKIT/tools/nvidia-smi"
    chmod +x "$TOOLKIT/tools/nvidia-smi"
}

# A library with every function that cudarc declares for it, under the name that CUDA 13 gives it.
stub() { # library soname module
    local cudarc source=$TOOLKIT/lib/$1.c
    cudarc=$(find "${CARGO_HOME:-$HOME/.cargo}/registry/src" -maxdepth 2 -name cudarc-0.9.15 | head -n 1)
    grep -ohE 'pub fn [A-Za-z0-9_]+' "$cudarc/src/$3/sys.rs" | awk '{print $3}' | sort -u |
        grep -vE '^(clone|eq|fmt|default|new|get|set|from|as_|bindgen)' |
        awk '{print "int " $1 "(void) { return 1; }"}' >"$source"
    gcc -shared -fPIC -w -o "$TOOLKIT/lib/lib$1.so" -Wl,-soname,"$2" "$source"
}

wheels
layout
cargo fetch --quiet
stub cuda libcuda.so.1 driver
stub nvrtc libnvrtc.so.13 nvrtc
stub cublas libcublas.so.13 cublas
stub cublasLt libcublasLt.so.13 cublaslt
stub curand libcurand.so.10 curand

export CUDA_PATH=$TOOLKIT PATH="$TOOLKIT/tools:$TOOLKIT/bin:$PATH"
# Ours are compiled when they are first used: what is wrong with them is found here.
nvcc -ptx -arch="sm_${CAPABILITY/./}" -Werror all-warnings -o /dev/null agents/src/nn/on_device/kernels/kernels.cu
export RUSTFLAGS="${RUSTFLAGS:-} -C link-arg=-Wl,--allow-shlib-undefined"
if [ "${1:-}" = --bench ]; then
    cargo bench --no-run -p cartwheel-agents --features cuda --bench update
else
    cargo build --release --features cuda
    echo "built $CARGO_TARGET_DIR/release/cartwheel"
fi
