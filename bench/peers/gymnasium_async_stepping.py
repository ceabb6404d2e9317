"""Steps per second of environments of Python, by Cartwheel's bridge and by Gymnasium's AsyncVectorEnv, in turns.

    cargo build --release -p cartwheel-envs --example step_python
    python gymnasium_async_stepping.py

Random actions drawn before the clock starts, same-step autoreset and no environment checker on both sides, resets
included. AsyncVectorEnv has a process for each environment; the bridge is measured with as many, and with two that share
the environments. Wall time, as it is several processes that work: each repeat measures one after the other, and the ratio
is that of the pair.
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import time

import ale_py  # noqa: F401, it registers its environments
import gymnasium
import numpy as np

from common import machine, show

BRIDGE = pathlib.Path(__file__).resolve().parents[2] / "target/release/examples/step_python"
# Id, module to import first, environments.
CASES = [("CartPole-v1", "", 2), ("CartPole-v1", "", 16), ("ALE/Pong-v5", "ale_py:", 2), ("ALE/Pong-v5", "ale_py:", 8)]


def bridge(env_id: str, module: str, envs: int, workers: int, seconds: float) -> float:
    command = [BRIDGE, sys.executable, f"py:{module}{env_id}", envs, workers, seconds]
    output = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True)
    return float(output.stdout)


def asynchronous(env_id: str, envs: int, seconds: float) -> float:
    def make():
        return gymnasium.make(env_id, disable_env_checker=True)

    vector = gymnasium.vector.AsyncVectorEnv([make] * envs, autoreset_mode="SameStep")
    rng = np.random.default_rng(0)
    actions = [rng.integers(0, vector.single_action_space.n, envs) for _ in range(64)]
    vector.reset(seed=0)
    for row in actions:
        vector.step(row)
    steps, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        for row in actions:
            vector.step(row)
        steps += envs * len(actions)
    rate = steps / (time.perf_counter() - begin)
    vector.close()
    return rate


def spread(numbers: list[float], digits: int) -> dict:
    return {
        "min": round(min(numbers), digits),
        "median": round(statistics.median(numbers), digits),
        "max": round(max(numbers), digits),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    args = parser.parse_args()

    results = []
    for env_id, module, envs in CASES:
        for workers in sorted({2, envs}):
            ours, theirs = [], []
            for _ in range(args.repeats):
                ours.append(bridge(env_id, module, envs, workers, args.seconds))
                theirs.append(asynchronous(env_id, envs, args.seconds))
            results.append(
                {
                    "env": env_id,
                    "envs": envs,
                    "repeats": args.repeats,
                    "bridge_workers": workers,
                    "bridge_steps_per_s": spread(ours, 0),
                    "async_processes": envs,
                    "async_steps_per_s": spread(theirs, 0),
                    "ratio": spread([a / b for a, b in zip(ours, theirs)], 2),
                }
            )
    packages = ["gymnasium", "numpy", "ale-py"]
    show({**machine(packages), "script": "gymnasium_async_stepping.py", "results": results})


if __name__ == "__main__":
    main()
