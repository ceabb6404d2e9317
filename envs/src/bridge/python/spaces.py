# Spaces, and what goes in and out of environments by them.

import math


def describe(space):
    """A space as JSON; what it means to Cartwheel is decided there."""
    if not isinstance(space, gymnasium.spaces.Space):
        found = f"its observation_space or action_space is {brief(space)}"
        raise Failure(found, "set both to spaces of gymnasium.spaces, in the class or in __init__")
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
    numbers = [float(x) if math.isfinite(x) else None for x in array.flatten().tolist()] if array.size else []
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


def elements(space, rows):
    """Rows of numbers as a batch of elements of `space`, which is not composite."""
    if space.shape is None:
        raise Failure(f"its goals are of {space}", "show them as a Box, MultiBinary or Discrete")
    return rows.reshape(len(rows), *space.shape).astype(space.dtype)


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
    raise Failure(
        f"observation{name} is {value}, which is not in {space}", "correct the observation, or widen the space"
    )


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
