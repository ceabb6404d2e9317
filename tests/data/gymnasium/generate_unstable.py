# Episodes that no implementation repeats unless it rounds as Gymnasium does: pendulums swung up and held upright, and
# links that tumble until the time limit. Replayed from the actions alone, an error of one bit grows beyond 1e-6.
# gymnasium 1.4.0 and numpy 2.4.6; the format is generate.py's.
import json
import pathlib
import sys

import gymnasium as gym
import numpy as np


def floats(values):
    return [float(x) for x in np.asarray(values).ravel()]


def pendulum(obs, rng):
    angle, velocity = np.arctan2(obs[1], obs[0]), obs[2]
    if abs(angle) < 0.6:
        torque = -20 * angle - 5 * velocity
    else:
        energy = velocity**2 / 6 + 5 * obs[0]
        torque = np.copysign(2.0, velocity if energy < 5 else -velocity)
    return np.clip([torque], -2, 2).astype(np.float32)


def acrobot(obs, rng):
    return rng.integers(3)


def episode(env_id, seed, policy):
    env = gym.make(env_id)
    rng = np.random.default_rng(seed)
    obs, _ = env.reset(seed=seed)
    line = dict(env=env_id, kwargs={}, seed=seed, reset_obs=floats(obs), actions=[], obs=[], rewards=[], terminated=[],
                truncated=[])
    ended = False
    while not ended:
        action = policy(obs, rng)
        obs, reward, terminated, truncated, _ = env.step(action)
        line["actions"].append(int(action) if np.ndim(action) == 0 else floats(action))
        line["obs"].append(floats(obs))
        line["rewards"].append(float(reward))
        line["terminated"].append(bool(terminated))
        line["truncated"].append(bool(truncated))
        ended = terminated or truncated
    line["second_reset_obs"] = floats(env.reset()[0])
    return json.dumps(line) + "\n"


# Chosen from 2000..2099 because a sine that is wrong by one bit now and then fails them.
out = pathlib.Path(sys.argv[1])
for env_id, policy, seeds in [("Pendulum-v1", pendulum, [2019, 2022, 2076]), ("Acrobot-v1", acrobot, [2018, 2034])]:
    lines = [episode(env_id, seed, policy) for seed in seeds]
    (out / f"unstable-{env_id}.jsonl").write_text("".join(lines))
