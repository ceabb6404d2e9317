"""Records short episodes of environments in Gymnasium's own wrappers, for `cartwheel env verify`.

    pip install gymnasium==1.4.0 numpy opencv-python-headless
    python generate.py

writes `vectors.jsonl`, `images.jsonl`, `atari.jsonl` (one episode a line, in the format of ../gymnasium/generate.py with
the wrappers and their spaces) and `resized.json` (images resized by OpenCV) beside this script.
"""

import json
import pathlib

import cv2
import gymnasium as gym
import numpy as np
from gymnasium import spaces, wrappers

HERE = pathlib.Path(__file__).parent


class Ale:
    """What AtariPreprocessing asks of the Arcade Learning Environment, of Frames."""

    def __init__(self, env):
        self.env = env

    def lives(self):
        return self.env.left

    def getScreenRGB(self, buffer):
        buffer[...] = self.env.image

    def getScreenGrayscale(self, buffer):
        # ALE weighs its palette so.
        gray = self.env.image.astype(np.float64) @ np.array([0.2989, 0.5870, 0.1140])
        buffer[...] = np.floor(gray + 0.5)


class Frames(gym.Env):
    """envs/src/debug/frames.rs, for Gymnasium."""

    _frameskip = 1

    def __init__(self, height=8, width=6):
        self.observation_space = spaces.Box(0, 255, (height, width, 3), np.uint8)
        self.action_space = spaces.Discrete(3)
        self.ale = Ale(self)

    def get_action_meanings(self):
        return ["NOOP", "LEFT", "RIGHT"]

    def _next(self):
        self.a, self.b = int(self.np_random.random() * 256), int(self.np_random.random() * 256)
        self.image = pattern(self.a, self.b, self.observation_space.shape)
        return self.image

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.left = 3
        return self._next(), {"lives": self.left}

    def step(self, action):
        image = self._next()
        self.left -= int(self.b < 32)
        return image, action - 1 + self.a / 256, self.left == 0, False, {"lives": self.left}


