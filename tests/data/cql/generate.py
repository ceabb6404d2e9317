"""Records CQL updates with PyTorch, for agents/tests/offline.rs.

The rules are those of d3rlpy's cql_impl.py: CQL(H) over double DQN where actions are counted, over SAC where they are
numbers; the policy's squashed Gaussian is Stable-Baselines3's. Everything random is what our generator draws, which the test
checks: the noise of the next actions; that of the actions sampled in s and then in s', state after state; uniform actions,
state after state; the noise of the policy's step. One of the transitions is terminal and one is truncated: the truncated one
bootstraps.

    pip install torch==2.15.0 numpy
    python generate.py > updates.json
"""

import json
import math
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

GAMMA, TAU, LEARNING_RATE, ACTOR_LEARNING_RATE, ALPHA_LEARNING_RATE = 0.97, 0.1, 3e-3, 2e-3, 1e-2
OBSERVATIONS, DIMENSIONS, ACTIONS, HIDDEN, BATCH, SAMPLES, UPDATES = 3, 2, 4, (7, 5), 6, 3, 3
DRAWS = json.loads((Path(__file__).parent / "draws.json").read_text())


def mlp(seed, inputs, outputs):
    torch.manual_seed(seed)
    sizes = (inputs, *HIDDEN, outputs)
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def plain(module):
    return {name: tensor.tolist() for name, tensor in module.state_dict().items()}


def data():
    torch.manual_seed(3)
    observations, next_observations = torch.randn(BATCH, OBSERVATIONS), torch.randn(BATCH, OBSERVATIONS)
    rewards = torch.tensor([1.0, -2.0, 0.5, 4.0, 0.0, -0.25])
    # A truncated episode is not terminated.
    terminated = torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    return observations, next_observations, rewards, terminated


def follow(targets, networks):
    with torch.no_grad():
        for target, network in zip(targets, networks):
            for p, followed in zip(target.parameters(), network.parameters()):
                p.mul_(1 - TAU).add_(TAU * followed)


def discrete(weight):
    q, target = mlp(1, OBSERVATIONS, ACTIONS), mlp(2, OBSERVATIONS, ACTIONS)
    before = {"actor": plain(q), "actor_target": plain(target)}
    observations, next_observations, rewards, terminated = data()
    actions = torch.tensor([0, 3, 1, 2, 0, 1])
    optimizer = torch.optim.Adam(q.parameters(), lr=LEARNING_RATE)
    updates = []
    for _ in range(UPDATES):
        with torch.no_grad():
            best = q(next_observations).argmax(dim=1, keepdim=True)
            y = rewards + (1 - terminated) * GAMMA * target(next_observations).gather(1, best).squeeze(1)
        values = q(observations)
        taken = values.gather(1, actions[:, None]).squeeze(1)
        conservative = (torch.logsumexp(values, dim=1) - taken).mean()
        loss = F.huber_loss(taken, y) + weight * conservative
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        follow([target], [q])
        updates.append({"targets": y.tolist(), "metrics": {
            "train/loss": loss.item(), "train/conservative_loss": conservative.item(), "train/mean_q": taken.mean().item(),
        }})
    return {
        "weight": weight, "gamma": GAMMA, "tau": TAU, "learning_rate": LEARNING_RATE, "net_arch": list(HIDDEN), **before,
        "observations": observations.tolist(), "next_observations": next_observations.tolist(),
        "actions": actions.tolist(), "rewards": rewards.tolist(), "terminated": terminated.tolist(), "updates": updates,
        "actor_after": plain(q), "actor_target_after": plain(target),
    }


def sampled(actor, observations, noise):
    """distributions.py's SquashedDiagGaussianDistribution, drawn with this noise."""
    mean, log_std = actor(observations).split(DIMENSIONS, dim=-1)
    log_std = log_std.clamp(-20, 2)
    gaussian = mean + log_std.exp() * noise
    actions = gaussian.tanh()
    log_prob = torch.distributions.Normal(mean, log_std.exp()).log_prob(gaussian).sum(dim=-1)
    return actions, log_prob - (1 - actions**2 + 1e-6).log().sum(dim=-1)


