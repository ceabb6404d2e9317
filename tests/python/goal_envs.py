"""An environment with goals, as Gymnasium-Robotics' `GoalEnv` shows them, small enough for tests.

`FlipBits-v0` is BitFlip-v0 in Python: an action flips one of `n_bits`, until they are as the goal asks for. What it
says of an episode is in `info`, after steps alone: `is_success`, `flips`, and under `note` what is no number.
"""

import os

import gymnasium
import numpy as np
from gymnasium import spaces


class FlipBits(gymnasium.Env):
    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}

    def __init__(self, n_bits=4, fault="none", render_mode=None):
        self.n_bits, self.fault, self.render_mode = n_bits, fault, render_mode
        bits = spaces.MultiBinary(n_bits)
        self.observation_space = spaces.Dict(observation=bits, achieved_goal=bits, desired_goal=bits)
        self.action_space = spaces.Discrete(n_bits)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.bits = self.np_random.integers(2, size=self.n_bits, dtype=np.int8)
        self.goal = self.np_random.integers(2, size=self.n_bits, dtype=np.int8)
        self.flips = 0
        return self.observe(), {}

    def observe(self):
        return {"observation": self.bits.copy(), "achieved_goal": self.bits.copy(), "desired_goal": self.goal.copy()}

    def step(self, action):
        self.bits[action] ^= 1
        self.flips += 1
        reward = self.compute_reward(self.bits[None], self.goal[None], [{}])[0]
        is_success = np.array_equal(self.bits, self.goal)
        info = {"is_success": np.bool_(is_success), "flips": np.float32(self.flips), "note": "flipped"}
        return self.observe(), float(reward), is_success, False, info

    def compute_reward(self, achieved_goal, desired_goal, info):
        """Of a batch: a row for each."""
        match self.fault:
            case "other" if len(achieved_goal) > 1:
                return np.full(len(achieved_goal), -2.0)
            case "scalar" if len(achieved_goal) > 1:
                return -1.0
            case "raises" if len(achieved_goal) > 1:
                raise ValueError("no such goal")
            case "dies" if len(achieved_goal) > 1:
                os._exit(3)
        return np.where((achieved_goal == desired_goal).all(axis=-1), 0.0, -1.0)

    def render(self):
        frame = np.zeros((4, 4 * self.n_bits, 3), np.uint8)
        frame[:2, :, 0] = 255 * np.repeat(self.bits, 4)
        frame[2:, :, 1] = 255 * np.repeat(self.goal, 4)
        return frame


gymnasium.register("FlipBits-v0", entry_point=FlipBits, max_episode_steps=8)
