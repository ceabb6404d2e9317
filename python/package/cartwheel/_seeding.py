"""Seeds and options of ``reset``, as both kinds of environment take them."""

import secrets
from collections.abc import Mapping
from typing import Any


def random_seed() -> int:
    """A seed for those who gave none: Gymnasium's environments begin at random then."""
    return secrets.randbits(63)


def refuse_options(options: Mapping[str, Any] | None) -> None:
    """Raises ``ValueError`` for options: no environment here has any, and one that is ignored would mislead."""
    if options:
        raise ValueError(f"reset has no option {', '.join(map(repr, options))} here: leave it out")
