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
        wrapper = getattr(gymnasium.wrappers, name)
        if "func" in kwargs:
            kwargs["func"] = function(kwargs["func"])
        elif args and "func" in inspect.signature(wrapper).parameters:
            args[0] = function(args[0])
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
