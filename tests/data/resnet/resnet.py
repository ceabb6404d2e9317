"""torchvision's residual networks on weights that a generator draws: logits, gradients, and five steps of SGD.

    python resnet.py        # writes resnet.json beside it

Weights are not in the file: both sides draw them from SplitMix64 (Steele et al. 2014), the k-th number (from 0) of a stream being
mix(seed + (k + 1) · 0x9E3779B97F4A7C15) >> 11 times 2^-53, brought to -1 to 1. One stream fills the tensors in the order of
`state_dict`, without `num_batches_tracked`: `value` says what becomes of a number.
"""

import json
import pathlib

import numpy
import torch
import torchvision
from torchvision.models.resnet import BasicBlock, ResNet


def uniform(seed: int, count: int) -> numpy.ndarray:
    with numpy.errstate(over="ignore"):
        z = numpy.uint64(seed) + numpy.arange(1, count + 1, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        z = z ^ (z >> numpy.uint64(31))
    return 2.0 * (z >> numpy.uint64(11)).astype(numpy.float64) * 2.0**-53 - 1.0


def value(name: str, shape: torch.Size, u: numpy.ndarray) -> numpy.ndarray:
    if name.endswith("running_var"):
        return 1.0 + 0.5 * u
    if len(shape) > 1:
        return u * numpy.sqrt(6.0 / numpy.prod(shape[1:]))
    if name.endswith("weight"):
        return 0.5 + 0.1 * u
    return 0.1 * u


def fill(model: torch.nn.Module, seed: int) -> torch.nn.Module:
    model = model.double()
    state = {name: tensor for name, tensor in model.state_dict().items() if not name.endswith("num_batches_tracked")}
    numbers = uniform(seed, sum(tensor.numel() for tensor in state.values()))
    at = 0
    for name, tensor in state.items():
        u = numbers[at : at + tensor.numel()]
        at += tensor.numel()
        tensor.copy_(torch.from_numpy(value(name, tensor.shape, u).reshape(tensor.shape)))
    return model


def pictures(seed: int, shape: tuple[int, ...]) -> torch.Tensor:
    """Drawn NHWC, given NCHW."""
    n, c, h, w = shape
    return torch.from_numpy(uniform(seed, n * c * h * w).reshape(n, h, w, c)).permute(0, 3, 1, 2).contiguous()


def small(blocks: int, channels: int, classes: int) -> ResNet:
    """The network of the paper's section 4.2, of torchvision's parts."""
    model = ResNet(BasicBlock, [1, 1, 1, 1], num_classes=classes)
    model.inplanes = 16
    model.conv1 = torch.nn.Conv2d(channels, 16, 3, padding=1, bias=False)
    model.bn1 = torch.nn.BatchNorm2d(16)
    model.maxpool = torch.nn.Identity()
    model.layer1 = model._make_layer(BasicBlock, 16, blocks)
    model.layer2 = model._make_layer(BasicBlock, 32, blocks, stride=2)
    model.layer3 = model._make_layer(BasicBlock, 64, blocks, stride=2)
    model.layer4 = torch.nn.Identity()
    model.fc = torch.nn.Linear(64, classes)
    return model


def sample(tensor: torch.Tensor) -> dict:
    """The norm, and eight numbers spread over it."""
    flat = tensor.detach().double().flatten()
    return {"norm": flat.norm().item(), "values": [flat[flat.numel() * i // 8].item() for i in range(8)]}


def logits(name: str, shape: tuple[int, ...]) -> dict:
    model = fill(getattr(torchvision.models, name)(), 1).float().eval()
    with torch.no_grad():
        out = model(pictures(2, shape).float())
    return {"model": name, "shape": shape, "logits": [float(f"{x:.8g}") for x in out.flatten().tolist()]}


def gradients(name: str, model: ResNet, shape: tuple[int, ...], classes: int) -> dict:
    model = fill(model, 3).train()
    labels = [(7 * i + 3) % classes for i in range(shape[0])]
    loss = torch.nn.functional.cross_entropy(model(pictures(4, shape)), torch.tensor(labels), label_smoothing=0.1)
    loss.backward()
    by_name = {key: sample(parameter.grad) for key, parameter in model.named_parameters()}
    running = {key: sample(tensor) for key, tensor in model.state_dict().items() if "running" in key}
    return {"model": name, "shape": shape, "classes": classes, "labels": labels, "loss": loss.item(), "gradients": by_name, "running": running}


def steps(name: str, model: ResNet, shape: tuple[int, ...], classes: int, rate: float, dtype: torch.dtype) -> dict:
    """ResNet-50's in 64 bits: with maps of 2 × 2 the rounding of 32 bits grows ten-thousandfold within a step, in PyTorch too."""
    model = fill(model, 5).to(dtype).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9, weight_decay=1e-4)
    labels = [(7 * i + 3) % classes for i in range(shape[0])]
    x, losses = pictures(6, shape).to(dtype), []
    for _ in range(5):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), torch.tensor(labels))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    after = {key: sample(tensor) for key, tensor in model.state_dict().items() if key.endswith(("running_mean", "running_var", "num_batches_tracked"))}
    return {"model": name, "shape": shape, "classes": classes, "labels": labels, "bits": torch.finfo(dtype).bits, "learning_rate": rate, "losses": losses, "after": after}


def main() -> None:
    torch.manual_seed(0)
    models = torchvision.models
    report = {
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "logits": [logits("resnet50", (2, 3, 96, 64)), logits("resnet18", (1, 3, 64, 64))],
        "gradients": [
            gradients("resnet8", small(1, 1, 10), (3, 1, 16, 16), 10),
            gradients("resnet20", small(3, 3, 7), (2, 3, 17, 16), 7),
            gradients("resnet18", models.resnet18(num_classes=11), (2, 3, 128, 128), 11),
            gradients("resnet50", models.resnet50(num_classes=11), (2, 3, 128, 128), 11),
        ],
        "steps": [
            steps("resnet8", small(1, 1, 10), (16, 1, 16, 16), 10, 0.05, torch.float32),
            steps("resnet50", models.resnet50(num_classes=10), (4, 3, 64, 64), 10, 0.01, torch.float64),
        ],
    }
    (pathlib.Path(__file__).parent / "resnet.json").write_text(json.dumps(report) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
