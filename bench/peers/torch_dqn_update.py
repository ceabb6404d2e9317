"""One Double-DQN update in PyTorch on the CPU: what it costs at the sizes of small tasks.

    python torch_dqn_update.py

An MLP 4-64-64-2 with ReLU, a batch of 64, Double-DQN targets, Huber loss, gradients clipped to norm 10, Adam: what
Stable-Baselines3's DQN does at each gradient step with its own fixed batch already drawn. Eager, and compiled by
torch.compile where that works. One thread; microseconds of CPU time of the process and of wall time, measured in
blocks of updates.
"""

import argparse
import statistics
import time

import torch
from torch import nn

from common import machine, show


def network(hidden: list[int]) -> nn.Sequential:
    sizes, layers = [4, *hidden], []
    for before, after in zip(sizes, sizes[1:]):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], 2))


def build(hidden: list[int], batch_size: int, fused: bool):
    torch.manual_seed(1)
    online, target = network(hidden), network(hidden)
    target.load_state_dict(online.state_dict())
    optimizer = torch.optim.Adam(online.parameters(), lr=1e-3, fused=fused or None)
    observations, next_observations = torch.rand(batch_size, 4) * 2 - 1, torch.rand(batch_size, 4) * 2 - 1
    actions = torch.randint(0, 2, (batch_size, 1))
    rewards = torch.ones(batch_size, 1)
    discounts = torch.where(torch.rand(batch_size, 1) < 0.05, 0.0, 0.99)

    def losses():
        with torch.no_grad():
            greedy = online(next_observations).argmax(dim=1, keepdim=True)
            targets = rewards + discounts * target(next_observations).gather(1, greedy)
        return nn.functional.smooth_l1_loss(online(observations).gather(1, actions), targets)

    return online, optimizer, losses


def updater(hidden: list[int], batch_size: int, compiled: bool, fused: bool):
    online, optimizer, losses = build(hidden, batch_size, fused)
    if compiled:
        losses = torch.compile(losses)

    def update() -> None:
        loss = losses()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(online.parameters(), 10.0)
        optimizer.step()

    return update


def measure(update, blocks: int, block: int) -> dict:
    for _ in range(block):
        update()
    cpu, wall = [], []
    for _ in range(blocks):
        wall_begin, cpu_begin = time.perf_counter(), time.process_time()
        for _ in range(block):
            update()
        cpu.append((time.process_time() - cpu_begin) / block * 1e6)
        wall.append((time.perf_counter() - wall_begin) / block * 1e6)
    spread = lambda values: {"min": round(min(values), 1), "median": round(statistics.median(values), 1)}
    return {"blocks": blocks, "updates_per_block": block, "cpu_us": spread(cpu), "wall_us": spread(wall)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--blocks", type=int, default=50)
    parser.add_argument("--block", type=int, default=200, help="updates timed together")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--hidden", type=int, nargs="+", default=[64, 64])
    args = parser.parse_args()
    torch.set_num_threads(1)

    results = {}
    forms = {
        "eager": (False, False),
        "eager_fused_adam": (False, True),
        "compiled": (True, False),
        "compiled_fused_adam": (True, True),
    }
    for name, (compiled, fused) in forms.items():
        try:
            results[name] = measure(updater(args.hidden, args.batch_size, compiled, fused), args.blocks, args.block)
        except Exception as error:  # torch.compile needs a C++ compiler, and says so in many ways.
            results[name] = f"not measured: {type(error).__name__}: {str(error).strip().splitlines()[0]}"
    sizes = {"observation": 4, "hidden": args.hidden, "actions": 2, "batch_size": args.batch_size}
    show({**machine(["torch"]), "script": "torch_dqn_update.py", "sizes": sizes, "threads": 1, "results": results})


if __name__ == "__main__":
    main()
