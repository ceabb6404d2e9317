# The environments at work, and what is told when they fail.

import json
import math
import mmap
import os
import struct
import sys
import traceback

# Of the shared memory: where the index of the environment at work is, and where the rows begin.
PROGRESS, ROWS = 0, 64


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
        row = self.row_dtype = np.dtype(layout["dtype"])
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
        if len(self.channel.buffer) < seeds_at + 8 * count:
            self.channel.buffer = bytearray(seeds_at + 8 * count)
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

    def step_all(self, tell_infos):
        """A step of every environment; one whose episode ends is reset in the same step. What infos said of those that
        ended follows the answer, if it is to be told."""
        actions, last_infos = self.actions(), []
        for i in range(self.count):
            observation, reward, terminated, truncated = self.step(i, actions[i])
            self.rewards[i], self.terminated[i], self.truncated[i] = reward, terminated, truncated
            if self.wrapped:
                self.raw_rewards[i] = self.take_paid(i)
            if terminated or truncated:
                self.write_final[i](observation)
                if tell_infos:
                    last_infos.append(self.plain_info(i))
                self.reset(i, self.seed(i))
            else:
                self.write[i](observation)
        if last_infos:
            self.channel.send("k", bytes(self.answer[5:]) + json.dumps(last_infos).encode())
        else:
            self.channel.send_whole(self.answer)

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
        self.channel.send_json("k", self.plain_info(i))

    def plain_info(self, i):
        return plain(self.infos[i]) if isinstance(self.infos[i], dict) else {}

    def tell_rewards(self, length):
        """What steps to goals would have paid had others been desired; nothing if the environment does not say."""
        self.doing, self.at, env = "compute_reward", self.first, self.envs[0]
        try:
            compute_reward = env.get_wrapper_attr("compute_reward")
        except AttributeError:
            return self.channel.send("k")
        message = self.channel.body(length)
        (count,) = struct.unpack_from("<I", message)
        achieved, desired = np.frombuffer(message, self.row_dtype, offset=4).reshape(2, count, -1)
        achieved = elements(env.observation_space["achieved_goal"], achieved)
        desired = elements(env.observation_space["desired_goal"], desired)
        outcome = compute_reward(achieved, desired, [{} for _ in range(count)])
        rewards = np.asarray(outcome, "<f8")
        if rewards.shape != (count,) or not np.isfinite(rewards).all():
            advice = "answer a finite reward for each row, as Stable-Baselines3's HerReplayBuffer needs it, too"
            raise Failure(f"compute_reward returned {brief(outcome)} for {count} rows of goals", advice)
        self.channel.send("k", rewards.tobytes())

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
            if kind in "sS":
                self.step_all(tell_infos=kind == "S")
            elif kind == "1":
                self.step_one()
            elif kind == "r":
                self.reset_some(length)
            elif kind == "d":
                self.draw()
            elif kind == "i":
                self.info()
            elif kind == "g":
                self.tell_rewards(length)
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
        if isinstance(error, SyntaxError):  # Which is written over several lines.
            what = f"{type(error).__name__}: {error}"
        trace = last_lines(error)
        problem, advice = f"{doing} raised {what}", api_advice(what) or "the last calls were"
    return {"index": at, "step": step, "making": doing == "make", "problem": problem, "advice": advice, "trace": trace}


def api_advice(what):
    """What to do about an exception that environments written for gym, before gymnasium, raise in gymnasium's wrappers."""
    if "values to unpack (expected 5" in what:
        return "return (observation, reward, terminated, truncated, info) from step; the last calls were"
    if "unexpected keyword argument 'seed'" in what or "unexpected keyword argument 'options'" in what:
        return "declare it as reset(self, *, seed=None, options=None); the last calls were"
    return None


def last_lines(error):
    """The last calls that led to an exception, those of the user's code if there are any."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != "<string>"]
    library = os.path.dirname(gymnasium.__file__) if "gymnasium" in globals() else "<"
    own = [frame for frame in frames if not frame.filename.startswith((library, "<"))]
    # gymnasium.make raises its own exception after that of a constructor.
    if not own and error.__context__ is not None and not isinstance(error.__context__, Failure):
        return last_lines(error.__context__)
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
    except Closed:
        return
    except BaseException as error:
        channel.send_json("!", report(error, worker, request))
        return
    while True:
        try:
            worker.serve()
        except Closed:
            break
        # Also what is no `Exception`: user code may call sys.exit.
        except BaseException as error:
            channel.send_json("!", report(error, worker, request))
    worker.close()


try:
    main()
except Closed:
    pass
# Without waiting for what threads and exit handlers of user code may still do.
sys.stdout.flush()
os._exit(0)
