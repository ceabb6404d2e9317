#!/usr/bin/env python3
"""Record reference episodes from MinAtar, one JSON object a line.

The format is that of ../gymnasium/generate.py, but that an observation, 100 cells
for each channel, is recorded as a digest: the 32-bit FNV-1a hash of its bytes, 0 or
1 each, in hexadecimal.

MinAtar draws from NumPy's old RandomState. Here it is given another source with the
same methods that draws from `np.random.default_rng(seed)`, as Cartwheel's environments
do, so that both see the same draws.

Half of the episodes act at random, for as long as they last. The others try each
action on a copy of the game, play on for a few frames, and take the one that went
best, so that games last and become harder; in Breakout they see where the ball will
come down. Some of them in Space Invaders do not shoot, so that aliens
arrive.

    pip install minatar==1.0.15 gymnasium==1.4.0
    python generate.py --out .
"""

import argparse
import copy
import json
import pathlib
import warnings

import gymnasium as gym
import minatar.gym
import numpy as np

# Each game is recorded with these, by both kinds of policy: version, arguments, and at most how many steps.
# Freeway ends with step 2501.
SETTINGS = [
    ("v1", {}, 2700),
    ("v1", {"sticky_action_prob": 0.0}, 700),
    ("v1", {"sticky_action_prob": 0.5, "difficulty_ramping": False}, 300),
    ("v0", {}, 300),
]
GAMES = ["Asterix", "Breakout", "Freeway", "Seaquest", "SpaceInvaders"]


class Draws:
    """What MinAtar asks of its RandomState, by the draws that Cartwheel's Generator makes."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)

    def rand(self, *shape):
        # NumPy keeps the unused half of a word over other draws; Cartwheel's Generator forgets it.
        state = self.rng.bit_generator.state
        state["has_uint32"] = 0
        self.rng.bit_generator.state = state
        return self.rng.random(shape or None)

    def randint(self, low, high=None, size=None):
        low, high = (0, low) if high is None else (low, high)
        draw = lambda: low + int(self.rng.integers(high - low))
        return draw() if size is None else np.array([draw() for _ in range(size)])


def digest(obs):
    value = 0x811C9DC5
    for byte in obs.astype(np.uint8).tobytes():
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return f"{value:08x}"


def progress(name, game):
    """What the rewards of the next frames do not tell: how good it is to be here."""
    if name == "Seaquest":
        env = game.env
        if env.diver_count == 6 or (env.oxygen < 80 and env.diver_count > 0):
            return -0.3 * env.sub_y
        distances = [abs(d[0] - env.sub_x) + abs(d[1] - env.sub_y) for d in env.divers]
        return 2 * env.diver_count - 0.05 * min(distances, default=9) - 0.2 * (env.sub_y == 0)
    return 0.0


def landing(game):
    """The column where the ball comes down if the paddle stays."""
    trial = copy.deepcopy(game)
    trial.sticky_action_prob = 0.0
    for _ in range(20):
        was_falling = trial.env.ball_dir >= 2
        _, ended = trial.act(0)
        if ended or (was_falling and trial.env.ball_dir < 2 and trial.env.ball_y > 5):
            break
    return trial.env.ball_x


def random_policy(env, name, rng):
    """Random actions, each held for a while so that states range widely."""
    hold, state = int(rng.integers(1, 6)), {"t": 0, "a": 0}

    def act():
        if state["t"] % hold == 0:
            state["a"] = int(rng.integers(env.action_space.n))
        state["t"] += 1
        return state["a"]

    return act


def good_policy(env, name, rng):
    """The action after which a few frames at random go best, now and then disturbed."""
    game, actions = env.unwrapped.game, env.unwrapped.action_set
    frames, trials = (4, 1) if name == "Freeway" else (8, 3)
    if name == "SpaceInvaders" and rng.random() < 0.3:
        actions = [action for action in actions if action != 5]

    def try_action(action):
        best = -np.inf
        for _ in range(trials):
            trial = copy.deepcopy(game)
            reward, ended = trial.act(actions[action])
            value, frame = float(reward), 0
            while not ended and frame < frames:
                frame += 1
                reward, ended = trial.act(actions[int(rng.integers(len(actions)))])
                value += reward * 0.9**frame
            best = max(best, value + progress(name, trial) - (20 - frame) * ended)
        return best + 0.01 * rng.random()

    def act():
        if name == "Breakout" and rng.random() < 0.97:
            aim = landing(game) - game.env.pos
            return actions.index(0 if aim == 0 else 1 if aim < 0 else 3)
        if name == "Freeway" and rng.random() < 0.8:
            return actions.index(2)
        if rng.random() < 0.02:
            return int(rng.integers(len(actions)))
        return int(np.argmax([try_action(action) for action in range(len(actions))]))

    return act


def record(name, version, kwargs, seed, policy_name, most_steps):
    env_id = f"MinAtar/{name}-{version}"
    env = gym.make(env_id, **kwargs)
    game, rng = env.unwrapped.game, np.random.default_rng([seed, 7])
    game.random = game.env.random = Draws(seed)
    obs, _ = env.reset()
    policy = (random_policy if policy_name == "random" else good_policy)(env, name, rng)
    episode = {"env": env_id, "kwargs": kwargs, "seed": seed, "policy": policy_name, "reset_obs": digest(obs)}
    episode |= {"actions": [], "obs": [], "rewards": [], "terminated": [], "truncated": []}
    while True:
        action = policy()
        obs, reward, terminated, truncated, _ = env.step(action)
        episode["actions"].append(action)
        episode["obs"].append(digest(obs))
        episode["rewards"].append(int(reward))
        episode["terminated"].append(bool(terminated))
        episode["truncated"].append(bool(truncated))
        if terminated or truncated or len(episode["actions"]) >= most_steps:
            break
    ramps = getattr(game.env, "ramp_index", 0)
    obs, _ = env.reset()
    episode["second_reset_obs"] = digest(obs)
    env.close()
    return episode, ramps


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed-base", type=int, default=0)
    parser.add_argument("--steps", type=int, default=200, help="at least so many random steps for each setting")
    parser.add_argument("--games", nargs="*", default=GAMES)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("."))
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    minatar.gym.register_envs()
    for name in args.games:
        lines, seed, summary = [], args.seed_base, []
        for version, kwargs, most in SETTINGS:
            for policy_name in ("random", "good"):
                steps, episodes, best, most_ramps = 0, 0, 0, 0
                least, limit = (min(5 * args.steps, most), most) if policy_name == "good" else (args.steps, args.steps)
                while steps < least:
                    episode, ramps = record(name, version, kwargs, seed, policy_name, limit)
                    lines.append(json.dumps(episode, separators=(",", ":")))
                    steps += len(episode["actions"])
                    episodes += 1
                    seed += 1
                    best = max(best, sum(episode["rewards"]))
                    most_ramps = max(most_ramps, ramps)
                summary.append(f"{policy_name}:{episodes}ep/{steps}st/best {best}/{most_ramps} ramps")
        (args.out / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
        print(name, " ".join(summary), flush=True)


if __name__ == "__main__":
    main()