def pattern(a, b, shape):
    i = np.arange(np.prod(shape), dtype=np.int64)
    return ((a + b * i + i * i // 3) % 256).astype(np.uint8).reshape(shape)


gym.register("Frames-v0", Frames, max_episode_steps=100)


def with_arrays(wrapper):
    """`wrapper`, with NumPy's arrays for lists, as it asks for."""

    def construct(env, *args, **kwargs):
        array = lambda x: np.array(x, np.float32) if isinstance(x, list) else x
        return wrapper(env, *map(array, args), **{key: array(value) for key, value in kwargs.items()})

    return construct


NAMES = {name: getattr(wrappers, name) for name in wrappers.__all__ if name[0].isupper() and "Jax" not in name and
         "Torch" not in name and name != "ArrayConversion"}
NAMES |= {name: with_arrays(NAMES[name]) for name in ["RescaleAction", "RescaleObservation", "FrameStackObservation"]}
NAMES |= {"Box": spaces.Box, "Discrete": spaces.Discrete, "inf": np.inf, "tanh": np.tanh}


def wrap(env, text):
    name, brace, rest = text.partition("(")
    return eval(f"{name}(env, {rest}" if brace else f"{name}(env)", NAMES | {"env": env})


def describe(space):
    """The space as Cartwheel writes it: its number types, and no padding."""
    if isinstance(space, spaces.Box):
        floats = np.issubdtype(space.dtype, np.floating)
        number = (lambda x: str(np.float32(x))) if floats else (lambda x: str(int(x)))
        bounds = [[number(x) for x in bound.flatten()] for bound in (space.low, space.high)]
        low, high = [bound[0] if len(set(bound)) == 1 else f"[{' '.join(bound)}]" for bound in bounds]
        dtype = "float32" if floats else "uint8" if space.dtype == np.uint8 else "int32"
        return f"Box({low}, {high}, {space.shape}, {dtype})"
    if isinstance(space, spaces.Tuple):
        return f"Tuple({', '.join(describe(part) for part in space)})"
    if isinstance(space, spaces.Dict):
        return f"Dict({', '.join(f'{key!r}: {describe(part)}' for key, part in space.items())})"
    if isinstance(space, spaces.MultiDiscrete):
        return f"MultiDiscrete([{' '.join(map(str, space.nvec))}])"
    return str(space)


def plain(value):
    """Numbers and lists, for JSON: parts in order, floats as short as they are exact."""
    if isinstance(value, dict):
        return [plain(part) for part in value.values()]
    if isinstance(value, (tuple, list)):
        return [plain(part) for part in value]
    if isinstance(value, np.ndarray):
        return [plain(x) for x in value.flatten()]
    if isinstance(value, (float, np.floating)):
        return float(str(value)) if isinstance(value, np.float32) else float(value)
    return int(value)


def sample(space, rng):
    """An action, also a little outside of the bounds where there are any."""
    if isinstance(space, spaces.Box):
        scale = np.where(np.isfinite(space.high), 1.3 * np.abs(space.high), 3.0)
        return np.float32(rng.uniform(-1, 1, space.shape) * scale)
    if isinstance(space, spaces.MultiDiscrete):
        return rng.integers(0, space.nvec)
    return int(rng.integers(space.n))


def record(env_id, texts, kwargs={}, seed=0, steps=20):
    env = gym.make(env_id, disable_env_checker=True, **kwargs)
    for text in texts:
        env = wrap(env, text)
    rng = np.random.default_rng(seed + 1000)
    out = {"env": env_id, "kwargs": kwargs, "wrappers": texts, "seed": seed}
    out |= {"observation_space": describe(env.observation_space), "action_space": describe(env.action_space)}
    out["reset_obs"] = plain(env.reset(seed=seed)[0])
    lists = {key: [] for key in ["actions", "obs", "rewards", "terminated", "truncated"]}
    for _ in range(steps):
        action = sample(env.action_space, rng)
        obs, reward, terminated, truncated, _ = env.step(action)
        row = [plain(action), plain(obs), float(reward), bool(terminated), bool(truncated)]
        for values, value in zip(lists.values(), row):
            values.append(value)
        if terminated or truncated:
            break
    if "AtariPreprocessing" in texts[0]:
        # NumPy keeps half of the word that the number of no-ops was drawn from for the next such draw, however far away;
        # Cartwheel's generator forgets it (see `Generator::integer`), and so does this one now.
        bits = env.unwrapped.np_random.bit_generator
        bits.state = bits.state | {"has_uint32": 0}
    return out | lists | {"second_reset_obs": plain(env.reset()[0])}


VECTORS = [
    # Long enough to fall, so that the last step terminates.
    *[("CartPole-v1", [text], {}, 60) for text in [
        "FrameStackObservation(4)",
        "FrameStackObservation(3, padding_type='zero')",
        "FrameStackObservation(stack_size=2, padding_type=[1, -1, 0.25, 2])",
        "NormalizeObservation",
        "NormalizeObservation(epsilon=0.01)",
        "NormalizeReward",
        "NormalizeReward(0.9, epsilon=0.1)",
        "ClipReward(0, 0.5)",
        "ClipReward(max_reward=-2.5)",
        "ClipReward(min_reward=1.5)",
        "TransformReward(lambda r: 0.01 * r - 3)",
        "FlattenObservation",
        "RescaleObservation([-1, -inf, 0, -inf], [1, inf, 5, inf])",
        "TimeAwareObservation",
        "TimeAwareObservation(normalize_time=True)",
        "TimeAwareObservation(False, True, dict_time_key='unused')",
        "DelayObservation(2)",
        "DelayObservation(delay=0)",
        "RecordEpisodeStatistics(buffer_length=3)",
        "StickyAction(0.5)",
        "StickyAction(0.2, repeat_action_duration=3)",
        "StickyAction(0.9, (2, 2))",
        "TimeLimit(7)",
        "RepeatAction(3)",
        "MaxAndSkipObservation",
        "MaxAndSkipObservation(2)",
        "ReshapeObservation((2, 1, 2))",
        "TransformObservation(lambda x: 2 * x + 1, Box(-inf, inf, (4,)))",
        "TransformAction(lambda a: 1 - a, None)",
    ]],
    *[("Pendulum-v1", [text], {}, 20) for text in [
        "FrameStackObservation(2)",
        "NormalizeObservation",
        "NormalizeReward",
        "ClipReward(-1, 1)",
        "ClipAction",
        "RescaleAction(-1, 1)",
        "RescaleAction([0], [0.5])",
        "RescaleObservation(0, 1)",
        "RescaleObservation([-2, -1, -10], [1, 0, 1])",
        "DiscretizeAction(5)",
        "DiscretizeAction(bins=(7,), multidiscrete=True)",
        "DiscretizeObservation(4)",
        "DiscretizeObservation((3, 5, 9), multidiscrete=True)",
        "TransformAction(lambda a: tanh(a) * 2, Box(-1, 1, (1,)))",
        "StickyAction(0.4)",
        "DtypeObservation('float32')",
    ]],
    *[("MountainCarContinuous-v0", [text], {}, 20) for text in [
        "ClipAction",
        "RescaleAction(min_action=-5, max_action=3)",
        "NormalizeReward(gamma=0.5)",
        "DiscretizeObservation((20, 30))",
    ]],
    *[("FrozenLake-v1", [text], {}, 12) for text in [
        "FrameStackObservation(3)",
        "FrameStackObservation(2, padding_type='zero')",
        "NormalizeObservation",
        "FlattenObservation",
        "DtypeObservation('float32')",
        "DtypeObservation('uint8')",
        "TimeAwareObservation",
        "TimeAwareObservation(flatten=False)",
        "DelayObservation(3)",
        "StickyAction(0.3)",
        "MaxAndSkipObservation(3)",
    ]],
    *[("Blackjack-v1", [text], {}, 5) for text in [
        "FrameStackObservation(2)",
        "FlattenObservation",
        "FilterObservation([2, 0])",
        "DelayObservation(1)",
    ]],
    ("CartPole-v1", ["TimeAwareObservation(flatten=False)", "FilterObservation(['time'])"], {}, 20),
    ("CartPole-v1", ["TimeAwareObservation(flatten=False)", "FrameStackObservation(2)", "FlattenObservation"], {}, 20),
    ("CartPole-v1", ["TimeAwareObservation(False)", "TimeAwareObservation(False, dict_time_key='and')"], {}, 20),
    ("Blackjack-v1", ["TimeLimit(9)", "TimeAwareObservation"], {}, 5),
    ("FrozenLake-v1", ["FrameStackObservation(2)", "FrameStackObservation(2)", "NormalizeObservation"], {}, 8),
    ("CartPole-v1", ["NormalizeObservation", "NormalizeReward", "FrameStackObservation(2)", "ClipReward(-1, 1)"], {}, 40),
    ("Pendulum-v1", ["RescaleAction(-1, 1)", "ClipAction", "NormalizeObservation", "TransformObservation(lambda x: x / 2, None)"],
     {}, 20),
]

IMAGES = [("Frames-v0", texts, {}, 4) for texts in [
    ["GrayscaleObservation"],
    ["GrayscaleObservation(keep_dim=True)"],
    ["FrameStackObservation(3)"],
    ["ReshapeObservation((4, 36))"],
    ["FlattenObservation"],
    ["DtypeObservation('float32')", "RescaleObservation(0, 1)"],
    ["NormalizeObservation"],
    ["MaxAndSkipObservation(3)"],
    ["ResizeObservation((4, 3))"],
    ["ResizeObservation((2, 3))"],
    ["ResizeObservation((5, 4))"],
    ["ResizeObservation((12, 9))"],
    ["ResizeObservation((5, 9))"],
    ["GrayscaleObservation", "ResizeObservation((3, 5))", "FrameStackObservation(2)"],
]]

ATARI = [("Frames-v0", [text], {"height": 14, "width": 11}, 40) for text in [
    "AtariPreprocessing(screen_size=6)",
    "AtariPreprocessing(noop_max=0, frame_skip=1, screen_size=(5, 7))",
    "AtariPreprocessing(4, 2, 5, terminal_on_life_loss=True, grayscale_newaxis=True)",
    "AtariPreprocessing(noop_max=1, frame_skip=3, screen_size=4, grayscale_obs=False)",
    "AtariPreprocessing(noop_max=3, frame_skip=2, screen_size=4, scale_obs=True)",
    "AtariPreprocessing(noop_max=0, screen_size=5, terminal_on_life_loss=True)",
]]

# Height, width and channels, and height and width after.
RESIZED = [(210, 160, 1, 84, 84), (96, 96, 3, 64, 48), (64, 64, 3, 32, 32), (60, 80, 1, 20, 20), (30, 40, 3, 45, 80),
           (17, 23, 1, 16, 40), (50, 7, 3, 33, 7), (84, 84, 1, 84, 84), (48, 48, 1, 12, 24)]


def write(name, cases, seeds):
    lines = [json.dumps(record(env, texts, kwargs, seed, steps), separators=(",", ":"))
             for env, texts, kwargs, steps in cases for seed in seeds]
    (HERE / name).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    write("vectors.jsonl", VECTORS, [0, 1])
    write("images.jsonl", IMAGES, [0])
    write("atari.jsonl", ATARI, [0, 1, 2])
    resized = []
    for i, (height, width, channels, to_height, to_width) in enumerate(RESIZED):
        image = pattern(7 * i, 29 * i + 3, (height, width, channels))
        after = cv2.resize(image, (to_width, to_height), interpolation=cv2.INTER_AREA)
        resized.append({"a": 7 * i, "b": 29 * i + 3, "from": [height, width, channels], "to": [to_height, to_width],
                        "hex": after.tobytes().hex()})
    (HERE / "resized.json").write_text(json.dumps(resized, indent=1) + "\n")
