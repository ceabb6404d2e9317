"""The Python half of Cartwheel's bridge: makes Gymnasium environments and steps them when told to.

Cartwheel starts it with a socket as its standard input and a nameless file of shared memory as its standard output.
Messages are a length (u32), a kind (one byte) and a body; every message is answered by one. Observations do not
travel: they are written into the shared memory, which Cartwheel reads. Needs gymnasium and numpy, nothing else.
"""

import ast
import difflib
import importlib
import inspect
import json
import math
import mmap
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
import traceback

# Of the shared memory: where the index of the environment at work is, and where the rows begin.
PROGRESS, ROWS = 0, 64
# Seconds to close environments in once Cartwheel is gone.
GRACE = 2.0
# The packages of well-known environments, by the beginning of their ids: (pip's name, module to import).
PACKAGES = {
    "ALE/": ("ale-py", "ale_py"),
    "MiniGrid-": ("minigrid", "minigrid"),
    "BabyAI-": ("minigrid", "minigrid"),
    "MiniWorld-": ("miniworld", "miniworld"),
    "Fetch": ("gymnasium-robotics", "gymnasium_robotics"),
    "AntMaze": ("gymnasium-robotics", "gymnasium_robotics"),
    "PointMaze": ("gymnasium-robotics", "gymnasium_robotics"),
    "Adroit": ("gymnasium-robotics", "gymnasium_robotics"),
    "highway-": ("highway-env", "highway_env"),
}
# The functions that expressions may use, by their names in numpy.
FUNCTIONS = {
    "abs": "abs", "acos": "arccos", "asin": "arcsin", "atan": "arctan", "cbrt": "cbrt", "ceil": "ceil", "cos": "cos",
    "cosh": "cosh", "exp": "exp", "floor": "floor", "ln": "log", "log": "log", "log10": "log10", "log2": "log2",
    "round": "round", "signum": "sign", "sin": "sin", "sinh": "sinh", "sqrt": "sqrt", "tan": "tan", "tanh": "tanh",
    "trunc": "trunc",
}  # fmt: skip


class Failure(Exception):
    """Something that ends the run: what is wrong, and what to do about it."""

    def __init__(self, problem, advice):
        super().__init__(problem)
        self.problem, self.advice = problem, advice


# === The socket ===


def take_over():
    """Takes the socket and the memory from standard input and output, which then are as user code expects them."""
    control, memory = socket.socket(fileno=os.dup(0)), os.dup(1)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    # Whatever is printed goes to standard error: Cartwheel's own standard output is not ours to write to.
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)
    # A process that user code forks must not keep the socket open after this one is dead.
    os.register_at_fork(after_in_child=control.close)
    threading.Thread(target=die_with_parent, args=(control,), daemon=True).start()
    return control, memory


def die_with_parent(control):
    """Ends this process and all it started if Cartwheel is gone, even while user code hangs."""
    hang_up = select.poll()
    hang_up.register(control, 0)
    hang_up.poll()
    time.sleep(GRACE)
    os.killpg(0, signal.SIGKILL)


class Channel:
    """Messages over the socket, read into one buffer."""

    def __init__(self, control):
        self.control = control
        self.buffer = bytearray(1 << 16)

    def receive(self):
        """The next message's kind and length; its body begins at byte 5 of the buffer. Ends with the socket."""
        have, need = 0, 5
        while have < need:
            count = self.control.recv_into(memoryview(self.buffer)[have:])
            if count == 0:
                raise EOFError
            have += count
            if have >= 5:
                need = 5 + int.from_bytes(self.buffer[:4], "little")
                if need > len(self.buffer):
                    # A new one: what looks at the old one stays with the old one. See Worker.map, which makes it large
                    # enough for all that follows.
                    self.buffer = self.buffer[:have] + bytearray(need - have)
        return chr(self.buffer[4]), need - 5

    def body(self, length):
        return bytes(memoryview(self.buffer)[5 : 5 + length])

    def json(self):
        """The next message, which is JSON."""
        return json.loads(self.body(self.receive()[1]))

    def send(self, kind, body=b""):
        self.control.sendall(struct.pack("<IB", len(body), ord(kind)) + body)

    def send_json(self, kind, value):
        self.send(kind, json.dumps(value).encode())


# === Making environments ===