def continuous(weight, threshold, soft_q_backup):
    numbers = iter(DRAWS)
    draw = lambda *shape: torch.tensor([next(numbers) for _ in range(math.prod(shape))]).view(shape)
    actor = mlp(1, OBSERVATIONS, 2 * DIMENSIONS)
    critics = [mlp(2 + i, OBSERVATIONS + DIMENSIONS, 1) for i in range(2)]
    targets = [mlp(12 + i, OBSERVATIONS + DIMENSIONS, 1) for i in range(2)]
    before = {"actor": plain(actor), "critics": list(map(plain, critics)), "critic_targets": list(map(plain, targets))}
    observations, next_observations, rewards, terminated = data()
    taken = torch.rand(BATCH, DIMENSIONS) * 2 - 1
    log_ent_coef = torch.tensor(math.log(0.5), requires_grad=True)
    log_alpha = torch.tensor(0.0, requires_grad=True)
    of_actor = torch.optim.Adam(actor.parameters(), lr=ACTOR_LEARNING_RATE)
    of_critics = torch.optim.Adam([p for critic in critics for p in critic.parameters()], lr=LEARNING_RATE)
    of_ent_coef = torch.optim.Adam([log_ent_coef], lr=ACTOR_LEARNING_RATE)
    of_alpha = torch.optim.Adam([log_alpha], lr=ALPHA_LEARNING_RATE)
    q = lambda networks, x, actions: torch.cat([network(torch.cat([x, actions], dim=-1)) for network in networks], dim=-1)
    updates = []
    for _ in range(UPDATES):
        for_next = draw(BATCH, DIMENSIONS)
        in_s, in_next = draw(BATCH, SAMPLES, DIMENSIONS), draw(BATCH, SAMPLES, DIMENSIONS)
        uniform, for_policy = draw(BATCH, SAMPLES, DIMENSIONS), draw(BATCH, DIMENSIONS)
        ent_coef, alpha = log_ent_coef.exp().detach(), log_alpha.exp().detach()
        with torch.no_grad():
            next_actions, next_log_prob = sampled(actor, next_observations, for_next)
            next_q = q(targets, next_observations, next_actions).min(dim=1).values
            if soft_q_backup:
                next_q = next_q - ent_coef * next_log_prob
            y = rewards + (1 - terminated) * GAMMA * next_q
            repeated = lambda x: x[:, None].expand(-1, SAMPLES, -1)
            by_s, log_s = sampled(actor, repeated(observations), in_s)
            by_next, log_next = sampled(actor, repeated(next_observations), in_next)
            log_uniform = torch.full((BATCH, SAMPLES), math.log(0.5**DIMENSIONS))
        values = q(critics, observations, taken)
        critic_loss = sum(F.mse_loss(values[:, i], y) for i in range(2))
        # (batch, samples, critics)
        weighted = torch.cat([
            q(critics, repeated(observations), actions) - log_prob[..., None]
            for actions, log_prob in ((by_s, log_s), (by_next, log_next), (uniform, log_uniform))
        ], dim=1)
        # Of each critic.
        conservative = (torch.logsumexp(weighted, dim=1) - values).mean(dim=0)
        scaled = weight * conservative - (threshold or 0.0)
        of_critics.zero_grad()
        (critic_loss + (alpha if threshold is not None else 1.0) * scaled.sum()).backward()
        of_critics.step()
        if threshold is not None:
            of_alpha.zero_grad()
            (-(log_alpha.exp().clamp(0, 1e6) * scaled.detach()).sum()).backward()
            of_alpha.step()
        actions, log_prob = sampled(actor, observations, for_policy)
        actor_loss = (ent_coef * log_prob - q(critics, observations, actions).min(dim=1).values).mean()
        of_actor.zero_grad()
        actor_loss.backward()
        of_actor.step()
        of_ent_coef.zero_grad()
        (-(log_ent_coef * (log_prob - DIMENSIONS).detach()).mean()).backward()
        of_ent_coef.step()
        follow(targets, critics)
        metrics = {
            "train/actor_loss": actor_loss.item(), "train/critic_loss": critic_loss.item(),
            "train/mean_q": values.mean().item(), "train/ent_coef": ent_coef.item(), "train/entropy": -log_prob.mean().item(),
            "train/conservative_loss": conservative.mean().item(),
        }
        if threshold is not None:
            metrics["train/alpha"] = alpha.item()
        updates.append({"targets": y.tolist(), "metrics": metrics})
    return {
        "weight": weight, "threshold": threshold, "soft_q_backup": soft_q_backup, "gamma": GAMMA, "tau": TAU,
        "learning_rate": LEARNING_RATE, "actor_learning_rate": ACTOR_LEARNING_RATE,
        "alpha_learning_rate": ALPHA_LEARNING_RATE, "samples": SAMPLES, "net_arch": list(HIDDEN), **before,
        "observations": observations.tolist(), "next_observations": next_observations.tolist(),
        "actions": taken.tolist(), "rewards": rewards.tolist(), "terminated": terminated.tolist(), "updates": updates,
        "actor_after": plain(actor), "critics_after": list(map(plain, critics)),
        "critic_targets_after": list(map(plain, targets)),
        "log_ent_coef_after": log_ent_coef.item(), "log_alpha_after": log_alpha.item(),
    }


if __name__ == "__main__":
    print(json.dumps({
        "discrete": [discrete(0.5), discrete(4.0)],
        "continuous": [continuous(5.0, None, False), continuous(0.5, None, True), continuous(2.0, 3.0, False)],
    }))
