"""What both kinds of environment know about pictures."""

from typing import Any

import gymnasium

#: Width and height of a picture, in pixels: those of Gymnasium's classic control.
FRAME_SIZE = (600, 400)

METADATA: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 30}


def check_render_mode(render_mode: str | None) -> None:
    """Raises ``UnsupportedMode`` for anything but ``None`` and ``rgb_array``."""
    if render_mode not in (None, *METADATA["render_modes"]):
        raise gymnasium.error.UnsupportedMode(f"there is no render mode {render_mode!r}: use 'rgb_array', or none")


def warn_of_no_render_mode(env: Any) -> None:
    """Says, as Gymnasium does, that ``render`` was called without a render mode."""
    gymnasium.logger.warn(f"{env} has no render mode, so render() shows nothing: make it with render_mode='rgb_array'")
