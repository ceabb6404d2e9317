"""Mixed precision in PyTorch: GradScaler's schedule, and five steps of O2 of a multilayer perceptron and of a small residual network.

    python amp.py        # writes amp.json beside it

O2 is that of NVIDIA's apex, which is gone, put together of what PyTorch has: a model in f16 but for its batch norms, masters in f32
that the optimizer moves and that are rounded into the model after each step, the loss in f32, and torch.amp.GradScaler between.
Weights and pictures are those of ../resnet/resnet.py. torch 2.15.0, on the CPU: its f16 sums are f32, too.
"""

import json
import pathlib
import random
import sys

import torch

sys.path.append(str(pathlib.Path(__file__).parent.parent / "resnet"))
from resnet import fill, pictures, sample, small  # noqa: E402


def schedule() -> list:
    """Runs of steps with and without an overflow, as GradScaler counts them: the defaults, up to the largest f32 and down again."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.0)
    scaler = torch.amp.GradScaler("cpu")
    scaler.scale(torch.zeros(1))
    draw = random.Random(1)
    runs = [(draw.choice([1, 2, 1998, 1999, 2000, 2001, 4000]), bool(i % 2)) for i in range(120)]
    runs = [(min(steps, 2) if overflow else steps, overflow) for steps, overflow in runs]
    runs += [(2000, False)] * 190 + [(1, True)] * 40
    report = []
    for steps, overflow in runs:
        for _ in range(steps):
            parameter.grad = torch.full((1,), float("inf") if overflow else 1.0)
            scaler.unscale_(optimizer)
            scaler.step(optimizer)
            scaler.update()
        state = scaler.state_dict()
        report.append({"steps": steps, "overflow": overflow, "scale": state["scale"], "growth_tracker": state["_growth_tracker"]})
    return report


def steps(name: str, model: torch.nn.Module, shape: tuple[int, ...], rate: float) -> dict:
    masters = fill(model, 5).float().train()
    names = [name for name, _ in masters.named_parameters()]
    half = fill(type_of(name), 5).float().train().half()
    for module in half.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.float()
    optimizer = torch.optim.SGD(masters.parameters(), lr=rate, momentum=0.9, weight_decay=1e-4)
    scaler = torch.amp.GradScaler("cpu")
    labels = [(7 * i + 3) % 10 for i in range(shape[0])]
    x = pictures(6, shape).half()
    losses, scales = [], []
    for step in range(5):
        with torch.no_grad():
            for master, copy in zip(masters.parameters(), half.parameters()):
                copy.copy_(master)
        half.zero_grad()
        logits = half(x).float()
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor(labels))
        scaler.scale(loss).backward()
        for master, copy in zip(masters.parameters(), half.parameters()):
            master.grad = copy.grad.float()
        if step == 0:
            gradients = {key: sample(master.grad) for key, master in masters.named_parameters()}
        scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
        scales.append(scaler.get_scale())
    after = {key: sample(master) for key, master in masters.named_parameters()}
    running = {key: sample(tensor) for key, tensor in half.state_dict().items() if "running" in key}
    dtypes = sorted({str(parameter.dtype) for parameter in half.parameters()})
    assert len(names) == len(after) and dtypes[0] == "torch.float16"
    return {"model": name, "shape": shape, "labels": labels, "learning_rate": rate, "losses": losses, "scales": scales,
            "scaled_gradients": gradients, "masters": after, "running": running}


def type_of(name: str) -> torch.nn.Module:
    if name == "resnet8":
        return small(1, 1, 10)
    linear, relu = torch.nn.Linear, torch.nn.ReLU
    return torch.nn.Sequential(torch.nn.Flatten(), linear(64, 48), relu(), linear(48, 32), relu(), linear(32, 10))


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    report = {
        "torch": torch.__version__,
        "schedule": schedule(),
        "steps": [
            steps("mlp", type_of("mlp"), (24, 1, 8, 8), 0.1),
            steps("resnet8", type_of("resnet8"), (16, 1, 16, 16), 0.05),
        ],
    }
    (pathlib.Path(__file__).parent / "amp.json").write_text(json.dumps(report) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
