"""Records PQN updates with PyTorch, for agents/tests/actor_critic.rs.

The rule is that of cleanrl/pqn.py, with a normalized network and RAdam, but that a truncated episode bootstraps from its
last observation and that no return reaches over the end of an episode. Every minibatch is the whole rollout, so that the
order of its rows does not matter, and there are enough steps for RAdam to become Adam on the way.

    pip install torch==2.15.0 numpy
    python generate.py > updates.json
"""

import json

import torch
from torch import nn

GAMMA, LEARNING_RATE = 0.97, 2e-2
OBSERVATIONS, HIDDEN, ACTIONS, STEPS, ENVS = 3, (7, 18), 4, 6, 2
TERMINATED, TRUNCATED = (4, 8), (7, 8)
ENDS = sorted({*TERMINATED, *TRUNCATED})


def network(layer_norm):
    torch.manual_seed(1)
    sizes, layers = (OBSERVATIONS, *HIDDEN), []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), *([nn.LayerNorm(outputs)] if layer_norm else []), nn.ReLU()]
    layers.append(nn.Linear(HIDDEN[-1], ACTIONS))
    for layer in layers:
        if isinstance(layer, nn.LayerNorm):
            nn.init.normal_(layer.weight, 1.0, 0.3)
            nn.init.normal_(layer.bias, 0.0, 0.3)
    return nn.Sequential(*layers)


def plain(module):
    return {name: tensor.tolist() for name, tensor in module.state_dict().items()}


def lambda_returns(q, q_lambda, rewards, observations, final_observations, last_observations):
    values, finals, last = (q(x).max(dim=1).values for x in (observations, final_observations, last_observations))
    returns = torch.zeros(STEPS * ENVS)
    for row in reversed(range(STEPS * ENVS)):
        if row in TERMINATED:
            after = 0.0
        elif row in TRUNCATED:
            after = finals[ENDS.index(row)]
        elif row + ENVS >= STEPS * ENVS:
            after = last[row % ENVS]
        else:
            after = q_lambda * returns[row + ENVS] + (1 - q_lambda) * values[row + ENVS]
        returns[row] = rewards[row] + GAMMA * after
    return returns


def case(layer_norm=True, q_lambda=0.65, max_grad_norm=10.0, epochs=8):
    q = network(layer_norm)
    torch.manual_seed(3)
    n = STEPS * ENVS
    observations, rewards = torch.randn(n, OBSERVATIONS), torch.randn(n)
    final_observations, last_observations = torch.randn(len(ENDS), OBSERVATIONS), torch.randn(ENVS, OBSERVATIONS)
    actions = torch.randint(ACTIONS, (n,))
    before = plain(q)
    with torch.no_grad():
        returns = lambda_returns(q, q_lambda, rewards, observations, final_observations, last_observations)
    optimizer = torch.optim.RAdam(q.parameters(), lr=LEARNING_RATE)
    losses = []
    for _ in range(epochs):
        values = q(observations).gather(1, actions[:, None]).squeeze()
        loss = nn.functional.mse_loss(returns, values)
        optimizer.zero_grad()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(q.parameters(), max_grad_norm)
        optimizer.step()
        losses.append({"train/loss": loss.item(), "train/grad_norm": norm.item(), "train/mean_q": values.mean().item()})
    return {
        "counts": [ACTIONS], "layer_norm": layer_norm, "q_lambda": q_lambda, "max_grad_norm": max_grad_norm, "n_epochs": epochs,
        "gamma": GAMMA, "learning_rate": LEARNING_RATE, "net_arch": list(HIDDEN), "steps": STEPS, "envs": ENVS,
        "terminated": list(TERMINATED), "truncated": list(TRUNCATED), "observations": observations.tolist(),
        "actions": actions.tolist(), "rewards": rewards.tolist(), "log_probs": [0.0] * n,
        "final_observations": final_observations.tolist(), "last_observations": last_observations.tolist(),
        "q": before, "targets": returns.tolist(), "q_after": plain(q),
        "metrics": {name: sum(each[name] for each in losses) / len(losses) for name in losses[0]},
    }


if __name__ == "__main__":
    print(json.dumps([case(), case(q_lambda=0.0, max_grad_norm=0.5), case(layer_norm=False, q_lambda=1.0)]))