def load(request):
    """Imports what the environments need, and answers a function that makes one."""
    try:
        import gymnasium
        import numpy
    except ImportError as error:
        package = (error.name or "gymnasium").split(".")[0]
        raise Failure(
            f"{sys.executable} has no module `{package}`",
            f"`{sys.executable} -m pip install {package}`, or name another Python with --python",
        ) from None
    # Imported here, so that their absence is told; used everywhere below.
    globals().update(np=numpy, gymnasium=gymnasium)
    if request["module"]:
        import_module(request["module"])

    kwargs = dict(request["kwargs"])
    if request["draw"] and "render_mode" not in kwargs and "rgb_array" in render_modes(request["id"]):
        kwargs["render_mode"] = "rgb_array"

    def make():
        try:
            # The checks of gymnasium's checker are made here, at every step.
            env = gymnasium.make(request["id"], disable_env_checker=True, **kwargs)
        except gymnasium.error.UnregisteredEnv:
            raise unknown(request["id"]) from None
        except gymnasium.error.DependencyNotInstalled as error:
            raise Failure(f"a package is missing: {error}", f"install it for {sys.executable}") from None
        except ImportError as error:
            package = (error.name or str(error)).split(".")[0]
            advice = f"`{sys.executable} -m pip install {package}`"
            raise Failure(f"making it needs `{package}`, which is not installed", advice) from None
        paid = Paid()
        if request["wrappers"]:
            env = gymnasium.wrappers.TransformReward(env, paid.note)
        for wrapper in request["wrappers"]:
            env = wrap(env, wrapper)
        return env, paid

    return make


# === Wrappers ===


class Paid:
    """What an environment pays inside of its wrappers: returns are told in its own rewards, whatever is made of them."""

    def __init__(self):
        self.total = 0.0

    def note(self, reward):
        self.total += float(reward)
        return reward


def wrap(env, text):
    """`env` in the wrapper that `text` constructs, such as "FrameStackObservation(4)"."""
    text = text.strip()
    call = ast.parse(text, mode="eval").body
    name = ast.unparse(call.func if isinstance(call, ast.Call) else call)
    args = [argument(node, text) for node in call.args] if isinstance(call, ast.Call) else []
    kwargs = {word.arg: argument(word.value, text) for word in call.keywords} if isinstance(call, ast.Call) else {}
    try:
        wrapper = getattr(gymnasium.wrappers, name)
        functions = [param for param in inspect.signature(wrapper).parameters if param == "func"]
        if functions and args:
            args[0] = function(args[0])
        elif functions and "func" in kwargs:
            kwargs["func"] = function(kwargs["func"])
        return wrapper(env, *args, **kwargs)
    except Exception as error:
        advice = "check its arguments and what it wraps: `cartwheel env wrappers` lists them"
        raise Failure(f"the wrapper {text} cannot be put around {env}: {error!r}", advice) from None


def argument(node, text):
    """A literal's value; of anything else its text, which is that of a function."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.get_source_segment(text, node)


def running(env):
    """The wrappers with running statistics around an environment, the outermost first."""
    wrappers = []
    while isinstance(env, gymnasium.Wrapper):
        if isinstance(env, (gymnasium.wrappers.NormalizeObservation, gymnasium.wrappers.NormalizeReward)):
            wrappers.append(env)
        env = env.env
    return wrappers


def moments(wrapper):
    """A wrapper's `RunningMeanStd`."""
    return wrapper.obs_rms if hasattr(wrapper, "obs_rms") else wrapper.return_rms


def statistics(wrapper):
    """A wrapper's running statistics, as Cartwheel writes them."""
    rms = moments(wrapper)
    flat = {"mean": np.ravel(rms.mean).tolist(), "var": np.ravel(rms.var).tolist(), "count": float(rms.count)}
    discounted = float(np.sum(getattr(wrapper, "discounted_reward", 0.0)))
    return {"moments": flat, "discounted_return": discounted, "update_running_mean": wrapper.update_running_mean}


def put_statistics(wrapper, value):
    rms, new = moments(wrapper), value["moments"]
    # In their own type, which is that of the observations.
    shape, dtype = np.shape(rms.mean), rms.mean.dtype
    rms.mean, rms.var = (np.array(new[key], dtype).reshape(shape) for key in ("mean", "var"))
    rms.count = new["count"]
    if hasattr(wrapper, "discounted_reward"):
        wrapper.discounted_reward = np.array([value["discounted_return"]])
    wrapper.update_running_mean = value["update_running_mean"]


