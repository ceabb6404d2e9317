"""How long Stable-Baselines3's DQN takes to solve CartPole-v1 with the settings of its RL Zoo.

    python sb3_dqn_cartpole.py --seeds 5

Two moments are reported for each seed. `reached`: a greedy evaluation over 100 episodes has a mean of 475 or more for
the first time. `confirmed`: at that evaluation or a later one, 100 fresh episodes have a mean of 490 or more: what
docs/reproduce.md calls solved. Time is CPU time of the process and wall time while learning; evaluations and imports
are left out of both. A run is given up at --max-steps environment steps. One JSON line a seed on stderr while it runs;
one JSON document on stdout at the end.
"""

import argparse
import json
import statistics
import sys
import time
import warnings

import gymnasium
import numpy as np
import torch
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv
from stable_baselines3 import DQN
from stable_baselines3.common.callbacks import BaseCallback

from common import machine, show

# rl-baselines3-zoo, hyperparams/dqn.yml, CartPole-v1. The schedule of exploration runs over n_timesteps.
ZOO = {
    "learning_rate": 2.3e-3,
    "batch_size": 64,
    "buffer_size": 100_000,
    "learning_starts": 1000,
    "gamma": 0.99,
    "target_update_interval": 10,
    "train_freq": 256,
    "gradient_steps": 128,
    "exploration_fraction": 0.16,
    "exploration_final_eps": 0.04,
    "policy_kwargs": {"net_arch": [256, 256]},
}
TOTAL_TIMESTEPS = 50_000


def greedy_mean(model: DQN, seed: int, episodes: int = 100) -> float:
    """Mean return of one greedy episode from each of `episodes` seeds."""
    envs = CartPoleVectorEnv(num_envs=episodes, max_episode_steps=500)
    observations, _ = envs.reset(seed=seed)
    returns, running = np.zeros(episodes), np.ones(episodes, dtype=bool)
    while running.any():
        actions, _ = model.predict(observations, deterministic=True)
        observations, rewards, terminated, truncated, _ = envs.step(actions)
        returns[running] += rewards[running]
        running &= ~(terminated | truncated)
    return float(returns.mean())


class UntilSolved(BaseCallback):
    """Evaluates every `every` environment steps with the clocks stopped, and ends training once it is solved.

    SB3 asks on_step before an update that is due at that step, so it is asked one step after it.
    """

    def __init__(self, every: int, reached_at: float, confirmed_at: float, max_steps: int):
        super().__init__()
        self.every, self.reached_at, self.confirmed_at, self.max_steps = every, reached_at, confirmed_at, max_steps
        self.reached = self.confirmed = None
        self.evaluations = 0

    def _on_training_start(self) -> None:
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def _on_step(self) -> bool:
        steps = self.num_timesteps
        if steps <= self.model.learning_starts or steps % self.every != 1:
            return steps < self.max_steps
        now = self.so_far()
        cpu, wall = time.process_time(), time.perf_counter()
        mean = self.evaluate()
        if mean >= self.reached_at:
            second = self.evaluate()
            self.reached = self.reached or {**now, "mean": mean}
            if second >= self.confirmed_at:
                self.confirmed = {**now, "mean": second}
        self.cpu += time.process_time() - cpu
        self.wall += time.perf_counter() - wall
        return self.confirmed is None and steps < self.max_steps

    def so_far(self) -> dict:
        """What learning took up to now, without evaluations."""
        return {
            "steps": self.num_timesteps,
            "updates": self.model._n_updates,
            "cpu_s": round(time.process_time() - self.cpu, 3),
            "wall_s": round(time.perf_counter() - self.wall, 3),
        }

    def evaluate(self) -> float:
        """On episodes that no evaluation before had."""
        self.evaluations += 1
        return greedy_mean(self.model, seed=1_000_000 + 1000 * self.evaluations)


def run(seed: int, args: argparse.Namespace) -> dict:
    model = DQN("MlpPolicy", gymnasium.make("CartPole-v1"), seed=seed, device="cpu", **ZOO)
    callback = UntilSolved(args.eval_every, args.reached_at, args.confirmed_at, args.max_steps)
    model.learn(TOTAL_TIMESTEPS, callback=callback, log_interval=None)
    return {"seed": seed, "reached": callback.reached, "confirmed": callback.confirmed, "whole": callback.so_far()}


def spread(runs: list[dict], event: str) -> dict:
    """Over the runs that got there."""
    there = [r[event] for r in runs if r[event]]
    table = {"seeds": f"{len(there)} of {len(runs)}"}
    for key in ("cpu_s", "wall_s", "steps", "updates") if there else ():
        values = [t[key] for t in there]
        table[key] = {"min": min(values), "median": statistics.median(values), "max": max(values)}
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 1 on")
    parser.add_argument("--eval-every", type=int, default=256, help="environment steps between evaluations")
    parser.add_argument("--reached-at", type=float, default=475.0, help="mean return of a first evaluation")
    parser.add_argument("--confirmed-at", type=float, default=490.0, help="mean return of a second on fresh episodes")
    parser.add_argument("--max-steps", type=int, default=50_000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")

    runs = []
    for seed in range(1, args.seeds + 1):
        runs.append(run(seed, args))
        print(json.dumps(runs[-1]), file=sys.stderr, flush=True)
    measure = {key: value for key, value in vars(args).items() if key != "seeds"}
    show({
        **machine(["stable-baselines3", "torch", "gymnasium", "numpy"]),
        "script": "sb3_dqn_cartpole.py",
        "settings": {**ZOO, "total_timesteps": TOTAL_TIMESTEPS, "threads": 1, **measure},
        "reached": spread(runs, "reached"),
        "confirmed": spread(runs, "confirmed"),
        "runs": runs,
    })


if __name__ == "__main__":
    main()
