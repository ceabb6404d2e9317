#!/usr/bin/env python3
"""Record PyTorch's answer to one DQN batch: targets, loss, gradient norm and the weights after one Adam step.

The rule is that of Stable-Baselines3's DQN.train (Huber loss, gradient clipping, Adam), with Double Q-learning
where said, and with a dueling network and prioritized replay's weights where said; those two are CleanRL's
rainbow_atari.py without its distributions. Two of the transitions are terminal and one is truncated: the truncated
one bootstraps.

    pip install torch==2.15.0 numpy
    python generate.py > updates.json
"""

import json

import numpy
import torch
from torch import nn

GAMMA, LEARNING_RATE, EPS, MAX_GRAD_NORM = 0.97, 3e-3, 1e-8, 0.05
OBSERVATIONS, HIDDEN, ACTIONS, BATCH = 3, (7, 5), 4, 6
ATOMS, V_MIN, V_MAX = 11, -2.0, 3.0
QUANTILES = 7
COSINES, DRAWN, POLICY = 9, 6, 5


class Dueling(nn.Module):
    """The last hidden layer is there twice, as in Wang et al. 2016."""

    def __init__(self, atoms):
        super().__init__()
        trunk, streams = HIDDEN
        self.network = nn.Sequential(nn.Linear(OBSERVATIONS, trunk), nn.ReLU())
        self.value_head = nn.Sequential(nn.Linear(trunk, streams), nn.ReLU(), nn.Linear(streams, atoms))
        self.advantage_head = nn.Sequential(nn.Linear(trunk, streams), nn.ReLU(), nn.Linear(streams, ACTIONS * atoms))
        self.atoms = atoms

    def forward(self, observations):
        hidden = self.network(observations)
        advantage = self.advantage_head(hidden).view(-1, ACTIONS, self.atoms)
        value = self.value_head(hidden).view(-1, 1, self.atoms)
        return (value + advantage - advantage.mean(dim=1, keepdim=True)).flatten(1)


def network(seed, dueling, atoms=1):
    torch.manual_seed(seed)
    if dueling:
        return Dueling(atoms)
    sizes = (OBSERVATIONS, *HIDDEN, ACTIONS * atoms)
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def plain(state):
    return {name: tensor.tolist() for name, tensor in state.items()}


def case(double, loss_name, dueling=False, weighted=False):
    online, target = network(1, dueling), network(2, dueling)
    torch.manual_seed(3)
    observations = torch.randn(BATCH, OBSERVATIONS)
    next_observations = torch.randn(BATCH, OBSERVATIONS)
    actions = torch.tensor([0, 3, 1, 2, 3, 0])
    rewards = torch.tensor([1.0, -2.0, 0.5, 4.0, 0.0, -0.25])
    # dones as Stable-Baselines3 stores them: a truncated episode is not done.
    terminated = torch.tensor([0.0, 1.0, 0.0, 0.0, 1.0, 0.0])
    with torch.no_grad():
        values = target(next_observations)
        chooser = online(next_observations) if double else values
        best = values.gather(1, chooser.argmax(1, keepdim=True)).squeeze(1)
        targets = rewards + GAMMA * (1 - terminated) * best
    before = plain(online.state_dict())
    q = online(observations).gather(1, actions[:, None]).squeeze(1)
    weights = torch.tensor([1.0, 0.25, 0.5, 0.125, 0.75, 0.0625]) if weighted else torch.ones(BATCH)
    losses = {"huber": nn.functional.smooth_l1_loss, "mse": nn.functional.mse_loss}
    loss = (weights * losses[loss_name](q, targets, reduction="none")).mean()
    td_errors = (q - targets).abs().detach()
    optimizer = torch.optim.Adam(online.parameters(), lr=LEARNING_RATE, eps=EPS)
    optimizer.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(online.parameters(), MAX_GRAD_NORM)
    optimizer.step()
    return {
        "double_q": double, "dueling": dueling, "loss_name": loss_name, "gamma": GAMMA, "learning_rate": LEARNING_RATE, "eps": EPS,
        "max_grad_norm": MAX_GRAD_NORM, "net_arch": list(HIDDEN),
        "online": before, "target": plain(target.state_dict()),
        "observations": observations.tolist(), "next_observations": next_observations.tolist(),
        "actions": actions.tolist(), "rewards": rewards.tolist(), "terminated": terminated.tolist(),
        "weights": weights.tolist(), "td_errors": td_errors.tolist(),
        "targets": targets.tolist(), "loss": loss.item(), "grad_norm": norm.item(), "after": plain(online.state_dict()),
    }


