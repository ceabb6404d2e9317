"""Training a recommender in PyTorch on the CPU: ratings a second beside `cartwheel fit recommender`.

    python torch_recommender.py [--cartwheel target/release/cartwheel] [--ratings 1000000]

Matrix factorization by BPR with four negatives for each choice, 6040 users and 3706 items as MovieLens 1M has them, embeddings of 32
with biases, batches of 1024, and the way that is fastest in PyTorch: sparse gradients, SparseAdam, negatives of a batch drawn at once
(not checked against what the user chose). Cartwheel checks them, and writes its metrics and checkpoints as it always does. One thread each, one
after the other on the same ratings.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile
import time

import numpy as np
import torch
from torch import nn

from common import machine, show

USERS, ITEMS, DIM, BATCH, NEGATIVES = 6040, 3706, 32, 1024, 4


def torch_epoch(users: torch.Tensor, items: torch.Tensor) -> float:
    table = lambda rows, width: nn.Embedding(rows, width, sparse=True)
    tables = nn.ModuleList([table(USERS, DIM), table(ITEMS, DIM), table(USERS, 1), table(ITEMS, 1)])
    of_user, of_item, by_user, by_item = tables
    optimizer = torch.optim.SparseAdam(list(tables.parameters()), lr=0.003)
    begun = time.perf_counter()
    for rows in torch.randperm(len(users)).split(BATCH):
        who = users[rows]
        what = torch.cat([items[rows][:, None], torch.randint(ITEMS, (len(rows), NEGATIVES))], dim=1)
        scores = (of_user(who)[:, None] * of_item(what)).sum(-1) + by_user(who) + by_item(what)[..., 0]
        loss = -nn.functional.logsigmoid(scores[:, :1] - scores[:, 1:]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return len(users) / (time.perf_counter() - begun)


def cartwheel_epochs(binary: str, folder: pathlib.Path, file: pathlib.Path) -> float:
    command = [binary, "fit", "recommender", "--data", str(file), "--epochs", "2", "--batch-size", str(BATCH), "--json",
               "--set", "fit.threads=1", "--runs-dir", str(folder / "runs")]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output)["samples_per_s"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cartwheel", default="target/release/cartwheel")
    parser.add_argument("--ratings", type=int, default=1_000_000)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(1)
    users = rng.integers(USERS, size=args.ratings)
    items = (ITEMS * rng.random(args.ratings) ** 2).astype(np.int64)
    both = torch.from_numpy(users), torch.from_numpy(items)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        file = folder / "ratings.csv"
        np.savetxt(file, np.stack([users, items], axis=1), fmt="%d", delimiter=",", header="user,item", comments="")
        # In turns, so that a machine that is busy for a while is so for both.
        results = {"torch": [], "cartwheel": []}
        for _ in range(3):
            results["torch"].append(round(torch_epoch(*both)))
            results["cartwheel"].append(round(cartwheel_epochs(args.cartwheel, folder, file)))
    sizes = {"users": USERS, "items": ITEMS, "embedding_dim": DIM, "batch_size": BATCH, "negatives": NEGATIVES}
    show({**machine(["torch"]), "script": "torch_recommender.py", "sizes": sizes, "threads": 1, "ratings_per_s": results})


if __name__ == "__main__":
    main()
