"""Records PPO and A2C updates with PyTorch, for agents/tests/actor_critic.rs.

The rules are Stable-Baselines3's ppo.py and a2c.py, with buffers.py's generalized advantage estimation and
on_policy_algorithm.py's treatment of truncated episodes. Every minibatch is the whole rollout, so that the order of its
rows does not matter. Among the ends of episodes are one that is terminated, one that is truncated, and one that is both,
which does not bootstrap. Deviations of numbers are the same in every state, or depend on it (gSDE). The chances at collection are not quite the policy's, so that clipping has something to clip.

    pip install torch==2.15.0 numpy
    python generate.py > updates.json
"""

import json

import torch
from torch import nn
from torch.distributions import Categorical, Normal

GAMMA, GAE_LAMBDA, LEARNING_RATE = 0.97, 0.9, 3e-3
OBSERVATIONS, HIDDEN, STEPS, ENVS = 3, (7, 5), 6, 2
TERMINATED, TRUNCATED = (4, 8), (7, 8)
DIMENSIONS = 2


def mlp(seed, outputs):
    torch.manual_seed(seed)
    sizes = (OBSERVATIONS, *HIDDEN, outputs)
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), nn.Tanh()]
    return nn.Sequential(*layers[:-1])


class Policy(nn.Module):
    """The counts of the choices of a countable space, or none for numbers with a bell over each."""

    def __init__(self, counts, use_sde):
        super().__init__()
        self.counts, self.use_sde = counts, use_sde
        self.network = mlp(1, sum(counts) or DIMENSIONS)
        if use_sde:
            self.log_std = nn.Parameter(torch.linspace(-1, 0.5, HIDDEN[-1] * DIMENSIONS).view(HIDDEN[-1], DIMENSIONS))
        elif not counts:
            self.log_std = nn.Parameter(torch.tensor([-0.3, 0.4]))

    def distributions(self, observations):
        outputs = self.network(observations)
        if self.use_sde:
            # distributions.py's StateDependentNoiseDistribution, whose features learn nothing from it.
            latent = self.network[:-1](observations).detach()
            std = (latent**2 @ self.log_std.exp() ** 2 + 1e-6).sqrt()
            return [Normal(outputs[:, d], std[:, d]) for d in range(DIMENSIONS)]
        if not self.counts:
            return [Normal(outputs[:, d], self.log_std[d].exp()) for d in range(DIMENSIONS)]
        return [Categorical(logits=logits) for logits in outputs.split(self.counts, dim=1)]

    def evaluate(self, observations, actions):
        parts = self.distributions(observations)
        log_prob = sum(part.log_prob(actions[:, i]) for i, part in enumerate(parts))
        return log_prob, sum(part.entropy() for part in parts)

    def tensors(self):
        """By the names that the network has in Rust."""
        return {name.removeprefix("network."): tensor.tolist() for name, tensor in self.state_dict().items()}


def compute_returns_and_advantages(rewards, values, last_values, finals):
    """buffers.py's loop, over rewards to which a truncated episode's value was added."""
    rewards, values = rewards.clone().view(STEPS, ENVS), values.view(STEPS, ENVS)
    ends = sorted({*TERMINATED, *TRUNCATED})
    dones = torch.zeros(STEPS, ENVS)
    for i, row in enumerate(ends):
        dones.view(-1)[row] = 1
        if row not in TERMINATED:
            rewards.view(-1)[row] += GAMMA * finals[i]
    advantages, last = torch.zeros(STEPS, ENVS), 0.0
    for step in reversed(range(STEPS)):
        next_values = last_values if step == STEPS - 1 else values[step + 1]
        delta = rewards[step] + GAMMA * next_values * (1 - dones[step]) - values[step]
        last = delta + GAMMA * GAE_LAMBDA * (1 - dones[step]) * last
        advantages[step] = last
    return advantages.flatten(), (advantages + values).flatten()


