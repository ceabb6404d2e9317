"""Records REINFORCE updates with PyTorch, for agents/tests/actor_critic.rs.

The returns are written out as sums. With a baseline, what is beyond a truncated episode or the end of the rollout counts as
the value function says, and the value function then makes its own steps; without, a truncated episode's return is what it
had, and rows of episodes that the rollout does not see the end of are left out. The networks, the spaces and the ends of
episodes are those of ../ppo/generate.py.

    pip install torch==2.15.0 numpy
    python generate.py > updates.json
"""

import importlib.util
import json
from pathlib import Path

import torch
from torch import nn

spec = importlib.util.spec_from_file_location("ppo", Path(__file__).parent.parent / "ppo" / "generate.py")
ppo = importlib.util.module_from_spec(spec)
spec.loader.exec_module(ppo)
GAMMA, LEARNING_RATE, BASELINE_LEARNING_RATE, BASELINE_STEPS = 0.97, 3e-3, 2e-3, 4
STEPS, ENVS = ppo.STEPS, ppo.ENVS
ENDS = sorted({*ppo.TERMINATED, *ppo.TRUNCATED})


def whole_returns(rewards, last_values, finals):
    """The return of each row, and whether the rollout sees the end of its episode."""
    returns, seen = [], []
    for row in range(STEPS * ENVS):
        total, factor, at = 0.0, 1.0, row
        while True:
            total += factor * rewards[at].item()
            factor *= GAMMA
            if at in ENDS:
                total += 0.0 if at in ppo.TERMINATED else factor * finals[ENDS.index(at)].item()
                break
            if at + ENVS >= STEPS * ENVS:
                total += factor * last_values[at % ENVS].item()
                break
            at += ENVS
        returns.append(total)
        seen.append(at in ENDS)
    return torch.tensor(returns), seen


def case(counts, use_baseline=True, ent_coef=0.0, normalize_advantage=True, max_grad_norm=0.0, updates=3):
    policy, critic = ppo.Policy(counts), ppo.mlp(2, 1)
    torch.manual_seed(3)
    n = STEPS * ENVS
    observations, rewards = torch.randn(n, ppo.OBSERVATIONS), torch.randn(n)
    final_observations, last_observations = torch.randn(len(ENDS), ppo.OBSERVATIONS), torch.randn(ENVS, ppo.OBSERVATIONS)
    before = {"actor": policy.tensors(), "critic": {name: t.tolist() for name, t in critic.state_dict().items()}}
    with torch.no_grad():
        actions = torch.stack([part.sample() for part in policy.distributions(observations)], dim=1)
    of_policy = torch.optim.Adam(policy.parameters(), lr=LEARNING_RATE)
    of_critic = torch.optim.Adam(critic.parameters(), lr=BASELINE_LEARNING_RATE)
    for _ in range(updates):
        # Each is an update of its own on the same rollout.
        with torch.no_grad():
            zeros = 0.0 if not use_baseline else 1.0
            values = zeros * critic(observations).flatten()
            last_values, finals = zeros * critic(last_observations).flatten(), zeros * critic(final_observations).flatten()
        returns, seen = whole_returns(rewards, last_values, finals)
        rows = torch.tensor([row for row in range(n) if use_baseline or seen[row]])
        advantages = (returns - values)[rows]
        if normalize_advantage:
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        log_prob, entropy = policy.evaluate(observations[rows], actions[rows])
        policy_loss = -(advantages * log_prob).mean()
        of_policy.zero_grad()
        (policy_loss - ent_coef * entropy.mean()).backward()
        norm = nn.utils.clip_grad_norm_(policy.parameters(), max_grad_norm or float("inf"))
        of_policy.step()
        metrics = {"train/policy_loss": policy_loss.item(), "train/entropy_loss": -entropy.mean().item(), "train/grad_norm": norm.item()}
        for step in range(BASELINE_STEPS if use_baseline else 0):
            value_loss = nn.functional.mse_loss(critic(observations).flatten(), returns)
            of_critic.zero_grad()
            value_loss.backward()
            nn.utils.clip_grad_norm_(critic.parameters(), max_grad_norm or float("inf"))
            of_critic.step()
            if step == 0:
                metrics["train/value_loss"] = value_loss.item()
    return {
        "counts": counts, "use_baseline": use_baseline, "ent_coef": ent_coef, "normalize_advantage": normalize_advantage,
        "max_grad_norm": max_grad_norm, "gamma": GAMMA, "learning_rate": LEARNING_RATE,
        "baseline_learning_rate": BASELINE_LEARNING_RATE, "baseline_steps": BASELINE_STEPS, "net_arch": list(ppo.HIDDEN),
        "n_epochs": updates, "steps": STEPS, "envs": ENVS, "terminated": list(ppo.TERMINATED), "truncated": list(ppo.TRUNCATED),
        "observations": observations.tolist(), "actions": actions.tolist(), "rewards": rewards.tolist(),
        "log_probs": [0.0] * n, "final_observations": final_observations.tolist(),
        "last_observations": last_observations.tolist(), **before, "metrics": metrics,
        "actor_after": policy.tensors(), "critic_after": {name: t.tolist() for name, t in critic.state_dict().items()},
    }


SETTINGS = [
    {},
    {"ent_coef": 0.05, "max_grad_norm": 0.1},
    {"use_baseline": False, "normalize_advantage": False},
]
if __name__ == "__main__":
    print(json.dumps([case(counts, **settings) for counts in ppo.SPACES.values() for settings in SETTINGS]))
