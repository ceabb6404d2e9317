"""Records updates of discrete SAC with PyTorch, for agents/tests/actor_critic.rs.

The rule is that of cleanrl/sac_atari.py, with the temperature's loss as in Stable-Baselines3's sac.py: its gradient is that
of the logarithm. Autograd works out all grads. One of the transitions is terminal.

    pip install torch==2.15.0 numpy
    python generate.py > updates.json
"""

import json
import math

import torch
from torch import nn

GAMMA, TAU, LEARNING_RATE, SCALE = 0.97, 0.1, 3e-3, 0.89
OBSERVATIONS, ACTIONS, HIDDEN, BATCH, UPDATES = 3, 4, (7, 5), 6, 3


def mlp(seed):
    torch.manual_seed(seed)
    sizes = (OBSERVATIONS, *HIDDEN, ACTIONS)
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def plain(module):
    return {name: tensor.tolist() for name, tensor in module.state_dict().items()}


def case(initial, automatic, n_critics):
    actor = mlp(1)
    critics, targets = [mlp(2 + i) for i in range(n_critics)], [mlp(12 + i) for i in range(n_critics)]
    before = {"actor": plain(actor), "critics": list(map(plain, critics)), "critic_targets": list(map(plain, targets))}
    torch.manual_seed(3)
    observations, next_observations = torch.randn(BATCH, OBSERVATIONS), torch.randn(BATCH, OBSERVATIONS)
    taken = torch.randint(ACTIONS, (BATCH,))
    rewards = torch.tensor([1.0, -2.0, 0.5, 4.0, 0.0, -0.25])
    terminated = torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    log_ent_coef = torch.tensor(math.log(initial), requires_grad=True)
    of_actor = torch.optim.Adam(actor.parameters(), lr=LEARNING_RATE)
    of_critics = torch.optim.Adam([p for critic in critics for p in critic.parameters()], lr=LEARNING_RATE)
    of_ent_coef = torch.optim.Adam([log_ent_coef], lr=LEARNING_RATE)
    least = lambda networks, x: torch.stack([network(x) for network in networks]).min(dim=0).values
    updates = []
    for _ in range(UPDATES):
        ent_coef = log_ent_coef.exp().detach()
        with torch.no_grad():
            log_probs = actor(next_observations).log_softmax(dim=1)
            next_v = (log_probs.exp() * (least(targets, next_observations) - ent_coef * log_probs)).sum(dim=1)
            y = rewards + (1 - terminated) * GAMMA * next_v
        values = torch.stack([critic(observations).gather(1, taken[:, None]).squeeze() for critic in critics], dim=1)
        critic_loss = sum(nn.functional.mse_loss(values[:, i], y) for i in range(n_critics))
        of_critics.zero_grad()
        critic_loss.backward()
        of_critics.step()
        log_probs = actor(observations).log_softmax(dim=1)
        with torch.no_grad():
            q = least(critics, observations)
        actor_loss = (log_probs.exp() * (ent_coef * log_probs - q)).sum(dim=1).mean()
        of_actor.zero_grad()
        actor_loss.backward()
        of_actor.step()
        entropy = -(log_probs.exp() * log_probs).sum(dim=1).mean().detach()
        if automatic:
            ent_coef_loss = log_ent_coef * (entropy - SCALE * math.log(ACTIONS))
            of_ent_coef.zero_grad()
            ent_coef_loss.backward()
            of_ent_coef.step()
        with torch.no_grad():
            for critic, target in zip(critics, targets):
                for p, followed in zip(target.parameters(), critic.parameters()):
                    p.mul_(1 - TAU).add_(TAU * followed)
        updates.append({
            "targets": y.tolist(), "td_errors": (values - y[:, None]).abs().mean(dim=1).tolist(),
            "metrics": {
                "train/actor_loss": actor_loss.item(), "train/critic_loss": critic_loss.item(),
                "train/mean_q": values.mean().item(), "train/ent_coef": ent_coef.item(), "train/entropy": entropy.item(),
            },
        })
    return {
        "ent_coef": initial, "automatic": automatic, "n_critics": n_critics, "gamma": GAMMA, "tau": TAU,
        "target_entropy_scale": SCALE, "learning_rate": LEARNING_RATE, "net_arch": list(HIDDEN), **before,
        "observations": observations.tolist(), "next_observations": next_observations.tolist(),
        "actions": taken.tolist(), "rewards": rewards.tolist(), "terminated": terminated.tolist(), "updates": updates,
        "actor_after": plain(actor), "critics_after": list(map(plain, critics)),
        "critic_targets_after": list(map(plain, targets)), "log_ent_coef_after": log_ent_coef.item(),
    }


if __name__ == "__main__":
    print(json.dumps([case(0.5, True, 2), case(0.2, False, 3)]))