def function(text):
    """The function of one variable that an expression is, in the words that native wrappers take too."""
    if not text.startswith("lambda"):
        names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)} - set(FUNCTIONS)
        text = f"lambda {names.pop() if names else '_'}: {text}"
    # `^` is a power there.
    return eval(text.replace("^", "**"), {name: getattr(np, ours) for name, ours in FUNCTIONS.items()})


def import_module(name):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = (error.name or name).split(".")[0]
        package = next((pip for pip, module in PACKAGES.values() if module == missing), missing)
        why = f"there is no Python module `{missing}`" + (f", which `{name}` imports" if missing != name else "")
        raise Failure(
            why, f"`{sys.executable} -m pip install {package}`, or put its folder on PYTHONPATH, or name another --python"
        ) from None


def unknown(env_id):
    """What to say of an id that gymnasium does not know."""
    for prefix, (package, module) in PACKAGES.items():
        if env_id.startswith(prefix) and module not in sys.modules:
            return Failure(
                f"gymnasium knows no `{env_id}` before `{module}` is imported",
                f"write py:{module}:{env_id}, after `{sys.executable} -m pip install {package}`",
            )
    near = difflib.get_close_matches(env_id, list(gymnasium.registry), n=3, cutoff=0.5)
    meant = f"; did you mean {' or '.join(near)}?" if near else ""
    return Failure(
        f"gymnasium knows no environment `{env_id}`{meant}",
        "check the id, and if a module of its own registers it, write py:MODULE:ID",
    )


def render_modes(env_id):
    """The render modes of an environment, without making it."""
    try:
        entry = gymnasium.spec(env_id).entry_point
        creator = gymnasium.envs.registration.load_env_creator(entry) if isinstance(entry, str) else entry
        return getattr(creator, "metadata", {}).get("render_modes", [])
    except Exception:  # Making it says better what is wrong.
        return []


# === Spaces ===


def describe(space):
    """A space as JSON; what it means to Cartwheel is decided there."""
    if is_text(space):
        return {"type": "Text"}
    known = ("Box", "Discrete", "MultiDiscrete", "MultiBinary", "Dict", "Tuple")
    kind = next((name for name in known if isinstance(space, getattr(gymnasium.spaces, name))), None)
    if kind == "Box":
        bounds = {"low": bound(space.low), "high": bound(space.high)}
        return {"type": kind, "shape": space.shape, "dtype": space.dtype.name, **bounds}
    if kind == "Discrete":
        return {"type": kind, "n": int(space.n), "start": int(space.start)}
    if kind == "MultiDiscrete":
        return {"type": kind, "nvec": space.nvec.flatten().tolist(), "start": space.start.flatten().tolist()}
    if kind == "MultiBinary":
        return {"type": kind, "n": math.prod(space.shape)}
    if kind == "Dict":
        return {"type": kind, "parts": [[str(name), describe(part)] for name, part in space.spaces.items()]}
    if kind == "Tuple":
        return {"type": kind, "parts": [describe(part) for part in space.spaces]}
    return {"type": "Other", "name": type(space).__name__}


def is_text(space):
    """Whether elements are strings: of gymnasium's Text, and of spaces like it."""
    return space.dtype is not None and np.dtype(space.dtype).kind == "U"


def bound(array):
    """One number if all are equal, as of images; `null` for infinity."""
    numbers = [x if math.isfinite(x) else None for x in array.flatten().tolist()] if array.size else []
    first = numbers[:1]
    return first if len(numbers) > 1 and numbers == first * len(numbers) else numbers


# === Observations ===


def bind(space, row, name=""):
    """A function that writes an observation of `space` into the numbers of `row`, and how many of them it takes."""
    spaces = gymnasium.spaces
    if isinstance(space, (spaces.Dict, spaces.Tuple)):
        return bind_composite(space, row, name)
    if isinstance(space, spaces.Box):
        width = math.prod(space.shape)
        return bind_array(space, row[:width].reshape(space.shape), name), width
    if isinstance(space, spaces.Discrete):
        return bind_discrete(space, row, name), 1
    width = math.prod(space.shape)
    return bind_integers(space, row[:width].reshape(space.shape), name), width


