# Wrappers around environments, and the statistics that some of them keep.

import ast
import inspect

# What expressions may use, by the names in numpy.
FUNCTIONS = {
    "abs": "abs", "acos": "arccos", "asin": "arcsin", "atan": "arctan", "cbrt": "cbrt", "ceil": "ceil", "cos": "cos",
    "cosh": "cosh", "exp": "exp", "floor": "floor", "ln": "log", "log": "log", "log10": "log10", "log2": "log2",
    "round": "round", "signum": "sign", "sin": "sin", "sinh": "sinh", "sqrt": "sqrt", "tan": "tan", "tanh": "tanh",
    "trunc": "trunc", "PI": "pi", "E": "e",
}  # fmt: skip


class Paid:
    """What an environment pays inside of its wrappers: returns are told in its own rewards."""

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
        # What Gymnasium has no class of.
        own = {"ActionMaskObservation": action_mask_observation}
        wrapper = own.get(name) or getattr(gymnasium.wrappers, name)
        if "func" in kwargs:
            kwargs["func"] = function(kwargs["func"])
        elif args and "func" in inspect.signature(wrapper).parameters:
            args[0] = function(args[0])
        return wrapper(env, *args, **kwargs)
    except Exception as error:
        advice = "check its arguments and what it wraps: `cartwheel env wrappers` lists them"
        raise Failure(f"the wrapper {text} cannot be put around {env}: {error!r}", advice) from None


def action_mask_observation(env):
    """`env` with its action mask beside each observation, as the native wrapper of this name has it: what `info["action_mask"]`
    says or, as in sb3-contrib, the method `action_masks`."""
    spaces = gymnasium.spaces
    if not isinstance(env.action_space, spaces.Discrete):
        raise ValueError(f"its actions are {env.action_space} and not Discrete")
    parts = dict(env.observation_space) if isinstance(env.observation_space, spaces.Dict) else None
    if "action_mask" in (parts or {}):
        raise ValueError("the observation has an action_mask already: leave it out")
    mask_space = spaces.MultiBinary(int(env.action_space.n))

    class ActionMaskObservation(gymnasium.Wrapper):
        def __init__(self, env):
            super().__init__(env)
            whole = {"observation": env.observation_space} if parts is None else parts
            self.observation_space = spaces.Dict({**whole, "action_mask": mask_space})

        def show(self, observation, info):
            mask = info.get("action_mask")
            if mask is None:
                try:
                    mask = self.env.get_wrapper_attr("action_masks")()
                except AttributeError:
                    advice = 'put which actions are valid into info["action_mask"], or leave the wrapper out'
                    raise Failure("ActionMaskObservation finds no action mask: neither info nor a method has it", advice) from None
            mask = np.asarray(mask).astype(np.int8)
            whole = {"observation": observation} if parts is None else observation
            return {**whole, "action_mask": mask}

        def reset(self, **kwargs):
            observation, info = self.env.reset(**kwargs)
            return self.show(observation, info), info

        def step(self, action):
            observation, reward, terminated, truncated, info = self.env.step(action)
            return self.show(observation, info), reward, terminated, truncated, info

    return ActionMaskObservation(env)


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
