"""Records `torch.nn.LSTM` before a linear layer, forward and backward, for agents/src/nn/mlp/lstm_tests.rs.

Two layers of five units read sequences of several lengths, each with a memory of its own at its beginning; the loss is a sum
of the outputs with given weights.

    pip install torch==2.15.0 numpy
    python lstm.py > lstm.json
"""

import json

import torch
from torch import nn

INPUTS, UNITS, LAYERS, OUTPUTS = 3, 5, 2, 2
LENGTHS = (2, 1, 4, 2)

if __name__ == "__main__":
    torch.manual_seed(1)
    lstm, head = nn.LSTM(INPUTS, UNITS, LAYERS), nn.Linear(UNITS, OUTPUTS)
    rows = sum(LENGTHS)
    x = torch.randn(rows, INPUTS, requires_grad=True)
    # What is remembered at first: of each sequence h and c of each layer. The second begins with nothing.
    memories = torch.randn(len(LENGTHS), LAYERS, 2, UNITS)
    memories[1] = 0
    grads = torch.randn(rows, OUTPUTS)
    outputs, after = [], []
    for sequence, memory in zip(x.split(LENGTHS), memories):
        state = (memory[:, 0:1].contiguous(), memory[:, 1:2].contiguous())
        h, c = state[0], state[1]
        for row in sequence:
            y, (h, c) = lstm(row.view(1, 1, INPUTS), (h, c))
            outputs.append(head(y.view(UNITS)))
            after.append(torch.cat([h, c], dim=1).detach())
    outputs = torch.stack(outputs)
    (outputs * grads).sum().backward()
    named = {f"lstm.{name}": p for name, p in lstm.named_parameters()}
    named |= {f"0.{name}": p for name, p in head.named_parameters()}
    print(json.dumps({
        "units": UNITS, "layers": LAYERS, "lengths": LENGTHS, "x": x.tolist(), "memories": memories.tolist(),
        "grads": grads.tolist(), "outputs": outputs.tolist(), "after": [each.tolist() for each in after],
        "parameters": {name: p.tolist() for name, p in named.items()},
        "gradients": {name: p.grad.tolist() for name, p in named.items()}, "by_x": x.grad.tolist(),
    }))
