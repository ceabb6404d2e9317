"""Steps one environment by gymnasium alone, without the bridge: reference.py [MODULE:]ID SEED DTYPE OUT ACTIONS

ACTIONS is JSON. Writes the first observation and that of each step to OUT, flattened to DTYPE, text left out, and
prints rewards and flags as JSON. Stops at the end of the episode.
"""

import importlib
import json
import sys

import gymnasium
import numpy as np


def flat(value):
    if isinstance(value, dict):
        return [x for key in sorted(value) for x in flat(value[key])]
    if isinstance(value, tuple):
        return [x for part in value for x in flat(part)]
    return [] if isinstance(value, str) else [np.asarray(value).ravel()]


def main():
    env_id, seed, dtype, out, actions = sys.argv[1:]
    module, _, env_id = env_id.rpartition(":")
    if module:
        importlib.import_module(module)
    env = gymnasium.make(env_id)
    outcomes = []
    with open(out, "wb") as file:
        observation, _ = env.reset(seed=int(seed))
        file.write(np.concatenate(flat(observation)).astype(dtype).tobytes())
        for action in json.loads(actions):
            if isinstance(action, list):
                action = np.array(action, env.action_space.dtype)
            observation, reward, terminated, truncated, _ = env.step(action)
            file.write(np.concatenate(flat(observation)).astype(dtype).tobytes())
            outcomes.append([float(reward), bool(terminated), bool(truncated)])
            if terminated or truncated:
                break
    print(json.dumps(outcomes))


main()
