"""One environment."""

from typing import Any, SupportsFloat

import gymnasium
import numpy as np
import numpy.typing as npt

from cartwheel._native import NativeEnv
from cartwheel._rendering import FRAME_SIZE, METADATA, check_render_mode, warn_of_no_render_mode
from cartwheel._seeding import random_seed, refuse_options


class CartwheelEnv(gymnasium.Env[Any, Any]):
    """A native environment, as ``gymnasium.make("cartwheel/CartPole-v1")`` makes it.

    The same seed and actions give the same episode as Gymnasium's environment of that name. Random numbers come from
    a generator inside of it that starts from the same seed as ``np_random``; ``np_random`` itself is not drawn from.
    """

    metadata = METADATA

    def __init__(self, env_id: str, render_mode: str | None = None, **kwargs: Any) -> None:
        """Makes an environment without its time limit, which ``gymnasium.make`` applies.

        Args:
            env_id: Its id without the namespace, as ``CartPole-v1``.
            render_mode: ``rgb_array`` or ``None``.
            **kwargs: The environment's own arguments.

        Raises:
            TypeError: The environment has no argument of this name.
            ValueError: An argument has a value that it cannot have.
        """
        check_render_mode(render_mode)
        self.render_mode = render_mode
        self._native = NativeEnv(env_id, kwargs)
        self._seeded = False
        self.observation_space = self._native.observation_space
        self.action_space = self._native.action_space
        # What has this method has goals, to Stable-Baselines3.
        if isinstance(self.observation_space, gymnasium.spaces.Dict) and "achieved_goal" in self.observation_space.keys():
            self.compute_reward = self._compute_reward

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins an episode. Without a seed, the random numbers run on; before any seed, they begin at random."""
        refuse_options(options)
        if seed is None and not self._seeded:
            seed = random_seed()
        super().reset(seed=seed)
        self._seeded = True
        return self._native.reset(seed)

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Takes one step.

        Raises:
            InvalidAction: The action is not in ``action_space``.
            ResetNeeded: No episode has begun, or it has ended.
        """
        return self._native.step(action)

    def _compute_reward(self, achieved_goal: Any, desired_goal: Any, info: Any) -> Any:
        """The reward for reaching ``achieved_goal`` when ``desired_goal`` was asked for, as of Gymnasium-Robotics' ``GoalEnv``.

        Args:
            achieved_goal: A goal, or a batch of them.
            desired_goal: As many.
            info: Not used.

        Returns:
            A float, or float64 of shape (batch,).

        Raises:
            ValueError: The goals are not of the spaces of these parts of the observation, or not as many.
        """
        return self._native.compute_reward(achieved_goal, desired_goal)

    def render(self) -> npt.NDArray[np.uint8] | None:
        """The present state as a picture: bytes of shape (400, 600, 3)."""
        if self.render_mode is None:
            return warn_of_no_render_mode(self)
        return self._native.render(*FRAME_SIZE)
