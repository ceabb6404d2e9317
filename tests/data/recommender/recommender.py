"""What PyTorch makes of two small recommenders: losses, gradients, and steps of its SparseAdam.

    python recommender.py

Writes recommender.json. Weights are sines, as in `number` below, so that both sides can make them.
"""

import json
import math
import pathlib

import torch
from torch import nn
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
USERS, ITEMS, DIM, LAYERS = 5, 7, 3, [4, 2]
MEAN = 3.25
WHO = [4, 0, 4, 2]
CHOSEN = [[1, 5, 6], [0, 3, 5], [6, 0, 2], [1, 2, 2]]
RATED = [5.0, 1.5, 3.0, 4.5]
Q = [0.3, 0.3, 0.1, 0.1, 0.05, 0.05, 0.1]


def number(name: str, i: int) -> float:
    return 0.5 * math.sin(12.9898 * i + len(name) * 78.233 + ord(name[0]) * 3.7)


def fill(module: nn.Module) -> None:
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            values = [number(name, i) for i in range(parameter.numel())]
            parameter.copy_(torch.tensor(values).reshape(parameter.shape))


class Mf(nn.Module):
    def __init__(self, sparse: bool) -> None:
        super().__init__()
        self.user_embedding, self.item_embedding = nn.Embedding(USERS, DIM, sparse=sparse), nn.Embedding(ITEMS, DIM, sparse=sparse)
        self.user_bias, self.item_bias = nn.Embedding(USERS, 1, sparse=sparse), nn.Embedding(ITEMS, 1, sparse=sparse)

    def forward(self, users, items):
        dots = (self.user_embedding(users)[:, None] * self.item_embedding(items)).sum(-1)
        return dots + self.user_bias(users) + self.item_bias(items)[..., 0]


class TwoTower(nn.Module):
    def __init__(self, sparse: bool) -> None:
        super().__init__()
        tower = lambda rows: nn.Sequential(
            nn.Embedding(rows, DIM, sparse=sparse), nn.Linear(DIM, LAYERS[0]), nn.ReLU(), nn.Linear(LAYERS[0], LAYERS[1])
        )
        self.user_tower, self.item_tower = tower(USERS), tower(ITEMS)

    def forward(self, users, items):
        return (self.user_tower(users)[:, None] * self.item_tower(items)).sum(-1)


def loss(model: nn.Module, goal: str) -> torch.Tensor:
    users, items = torch.tensor(WHO), torch.tensor(CHOSEN)
    if goal == "ratings":
        return F.mse_loss(MEAN + model(users, items[:, :1])[:, 0], torch.tensor(RATED))
    if goal == "in_batch":
        first = items[:, 0]
        scores = model(users, first.repeat(len(WHO), 1)) - torch.log(torch.tensor(Q))[first]
        twice = (first[:, None] == first[None]) & ~torch.eye(len(WHO), dtype=torch.bool)
        return F.cross_entropy(scores.masked_fill(twice, -torch.inf), torch.arange(len(WHO)))
    scores = model(users, items)
    if goal == "bpr":
        return -F.logsigmoid(scores[:, :1] - scores[:, 1:]).mean()
    if goal == "bce":
        return F.binary_cross_entropy_with_logits(scores, F.one_hot(torch.zeros(len(WHO), dtype=torch.long), 3).double())
    return F.cross_entropy(scores, torch.zeros(len(WHO), dtype=torch.long))


def main() -> None:
    cases = []
    for kind in (Mf, TwoTower):
        for goal in ("ratings", "bpr", "bce", "softmax", "in_batch"):
            model = kind(sparse=False)
            fill(model)
            value = loss(model, goal)
            value.backward()
            gradients = {name: parameter.grad.flatten().tolist() if parameter.grad is not None else [0.0] * parameter.numel()
                         for name, parameter in model.named_parameters()}
            cases.append({"model": kind.__name__, "goal": goal, "loss": value.item(), "gradients": gradients})
    # Rows that a batch does not read keep their moments: users change from step to step.
    model = Mf(sparse=True)
    fill(model)
    optimizer = torch.optim.SparseAdam(list(model.parameters()), lr=0.05)
    for step in range(10):
        optimizer.zero_grad()
        users = torch.tensor([step % USERS, (step * step) % USERS])
        items = torch.tensor([[step % ITEMS, (3 * step + 1) % ITEMS], [(2 * step) % ITEMS, (step + 4) % ITEMS]])
        scores = model(users, items)
        (-F.logsigmoid(scores[:, :1] - scores[:, 1:]).mean()).backward()
        optimizer.step()
    after = {name: parameter.flatten().tolist() for name, parameter in model.named_parameters()}
    report = {"torch": torch.__version__, "cases": cases, "sparse_adam": after}
    path = pathlib.Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
