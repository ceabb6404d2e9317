#!/usr/bin/env python3
"""Record PyTorch's answer to one pass through networks with noisy layers: outputs, and the gradients by mu and sigma.

The layer is that of Fortunato et al. 2018 with factorised noise: a weight is mu + sigma * f(x_in) * f(y_out), a bias
mu + sigma * f(y_out), and f(x) = sign(x) * sqrt(|x|). The last two layers of a network are noisy.

    pip install torch==2.15.0 numpy
    python noisy.py > noisy.json
"""

import json

import torch
from torch import nn

OBSERVATIONS, HIDDEN, ACTIONS, BATCH = 3, (7, 5), 4, 6


def f(x):
    return x.sign() * x.abs().sqrt()


class NoisyLinear(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.randn(outputs))
        self.weight_sigma = nn.Parameter(torch.rand(outputs, inputs))
        self.bias_sigma = nn.Parameter(torch.rand(outputs))
        self.x, self.y = torch.randn(inputs), torch.randn(outputs)

    def forward(self, inputs):
        weight = self.weight + self.weight_sigma * torch.outer(f(self.y), f(self.x))
        return inputs @ weight.T + self.bias + self.bias_sigma * f(self.y)


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        one, two = HIDDEN
        self.layers = nn.Sequential(
            nn.Linear(OBSERVATIONS, one), nn.ReLU(), NoisyLinear(one, two), nn.ReLU(), NoisyLinear(two, ACTIONS)
        )

    def forward(self, observations):
        return self.layers(observations)


class Dueling(nn.Module):
    def __init__(self):
        super().__init__()
        one, two = HIDDEN
        self.network = nn.Sequential(nn.Linear(OBSERVATIONS, one), nn.ReLU())
        self.value_head = nn.Sequential(NoisyLinear(one, two), nn.ReLU(), NoisyLinear(two, 1))
        self.advantage_head = nn.Sequential(NoisyLinear(one, two), nn.ReLU(), NoisyLinear(two, ACTIONS))

    def forward(self, observations):
        hidden = self.network(observations)
        advantage = self.advantage_head(hidden)
        return self.value_head(hidden) + advantage - advantage.mean(1, keepdim=True)


def case(dueling):
    torch.manual_seed(1)
    net = Dueling() if dueling else Plain()
    observations, grads = torch.randn(BATCH, OBSERVATIONS), torch.randn(BATCH, ACTIONS)
    outputs = net(observations)
    (outputs * grads).sum().backward()
    order = ["value_head.0", "advantage_head.0", "value_head.2", "advantage_head.2"] if dueling else ["layers.2", "layers.4"]
    modules = dict(net.named_modules())
    drawn = [number for name in order for number in modules[name].x.tolist() + modules[name].y.tolist()]
    mu, sigma = {}, {}
    for name, parameter in net.named_parameters():
        name = name.removeprefix("layers.")
        both = {"value": parameter.tolist(), "gradient": parameter.grad.tolist()}
        if name.endswith("_sigma"):
            sigma[name.removesuffix("_sigma")] = both
        else:
            mu[name] = both
    for name, parameter in net.named_parameters():
        zeros = torch.zeros_like(parameter).tolist()
        sigma.setdefault(name.removeprefix("layers.").removesuffix("_sigma"), {"value": zeros, "gradient": zeros})
    return {
        "dueling": dueling, "net_arch": list(HIDDEN), "observations": observations.tolist(), "grads": grads.tolist(),
        "drawn": drawn, "outputs": outputs.tolist(), "mu": mu, "sigma": sigma,
    }


print(json.dumps([case(False), case(True)]))