def bind_composite(space, row, name):
    is_dict = isinstance(space, gymnasium.spaces.Dict)
    parts, at = [], 0
    for key, part in space.spaces.items() if is_dict else enumerate(space.spaces):
        # Text has no numbers: it is left out.
        if not is_text(part):
            write, width = bind(part, row[at:], f"{name}[{key!r}]")
            parts.append((key, write))
            at += width

    def write(value):
        try:
            for key, write_part in parts:
                write_part(value[key])
        except (KeyError, IndexError, TypeError) as error:
            problem = f"observation{name} is {brief(value)}, without a part that {space} has ({error!r})"
            raise Failure(problem, "return every part of the observation space") from None

    return write, at


def bind_array(space, target, name):
    shape, dtype = space.shape, space.dtype

    def write(value):
        if not isinstance(value, (np.ndarray, np.generic)) or value.shape != shape or value.dtype != dtype:
            mismatch(space, value, name)
        target[...] = value

    return write


def bind_discrete(space, row, name):
    low, high = int(space.start), int(space.start + space.n - 1)

    def write(value):
        if not isinstance(value, (int, np.integer)):
            if not isinstance(value, np.ndarray) or value.shape != () or value.dtype.kind not in "iu":
                mismatch(space, value, name)
        if not low <= value <= high:
            outside(space, value, name)
        row[0] = value

    return write


def bind_integers(space, target, name):
    low = getattr(space, "start", 0)
    high = low + space.nvec - 1 if hasattr(space, "nvec") else 1

    def write(value):
        if not isinstance(value, np.ndarray) or value.shape != space.shape or value.dtype.kind not in "iub":
            mismatch(space, value, name)
        beyond = (value < low) | (value > high)
        if beyond.any():
            at = tuple(int(i) for i in np.argwhere(beyond)[0])
            outside(space, value[at], f"{name}[{', '.join(map(str, at))}]")
        target[...] = value

    return write


def mismatch(space, value, name):
    """Says in what an observation is of another kind than its space."""
    if not isinstance(value, (np.ndarray, np.generic)):
        found, fix = brief(value), "return a numpy array of the space's shape and dtype"
    elif value.shape != space.shape:
        found, fix = f"of shape {value.shape}", "make both shapes agree"
    else:
        found, fix = f"of dtype {value.dtype}", f"return it with .astype(np.{space.dtype}), or declare {value.dtype}"
    raise Failure(f"observation{name} is {found}; observation_space says {space}", fix)


def outside(space, value, name):
    raise Failure(f"observation{name} is {value}, which is not in {space}", "correct the observation, or widen the space")


def brief(value):
    text = f"{type(value).__name__} {value!r}".replace("\n", " ")
    return text if len(text) <= 80 else text[:77] + "..."


# === Actions ===


def bind_actions(space, actions):
    """A function that answers all the actions in `actions`, each as gymnasium's own vector environments give it."""
    if isinstance(space, gymnasium.spaces.Discrete):
        dtype = space.dtype
        return lambda: actions[:, 0].astype(dtype)
    dtype, shape = space.dtype, (len(actions), *space.shape)
    # A copy, as environments may keep their action.
    return lambda: actions.astype(dtype).reshape(shape)


# === The environments at work ===


