"""Records behaviour cloning updates with PyTorch, for agents/tests/offline.rs.

The loss is that of imitation's bc.py: -log_prob.mean() - ent_weight * entropy.mean() + l2_weight * sum(square of parameters) / 2.
The norm of its gradient is told without the last term.

    pip install torch==2.15.0 numpy
    python generate.py > updates.json
"""

import json

import torch
from torch import nn
from torch.distributions import Categorical, Normal

LEARNING_RATE, OBSERVATIONS, DIMENSIONS, HIDDEN, BATCH, UPDATES = 3e-3, 3, 2, (7, 5), 6, 3


def mlp(seed, outputs):
    torch.manual_seed(seed)
    sizes = (OBSERVATIONS, *HIDDEN, outputs)
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), nn.Tanh()]
    return nn.Sequential(*layers[:-1])


class Policy(nn.Module):
    """The counts of the choices of a countable space, or none for numbers with a bell over each."""

    def __init__(self, counts):
        super().__init__()
        self.counts = counts
        self.network = mlp(1, sum(counts) or DIMENSIONS)
        if not counts:
            self.log_std = nn.Parameter(torch.tensor([-0.3, 0.4]))

    def evaluate(self, observations, actions):
        outputs = self.network(observations)
        if self.counts:
            parts = [Categorical(logits=logits) for logits in outputs.split(self.counts, dim=1)]
        else:
            parts = [Normal(outputs[:, d], self.log_std[d].exp()) for d in range(DIMENSIONS)]
        log_prob = sum(part.log_prob(actions[:, i]) for i, part in enumerate(parts))
        return log_prob, sum(part.entropy() for part in parts)

    def tensors(self):
        """By the names that the network has in Rust."""
        return {name.removeprefix("network."): tensor.tolist() for name, tensor in self.state_dict().items()}


def case(counts, ent_weight, l2_weight=0.0):
    policy = Policy(counts)
    before = policy.tensors()
    torch.manual_seed(3)
    observations = torch.randn(BATCH, OBSERVATIONS)
    actions = torch.stack([torch.randint(n, (BATCH,)) for n in counts], dim=1) if counts else torch.randn(BATCH, DIMENSIONS)
    optimizer = torch.optim.Adam(policy.parameters(), lr=LEARNING_RATE)
    updates = []
    for _ in range(UPDATES):
        log_prob, entropy = policy.evaluate(observations, actions)
        neglogp, entropy, prob_true_act = -log_prob.mean(), entropy.mean(), log_prob.exp().mean()
        loss = neglogp - ent_weight * entropy
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(policy.parameters(), float("inf"))
        l2_loss = l2_weight * sum(tensor.square().sum() for tensor in policy.parameters()) / 2
        l2_loss.backward()
        optimizer.step()
        updates.append({
            "train/loss": (loss + l2_loss).item(), "train/l2_loss": l2_loss.item(), "train/neglogp": neglogp.item(), "train/entropy": entropy.item(),
            "train/prob_true_act": prob_true_act.item(), "train/grad_norm": norm.item(),
        })
    return {
        "counts": counts, "ent_weight": ent_weight, "l2_weight": l2_weight, "learning_rate": LEARNING_RATE, "net_arch": list(HIDDEN),
        "observations": observations.tolist(), "actions": actions.tolist(), "before": before, "updates": updates,
        "after": policy.tensors(),
    }


if __name__ == "__main__":
    print(json.dumps([case([4], 1e-3), case([4], 0.3), case([2, 3], 0.1), case([], 1e-3), case([], 0.2),
                      case([4], 1e-3, 0.05), case([], 1e-3, 0.3)]))
