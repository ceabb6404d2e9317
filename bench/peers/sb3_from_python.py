"""Stable-Baselines3 on Cartwheel's CartPole-v1: its environment check, and PPO and DQN learning.

    pip install ./python && python bench/peers/sb3_from_python.py

About a minute. Prints what each had learnt: the mean return of 20 greedy episodes, of at most 500.
"""

import time
import warnings

import gymnasium
import torch
from stable_baselines3 import DQN, PPO
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

import cartwheel  # noqa: F401  Registers the environments.
from common import machine, show

ENV = "cartwheel/CartPole-v1"

#: The settings of Stable-Baselines3's RL Zoo, without its schedules.
PPO_SETTINGS = {
    "n_steps": 32,
    "batch_size": 256,
    "gae_lambda": 0.8,
    "gamma": 0.98,
    "n_epochs": 20,
    "ent_coef": 0.0,
    "learning_rate": 0.001,
    "clip_range": 0.2,
}
DQN_SETTINGS = {
    "learning_rate": 0.0023,
    "batch_size": 64,
    "buffer_size": 100_000,
    "learning_starts": 1000,
    "gamma": 0.99,
    "target_update_interval": 10,
    "train_freq": 256,
    "gradient_steps": 128,
    "exploration_fraction": 0.16,
    "exploration_final_eps": 0.04,
    "policy_kwargs": {"net_arch": [256, 256]},
}


def checked() -> dict:
    """Runs Stable-Baselines3's check on every environment. It raises if one fails; here is what it advises besides."""
    names, advice = sorted(name for name in gymnasium.registry if name.startswith("cartwheel/")), {}
    for name in names:
        env = gymnasium.make(name)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            check_env(env, warn=True)
        for warning in caught:
            advice.setdefault(str(warning.message), []).append(name)
    return {"passed": names, "advice": advice}


def learnt(model, steps: int) -> dict:
    begin = time.process_time()
    model.learn(steps)
    cpu_s = time.process_time() - begin
    mean, std = evaluate_policy(model, make_vec_env(ENV, n_envs=1, seed=1000), n_eval_episodes=20)
    return {"steps": steps, "cpu_s": round(cpu_s, 1), "mean_return": round(mean, 1), "std": round(std, 1)}


def main() -> None:
    torch.set_num_threads(1)
    ppo = PPO("MlpPolicy", make_vec_env(ENV, n_envs=8, seed=1), seed=1, device="cpu", **PPO_SETTINGS)
    dqn = DQN("MlpPolicy", make_vec_env(ENV, n_envs=1, seed=1), seed=1, device="cpu", **DQN_SETTINGS)
    report = {"check_env": checked(), "PPO": learnt(ppo, 50_000), "DQN": learnt(dqn, 50_000)}
    packages = ["cartwheel-rl", "stable-baselines3", "torch", "gymnasium", "numpy"]
    show({**machine(packages), "script": "sb3_from_python.py", "results": report})


if __name__ == "__main__":
    main()
