"""Steps of classifiers on the CPU, Cartwheel's and PyTorch's in turn, two threads each.

    cargo build --release -p cartwheel-agents --example classifier_speed
    python classifiers.py [--rounds 3] [--cases mlp-train-64,resnet50-infer-1]

The MLP is 784-512-256-10; a training step is forward, backward and SGD with momentum 0.9 and a decay of 1e-4. ResNet-50 is
torchvision's, on pictures of 224 x 224, channels last where that is quicker. Of each the best of its blocks in all rounds counts, so
that a machine which others use too is fair to both; `ratio` is PyTorch's time over Cartwheel's: above 1 Cartwheel is faster.
"""

import argparse
import json
import pathlib
import subprocess
import time

import torch
import torchvision
from torch import nn

from common import machine, show

BINARY = pathlib.Path(__file__).resolve().parents[2] / "target/release/examples/classifier_speed"
STEPS = {"mlp": (5, 100), "resnet50": (2, 1)}


def stepper(case: str, channels_last: bool):
    name, kind, samples = case.split("-")
    samples = int(samples)
    torch.manual_seed(1)
    if name == "mlp":
        model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))
        x, classes = torch.rand(samples, 784), 10
    else:
        model, x, classes = getattr(torchvision.models, name)(), torch.rand(samples, 3, 224, 224), 1000
        if channels_last:
            model, x = model.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    labels = torch.arange(samples) % classes
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)

    def infer() -> None:
        with torch.inference_mode():
            model(x)

    def train() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), labels).backward()
        optimizer.step()

    model.train(kind == "train")
    return train if kind == "train" else infer


def best(step, blocks: int, steps: int) -> float:
    step()
    times = []
    for _ in range(blocks):
        begun = time.perf_counter()
        for _ in range(steps):
            step()
        times.append((time.perf_counter() - begun) / steps)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    cases = "mlp-train-16,mlp-train-64,mlp-train-256,resnet50-infer-1,resnet50-infer-8,resnet50-train-8"
    parser.add_argument("--cases", default=cases)
    args = parser.parse_args()
    torch.set_num_threads(2)
    results = {}
    for case in args.cases.split(","):
        blocks, steps = STEPS[case.split("-")[0]]
        times = {"torch": [], "cartwheel": []}
        for _ in range(args.rounds):
            for last in [False] if case.startswith("mlp") else [False, True]:
                times["torch"].append(best(stepper(case, last), blocks, steps))
            out = subprocess.run([BINARY, case, str(blocks), str(steps)], check=True, capture_output=True, text=True)
            times["cartwheel"].append(json.loads(out.stdout)["seconds"])
        ms = {name: 1000 * min(values) for name, values in times.items()}
        results[case] = {"torch_ms": ms["torch"], "cartwheel_ms": ms["cartwheel"], "ratio": ms["torch"] / ms["cartwheel"]}
    show({**machine(["torch", "torchvision"]), "script": "classifiers.py", "threads": 2, "results": results})


if __name__ == "__main__":
    main()
