"""Records SAC updates with PyTorch, for agents/tests/actor_critic.rs.

The rule is that of Stable-Baselines3's sac.py; the noise is what our generator draws, which the test checks. One of the
transitions is terminal and one is truncated: the truncated one bootstraps. The logarithm of one deviation lies beyond
its upper bound for some rows; where deviations depend on the state they have none.

    pip install torch==2.15.0 numpy
    python generate.py > updates.json
"""

import json
import math
from pathlib import Path

import torch
from torch import nn

GAMMA, TAU, LEARNING_RATE = 0.97, 0.1, 3e-3
OBSERVATIONS, DIMENSIONS, HIDDEN, BATCH, UPDATES = 3, 2, (7, 5), 6, 3
NOISE = json.loads((Path(__file__).parent.parent / "noise.json").read_text())


def mlp(seed, inputs, outputs):
    torch.manual_seed(seed)
    sizes = (inputs, *HIDDEN, outputs)
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


class Actor(nn.Module):
    """Means and logarithms of deviations, as sac/policies.py's Actor has them."""

    def __init__(self, use_sde):
        super().__init__()
        self.network, self.use_sde = mlp(1, OBSERVATIONS, DIMENSIONS if use_sde else 2 * DIMENSIONS), use_sde
        with torch.no_grad():
            if use_sde:
                self.network[-1].weight *= 20
                self.log_std = nn.Parameter(torch.linspace(-2, 4, HIDDEN[-1] * DIMENSIONS).view(HIDDEN[-1], DIMENSIONS))
            else:
                self.network[-1].bias[-1] += 2.35

    def forward(self, observations):
        if not self.use_sde:
            mean, log_std = self.network(observations).split(DIMENSIONS, dim=1)
            return mean, log_std.clamp(-20, 2)
        latent = self.network[:-1](observations)
        variance = latent**2 @ self.log_std.exp() ** 2
        return self.network[-1](latent).clamp(-2, 2), (variance + 1e-6).sqrt().log()


def plain(module):
    """By the names that the network has in Rust."""
    return {name.removeprefix("network."): tensor.tolist() for name, tensor in module.state_dict().items()}


def action_log_prob(actor, observations, noise):
    """distributions.py's SquashedDiagGaussianDistribution, drawn with this noise, or its StateDependentNoiseDistribution, whose
    noise is that of one matrix for all rows; the distribution in each row, and so the mean of the gradient, is the same."""
    mean, log_std = actor(observations)
    gaussian = mean + log_std.exp() * noise
    actions = gaussian.tanh()
    log_prob = torch.distributions.Normal(mean, log_std.exp()).log_prob(gaussian).sum(dim=1)
    return actions, log_prob - (1 - actions**2 + 1e-6).log().sum(dim=1)


def case(initial, automatic, n_critics, use_sde=False):
    noise = iter(NOISE)
    draw = lambda: torch.tensor([next(noise) for _ in range(BATCH * DIMENSIONS)]).view(BATCH, DIMENSIONS)
    actor = Actor(use_sde)
    critics = [mlp(2 + i, OBSERVATIONS + DIMENSIONS, 1) for i in range(n_critics)]
    targets = [mlp(12 + i, OBSERVATIONS + DIMENSIONS, 1) for i in range(n_critics)]
    before = {"actor": plain(actor), "critics": list(map(plain, critics)), "critic_targets": list(map(plain, targets))}
    torch.manual_seed(3)
    observations, next_observations = torch.randn(BATCH, OBSERVATIONS), torch.randn(BATCH, OBSERVATIONS)
    taken = torch.rand(BATCH, DIMENSIONS) * 2 - 1
    rewards = torch.tensor([1.0, -2.0, 0.5, 4.0, 0.0, -0.25])
    # dones as Stable-Baselines3 stores them: a truncated episode is not done.
    terminated = torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    log_ent_coef = torch.tensor(math.log(initial), requires_grad=True)
    of_actor = torch.optim.Adam(actor.parameters(), lr=LEARNING_RATE)
    of_critics = torch.optim.Adam([p for critic in critics for p in critic.parameters()], lr=LEARNING_RATE)
    of_ent_coef = torch.optim.Adam([log_ent_coef], lr=LEARNING_RATE)
    q = lambda networks, x, actions: torch.cat([network(torch.cat([x, actions], dim=1)) for network in networks], dim=1)
    updates = []
    for _ in range(UPDATES):
        # Ours draws the next actions' noise first; each is used once, so the order is only that of the numbers.
        for_next, for_policy = draw(), draw()
        actions, log_prob = action_log_prob(actor, observations, for_policy)
        ent_coef = log_ent_coef.exp().detach()
        if automatic:
            ent_coef_loss = -(log_ent_coef * (log_prob - DIMENSIONS).detach()).mean()
            of_ent_coef.zero_grad()
            ent_coef_loss.backward()
            of_ent_coef.step()
        with torch.no_grad():
            next_actions, next_log_prob = action_log_prob(actor, next_observations, for_next)
            next_q = q(targets, next_observations, next_actions).min(dim=1).values - ent_coef * next_log_prob
            y = rewards + (1 - terminated) * GAMMA * next_q
        values = q(critics, observations, taken)
        critic_loss = 0.5 * sum(nn.functional.mse_loss(values[:, i], y) for i in range(n_critics))
        of_critics.zero_grad()
        critic_loss.backward()
        of_critics.step()
        actor_loss = (ent_coef * log_prob - q(critics, observations, actions).min(dim=1).values).mean()
        of_actor.zero_grad()
        actor_loss.backward()
        of_actor.step()
        with torch.no_grad():
            for critic, target in zip(critics, targets):
                for p, followed in zip(target.parameters(), critic.parameters()):
                    p.mul_(1 - TAU).add_(TAU * followed)
        updates.append({
            "targets": y.tolist(), "td_errors": (values - y[:, None]).abs().mean(dim=1).tolist(),
            "metrics": {
                "train/actor_loss": actor_loss.item(), "train/critic_loss": critic_loss.item(),
                "train/mean_q": values.mean().item(), "train/ent_coef": ent_coef.item(),
                "train/entropy": -log_prob.mean().item(),
            },
        })
    return {
        "ent_coef": initial, "automatic": automatic, "n_critics": n_critics, "use_sde": use_sde, "gamma": GAMMA, "tau": TAU,
        "learning_rate": LEARNING_RATE, "net_arch": list(HIDDEN), **before,
        "noise": NOISE[: UPDATES * 2 * BATCH * DIMENSIONS],
        "observations": observations.tolist(), "next_observations": next_observations.tolist(),
        "actions": taken.tolist(), "rewards": rewards.tolist(), "terminated": terminated.tolist(), "updates": updates,
        "actor_after": plain(actor), "critics_after": list(map(plain, critics)),
        "critic_targets_after": list(map(plain, targets)), "log_ent_coef_after": log_ent_coef.item(),
    }


if __name__ == "__main__":
    print(json.dumps([case(0.5, True, 2), case(0.2, False, 2), case(0.1, True, 3), case(0.3, True, 2, use_sde=True)]))
