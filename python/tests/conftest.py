"""What the tests share: the environments there are, and comparison with Gymnasium's own."""

from typing import Any

import gymnasium
import numpy as np
import pytest

import cartwheel  # noqa: F401  Registers the environments.

IDS = [name for name in gymnasium.registry if name.startswith("cartwheel/")]
#: Those that Gymnasium has too.
SHARED = [name.removeprefix("cartwheel/") for name in IDS if name.removeprefix("cartwheel/") in gymnasium.registry]


@pytest.fixture(autouse=True)
def _gymnasium_warnings_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gymnasium's logger prints warnings past pytest's filters, but for those that check_env has of its own taste."""

    def warn(message: str, *args: Any, **_: Any) -> None:
        if not any(taste in message for taste in TASTES):
            raise AssertionError(message % args if args else message)

    monkeypatch.setattr(gymnasium.logger, "warn", warn)


#: What check_env advises, and Gymnasium's own environments do not follow either.
TASTES = [
    "we recommend using a symmetric and normalized space",
    "space minimum value is -infinity",
    "space maximum value is infinity",
    "is out of date",  # CartPole-v0, by intent.
]


def assert_same(ours: Any, theirs: Any, tolerance: float = 0.0) -> None:
    """The same values in the same structure; arrays of the same shape and, but for rewards' floats, the same kind."""
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        for key in theirs:
            assert_same(ours[key], theirs[key], tolerance)
    elif isinstance(theirs, tuple):
        assert isinstance(ours, tuple) and len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_same(one, other, tolerance)
    elif isinstance(theirs, np.ndarray) and theirs.dtype == object:
        assert ours.dtype == object and ours.shape == theirs.shape
        for one, other in zip(ours, theirs, strict=True):
            assert_same(one, other, tolerance)
    elif theirs is None:
        assert ours is None
    else:
        assert np.shape(ours) == np.shape(theirs)
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
