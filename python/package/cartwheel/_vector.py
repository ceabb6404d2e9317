"""A batch of environments."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from cartwheel._native import NativeVectorEnv
from cartwheel._rendering import FRAME_SIZE, METADATA, check_render_mode, warn_of_no_render_mode
from cartwheel._seeding import random_seed, refuse_options


class CartwheelVectorEnv(VectorEnv[Any, Any, np.ndarray]):
    """Native environments stepped together, as ``gymnasium.make_vec("cartwheel/CartPole-v1", num_envs=8)`` makes them.

    It behaves as Gymnasium's ``SyncVectorEnv`` of the same environments: the same seeds and actions give the same
    arrays and infos, in every autoreset mode. Rewards are float32, as those of Gymnasium's own ``CartPoleVectorEnv``.
    """

    def __init__(
        self,
        env_id: str,
        num_envs: int = 1,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        copy: bool = True,
        **kwargs: Any,
    ) -> None:
        """Makes a batch.

        Args:
            env_id: The environments' id without the namespace, as ``CartPole-v1``.
            num_envs: How many.
            max_episode_steps: Their time limit; ``None`` for the registered one, -1 for none.
            render_mode: ``rgb_array`` or ``None``.
            autoreset_mode: When an environment is reset whose episode ended. Next-step is the default, as Gymnasium's;
                same-step spends no step on resets, and has the last observation of an episode in
                ``infos["final_obs"]``.
            copy: Whether ``reset`` and ``step`` return new observations. If not, every call fills the same arrays.
            **kwargs: The environment's own arguments.

        Raises:
            TypeError: The environment has no argument of this name.
            ValueError: An argument has a value that it cannot have.
        """
        check_render_mode(render_mode)
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**METADATA, "autoreset_mode": self.autoreset_mode}
        self.num_envs = num_envs
        self.render_mode = render_mode
        self._seeded = False
        self._native = NativeVectorEnv(env_id, num_envs, max_episode_steps, self.autoreset_mode.value, copy, kwargs)
        self.single_observation_space = self._native.single_observation_space
        self.single_action_space = self._native.single_action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Begins an episode in every environment, or in some.

        Args:
            seed: Environment ``i`` is seeded with ``seed + i``, or with element ``i`` of a list. Without a seed, the
                random numbers run on; before any seed, they begin at random.
            options: ``{"reset_mask": mask}`` with an array of truths resets only where it is true.

        Raises:
            ResetNeeded: Only some are to be reset, and there was no first reset of all.
        """
        options = dict(options or {})
        mask = options.pop("reset_mask", None)
        refuse_options(options)
        each = isinstance(seed, Sequence)
        if each and len(seed) != self.num_envs:
            raise ValueError(f"{len(seed)} seeds were given for {self.num_envs} environments: give one int or one each")
        if mask is not None:
            return self._native.reset_masked(seed, self._checked_mask(mask))
        if not self._seeded:
            start = random_seed()
            if each:
                seed = [start + i if own is None else own for i, own in enumerate(seed)]
            elif seed is None:
                seed = start
        if not each:
            super().reset(seed=seed)
        self._seeded = True
        return self._native.reset(seed)

    def step(
        self, actions: Any
    ) -> tuple[Any, npt.NDArray[np.float32], npt.NDArray[np.bool_], npt.NDArray[np.bool_], dict[str, Any]]:
        """Takes one step in every environment.

        Raises:
            InvalidAction: An action is not in ``single_action_space``, or there is not one for each environment.
                Nothing has changed then.
            ResetNeeded: There was no reset yet, or, without autoreset, an environment's episode is over.
        """
        return self._native.step(actions)

    def render(self) -> tuple[npt.NDArray[np.uint8], ...] | None:
        """A picture of each environment: bytes of shape (400, 600, 3)."""
        if self.render_mode is None:
            return warn_of_no_render_mode(self)
        return tuple(self._native.render(*FRAME_SIZE))

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """What each environment answers to a method, or has as an attribute, as Gymnasium's ``SyncVectorEnv``.

        Environments of a batch are native, and have little of Python: ``render``, and what ``get_attr`` names.

        Raises:
            AttributeError: They have nothing of that name.
        """
        if name == "render":
            return self.render(*args, **kwargs) or (None,) * self.num_envs
        return self.get_attr(name)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """An attribute of each environment: ``observation_space``, ``action_space``, ``spec``, ``render_mode`` or ``metadata``.

        Raises:
            AttributeError: They have none of that name.
        """
        of_each = {
            "observation_space": self.single_observation_space,
            "action_space": self.single_action_space,
            "spec": self.spec,
            "render_mode": self.render_mode,
            "metadata": METADATA,
        }
        if name not in of_each:
            raise AttributeError(f"native environments of a batch have no {name!r}: they have {', '.join(of_each)} and render()")
        return (of_each[name],) * self.num_envs

    def set_attr(self, name: str, values: Any) -> None:
        """Raises ``AttributeError``: what a native environment is made with stays, and is given to ``make_vec``."""
        raise AttributeError(f"{name!r} of a native environment cannot be set: give its arguments to gymnasium.make_vec")

    def _checked_mask(self, mask: Any) -> npt.NDArray[np.bool_]:
        """The mask if it is one that Gymnasium takes; else ``TypeError`` or ``ValueError``."""
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_:
            raise TypeError(f"reset_mask is {mask!r}; it must be a NumPy array of bool")
        if mask.shape != (self.num_envs,) or not mask.any():
            raise ValueError(f"reset_mask is {mask}; it must be of shape ({self.num_envs},) with at least one True")
        return mask
