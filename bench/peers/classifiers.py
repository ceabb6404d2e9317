"""Steps of classifiers on the CPU, Cartwheel's and PyTorch's in turn, with the same number of threads.

    cargo build --release -p cartwheel-trainer --example classifier_speed
    python classifiers.py [--threads 2] [--rounds 5] [--cases mlp-train-64,resnet50-infer-1]

The MLP is 784-512-256-10; a training step is forward, backward and SGD with momentum 0.9 and a decay of 1e-4. ResNet-50 is
torchvision's, on pictures of 224 x 224, in the layout that is quicker for it. Each round is a pair: the median of a few blocks of
steps, of time on the wall and of the CPU time of all threads. What is told are medians over rounds, and of the ratios of the pairs:
above 1 Cartwheel is faster. On a machine that others use too threads that wait for each other spin, which
is CPU time: there one thread each is what can be compared.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import time

import torch
import torchvision
from torch import nn

from common import machine, show

BINARY = pathlib.Path(__file__).resolve().parents[2] / "target/release/examples/classifier_speed"
# Blocks, and steps of each.
STEPS = {"mlp": (5, 100), "resnet50": (3, 1)}


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


def blocks_of(step, blocks: int, steps: int) -> dict:
    for _ in range(3):
        step()
    times = {"wall": [], "cpu": []}
    for _ in range(blocks):
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(steps):
            step()
        times["wall"].append((time.perf_counter() - wall) / steps)
        times["cpu"].append((time.process_time() - cpu) / steps)
    return {name: statistics.median(values) for name, values in times.items()}


def torchs(case: str, blocks: int, steps: int) -> dict:
    """The quicker of PyTorch's two layouts."""
    layouts = [False] if case.startswith("mlp") else [False, True]
    return min((blocks_of(stepper(case, last), blocks, steps) for last in layouts), key=lambda times: times["cpu"])


def ours(case: str, blocks: int, steps: int, threads: int) -> dict:
    command = [BINARY, case, str(blocks), str(steps), str(threads)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {name: statistics.median(values) for name, values in json.loads(out).items() if name != "case"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    cases = "mlp-train-16,mlp-train-64,mlp-train-256,resnet50-infer-1,resnet50-infer-8,resnet50-train-8"
    parser.add_argument("--cases", default=cases)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    results = {}
    for case in args.cases.split(","):
        blocks, steps = STEPS[case.split("-")[0]]
        pairs = [(torchs(case, blocks, steps), ours(case, blocks, steps, args.threads)) for _ in range(args.rounds)]
        median = lambda of: round(statistics.median(of(*pair) for pair in pairs), 3)
        results[case] = {
            f"{clock}_{name}": value
            for clock in ["cpu", "wall"]
            for name, value in {
                "torch_ms": median(lambda a, b: 1000 * a[clock]),
                "cartwheel_ms": median(lambda a, b: 1000 * b[clock]),
                "ratio": median(lambda a, b: a[clock] / b[clock]),
            }.items()
        }
    show({**machine(["torch", "torchvision"]), "script": "classifiers.py", "threads": args.threads, "results": results})


if __name__ == "__main__":
    main()
