# Making environments.

import difflib
import importlib
import sys

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


def import_module(name):
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if name.endswith(".py"):
            raise Failure(f"`{name}` is a file, and no module", f"write py:{name[:-3]}:ID, in its folder") from None
        missing = (error.name or name).split(".")[0]
        package = next((pip for pip, module in PACKAGES.values() if module == missing), missing)
        why = f"there is no Python module `{missing}`" + (f", which `{name}` imports" if missing != name else "")
        raise Failure(
            why,
            f"`{sys.executable} -m pip install {package}`, or put its folder on PYTHONPATH, or name another --python",
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
