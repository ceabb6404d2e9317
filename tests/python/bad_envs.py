"""Environments that misbehave, each in its own way, for the tests of the bridge to Python.

`Bad-v0` counts its steps: its observation is [steps, 0, ...], its reward 1 plus half its action, and its episodes end after
`length` steps. At
step 3 it does what `fault` says.
"""

import os
import signal
import sys
import time

import gymnasium
import numpy as np
from gymnasium import spaces

FAULTY_STEP = 3


class Bad(gymnasium.Env):
    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}

    def __init__(self, fault="none", length=10, size=2, mark=None, render_mode=None):
        self.fault, self.length, self.mark, self.render_mode = fault, length, mark, render_mode
        self.observation_space = spaces.Box(np.zeros(size, np.float32), np.float32([100] + [1] * (size - 1)))
        self.action_space = spaces.Discrete(2)
        if fault == "make raises":
            raise RuntimeError("no license")
        if fault == "sequence":
            self.observation_space = spaces.Dict(bag=spaces.Sequence(spaces.Discrete(2)), n=spaces.Discrete(2))
        if fault in ("outside discrete", "not an integer"):
            self.observation_space = spaces.Discrete(5)
        if fault == "missing part":
            self.observation_space = spaces.Dict(a=spaces.Discrete(2), b=spaces.Discrete(2))
        if fault == "no space":
            self.observation_space = None
        if fault == "flags":
            self.observation_space = spaces.Box(0, 1, (size,), np.bool_)
        if fault == "make has a slip":
            len(3)
        if fault == "action dict":
            self.action_space = spaces.Dict(a=spaces.Discrete(2))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        if self.fault == "reset raises":
            raise LookupError("the level is gone")
        if self.fault == "reset without info":
            return self.observe()
        if self.fault == "reset of gym" and seed is not None:
            raise TypeError("Bad.reset() got an unexpected keyword argument 'seed'")
        return self.observe(), {"pid": os.getpid(), "seed": seed, "handle": object(), "mask": np.array([1, 0], np.int8)}

    def observe(self):
        if isinstance(self.observation_space, spaces.Discrete):
            return self.steps
        if isinstance(self.observation_space, spaces.Dict):
            return {"a": 0, "b": 1}
        observation = np.zeros(self.observation_space.shape, self.observation_space.dtype)
        observation[0] = self.steps
        return observation

    def step(self, action):
        self.steps += 1
        observation, reward = self.observe(), 1.0 + 0.5 * action
        if self.steps == FAULTY_STEP and self.is_my_turn():
            if self.fault == "step of gym":
                return observation, reward, False, {}
            observation, reward = self.misbehave(observation, reward)
        return observation, reward, self.steps >= self.length, False, {"pid": os.getpid(), "steps": self.steps}

    def is_my_turn(self):
        """Where there is a mark on disk, the fault happens once, in whichever environment comes first."""
        if self.mark is None:
            return True
        try:
            open(self.mark, "x").close()
            return True
        except FileExistsError:
            return False

    def misbehave(self, observation, reward):
        match self.fault:
            case "step raises":
                raise ValueError("the wheel came off")
            case "end of file":
                raise EOFError("the simulator hung up")
            case "exits":
                sys.exit(3)
            case "wrong shape":
                return np.zeros(3, np.float32), reward
            case "wrong dtype":
                return observation.astype(np.float64), reward
            case "a list":
                return [3.0, 0.0], reward
            case "nan":
                return np.array([3, np.nan], np.float32), reward
            case "outside":
                return np.array([3, 1.5], np.float32), reward
            case "outside discrete":
                return 7, reward
            case "not an integer":
                return 1.5, reward
            case "missing part":
                return {"a": 1}, reward
            case "text reward":
                return observation, "a lot"
            case "nan reward":
                return observation, float("nan")
            case "hangs":
                while True:
                    time.sleep(1)
            case "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            case "dies":
                os._exit(7)
            case "prints":
                print("printed")
                os.write(1, b"written to 1\n")
                sys.stdin.read()
            case "integer reward":
                return observation, np.int64(1)
        return observation, reward

    def render(self):
        frame = np.zeros((2, 3, 3), np.uint8)
        frame[:, :, 0] = self.steps
        return frame


gymnasium.register("Bad-v0", entry_point=Bad)
