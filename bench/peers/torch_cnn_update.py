"""One Double-DQN update of a convolutional network in PyTorch on the CPU: MinAtar's and Nature's, batches of 32.

    python torch_cnn_update.py

The work of torch_dqn_update.py on pictures: MinAtar's 4×10×10 planes through its network, and Atari's four stacked frames of
84×84 through NatureCNN of Stable-Baselines3. Observations are floats already. One thread; microseconds of CPU time of the
process and of wall time.
"""

import argparse

import torch
from torch import nn

from common import machine, show
from torch_dqn_update import measure


def network(kind: str) -> nn.Sequential:
    if kind == "minatar_cnn":
        head = [nn.Conv2d(4, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(1024, 128), nn.ReLU()]
        return nn.Sequential(*head, nn.Linear(128, 2))
    convolutions = [nn.Conv2d(4, 32, 8, 4), nn.ReLU(), nn.Conv2d(32, 64, 4, 2), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU()]
    return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(3136, 512), nn.ReLU(), nn.Linear(512, 2))


def updater(kind: str, fused: bool, channels_last: bool):
    torch.manual_seed(1)
    online, target = network(kind), network(kind)
    target.load_state_dict(online.state_dict())
    shape = (32, 4, 10, 10) if kind == "minatar_cnn" else (32, 4, 84, 84)
    observations, next_observations = torch.rand(shape) * 2 - 1, torch.rand(shape) * 2 - 1
    if channels_last:
        online, target = (net.to(memory_format=torch.channels_last) for net in (online, target))
        observations = observations.to(memory_format=torch.channels_last)
        next_observations = next_observations.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(online.parameters(), lr=1e-3, fused=fused or None)
    actions, rewards = torch.randint(0, 2, (32, 1)), torch.ones(32, 1)
    discounts = torch.where(torch.rand(32, 1) < 0.05, 0.0, 0.99)

    def update() -> None:
        with torch.no_grad():
            greedy = online(next_observations).argmax(dim=1, keepdim=True)
            targets = rewards + discounts * target(next_observations).gather(1, greedy)
        loss = nn.functional.smooth_l1_loss(online(observations).gather(1, actions), targets)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(online.parameters(), 10.0)
        optimizer.step()

    return update


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=20)
    args = parser.parse_args()
    torch.set_num_threads(1)
    results = {}
    for kind, block in [("minatar_cnn", 50), ("nature_cnn", 5)]:
        for name, fused, last in [("eager", False, False), ("fused_adam", True, False), ("channels_last", True, True)]:
            results[f"{kind}_{name}"] = measure(updater(kind, fused, last), args.blocks, block)
    show({**machine(["torch"]), "script": "torch_cnn_update.py", "batch_size": 32, "threads": 1, "results": results})


if __name__ == "__main__":
    main()
