"""Records losses and gradients of PyTorch's CrossEntropyLoss with weights of classes: of classes, of shares, and smoothed.

    python class_weight.py

torch 2.15.0, in float64.
"""
import json
import os

import numpy as np
import torch

rng = np.random.default_rng(5)
ROWS, CLASSES = 6, 4
logits = torch.tensor(rng.normal(size=(ROWS, CLASSES)) * 2)
weight = torch.tensor([0.25, 1.0, 3.0, 0.7], dtype=torch.float64)
classes = torch.tensor([0, 2, 2, 3, 1, 0])
one_hot = torch.nn.functional.one_hot(classes, CLASSES).double()
# MixUp with the row before.
mixed = 0.7 * one_hot + 0.3 * one_hot.roll(1, 0)


def case(targets, shares, smoothing, divisor):
    x = logits.clone().requires_grad_()
    loss = torch.nn.CrossEntropyLoss(weight=weight, label_smoothing=smoothing)(x, targets)
    loss.backward()
    return dict(shares=shares.flatten().tolist(), smoothing=smoothing, divisor=divisor, loss=float(loss.detach()), grad=x.grad.flatten().tolist())


of_classes = float(weight[classes].sum())
cases = [case(classes, one_hot, smoothing, of_classes) for smoothing in (0.0, 0.1)]
# Of shares PyTorch's mean is over rows.
cases += [case(mixed, mixed, smoothing, ROWS) for smoothing in (0.0, 0.1)]
here = os.path.dirname(os.path.abspath(__file__))
recorded = dict(rows=ROWS, logits=logits.flatten().tolist(), weight=weight.tolist(), cases=cases)
json.dump(recorded, open(os.path.join(here, "class_weight.json"), "w"), separators=(",", ":"))