def distributional_case(double, dueling, weighted):
    """The same for C51: targets, loss and priorities as in cleanrl/rainbow_atari.py (priorities are the losses)."""
    online, target = network(1, dueling, ATOMS), network(2, dueling, ATOMS)
    torch.manual_seed(3)
    observations = torch.randn(BATCH, OBSERVATIONS)
    next_observations = torch.randn(BATCH, OBSERVATIONS)
    actions = torch.tensor([0, 3, 1, 2, 3, 0])
    rewards = torch.tensor([1.0, -2.0, 0.5, 4.0, 0.0, -0.25])
    terminated = torch.tensor([0.0, 1.0, 0.0, 0.0, 1.0, 0.0])
    support = torch.linspace(V_MIN, V_MAX, ATOMS)
    with torch.no_grad():
        chances = target(next_observations).view(BATCH, ACTIONS, ATOMS).softmax(2)
        chooser = online(next_observations).view(BATCH, ACTIONS, ATOMS).softmax(2) if double else chances
        best = (chooser * support).sum(2).argmax(1)
        chances = chances[torch.arange(BATCH), best]
        returns = (rewards[:, None] + GAMMA * (1 - terminated[:, None]) * support).clamp(V_MIN, V_MAX)
        place = (returns - V_MIN) / ((V_MAX - V_MIN) / (ATOMS - 1))
        lower, upper = place.floor().clamp(0, ATOMS - 1), place.ceil().clamp(0, ATOMS - 1)
        below = (upper + (lower == upper).float() - place) * chances
        above = (place - lower) * chances
        targets = torch.zeros(BATCH, ATOMS)
        for i in range(BATCH):
            targets[i].index_add_(0, lower[i].long(), below[i])
            targets[i].index_add_(0, upper[i].long(), above[i])
    before = plain(online.state_dict())
    logits = online(observations).view(BATCH, ACTIONS, ATOMS)[torch.arange(BATCH), actions]
    losses = -(targets * logits.log_softmax(1)).sum(1)
    weights = torch.tensor([1.0, 0.25, 0.5, 0.125, 0.75, 0.0625]) if weighted else torch.ones(BATCH)
    loss = (weights * losses).mean()
    optimizer = torch.optim.Adam(online.parameters(), lr=LEARNING_RATE, eps=EPS)
    optimizer.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(online.parameters(), MAX_GRAD_NORM)
    optimizer.step()
    return {
        "double_q": double, "dueling": dueling, "loss_name": "huber", "gamma": GAMMA, "learning_rate": LEARNING_RATE, "eps": EPS,
        "max_grad_norm": MAX_GRAD_NORM, "net_arch": list(HIDDEN), "n_atoms": ATOMS, "v_min": V_MIN, "v_max": V_MAX,
        "online": before, "target": plain(target.state_dict()),
        "observations": observations.tolist(), "next_observations": next_observations.tolist(),
        "actions": actions.tolist(), "rewards": rewards.tolist(), "terminated": terminated.tolist(),
        "weights": weights.tolist(), "td_errors": losses.tolist(),
        "targets": targets.tolist(), "loss": loss.item(), "grad_norm": norm.item(), "after": plain(online.state_dict()),
    }


