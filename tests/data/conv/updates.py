"""Records a DQN and a PPO update of networks with convolutions with PyTorch, for agents/tests/cnn.rs.

The networks are Stable-Baselines3's NatureCNN, that of MinAtar's examples/dqn.py, and one of other convolutions whose hidden
layer reads three more numbers, as those behind Stable-Baselines3's CombinedExtractor do, each with a hidden layer behind. As they
have tens of thousands of parameters, these are not recorded but made by a formula, which the test has too, and of those
after the update only every 97th of each tensor is.

    pip install torch==2.15.0 numpy
    python updates.py > updates.json
"""

import json
import math

import torch
from torch import nn
from torch.distributions import Categorical

GAMMA, GAE_LAMBDA, LEARNING_RATE = 0.97, 0.9, 3e-4
HIDDEN, ACTIONS, BATCH, BESIDE = 12, 4, 6, 3


class Network(nn.Module):
    def __init__(self, kind, shape, outputs, with_value=False):
        super().__init__()
        self.kind, self.shape = kind, shape
        channels, height, width = shape
        filters, features, self.beside = {
            "nature_cnn": ([(32, 8, 4), (64, 4, 2), (64, 3, 1)], 512, 0),
            "minatar_cnn": ([(16, 3, 1)], 128, 0),
            "combined": ([(8, 3, 2), (12, 2, 1)], 20, BESIDE),
        }[kind]
        convolutions, read = [], channels
        for filters_out, kernel, stride in filters:
            convolutions += [nn.Conv2d(read, filters_out, kernel, stride), nn.ReLU()]
            read = filters_out
        cnn = nn.Sequential(*convolutions, nn.Flatten())
        flat = cnn(torch.zeros(1, channels, height, width)).shape[1]
        self.features_extractor = nn.Module()
        self.features_extractor.cnn = cnn
        self.features_extractor.linear = nn.Sequential(nn.Linear(flat, features), nn.ReLU())
        behind = lambda count: nn.Sequential(
            nn.Linear(features + self.beside, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, count)
        )
        self.net = behind(outputs)
        if with_value:
            self.value_net = behind(1)

    def fill(self, seed):
        for number, tensor in enumerate(self.parameters()):
            scale = 1.5 / math.sqrt(tensor[0].numel()) if tensor.dim() > 1 else 0.1
            index = torch.arange(tensor.numel(), dtype=torch.float64)
            values = scale * torch.sin(0.7 * index + 1.3 * number + seed)
            tensor.data = values.to(torch.float32).view(tensor.shape)
        return self

    def forward(self, rows):
        channels, height, width = self.shape
        pixels = channels * height * width
        rows, beside = rows[:, :pixels], rows[:, pixels:]
        if self.kind != "minatar_cnn":  # (C, H, W)
            images = rows.reshape(-1, channels, height, width)
        else:  # (H, W, C)
            images = rows.view(-1, height, width, channels).permute(0, 3, 1, 2)
        seen = self.features_extractor.linear(self.features_extractor.cnn(images))
        self.seen = torch.cat([seen, beside], 1)
        return self.net(self.seen)

    def value(self, rows):
        """Of a network that has a value function behind the same convolutions."""
        self(rows)
        return self.value_net(self.seen)

    def sample(self):
        """Every 97th number of each tensor, from a place of its own on."""
        return {
            name.removeprefix("net."): tensor.flatten()[number % tensor.numel() :: 97].tolist()
            for number, (name, tensor) in enumerate(self.state_dict().items())
        }


def observations(kind, shape, count, first):
    numbers = math.prod(shape) + (BESIDE if kind == "combined" else 0)
    index = torch.arange(first * numbers, (first + count) * numbers, dtype=torch.int64)
    mixed = (index * index * 7 + index * 13 + index // 17 * 5) % 256
    rows = (mixed % 3 == 0).float() if kind == "minatar_cnn" else mixed.float() / 255
    return rows.view(count, -1)


def dqn(kind, shape):
    online, target = Network(kind, shape, ACTIONS).fill(0.2), Network(kind, shape, ACTIONS).fill(0.9)
    now, after = observations(kind, shape, BATCH, 0), observations(kind, shape, BATCH, BATCH)
    actions = torch.tensor([0, 3, 1, 2, 3, 0])
    rewards = torch.tensor([1.0, -2.0, 0.5, 4.0, 0.0, -0.25])
    terminated = torch.tensor([0.0, 1.0, 0.0, 0.0, 1.0, 0.0])
    with torch.no_grad():
        best = target(after).gather(1, online(after).argmax(1, keepdim=True)).squeeze(1)
        targets = rewards + GAMMA * (1 - terminated) * best
    optimizer = torch.optim.Adam(online.parameters(), lr=LEARNING_RATE, eps=1e-5)
    loss = nn.functional.smooth_l1_loss(online(now).gather(1, actions.unsqueeze(1)).squeeze(1), targets)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(online.parameters(), 0.5)
    optimizer.step()
    return {"targets": targets.tolist(), "loss": loss.item(), "grad_norm": norm.item(), "after": online.sample()}


def ppo(kind, shape, shared):
    """One pass over a rollout of one environment that ends nowhere, in one minibatch; advantages as they are. The value function has
    convolutions of its own, or shares the policy's."""
    actor = Network(kind, shape, ACTIONS, with_value=shared).fill(0.2)
    critic = None if shared else Network(kind, shape, 1).fill(0.9)
    value = actor.value if shared else critic
    networks = [network for network in (actor, critic) if network]
    parameters = [parameter for network in networks for parameter in network.parameters()]
    now, last = observations(kind, shape, BATCH, 0), observations(kind, shape, 1, BATCH)
    actions = torch.tensor([0, 3, 1, 2, 3, 0])
    rewards = torch.tensor([1.0, -2.0, 0.5, 4.0, 0.0, -0.25])
    with torch.no_grad():
        old = Categorical(logits=actor(now)).log_prob(actions) + torch.tensor([0.3, -0.3, 0.1, 0.0, -0.1, 0.2])
        values = torch.cat([value(now), value(last)]).flatten()
        advantages, following = torch.zeros(BATCH), 0.0
        for step in reversed(range(BATCH)):
            delta = rewards[step] + GAMMA * values[step + 1] - values[step]
            advantages[step] = following = delta + GAMMA * GAE_LAMBDA * following
        returns = advantages + values[:BATCH]
    optimizer = torch.optim.Adam(parameters, lr=LEARNING_RATE, eps=1e-5)
    policy = Categorical(logits=actor(now))
    ratio = (policy.log_prob(actions) - old).exp()
    policy_loss = -torch.min(advantages * ratio, advantages * ratio.clamp(0.8, 1.2)).mean()
    value_loss = nn.functional.mse_loss(value(now).flatten(), returns)
    loss = policy_loss + 0.5 * value_loss - 0.01 * policy.entropy().mean()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(parameters, 0.5)
    optimizer.step()
    recorded = {"old_log_prob": old.tolist(), "policy_loss": policy_loss.item(), "value_loss": value_loss.item()}
    return recorded | {"grad_norm": norm.item(), "after": [network.sample() for network in networks]}


cases = [("nature_cnn", (2, 36, 41)), ("minatar_cnn", (3, 6, 5)), ("combined", (2, 9, 8))]
print(
    json.dumps(
        [
            {"kind": k, "shape": s, "dqn": dqn(k, s), "ppo": ppo(k, s, False), "ppo_shared": ppo(k, s, True)}
            for k, s in cases
        ]
    )
)
