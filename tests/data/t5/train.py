"""Records what transformers' T5 learns from two pairs: loss and gradients, in f64, of the models that make.py made.

    python tests/data/t5/train.py

Needs torch and transformers 5.23. Writes training.json beside each model. Texts are padded here and not in agents/src/models/t5: the
gradients are the same. Of each gradient every third number is kept.
"""

import json
import pathlib

import torch
from safetensors.torch import load_file
from transformers import T5Config, T5ForConditionalGeneration
from transformers.models.t5.modeling_t5 import T5LayerNorm

HERE = pathlib.Path(__file__).parent
SOURCES = [[17, 45, 9, 160, 33, 5, 210, 1], [60, 12, 1]]
# -100 counts for nothing and is read as padding.
LABELS = [[8, 90, 33, 1], [120, -100, 7, 44, 250, 1]]


def padded(rows: list[list[int]], value: int) -> torch.Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [value] * (longest - len(row)) for row in rows])


def norm(self, x: torch.Tensor) -> torch.Tensor:
    """T5LayerNorm.forward, which sums squares in f32 whatever its input is, in the type of its input."""
    return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)


def main() -> None:
    T5LayerNorm.forward = norm
    for kind in ("relu", "gated"):
        folder = HERE / kind
        tensors = {}
        for file in sorted(folder.glob("*.safetensors")):
            tensors |= load_file(file)
        config = T5Config(**json.loads((folder / "config.json").read_text()))
        config.dropout_rate = 0.0
        net = T5ForConditionalGeneration(config).double().train()
        if "lm_head.weight" in tensors:
            net.lm_head.weight = torch.nn.Parameter(tensors["lm_head.weight"].double())
        missing = net.load_state_dict({n: t.double() for n, t in tensors.items()}, strict=False)
        assert not missing.unexpected_keys, missing
        labels = padded(LABELS, -100)
        batch = {"input_ids": padded(SOURCES, 0), "labels": labels}
        batch["attention_mask"] = (batch["input_ids"] != 0).long()
        cases = []
        for smoothing in (0.0, 0.1):
            net.zero_grad()
            out = net(**batch)
            loss = torch.nn.functional.cross_entropy(out.logits.flatten(0, 1), labels.flatten(), ignore_index=-100, label_smoothing=smoothing)
            if smoothing == 0.0:
                assert torch.equal(loss, out.loss) or abs(loss - out.loss) < 1e-12
            loss.backward()
            gradients = {n: p.grad.flatten()[::3].tolist() for n, p in net.named_parameters()}
            cases.append({"label_smoothing": smoothing, "gradients": gradients})
        print(kind, out.loss.item(), len(gradients), sorted(set(tensors) ^ set(gradients)))
        document = {"sources": SOURCES, "labels": LABELS, "loss": out.loss.item(), "cases": cases}
        (folder / "training.json").write_text(json.dumps(document))


main()
