"""Steps per CPU second of CartPole-v1 under random actions, resets included, on one core.

    python gymnasium_cartpole_stepping.py

Gymnasium's NumPy CartPoleVectorEnv and, if it is installed, EnvPool with one thread (sync mode). The actions are
drawn before the clock starts. CPU time of the process, of all its threads, so that other load counts little.
"""

import argparse
import statistics
import sys
import time
import types

import gymnasium
import numpy as np
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv

from common import machine, show


def measure(step, n: int, repeats: int, seconds: float) -> dict:
    """Steps per CPU second of `step(actions)` on `n` environments, `repeats` times for about `seconds` each."""
    rng = np.random.default_rng(0)
    actions = [rng.integers(0, 2, n, dtype=np.int64).astype(np.int32) for _ in range(64)]
    rates = []
    for _ in range(repeats + 1):
        steps, begin = 0, time.process_time()
        while time.process_time() - begin < seconds:
            for row in actions:
                step(row)
            steps += n * len(actions)
        rates.append(steps / (time.process_time() - begin))
    rates = rates[1:]  # The first warms up.
    spread = {"min": round(min(rates)), "median": round(statistics.median(rates)), "max": round(max(rates))}
    return {"n": n, "repeats": repeats, "steps_per_cpu_s": spread}


def import_envpool():
    """EnvPool with its classic-control family only: `import envpool` registers every family, and fails where the
    assets of Atari and MuJoCo, packages of their own, are not installed."""
    sys.modules["envpool.entry"] = types.ModuleType("envpool.entry")
    import envpool
    import envpool.classic_control.registration

    return envpool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[8, 64, 1024, 8192])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each repeat")
    args = parser.parse_args()

    packages, results = ["gymnasium", "numpy"], {}

    env = gymnasium.make("CartPole-v1")
    env.reset(seed=0)

    def one(actions):
        _, _, terminated, truncated, _ = env.step(int(actions[0]))
        if terminated or truncated:
            env.reset()

    results["gymnasium_make"] = [measure(one, 1, args.repeats, args.seconds)]

    results["gymnasium_CartPoleVectorEnv"] = []
    for n in args.sizes:
        envs = CartPoleVectorEnv(num_envs=n, max_episode_steps=500)
        envs.reset(seed=0)
        results["gymnasium_CartPoleVectorEnv"].append(measure(envs.step, n, args.repeats, args.seconds))

    try:
        envpool = import_envpool()
    except (ImportError, OSError) as error:
        results["envpool_sync_1_thread"] = f"not measured: {error}"
    else:
        packages.append("envpool")
        results["envpool_sync_1_thread"] = []
        for n in args.sizes:
            envs = envpool.make("CartPole-v1", env_type="gymnasium", num_envs=n, num_threads=1, seed=0)
            envs.reset()
            results["envpool_sync_1_thread"].append(measure(envs.step, n, args.repeats, args.seconds))

    show({**machine(packages), "script": "gymnasium_cartpole_stepping.py", "results": results})


if __name__ == "__main__":
    main()
