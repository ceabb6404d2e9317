"""Writes scikit-learn's digits (1797 images of 8 x 8, from UCI's optical recognition of handwritten digits) as MNIST's files.

    python digits.py

scikit-learn 1.7 or newer. The order is shuffled by a fixed seed; the first 1437 train, the last 360 test. Pixels 0..16 become
0..255. digits.json is for the test of fifty steps: PyTorch's losses and weights from the same start (torch 2.15.0).
"""
import gzip
import json
import os
import struct

import numpy as np
import torch
from sklearn.datasets import load_digits

here = os.path.dirname(os.path.abspath(__file__))
digits = load_digits()
order = np.random.default_rng(0).permutation(len(digits.target))
images = np.round(digits.images[order] * 255 / 16).astype(np.uint8)
labels = digits.target[order].astype(np.uint8)


def write(name, array):
    header = struct.pack(">HBB", 0, 8, array.ndim) + b"".join(struct.pack(">I", size) for size in array.shape)
    with open(os.path.join(here, name), "wb") as file:
        file.write(gzip.compress(header + array.tobytes(), 9, mtime=0))


write("train-images-idx3-ubyte.gz", images[:1437])
write("train-labels-idx1-ubyte.gz", labels[:1437])
write("t10k-images-idx3-ubyte.gz", images[1437:])
write("t10k-labels-idx1-ubyte.gz", labels[1437:])

# Weights that both sides make by the same formula: no file of them is needed.
SIZES = [64, 24, 16, 10]


def start(layer, kind, count, fan_in):
    i = np.arange(count, dtype=np.float64)
    return (np.sin(i * 12.9898 + layer * 78.233 + kind * 37.719) / np.sqrt(fan_in)).astype(np.float32)


def steps(momentum, weight_decay, clip, smoothing, class_weight=None):
    model = torch.nn.Sequential(*[m for a, b in zip(SIZES, SIZES[1:]) for m in (torch.nn.Linear(a, b), torch.nn.ReLU())][:-1])
    linears = [m for m in model if isinstance(m, torch.nn.Linear)]
    with torch.no_grad():
        for layer, linear in enumerate(linears):
            fan_in = linear.in_features
            linear.weight.copy_(torch.tensor(start(layer, 0, linear.weight.numel(), fan_in)).view_as(linear.weight))
            linear.bias.copy_(torch.tensor(start(layer, 1, linear.bias.numel(), fan_in)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=momentum, weight_decay=weight_decay)
    x = torch.tensor(images[:1437].reshape(1437, 64)).float() / 255
    y = torch.tensor(labels[:1437].astype(np.int64))
    weight = None if class_weight is None else torch.tensor(class_weight)
    losses, norms = [], []
    for step in range(50):
        rows = [(step * 29 + i) % 1437 for i in range(29)]
        loss = torch.nn.functional.cross_entropy(model(x[rows]), y[rows], weight, label_smoothing=smoothing)
        optimizer.zero_grad()
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(model.parameters(), clip)))
        optimizer.step()
        losses.append(float(loss.detach()))
    return dict(momentum=momentum, weight_decay=weight_decay, clip=clip, smoothing=smoothing, class_weight=class_weight, losses=losses, norms=norms,
                bias=linears[-1].bias.detach().tolist(), weight=linears[-1].weight.detach().flatten().tolist())


torch.set_num_threads(1)
cases = [steps(0.9, 0.0, 1e9, 0.0), steps(0.9, 1e-3, 0.5, 0.1)]
cases.append(steps(0.9, 0.0, 1e9, 0.1, [0.5, 1.0, 2.0, 1.0, 0.25, 3.0, 1.0, 1.0, 0.1, 1.5]))
json.dump(dict(sizes=SIZES, cases=cases), open(os.path.join(here, "digits.json"), "w"), separators=(",", ":"))
