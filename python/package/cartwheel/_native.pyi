"""The compiled half of the package. Only ``Policy`` and ``load_policy`` are for users, through ``cartwheel``."""

import os
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

def specs() -> list[tuple[str, int | None, float | None]]:
    """Every registered environment: its id, time limit and reward threshold."""

def load_policy(path: str | os.PathLike[str]) -> Policy:
    """Loads a trained policy.

    Args:
        path: A weights file of a run, as ``runs/my-run/checkpoints/best.safetensors``, or the run's folder: then the
            weights that did best in evaluation, or the latest if there was no evaluation.

    Raises:
        FileNotFoundError: There is no such file, or no weights in the folder.
        ValueError: The file holds no policy.
    """

def restore_policy(weights: bytes, rng: Sequence[int]) -> Policy:
    """The policy that was pickled as these."""

class Policy:
    """A trained policy, which takes the best action by it, or draws one."""

    @property
    def observation_space(self) -> gymnasium.Space[Any]:
        """What it takes."""

    @property
    def action_space(self) -> gymnasium.Space[Any]:
        """What it answers."""

    @property
    def statistics(self) -> list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]:
        """What normalizing wrappers had learnt of observations when the policy was trained, the outermost's first.

        A mean and a variance, each an array. The policy takes observations that were normalized with these; an empty
        list if it was trained without such wrappers.
        """

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: Any = None,
        deterministic: bool = True,
    ) -> tuple[npt.NDArray[Any], tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | None]:
        """Chooses the action for an observation, or for each of a batch, as Stable-Baselines3's ``predict``.

        With ``deterministic=False`` it is drawn, of policies that have a distribution (PPO, A2C, SAC).
        """

    def set_random_seed(self, seed: int) -> None:
        """Seeds what ``predict`` draws with ``deterministic=False``."""

    def q_values(self, observation: Any) -> npt.NDArray[np.float32]:
        """The values of all actions: float32 of shape (actions,), or (batch, actions) for a batch."""

def restore_env(env_id: str, kwargs: str, saved: bytes) -> NativeEnv:
    """The environment that was pickled as these."""

class NativeEnv:
    """An environment without a time limit: that one is Gymnasium's to apply."""

    def __new__(cls, env_id: str, kwargs: dict[str, Any] | None = None) -> NativeEnv: ...
    @property
    def observation_space(self) -> gymnasium.Space[Any]: ...
    @property
    def action_space(self) -> gymnasium.Space[Any]: ...
    def reset(self, seed: int | None) -> tuple[Any, dict[str, Any]]: ...
    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]: ...
    def compute_reward(self, achieved_goal: Any, desired_goal: Any) -> float | npt.NDArray[np.float64]: ...
    def render(self, width: int, height: int) -> npt.NDArray[np.uint8]: ...

class NativeVectorEnv:
    """A batch whose steps are one call."""

    def __new__(
        cls,
        env_id: str,
        num_envs: int,
        max_episode_steps: int | None,
        autoreset_mode: str,
        copy: bool,
        kwargs: dict[str, Any],
    ) -> NativeVectorEnv: ...
    @property
    def single_observation_space(self) -> gymnasium.Space[Any]: ...
    @property
    def single_action_space(self) -> gymnasium.Space[Any]: ...
    def reset(self, seeds: int | Sequence[int | None] | None) -> tuple[Any, dict[str, Any]]: ...
    def reset_masked(
        self, seeds: int | Sequence[int | None] | None, mask: npt.NDArray[np.bool_]
    ) -> tuple[Any, dict[str, Any]]: ...
    def step(
        self, actions: Any
    ) -> tuple[Any, npt.NDArray[np.float32], npt.NDArray[np.bool_], npt.NDArray[np.bool_], dict[str, Any]]: ...
    def render(self, width: int, height: int) -> list[npt.NDArray[np.uint8]]: ...
