"""Masked categorical distributions by PyTorch, as sb3-contrib's MaskableCategorical makes them: categorical.json.

Run with torch installed: python tests/data/masks/generate.py
"""

import json
from pathlib import Path

import torch

torch.manual_seed(7)


def case(actions: int) -> dict:
    logits = (3 * torch.randn(8, actions)).requires_grad_()
    valid = torch.rand(8, actions) < 0.5
    valid[torch.arange(8), torch.randint(actions, (8,))] = True
    # Row 0 has all, row 1 one action.
    valid[0] = True
    valid[1] = False
    valid[1, actions - 1] = True
    chosen = torch.multinomial(valid.float(), 1).squeeze(1)
    masked = torch.distributions.Categorical(logits=torch.where(valid, logits, torch.tensor(-1e8)))
    # MaskableCategorical.entropy leaves out what has no chance.
    entropy = -torch.where(valid, masked.logits * masked.probs, torch.tensor(0.0)).sum(-1)
    log_prob = masked.log_prob(chosen)
    (0.7 * log_prob - 0.3 * entropy).sum().backward()
    return {
        "actions": actions,
        "logits": logits.detach().flatten().tolist(),
        "valid": valid.flatten().tolist(),
        "chosen": chosen.tolist(),
        "probs": masked.probs.detach().flatten().tolist(),
        "log_prob": log_prob.detach().tolist(),
        "entropy": entropy.detach().tolist(),
        "grad": logits.grad.flatten().tolist(),
    }


path = Path(__file__).parent / "categorical.json"
path.write_text(json.dumps([case(2), case(6), case(17)]) + "\n")
