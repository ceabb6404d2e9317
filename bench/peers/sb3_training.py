"""Training with the settings of the RL Zoo, by Stable-Baselines3 and by Cartwheel in turns, one thread each.

    python sb3_training.py --cartwheel ../../target/release/cartwheel --pairs 3

`ppo` is CartPole-v1 for 100,000 steps, `sac` Pendulum-v1 for 20,000. Time is CPU time while training: imports and start-up
are left out of both, and neither evaluates but at the end, which is left out too. One JSON line a pair on stderr; one JSON
document on stdout at the end.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

import gymnasium
import torch
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy

from common import machine, show


def linear(initial: float):
    return lambda remaining: remaining * initial


# rl-baselines3-zoo, hyperparams/ppo.yml and sac.yml, and the same by the keys of Cartwheel.
TASKS = {
    "ppo": {
        "env": "CartPole-v1",
        "steps": 100_000,
        "n_envs": 8,
        "theirs": {
            "n_steps": 32,
            "batch_size": 256,
            "gae_lambda": 0.8,
            "gamma": 0.98,
            "n_epochs": 20,
            "ent_coef": 0.0,
            "learning_rate": linear(0.001),
            "clip_range": linear(0.2),
        },
        "ours": {
            "n_steps": 32,
            "batch_size": 256,
            "gae_lambda": 0.8,
            "gamma": 0.98,
            "n_epochs": 20,
            "ent_coef": 0.0,
            "learning_rate": "lin_0.001",
            "clip_range": "lin_0.2",
        },
    },
    "sac": {
        "env": "Pendulum-v1",
        "steps": 20_000,
        "n_envs": 1,
        "theirs": {"learning_rate": 1e-3},
        # The defaults of both, but for the Zoo's learning rate; what is shipped for Pendulum is set back.
        "ours": {
            "learning_rate": 1e-3,
            "batch_size": 256,
            "gamma": 0.99,
            "tau": 0.005,
            "train_freq": 1,
            "net_arch": [256, 256],
        },
    },
}
ALGORITHMS = {"ppo": PPO, "sac": SAC}


def theirs(name: str, seed: int) -> dict:
    task = TASKS[name]
    envs = make_vec_env(task["env"], n_envs=task["n_envs"], seed=seed)
    model = ALGORITHMS[name]("MlpPolicy", envs, seed=seed, device="cpu", **task["theirs"])
    before = time.process_time()
    model.learn(task["steps"], log_interval=None)
    cpu = time.process_time() - before
    mean, std = evaluate_policy(model, gymnasium.make(task["env"]), n_eval_episodes=30, warn=False)
    return {"cpu_s": round(cpu, 3), "greedy_return": round(float(mean), 1), "std": round(float(std), 1)}


def ours(name: str, seed: int, cartwheel: str) -> dict:
    task = TASKS[name]
    command = [cartwheel, "train", task["env"], "--algo", name, "--seed", str(seed), "--steps", str(task["steps"])]
    command += ["--n-envs", str(task["n_envs"]), "--actors", "1", "--json", "--no-watch"]
    settings = {f"{name}.{key}": value for key, value in task["ours"].items()}
    settings |= {"train.stop_when_solved": False, "eval.eval_freq": task["steps"]}
    for key, value in settings.items():
        command += ["--set", f"{key}={value if isinstance(value, str) else json.dumps(value)}"]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([*command, "--runs-dir", folder], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    result = json.loads(done.stdout)
    greedy = result["greedy_return"]
    return {
        "cpu_s": round(result["cpu_s"], 3),
        "greedy_return": round(greedy["mean"], 1),
        "std": round(greedy["std"], 1),
        "steps": result["steps"],
        "updates": result["updates"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cartwheel", required=True)
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--pairs", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    report = {**machine(["stable-baselines3", "torch", "gymnasium"]), "script": "sb3_training.py", "tasks": {}}
    for name in args.tasks:
        pairs = []
        for seed in range(1, args.pairs + 1):
            pair = {"seed": seed, "cartwheel": ours(name, seed, args.cartwheel), "sb3": theirs(name, seed)}
            pair["times_as_fast"] = round(pair["sb3"]["cpu_s"] / pair["cartwheel"]["cpu_s"], 2)
            pairs.append(pair)
            print(json.dumps({"task": name, **pair}), file=sys.stderr, flush=True)
        ratio = statistics.median(pair["times_as_fast"] for pair in pairs)
        report["tasks"][name] = {"median_times_as_fast": ratio, "pairs": pairs}
    show(report)


if __name__ == "__main__":
    main()