class Worker:
    """Some environments of a batch."""

    def __init__(self, channel, memory, request):
        self.first, self.count = request["first"], request["count"]
        # What is under way, for messages: the method, the environment (of the batch), and the step of its episode.
        self.doing, self.at, self.steps = "make", self.first, [0] * self.count
        self.envs, self.paid, self.running, self.infos = [], [], [], [{} for _ in range(self.count)]
        # The running statistics of wrappers before each episode.
        self.before = [[] for _ in range(self.count)]
        self.channel, self.memory, self.wrapped = channel, memory, bool(request["wrappers"])

    def make(self, make):
        for self.at in range(self.first, self.first + self.count):
            env, paid = make()
            self.envs.append(env)
            self.paid.append(paid)
            self.running.append(running(env))
        env, spec = self.envs[0], self.envs[0].spec
        spaces = [describe(env.observation_space), describe(env.action_space)]
        for self.at, other in enumerate(self.envs, self.first):
            if [describe(other.observation_space), describe(other.action_space)] != spaces:
                raise Failure("its spaces differ from those of the first", "make all environments of an id alike")
        return {
            "observation_space": spaces[0],
            "action_space": spaces[1],
            "max_episode_steps": spec.max_episode_steps,
            "reward_threshold": spec.reward_threshold,
            "entry_point": str(spec.entry_point),
            "draws": env.render_mode == "rgb_array",
            "learns": bool(self.running[0]),
        }

    def map(self, layout):
        """Lays out shared memory and the step messages: all views are made once."""
        env, count, width = self.envs[0], self.count, layout["width"]
        row = np.dtype(layout["dtype"])
        size = ROWS + 2 * count * width * row.itemsize
        os.ftruncate(self.memory, size)
        memory = mmap.mmap(self.memory, size)
        rows = np.frombuffer(memory, row, 2 * count * width, ROWS).reshape(2 * count, width)
        bound = [bind(env.observation_space, one)[0] for one in rows]
        self.write, self.write_final = bound[:count], bound[count:]
        self.progress = np.frombuffer(memory, np.uint32, 1, PROGRESS)
        # A message to step: actions, then the seeds of the resets that follow if an episode ends.
        action = np.dtype(layout["action_dtype"])
        numbers = count * layout["action_width"]
        seeds_at = 5 + numbers * action.itemsize
        # All others are shorter, or at least that of resets: 12 bytes an environment.
        need = seeds_at + 12 * count
        if len(self.channel.buffer) < need:
            self.channel.buffer = bytearray(need)
        buffer = self.channel.buffer
        self.actions = bind_actions(env.action_space, np.frombuffer(buffer, action, numbers, 5).reshape(count, -1))
        # Seeds are not aligned.
        self.seed = lambda i: struct.unpack_from("<Q", buffer, seeds_at + 8 * i)[0]
        one = np.frombuffer(buffer, action, layout["action_width"], 9).reshape(1, -1)
        self.one_action = bind_actions(env.action_space, one)
        # And its answer: rewards, what was paid inside of wrappers, terminated, truncated.
        self.answer = bytearray(struct.pack("<IB", 18 * count, ord("k"))) + bytearray(18 * count)
        self.rewards = np.frombuffer(self.answer, "<f8", count, 5)
        self.raw_rewards = np.frombuffer(self.answer, "<f8", count, 5 + 8 * count)
        self.terminated = np.frombuffer(self.answer, np.bool_, count, 5 + 16 * count)
        self.truncated = np.frombuffer(self.answer, np.bool_, count, 5 + 17 * count)

    def reset(self, i, seed):
        self.doing, self.steps[i] = "reset", 0
        self.at = self.progress[0] = self.first + i
        self.before[i] = [statistics(wrapper) for wrapper in self.running[i]]
        self.paid[i].total = 0.0
        outcome = self.envs[i].reset(seed=seed)
        if not isinstance(outcome, tuple) or len(outcome) != 2:
            raise Failure(f"reset returned {brief(outcome)}", "return (observation, info)")
        self.infos[i] = outcome[1]
        self.write[i](outcome[0])

    def step(self, i, action):
        """One step of one environment; answers reward, terminated and truncated."""
        self.doing = "step"
        self.at = self.progress[0] = self.first + i
        self.steps[i] += 1
        outcome = self.envs[i].step(action)
        try:
            observation, reward, terminated, truncated, self.infos[i] = outcome
        except (TypeError, ValueError):
            advice = "return (observation, reward, terminated, truncated, info)"
            raise Failure(f"step returned {brief(outcome)}", advice) from None
        if type(reward) is not float:
            reward = number(reward)
        if not math.isfinite(reward):
            raise Failure(f"its reward is {reward}", "return a finite reward")
        return observation, reward, bool(terminated), bool(truncated)

    def step_all(self):
        """A step of every environment; one whose episode ends is reset in the same step."""
        actions = self.actions()
        for i in range(self.count):
            observation, reward, terminated, truncated = self.step(i, actions[i])
            self.rewards[i], self.terminated[i], self.truncated[i] = reward, terminated, truncated
            if self.wrapped:
                self.raw_rewards[i] = self.take_paid(i)
            if terminated or truncated:
                self.write_final[i](observation)
                self.reset(i, self.seed(i))
            else:
                self.write[i](observation)
        self.channel.control.sendall(self.answer)

    def step_one(self):
        """A step of one environment, which is not reset after it."""
        (i,) = struct.unpack_from("<I", self.channel.buffer, 5)
        observation, reward, terminated, truncated = self.step(i, self.one_action()[0])
        self.write[i](observation)
        self.channel.send("k", struct.pack("<dd??", reward, self.take_paid(i), terminated, truncated))

    def take_paid(self, i):
        paid, self.paid[i].total = self.paid[i].total, 0.0
        return paid

    def reset_some(self, length):
        for i, seed in struct.iter_unpack("<IQ", self.channel.body(length)):
            self.reset(i, seed)
        self.channel.send("k")

    def draw(self):
        (i,) = struct.unpack_from("<I", self.channel.buffer, 5)
        self.doing, self.at = "render", self.first + i
        frame = np.asarray(self.envs[i].render())
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            found = f"{frame.dtype} of shape {frame.shape}"
            raise Failure(f"render returned {found}", "return (height, width, 3) of uint8")
        self.channel.send("k", struct.pack("<II", frame.shape[1], frame.shape[0]) + frame.tobytes())

    def info(self):
        (i,) = struct.unpack_from("<I", self.channel.buffer, 5)
        self.channel.send_json("k", plain(self.infos[i]))

    def tell_statistics(self, before):
        (i,) = struct.unpack_from("<I", self.channel.buffer, 5)
        self.channel.send_json("k", self.before[i] if before else [statistics(wrapper) for wrapper in self.running[i]])

    def take_statistics(self, length):
        request = json.loads(self.channel.body(length))
        for wrapper, value in zip(self.running[request["environment"]], request["statistics"]):
            put_statistics(wrapper, value)
        self.channel.send("k")

    def serve(self):
        while True:
            kind, length = self.channel.receive()
            if kind == "s":
                self.step_all()
            elif kind == "1":
                self.step_one()
            elif kind == "r":
                self.reset_some(length)
            elif kind == "d":
                self.draw()
            elif kind == "i":
                self.info()
            elif kind in "nb":
                self.tell_statistics(before=kind == "b")
            elif kind == "p":
                self.take_statistics(length)

    def close(self):
        for env in self.envs:
            env.close()


