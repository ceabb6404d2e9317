"""Records TQC updates with PyTorch, for agents/tests/actor_critic.rs.

The rule is that of sb3-contrib's tqc.py; the policy, the noise and the transitions are those of ../sac/generate.py.

    pip install torch==2.15.0 numpy
    python generate.py > updates.json
"""

import importlib.util
import json
import math
from pathlib import Path

import torch

spec = importlib.util.spec_from_file_location("sac", Path(__file__).parent.parent / "sac" / "generate.py")
sac = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sac)
BATCH, DIMENSIONS, OBSERVATIONS = sac.BATCH, sac.DIMENSIONS, sac.OBSERVATIONS


def quantile_huber_loss(current, target):
    """sb3_contrib/common/utils.py's, of [batch, nets, quantiles] and [batch, targets], its mean over all pairs."""
    n = current.shape[-1]
    tau = ((torch.arange(n) + 0.5) / n).view(1, 1, -1, 1)
    delta = target[:, None, None, :] - current[..., None]
    huber = torch.nn.functional.huber_loss(target[:, None, None, :].expand_as(delta), current[..., None].expand_as(delta), reduction="none")
    return ((tau - (delta.detach() < 0).float()).abs() * huber).mean()


def case(initial, automatic, n_critics, n_quantiles, dropped):
    noise = iter(sac.NOISE)
    draw = lambda: torch.tensor([next(noise) for _ in range(BATCH * DIMENSIONS)]).view(BATCH, DIMENSIONS)
    actor = sac.mlp(1, OBSERVATIONS, 2 * DIMENSIONS)
    critics = [sac.mlp(2 + i, OBSERVATIONS + DIMENSIONS, n_quantiles) for i in range(n_critics)]
    targets = [sac.mlp(12 + i, OBSERVATIONS + DIMENSIONS, n_quantiles) for i in range(n_critics)]
    plain = sac.plain
    before = {"actor": plain(actor), "critics": list(map(plain, critics)), "critic_targets": list(map(plain, targets))}
    torch.manual_seed(3)
    observations, next_observations = torch.randn(BATCH, OBSERVATIONS), torch.randn(BATCH, OBSERVATIONS)
    taken = torch.rand(BATCH, DIMENSIONS) * 2 - 1
    rewards = torch.tensor([1.0, -2.0, 0.5, 4.0, 0.0, -0.25])
    terminated = torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    log_ent_coef = torch.tensor(math.log(initial), requires_grad=True)
    of_actor = torch.optim.Adam(actor.parameters(), lr=sac.LEARNING_RATE)
    of_critics = torch.optim.Adam([p for critic in critics for p in critic.parameters()], lr=sac.LEARNING_RATE)
    of_ent_coef = torch.optim.Adam([log_ent_coef], lr=sac.LEARNING_RATE)
    quantiles = lambda networks, x, actions: torch.stack([network(torch.cat([x, actions], dim=1)) for network in networks], dim=1)
    updates = []
    for _ in range(sac.UPDATES):
        for_next, for_policy = draw(), draw()
        actions, log_prob = sac.action_log_prob(actor, observations, for_policy)
        ent_coef = log_ent_coef.exp().detach()
        if automatic:
            ent_coef_loss = -(log_ent_coef * (log_prob - DIMENSIONS).detach()).mean()
            of_ent_coef.zero_grad()
            ent_coef_loss.backward()
            of_ent_coef.step()
        with torch.no_grad():
            next_actions, next_log_prob = sac.action_log_prob(actor, next_observations, for_next)
            mixture = quantiles(targets, next_observations, next_actions).reshape(BATCH, -1).sort().values
            mixture = mixture[:, : n_critics * (n_quantiles - dropped)] - ent_coef * next_log_prob[:, None]
            y = rewards[:, None] + (1 - terminated[:, None]) * sac.GAMMA * mixture
        current = quantiles(critics, observations, taken)
        critic_loss = quantile_huber_loss(current, y)
        of_critics.zero_grad()
        critic_loss.backward()
        of_critics.step()
        actor_loss = (ent_coef * log_prob - quantiles(critics, observations, actions).mean(dim=2).mean(dim=1)).mean()
        of_actor.zero_grad()
        actor_loss.backward()
        of_actor.step()
        with torch.no_grad():
            for critic, target in zip(critics, targets):
                for p, followed in zip(target.parameters(), critic.parameters()):
                    p.mul_(1 - sac.TAU).add_(sac.TAU * followed)
        updates.append({
            "targets": y.tolist(),
            "metrics": {
                "train/actor_loss": actor_loss.item(), "train/critic_loss": critic_loss.item(),
                "train/mean_q": current.mean().item(), "train/ent_coef": ent_coef.item(),
                "train/entropy": -log_prob.mean().item(),
            },
        })
    return {
        "ent_coef": initial, "automatic": automatic, "n_critics": n_critics, "n_quantiles": n_quantiles, "dropped": dropped,
        "gamma": sac.GAMMA, "tau": sac.TAU, "learning_rate": sac.LEARNING_RATE, "net_arch": list(sac.HIDDEN), **before,
        "noise": sac.NOISE[: sac.UPDATES * 2 * BATCH * DIMENSIONS],
        "observations": observations.tolist(), "next_observations": next_observations.tolist(),
        "actions": taken.tolist(), "rewards": rewards.tolist(), "terminated": terminated.tolist(), "updates": updates,
        "actor_after": plain(actor), "critics_after": list(map(plain, critics)),
        "critic_targets_after": list(map(plain, targets)), "log_ent_coef_after": log_ent_coef.item(),
    }


if __name__ == "__main__":
    print(json.dumps([case(0.5, True, 2, 5, 2), case(0.2, False, 2, 5, 0), case(0.1, True, 3, 4, 1)]))
