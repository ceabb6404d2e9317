"""A training step of a T5-small with random weights: pairs/s of transformers and of `cartwheel fit t5`.

    python t5_train.py --cartwheel ../../target/release/cartwheel

Both begin with the same files, learn the same pairs in batches of the same size with AdamW, dropout and the same number of threads,
in turns; the time is that of the steps, without loading. transformers pads each batch to its longest text.
"""

import argparse
import json
import pathlib
import random
import shutil
import statistics
import subprocess
import tempfile
import time

import torch
from sentencepiece import SentencePieceProcessor
from transformers import T5Config, T5ForConditionalGeneration

from common import machine, show
from t5_decode import SPIECE

WORDS = "the house is wonderful and garden green where station please cat sat on mat rat hat he said that did not know ask me again tomorrow".split()


def ours(cartwheel: str, folder: pathlib.Path, batch: int, threads: int) -> float:
    command = [cartwheel, "fit", "t5", "--data", str(folder / "data"), "--epochs", "1", "--batch-size", str(batch), "--json"]
    settings = {
        "t5.init": folder / "model", "fit.threads": threads, "fit.learning_rate": 1e-5, "data.validation_split": 0,
        "run.dir": folder / "runs", "t5.max_target_tokens": 64, "run.checkpoint_every": 0,
    }
    command += [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    shutil.rmtree(folder / "runs")
    return answer["samples_per_s"]


def padded(pieces: SentencePieceProcessor, texts: tuple) -> torch.Tensor:
    """Their tokens, each with the end of a text."""
    rows = [torch.tensor(pieces.encode(text) + [1]) for text in texts]
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


def theirs(folder: pathlib.Path, pairs: list, batch: int, threads: int) -> float:
    torch.set_num_threads(threads)
    model = T5ForConditionalGeneration.from_pretrained(folder / "model", dtype=torch.float32).train()
    pieces = SentencePieceProcessor(model_file=str(SPIECE))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=0.0)
    batches = []
    for at in range(0, len(pairs), batch):
        sources, targets = zip(*pairs[at : at + batch])
        ids, labels = padded(pieces, sources), padded(pieces, targets)
        batches.append(({"input_ids": ids, "attention_mask": (ids != 0).long()}, labels.masked_fill(labels == 0, -100)))
    begun = time.perf_counter()
    for inputs, labels in batches:
        optimizer.zero_grad()
        model(**inputs, labels=labels).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return len(pairs) / (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cartwheel", default="../../target/release/cartwheel")
    parser.add_argument("--pairs", type=int, default=48)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    torch.manual_seed(1)
    draw = random.Random(1)
    text = lambda: " ".join(draw.choices(WORDS, k=draw.randint(6, 14)))
    pairs = [(text(), text()) for _ in range(args.pairs)]
    rates = {"cartwheel": [], "transformers": []}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        T5ForConditionalGeneration(T5Config(decoder_start_token_id=0, n_positions=512)).save_pretrained(folder / "model")
        shutil.copy(SPIECE, folder / "model")
        (folder / "data").mkdir()
        (folder / "data" / "train.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairs))
        (folder / "data" / "test.tsv").write_text("the cat\tthe hat\n")
        for round_ in range(args.rounds + 1):
            figures = ours(args.cartwheel, folder, args.batch, args.threads), theirs(folder, pairs, args.batch, args.threads)
            if round_ > 0:  # The first warms both up.
                for rate, figure in zip(rates.values(), figures):
                    rate.append(figure)
    ratios = [a / b for a, b in zip(*rates.values())]
    show(
        {
            **machine(["torch", "transformers"]),
            "script": "t5_train.py",
            "model": "t5-small, random weights, f32",
            "batch": args.batch,
            "threads": args.threads,
            "pairs_per_second": {name: round(statistics.median(values), 2) for name, values in rates.items()},
            "ratio_median_of_pairs": round(statistics.median(ratios), 2),
        }
    )


if __name__ == "__main__":
    main()
