"""Records PyTorch's quantization for servers (fbgemm), for agents/src/quantization/tests.rs.

    pip install torch==2.15.0 numpy
    python quantization.py > quantization.json

Inputs are drawn by SplitMix64, as in the tests, so that only what comes out is in the file.
"""

import json
import warnings

import numpy as np
import torch
from torch import nn
from torch.ao.quantization import DeQuantStub, QuantStub, convert, fuse_modules, get_default_qconfig, prepare
from torch.ao.quantization.observer import HistogramObserver

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
torch.backends.quantized.engine = "fbgemm"


def uniform(seed, count):
    """From -1 to 1."""
    z = (seed + (np.arange(count, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)).astype(np.uint64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return 2.0 * ((z ^ (z >> np.uint64(31))) >> np.uint64(11)).astype("f8") * 2.0**-53 - 1.0


def stream(kind, batch):
    """A batch of one of the streams that observers see."""
    x = uniform(1000 * kind + batch, 4000)
    grown = 1.0 + 0.3 * batch
    return (
        [
            lambda: x * grown,  # wider and wider
            lambda: np.maximum(x, 0.0) ** 3 * grown,  # rectified, most of it small
            lambda: x**9 * 10.0,  # outliers on both sides
            lambda: x + 5.0,  # all above 0, always the same range but for the edges
            lambda: np.full(4000, 0.5 if batch == 0 else 0.25 * batch),  # constant, and then not
            lambda: np.where(np.arange(4000) == 7, 100.0, x),  # one outlier
            lambda: np.zeros(4000),
            lambda: np.full(4000, -3.0),
        ][kind]()
    ).astype("f4")


def observed(kind):
    observer = HistogramObserver(reduce_range=True)
    for batch in range(5):
        observer(torch.tensor(stream(kind, batch)))
    scale, zero_point = observer.calculate_qparams()
    return {"scale": float(scale), "zero_point": int(zero_point)}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.quant, self.dequant = QuantStub(), DeQuantStub()
        self.conv, self.relu, self.fc = nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Linear(8 * 6 * 6, 10)

    def forward(self, x):
        x = self.relu(self.conv(self.quant(x)))
        return self.dequant(self.fc(x.flatten(1)))


def numbers(seed, *shape):
    return torch.tensor(uniform(seed, int(np.prod(shape))).astype("f4").reshape(shape))


def network():
    net = Net().eval()
    with torch.no_grad():
        net.conv.weight.copy_(numbers(1, 8, 3, 3, 3) * 0.3)
        net.conv.weight[5] = 0.0
        net.conv.bias.copy_(numbers(2, 8) * 0.2)
        net.fc.weight.copy_(numbers(3, 10, 288) * 0.1)
        net.fc.bias.copy_(numbers(4, 10))
    net = fuse_modules(net, [["conv", "relu"]])
    net.qconfig = get_default_qconfig("fbgemm")
    prepare(net, inplace=True)
    for batch in range(4):
        net(numbers(10 + batch, 16, 3, 8, 8) * 2.0)
    convert(net, inplace=True)
    x = net.quant(numbers(20, 4, 3, 8, 8) * 2.0)
    weight = net.conv.weight()
    y = net.conv(x)
    return {
        "input": {"scale": x.q_scale(), "zero_point": x.q_zero_point(), "integers": x.int_repr().flatten().tolist()},
        "weight": {
            "scales": weight.q_per_channel_scales().tolist(),
            "integers": weight.int_repr().flatten().tolist(),
        },
        "output": {"scale": y.q_scale(), "zero_point": y.q_zero_point(), "integers": y.int_repr().flatten().tolist()},
    }


print(json.dumps({"observers": [observed(kind) for kind in range(8)], "network": network()}))
