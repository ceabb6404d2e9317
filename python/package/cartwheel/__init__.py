"""Cartwheel's environments for Gymnasium, and the policies trained on them.

Importing this module registers every environment under ``cartwheel/<id>``::

    import gymnasium
    import cartwheel

    env = gymnasium.make("cartwheel/CartPole-v1")
    envs = gymnasium.make_vec("cartwheel/CartPole-v1", num_envs=8192)
    policy = cartwheel.load_policy("runs/my-run")
"""

import importlib.metadata

import gymnasium

from cartwheel._env import CartwheelEnv
from cartwheel._native import Policy, load_policy, specs
from cartwheel._vector import CartwheelVectorEnv

__all__ = ["CartwheelEnv", "CartwheelVectorEnv", "Policy", "load_policy"]
__version__ = importlib.metadata.version("cartwheel-rl")

for _env_id, _max_episode_steps, _reward_threshold in specs():
    gymnasium.register(
        # Gymnasium's ids have one slash: MinAtar/Breakout-v1 becomes cartwheel/MinAtar-Breakout-v1.
        f"cartwheel/{_env_id.replace('/', '-')}",
        entry_point="cartwheel:CartwheelEnv",
        vector_entry_point="cartwheel:CartwheelVectorEnv",
        max_episode_steps=_max_episode_steps,
        reward_threshold=_reward_threshold,
        kwargs={"env_id": _env_id},
    )
