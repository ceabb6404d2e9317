"""Steps 8192 CartPoles under random actions for a second: tens of millions of steps.

    python python/examples/step_many.py
"""

import time

import gymnasium
import numpy as np

import cartwheel  # noqa: F401  Registers the environments.

envs = gymnasium.make_vec("cartwheel/CartPole-v1", num_envs=8192)
envs.reset(seed=0)
rng = np.random.default_rng(0)
actions = [rng.integers(0, 2, envs.num_envs) for _ in range(16)]
steps, episodes, start = 0, 0, time.perf_counter()
while time.perf_counter() - start < 1:
    for row in actions:
        observations, rewards, terminated, truncated, infos = envs.step(row)
        steps += envs.num_envs
        episodes += int((terminated | truncated).sum())
print(f"{steps / 1e6:.0f} million steps and {episodes} episodes in a second")