def quantile_case(double, dueling, weighted):
    """The same for QR-DQN, with the loss of Dabney et al. 2018 as sb3-contrib has it: the sum over the quantiles, the mean
    over those of the target. Priorities are the losses."""
    online, target = network(1, dueling, QUANTILES), network(2, dueling, QUANTILES)
    torch.manual_seed(3)
    observations = torch.randn(BATCH, OBSERVATIONS)
    next_observations = torch.randn(BATCH, OBSERVATIONS)
    actions = torch.tensor([0, 3, 1, 2, 3, 0])
    rewards = torch.tensor([1.0, -2.0, 0.5, 4.0, 0.0, -0.25])
    terminated = torch.tensor([0.0, 1.0, 0.0, 0.0, 1.0, 0.0])
    rows = torch.arange(BATCH)
    with torch.no_grad():
        quantiles = target(next_observations).view(BATCH, ACTIONS, QUANTILES)
        chooser = online(next_observations).view(BATCH, ACTIONS, QUANTILES) if double else quantiles
        targets = rewards[:, None] + GAMMA * (1 - terminated[:, None]) * quantiles[rows, chooser.mean(2).argmax(1)]
    before = plain(online.state_dict())
    found = online(observations).view(BATCH, ACTIONS, QUANTILES)[rows, actions]
    fractions = (torch.arange(QUANTILES) + 0.5) / QUANTILES
    errors = targets[:, None, :] - found[:, :, None]
    huber = nn.functional.huber_loss(errors, torch.zeros_like(errors), reduction="none")
    losses = ((fractions[None, :, None] - (errors.detach() < 0).float()).abs() * huber).mean(2).sum(1)
    weights = torch.tensor([1.0, 0.25, 0.5, 0.125, 0.75, 0.0625]) if weighted else torch.ones(BATCH)
    loss = (weights * losses).mean()
    optimizer = torch.optim.Adam(online.parameters(), lr=LEARNING_RATE, eps=EPS)
    optimizer.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(online.parameters(), MAX_GRAD_NORM)
    optimizer.step()
    return {
        "double_q": double, "dueling": dueling, "loss_name": "huber", "gamma": GAMMA, "learning_rate": LEARNING_RATE, "eps": EPS,
        "max_grad_norm": MAX_GRAD_NORM, "net_arch": list(HIDDEN), "n_quantiles": QUANTILES,
        "online": before, "target": plain(target.state_dict()),
        "observations": observations.tolist(), "next_observations": next_observations.tolist(),
        "actions": actions.tolist(), "rewards": rewards.tolist(), "terminated": terminated.tolist(),
        "weights": weights.tolist(), "td_errors": losses.tolist(),
        "targets": targets.tolist(), "loss": loss.item(), "grad_norm": norm.item(), "after": plain(online.state_dict()),
    }


class Implicit(nn.Module):
    """Dabney et al. 2018: what is known of s and of a fraction is multiplied before the last hidden layer."""

    def __init__(self, dueling):
        super().__init__()
        trunk, last = HIDDEN
        self.cosine_embedding = nn.Sequential(nn.Linear(COSINES, trunk), nn.ReLU())
        self.dueling = dueling
        if dueling:
            self.network = nn.Sequential(nn.Linear(OBSERVATIONS, trunk), nn.ReLU())
            self.value_head = nn.Sequential(nn.Linear(trunk, last), nn.ReLU(), nn.Linear(last, 1))
            self.advantage_head = nn.Sequential(nn.Linear(trunk, last), nn.ReLU(), nn.Linear(last, ACTIONS))
        else:
            layers = [nn.Linear(OBSERVATIONS, trunk), nn.ReLU(), nn.Linear(trunk, last), nn.ReLU(), nn.Linear(last, ACTIONS)]
            for number, layer in enumerate(layers):
                self.add_module(str(number), layer)

    def layer(self, number, x):
        return getattr(self, str(number))(x)

    def forward(self, observations, fractions):
        """[batch, observations] and [batch, samples] to [batch, samples, actions]"""
        cosines = torch.cos(torch.pi * torch.arange(COSINES) * fractions[:, :, None])
        seen = self.network(observations) if self.dueling else self.layer(1, self.layer(0, observations))
        hidden = seen[:, None, :] * self.cosine_embedding(cosines)
        if not self.dueling:
            return self.layer(4, self.layer(3, self.layer(2, hidden)))
        advantage = self.advantage_head(hidden)
        return self.value_head(hidden) + advantage - advantage.mean(dim=2, keepdim=True)