def case(
    counts, a2c=False, epochs=3, clip_range_vf=None, ent_coef=0.0, normalize_advantage=True, max_grad_norm=0.05,
    use_sde=False,
):
    policy, critic = Policy(counts, use_sde), mlp(2, 1)
    torch.manual_seed(3)
    n = STEPS * ENVS
    observations, rewards = torch.randn(n, OBSERVATIONS), torch.randn(n)
    final_observations = torch.randn(len({*TERMINATED, *TRUNCATED}), OBSERVATIONS)
    last_observations = torch.randn(ENVS, OBSERVATIONS)
    before = {"actor": policy.tensors(), "critic": {name: t.tolist() for name, t in critic.state_dict().items()}}
    with torch.no_grad():
        actions = torch.stack([part.sample() for part in policy.distributions(observations)], dim=1)
        old_log_prob = policy.evaluate(observations, actions)[0]
        if not a2c:
            old_log_prob = old_log_prob + 0.3 * torch.randn(n)
        old_values = critic(observations).flatten()
        last_values, finals = critic(last_observations).flatten(), critic(final_observations).flatten()
        advantages, returns = compute_returns_and_advantages(rewards, old_values, last_values, finals)
    clip_range = 0.2
    parameters = [*policy.parameters(), *critic.parameters()]
    if a2c:
        optimizer = torch.optim.RMSprop(parameters, lr=LEARNING_RATE, alpha=0.99, eps=1e-5, weight_decay=0)
    else:
        optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE, eps=1e-5)
    losses = []
    for _ in range(epochs):
        if a2c:
            # Each step is an update of its own on the same rollout, whose values are no longer what they were.
            losses.clear()
            with torch.no_grad():
                old_values = critic(observations).flatten()
                last_values, finals = critic(last_observations).flatten(), critic(final_observations).flatten()
            advantages, returns = compute_returns_and_advantages(rewards, old_values, last_values, finals)
        values = critic(observations).flatten()
        log_prob, entropy = policy.evaluate(observations, actions)
        batch_advantages = advantages
        if normalize_advantage:
            batch_advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        log_ratio = log_prob - old_log_prob
        ratio = log_ratio.exp()
        if a2c:
            policy_loss = -(batch_advantages * log_prob).mean()
        else:
            clipped = torch.clamp(ratio, 1 - clip_range, 1 + clip_range)
            policy_loss = -torch.min(batch_advantages * ratio, batch_advantages * clipped).mean()
        if clip_range_vf is not None:
            values = old_values + torch.clamp(values - old_values, -clip_range_vf, clip_range_vf)
        value_loss = nn.functional.mse_loss(returns, values)
        entropy_loss = -entropy.mean()
        loss = policy_loss + ent_coef * entropy_loss + 0.5 * value_loss
        approx_kl = ((ratio - 1) - log_ratio).mean()
        clip_fraction = ((ratio - 1).abs() > clip_range).float().mean()
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(parameters, max_grad_norm)
        optimizer.step()
        metrics = {
            "train/loss": loss, f"train/{'policy_loss' if a2c else 'policy_gradient_loss'}": policy_loss, "train/value_loss": value_loss,
            "train/entropy_loss": entropy_loss, "train/grad_norm": norm,
        }
        if not a2c:
            metrics |= {"train/approx_kl": approx_kl, "train/clip_fraction": clip_fraction}
        losses.append({name: value.item() for name, value in metrics.items()})
    return {
        "counts": counts, "use_sde": use_sde, "n_epochs": epochs, "clip_range_vf": clip_range_vf, "ent_coef": ent_coef,
        "normalize_advantage": normalize_advantage, "max_grad_norm": max_grad_norm, "clip_range": clip_range,
        "gamma": GAMMA, "gae_lambda": GAE_LAMBDA, "learning_rate": LEARNING_RATE, "net_arch": list(HIDDEN),
        "steps": STEPS, "envs": ENVS, "terminated": list(TERMINATED), "truncated": list(TRUNCATED),
        "observations": observations.tolist(), "actions": actions.tolist(), "rewards": rewards.tolist(),
        "log_probs": old_log_prob.tolist(), "final_observations": final_observations.tolist(),
        "last_observations": last_observations.tolist(), **before,
        "metrics": {name: sum(each[name] for each in losses) / len(losses) for name in losses[0]},
        "actor_after": policy.tensors(),
        "critic_after": {name: t.tolist() for name, t in critic.state_dict().items()},
    }


SPACES = {"discrete": [4], "multi": [3, 2], "box": []}
PPO = [
    {},
    {"ent_coef": 0.05, "clip_range_vf": 0.002, "max_grad_norm": 0.5},
    {"normalize_advantage": False, "ent_coef": 0.01},
]
A2C = [
    {"a2c": True, "epochs": 3, "normalize_advantage": False},
    {"a2c": True, "epochs": 3, "normalize_advantage": True, "ent_coef": 0.05, "max_grad_norm": 0.5},
]
if __name__ == "__main__":
    print(json.dumps({
        "ppo": [case(counts, **settings) for counts in SPACES.values() for settings in PPO] + [case([], **PPO[1], use_sde=True)],
        "a2c": [case(counts, **settings) for counts in SPACES.values() for settings in A2C] + [case([], **A2C[1], use_sde=True)],
    }))
