"""Steps per CPU second of CartPole-v1 from Python: Cartwheel's wheel beside Gymnasium and EnvPool, in one process.

    pip install ./python && python bench/peers/from_python.py

For each number of environments the batches take turns, so that what else the machine does hits all alike. Random
actions, drawn before the clock starts; resets included; CPU time of the process, of all its threads.
"""

import argparse
import statistics
import time

import gymnasium
import numpy as np
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv

import cartwheel  # noqa: F401  Registers the environments.
from common import machine, show
from gymnasium_stepping import import_envpool


def rate(step, actions: list[np.ndarray], seconds: float) -> float:
    """Steps per CPU second of `step(actions)`, over about `seconds`."""
    steps, begin = 0, time.process_time()
    while time.process_time() - begin < seconds:
        for row in actions:
            step(row)
        steps += len(actions) * len(actions[0])
    return steps / (time.process_time() - begin)


def ratio(ours: list[float], theirs: list[float]) -> float:
    """The median of how many times as fast ours was as its neighbour in time."""
    return round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 1)


def batches(n: int) -> dict:
    """A `step` of each batch of `n` CartPoles, reset."""
    made = {
        f"cartwheel_{mode.lower()}": gymnasium.make_vec("cartwheel/CartPole-v1", num_envs=n, autoreset_mode=mode)
        for mode in ("SameStep", "NextStep")
    }
    made["gymnasium_CartPoleVectorEnv"] = CartPoleVectorEnv(num_envs=n, max_episode_steps=500)
    try:
        envpool = import_envpool()
        made["envpool_sync_1_thread"] = envpool.make(
            "CartPole-v1", env_type="gymnasium", num_envs=n, num_threads=1, seed=0
        )
    except (ImportError, OSError) as error:
        print(f"EnvPool is not measured: {error}")
    for envs in made.values():
        envs.reset()
    return {name: envs.step for name, envs in made.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[8, 64, 1024, 8192])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each repeat of each batch")
    args = parser.parse_args()

    results = []
    for n in args.sizes:
        rng = np.random.default_rng(0)
        # Of the number types that each prefers: EnvPool takes int32, Gymnasium's spaces draw int64.
        actions = [rng.integers(0, 2, n, dtype=np.int64) for _ in range(64)]
        narrow = [row.astype(np.int32) for row in actions]
        steps = batches(n)
        rates = {name: [] for name in steps}
        for _ in range(args.repeats + 1):
            for name, step in steps.items():
                rates[name].append(rate(step, narrow if "envpool" in name else actions, args.seconds))
        # The first warms up.
        medians = {name: statistics.median(found[1:]) for name, found in rates.items()}
        ratios = {
            f"{ours} / {theirs}": ratio(rates[ours][1:], rates[theirs][1:])
            for ours in steps
            if ours.startswith("cartwheel")
            for theirs in steps
            if not theirs.startswith("cartwheel")
        }
        spread = {
            name: {"min": round(min(found[1:])), "median": round(medians[name]), "max": round(max(found[1:]))}
            for name, found in rates.items()
        }
        results.append({"n": n, "repeats": args.repeats, "steps_per_cpu_s": spread, "ratio_of_pairs": ratios})
    packages = ["cartwheel-rl", "gymnasium", "numpy"]
    if "envpool_sync_1_thread" in rates:
        packages.append("envpool")
    show({**machine(packages), "script": "from_python.py", "results": results})


if __name__ == "__main__":
    main()
