"""Steps per CPU second under random actions, resets included, on one core, of Gymnasium and EnvPool.

    python gymnasium_stepping.py [--ids CartPole-v1 ...]

Of each environment, for each batch size: Gymnasium's `make_vec`, as a NumPy batch of its own where there is one
(CartPole alone) and else as a loop (SyncVectorEnv); and, if it is installed, EnvPool with one thread (sync mode).
`make` of a single one beside it. The actions are drawn before the clock starts. CPU time of the process, of all its
threads, so that other load counts little.
"""

import argparse
import statistics
import sys
import time
import types

import gymnasium
import numpy as np

from common import machine, show

IDS = [
    "CartPole-v1",
    "Acrobot-v1",
    "MountainCar-v0",
    "MountainCarContinuous-v0",
    "Pendulum-v1",
    "FrozenLake-v1",
    "FrozenLake8x8-v1",
    "CliffWalking-v1",
    "CliffWalkingSlippery-v1",
    "Taxi-v4",
    "Blackjack-v1",
]

# EnvPool's names, where they differ.
ENVPOOL = {"Taxi-v4": "Taxi-v3"}


def random_actions(space: gymnasium.Space, n: int) -> list[np.ndarray]:
    """64 batches of actions for `n` environments."""
    rng = np.random.default_rng(0)
    if isinstance(space, gymnasium.spaces.Discrete):
        return [rng.integers(0, space.n, n, dtype=np.int64).astype(np.int32) for _ in range(64)]
    return [rng.uniform(space.low, space.high, (n, *space.shape)).astype(np.float32) for _ in range(64)]


def measure(step, actions: list[np.ndarray], repeats: int, seconds: float) -> dict:
    """Steps per CPU second of `step(row)` for rows of `actions`, `repeats` times for about `seconds` each."""
    n, rates = len(actions[0]), []
    for _ in range(repeats + 1):
        steps, begin = 0, time.process_time()
        while (spent := time.process_time() - begin) < seconds:
            for row in actions:
                step(row)
                steps += n
                if n > 1000 and time.process_time() - begin > seconds:
                    break
        rates.append(steps / spent)
    rates = rates[1:]  # The first warms up.
    spread = {"min": round(min(rates)), "median": round(statistics.median(rates)), "max": round(max(rates))}
    return {"n": n, "repeats": repeats, "steps_per_cpu_s": spread}


def import_envpool():
    """EnvPool with its families of classic control and toy text only: `import envpool` registers every family, and
    fails where the assets of Atari and MuJoCo, packages of their own, are not installed."""
    sys.modules["envpool.entry"] = types.ModuleType("envpool.entry")
    import envpool
    import envpool.classic_control.registration
    import envpool.toy_text.registration

    return envpool


def measure_environment(id: str, envpool, args: argparse.Namespace) -> dict:
    env = gymnasium.make(id)
    env.reset(seed=0)
    space = env.action_space
    discrete = isinstance(space, gymnasium.spaces.Discrete)

    def one(actions):
        _, _, terminated, truncated, _ = env.step(int(actions[0]) if discrete else actions[0])
        if terminated or truncated:
            env.reset()

    results = {"gymnasium_make": [measure(one, random_actions(space, 1), args.repeats, args.seconds)]}
    results["gymnasium_make_vec"] = []
    if envpool is not None:
        results["envpool_sync_1_thread"] = []
    for n in args.sizes:
        actions = random_actions(space, n)
        # A loop does not gain from more environments than this, and making them takes long.
        if n <= args.largest_loop or id.startswith("CartPole"):
            mode = "vector_entry_point" if id.startswith("CartPole") else "sync"
            envs = gymnasium.make_vec(id, num_envs=n, vectorization_mode=mode)
            envs.reset(seed=0)
            results["gymnasium_make_vec"].append(measure(envs.step, actions, args.repeats, args.seconds))
        if envpool is not None:
            envs = envpool.make(ENVPOOL.get(id, id), env_type="gymnasium", num_envs=n, num_threads=1, seed=0)
            envs.reset()
            results["envpool_sync_1_thread"].append(measure(envs.step, actions, args.repeats, args.seconds))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ids", nargs="+", default=IDS)
    parser.add_argument("--sizes", type=int, nargs="+", default=[8, 64, 1024, 8192])
    parser.add_argument("--largest-loop", type=int, default=1024, help="batch of Gymnasium's SyncVectorEnv")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each repeat")
    args = parser.parse_args()

    packages, envpool = ["gymnasium", "numpy"], None
    try:
        envpool = import_envpool()
        packages.append("envpool")
    except (ImportError, OSError) as error:
        print(f"EnvPool is not measured: {error}", file=sys.stderr)
    results = {id: measure_environment(id, envpool, args) for id in args.ids}
    show({**machine(packages), "script": "gymnasium_stepping.py", "results": results})


if __name__ == "__main__":
    main()
