"""Records convolutions and their gradients with PyTorch, for agents/src/nn/kernels/conv_tests.rs.

    pip install torch==2.15.0 numpy
    python conv2d.py > conv2d.json
"""

import json

import torch
from torch.nn import functional


def rounded(tensor):
    return [round(x, 6) for x in tensor.flatten().tolist()]


def case(batch, channels, height, width, outputs, kernel, stride, padding):
    torch.manual_seed(len(str((channels, height, kernel))) + kernel)
    x = torch.randn(batch, channels, height, width).round(decimals=3).requires_grad_()
    weight = torch.randn(outputs, channels, kernel, kernel).round(decimals=3).requires_grad_()
    bias = torch.randn(outputs).round(decimals=3).requires_grad_()
    y = functional.relu(functional.conv2d(x, weight, bias, stride=stride, padding=padding))
    grad = torch.randn_like(y).round(decimals=3)
    y.backward(grad)
    tensors = {"x": x, "weight": weight, "bias": bias, "y": y, "grad": grad}
    tensors |= {"dx": x.grad, "dweight": weight.grad, "dbias": bias.grad}
    sizes = {"batch": batch, "channels": channels, "height": height, "width": width, "outputs": outputs}
    sizes |= {"kernel": kernel, "stride": stride, "padding": padding}
    return sizes | {name: rounded(tensor) for name, tensor in tensors.items()}


cases = [
    case(3, 4, 5, 6, 16, 3, 1, 0),
    case(2, 2, 12, 10, 5, 8, 2, 0),
    case(2, 16, 6, 6, 18, 4, 2, 0),
    case(9, 3, 5, 4, 7, 3, 2, 1),
    case(1, 16, 4, 4, 16, 1, 1, 0),
    case(2, 1, 7, 7, 3, 7, 2, 3),
]
print(json.dumps(cases))
