"""Records TD3 and DDPG updates with PyTorch, for agents/tests/actor_critic.rs.

The rule is that of Stable-Baselines3's td3.py, of which its DDPG is a case; the noise is what our generator draws, which
the test checks. One of the transitions is terminal and one is truncated: the truncated one bootstraps.

    pip install torch==2.15.0 numpy
    python generate.py > updates.json
"""

import json
from pathlib import Path

import torch
from torch import nn

GAMMA, TAU, LEARNING_RATE = 0.97, 0.1, 3e-3
OBSERVATIONS, DIMENSIONS, HIDDEN, BATCH, UPDATES = 3, 2, (7, 5), 6, 3
NOISE = json.loads((Path(__file__).parent.parent / "noise.json").read_text())


def mlp(seed, inputs, outputs, *last):
    torch.manual_seed(seed)
    sizes = (inputs, *HIDDEN, outputs)
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1], *last)


def plain(module):
    return {name: tensor.tolist() for name, tensor in module.state_dict().items()}


def case(algo, n_critics, policy_delay, target_policy_noise, target_noise_clip):
    noise = iter(NOISE)
    actor, actor_target = (mlp(seed, OBSERVATIONS, DIMENSIONS, nn.Tanh()) for seed in (1, 11))
    critics = [mlp(2 + i, OBSERVATIONS + DIMENSIONS, 1) for i in range(n_critics)]
    targets = [mlp(12 + i, OBSERVATIONS + DIMENSIONS, 1) for i in range(n_critics)]
    before = {
        "actor": plain(actor), "actor_target": plain(actor_target),
        "critics": list(map(plain, critics)), "critic_targets": list(map(plain, targets)),
    }
    torch.manual_seed(3)
    observations, next_observations = torch.randn(BATCH, OBSERVATIONS), torch.randn(BATCH, OBSERVATIONS)
    taken = torch.rand(BATCH, DIMENSIONS) * 2 - 1
    rewards = torch.tensor([1.0, -2.0, 0.5, 4.0, 0.0, -0.25])
    # dones as Stable-Baselines3 stores them: a truncated episode is not done.
    terminated = torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    of_actor = torch.optim.Adam(actor.parameters(), lr=LEARNING_RATE)
    of_critics = torch.optim.Adam([p for critic in critics for p in critic.parameters()], lr=LEARNING_RATE)
    q = lambda networks, x, actions: torch.cat([network(torch.cat([x, actions], dim=1)) for network in networks], dim=1)
    updates = []
    for update in range(1, UPDATES + 1):
        with torch.no_grad():
            next_actions = actor_target(next_observations)
            if target_policy_noise > 0:
                drawn = torch.tensor([next(noise) for _ in range(BATCH * DIMENSIONS)]).view(BATCH, DIMENSIONS)
                drawn = (target_policy_noise * drawn).clamp(-target_noise_clip, target_noise_clip)
                next_actions = (next_actions + drawn).clamp(-1, 1)
            y = rewards + (1 - terminated) * GAMMA * q(targets, next_observations, next_actions).min(dim=1).values
        values = q(critics, observations, taken)
        critic_loss = sum(nn.functional.mse_loss(values[:, i], y) for i in range(n_critics))
        of_critics.zero_grad()
        critic_loss.backward()
        of_critics.step()
        metrics = {"train/critic_loss": critic_loss.item(), "train/mean_q": values.mean().item()}
        if update % policy_delay == 0:
            actor_loss = -q(critics[:1], observations, actor(observations)).mean()
            of_actor.zero_grad()
            actor_loss.backward()
            of_actor.step()
            with torch.no_grad():
                for network, target in zip([*critics, actor], [*targets, actor_target]):
                    for p, followed in zip(target.parameters(), network.parameters()):
                        p.mul_(1 - TAU).add_(TAU * followed)
            metrics["train/actor_loss"] = actor_loss.item()
        updates.append({"td_errors": (values - y[:, None]).abs().mean(dim=1).tolist(), "metrics": metrics})
    return {
        "algo": algo, "n_critics": n_critics, "policy_delay": policy_delay, "target_policy_noise": target_policy_noise,
        "target_noise_clip": target_noise_clip, "gamma": GAMMA, "tau": TAU, "learning_rate": LEARNING_RATE,
        "net_arch": list(HIDDEN), **before, "noise": NOISE[: UPDATES * BATCH * DIMENSIONS],
        "observations": observations.tolist(), "next_observations": next_observations.tolist(),
        "actions": taken.tolist(), "rewards": rewards.tolist(), "terminated": terminated.tolist(), "updates": updates,
        "actor_after": plain(actor), "actor_target_after": plain(actor_target),
        "critics_after": list(map(plain, critics)), "critic_targets_after": list(map(plain, targets)),
    }


if __name__ == "__main__":
    # Wide noise that is clipped often, on actions near their bounds, too.
    print(json.dumps([case("td3", 2, 2, 0.2, 0.5), case("td3", 3, 1, 1.0, 0.4), case("ddpg", 1, 1, 0.0, 0.0)]))