def number(reward):
    """A reward as a float, whatever kind of number it is."""
    if isinstance(reward, (int, np.number, np.bool_)) or (isinstance(reward, np.ndarray) and reward.shape == ()):
        try:
            return float(reward)
        except (TypeError, ValueError):
            pass
    raise Failure(f"its reward is {brief(reward)}", "return a number, as float(reward)")


def plain(value):
    """A value as JSON has it; what has no such form is left out of dicts."""
    if isinstance(value, dict):
        items = ((str(key), plain(item)) for key, item in value.items())
        return {key: item for key, item in items if item is not None}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (bool, int, str)) else None


# === Failures ===


def report(error, worker, request):
    """What went wrong, for Cartwheel to tell."""
    at, doing = (worker.at, worker.doing) if worker else (request["first"], "make")
    step = worker.steps[at - worker.first] if worker else 0
    if isinstance(error, Failure):
        problem, advice, trace = error.problem, error.advice, ""
    else:
        what = "".join(traceback.format_exception_only(error)).strip()
        problem, advice, trace = f"{doing} raised {what}", "the last calls were", last_lines(error)
    return {"index": at, "step": step, "making": doing == "make", "problem": problem, "advice": advice, "trace": trace}


def last_lines(error):
    """The last calls that led to an exception, those of the user's code if there are any."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != "<string>"]
    library = os.path.dirname(gymnasium.__file__) if "gymnasium" in globals() else "<"
    own = [frame for frame in frames if not frame.filename.startswith((library, "<"))]
    return "\n" + "".join(traceback.format_list((own or frames)[-3:])).rstrip()


def main():
    control, memory = take_over()
    channel = Channel(control)
    worker, request = None, channel.json()
    try:
        make = load(request)
        worker = Worker(channel, memory, request)
        channel.send_json("k", worker.make(make))
        worker.map(channel.json())
        channel.send("k")
    except EOFError:
        return
    except BaseException as error:
        channel.send_json("!", report(error, worker, request))
        return
    while True:
        try:
            worker.serve()
        except (EOFError, ConnectionError):
            break
        except BaseException as error:
            channel.send_json("!", report(error, worker, request))
    worker.close()


main()
# Without waiting for what threads and exit handlers of user code may still do.
sys.stdout.flush()
os._exit(0)