def implicit_case(double, dueling, weighted):
    """The same for IQN, with the loss of Dabney et al. 2018: the sum over the fractions, the mean over those of the target.
    Fractions are those that Cartwheel's generator of seed 0, which is NumPy's, draws: for the choice of the next action, for
    its quantiles, for those that are learnt."""
    torch.manual_seed(1)
    online = Implicit(dueling)
    torch.manual_seed(2)
    target = Implicit(dueling)
    torch.manual_seed(3)
    observations = torch.randn(BATCH, OBSERVATIONS)
    next_observations = torch.randn(BATCH, OBSERVATIONS)
    actions = torch.tensor([0, 3, 1, 2, 3, 0])
    rewards = torch.tensor([1.0, -2.0, 0.5, 4.0, 0.0, -0.25])
    terminated = torch.tensor([0.0, 1.0, 0.0, 0.0, 1.0, 0.0])
    rows = torch.arange(BATCH)
    rng = numpy.random.default_rng(0)
    draw = lambda n: torch.tensor(rng.random((BATCH, n)), dtype=torch.float32)
    to_choose, of_target, fractions = draw(POLICY), draw(DRAWN), draw(DRAWN)
    with torch.no_grad():
        best = (online if double else target)(next_observations, to_choose).mean(1).argmax(1)
        quantiles = target(next_observations, of_target)[rows, :, best]
        targets = rewards[:, None] + GAMMA * (1 - terminated[:, None]) * quantiles
    before = plain(online.state_dict())
    found = online(observations, fractions)[rows, :, actions]
    errors = targets[:, None, :] - found[:, :, None]
    huber = nn.functional.huber_loss(errors, torch.zeros_like(errors), reduction="none")
    losses = ((fractions[:, :, None] - (errors.detach() < 0).float()).abs() * huber).mean(2).sum(1)
    weights = torch.tensor([1.0, 0.25, 0.5, 0.125, 0.75, 0.0625]) if weighted else torch.ones(BATCH)
    loss = (weights * losses).mean()
    optimizer = torch.optim.Adam(online.parameters(), lr=LEARNING_RATE, eps=EPS)
    optimizer.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(online.parameters(), MAX_GRAD_NORM)
    optimizer.step()
    return {
        "double_q": double, "dueling": dueling, "loss_name": "huber", "gamma": GAMMA, "learning_rate": LEARNING_RATE, "eps": EPS,
        "max_grad_norm": MAX_GRAD_NORM, "net_arch": list(HIDDEN), "num_tau_samples": DRAWN, "num_quantile_samples": POLICY,
        "quantile_embedding_dim": COSINES, "online": before, "target": plain(target.state_dict()),
        "observations": observations.tolist(), "next_observations": next_observations.tolist(),
        "actions": actions.tolist(), "rewards": rewards.tolist(), "terminated": terminated.tolist(),
        "weights": weights.tolist(), "td_errors": losses.tolist(),
        "targets": targets.tolist(), "loss": loss.item(), "grad_norm": norm.item(), "after": plain(online.state_dict()),
    }


CASES = [(double, loss) for double in (False, True) for loss in ("huber", "mse")]
CASES += [(True, "huber", False, True), (True, "mse", False, True), (False, "huber", True), (True, "huber", True, True)]
DISTRIBUTIONAL = [(False, False, False), (True, False, False), (True, True, True)]
print(
    json.dumps(
        [case(*arguments) for arguments in CASES]
        + [distributional_case(*arguments) for arguments in DISTRIBUTIONAL]
        + [quantile_case(*arguments) for arguments in DISTRIBUTIONAL]
        + [implicit_case(*arguments) for arguments in DISTRIBUTIONAL]
    )
)
