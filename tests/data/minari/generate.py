"""Records episodes with Minari, for trainer/src/data/minari/tests.rs: of a Box, and of a Tuple.

    pip install "minari[create,hdf5]==0.5.4" gymnasium==1.4.0
    python generate.py
"""

import os
from pathlib import Path

os.environ["MINARI_DATASETS_PATH"] = str(Path(__file__).parent)

import gymnasium
from minari import DataCollector

for env_id, name in [("CartPole-v1", "cartpole-v0"), ("Blackjack-v1", "blackjack-v0")]:
    env = DataCollector(gymnasium.make(env_id), record_infos=True)
    env.action_space.seed(0)
    for seed in range(2):
        env.reset(seed=seed)
        ended = False
        while not ended:
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            ended = terminated or truncated
    env.create_dataset(dataset_id=name, algorithm_name="random", author="Cartwheel", author_email="none", code_permalink="none")
