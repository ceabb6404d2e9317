"""What the package as a whole promises."""

import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import gymnasium
import pytest

import cartwheel
from cartwheel import _native

REPOSITORY = Path(__file__).parents[2]


def test_the_version_is_the_repositorys():
    manifest = tomllib.loads((REPOSITORY / "Cargo.toml").read_text())
    assert cartwheel.__version__ == manifest["workspace"]["package"]["version"]


def test_gymnasium_imports_it_by_name():
    """`module:id` is how Gymnasium makes environments of packages that were not imported."""
    code = "import gymnasium; print(gymnasium.make('cartwheel:cartwheel/CartPole-v1').reset(seed=0)[0].shape)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(4,)"


def test_the_example_counts_steps_and_episodes():
    example = [sys.executable, str(REPOSITORY / "python" / "examples" / "step_many.py")]
    printed = subprocess.run(example, capture_output=True, text=True, check=True).stdout.split()
    assert printed[1:4] == ["million", "steps", "and"]
    assert int(printed[4]) > 0


def test_specs_travel_as_json():
    spec = gymnasium.spec("cartwheel/CartPole-v1")
    again = gymnasium.envs.registration.EnvSpec.from_json(spec.to_json())
    assert gymnasium.make(again).reset(seed=0)[0].shape == (4,)


@pytest.mark.parametrize("kind", [cartwheel, cartwheel.CartwheelEnv, cartwheel.CartwheelVectorEnv, cartwheel.Policy])
def test_everything_public_is_documented(kind):
    assert inspect.getdoc(kind)
    names = cartwheel.__all__ if kind is cartwheel else [name for name in vars(kind) if not name.startswith("_")]
    members = {name: inspect.getattr_static(kind, name) for name in names}
    assert not [name for name, member in members.items() if callable(member) and not inspect.getdoc(member)]


def test_stubs_name_what_there_is():
    stub = Path(cartwheel.__file__).with_name("_native.pyi").read_text()
    for name in vars(_native):
        if not name.startswith("_"):
            assert f"class {name}" in stub or f"def {name}" in stub, name
            for member in vars(getattr(_native, name)) if inspect.isclass(getattr(_native, name)) else []:
                if not member.startswith("_"):
                    assert f"def {member}" in stub, f"{name}.{member}"
