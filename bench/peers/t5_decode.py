"""Greedy decoding of a T5-small with random weights: tokens/s of transformers' generate() and of `cartwheel translate`.

    python t5_decode.py --cartwheel ../../target/release/cartwheel

Both load the same files, encode the same prompts, write the same number of tokens with the same number of threads and a
key/value cache, in turns; the time is that of generate(), without loading. What they write is compared. The embedding of the end
of a text is zero, so that no text ends early.
"""

import argparse
import json
import pathlib
import resource
import shutil
import statistics
import subprocess
import tempfile
import time

import torch
from transformers import T5Config, T5ForConditionalGeneration

from common import machine, show

SPIECE = pathlib.Path(__file__).parents[2] / "tests" / "data" / "t5" / "relu" / "spiece.model"
PROMPTS = [
    "translate English to French: The house is wonderful and the garden is green.",
    "translate English to German: Where is the station, please?",
    "translate English to French: The cat sat on the mat and the rat sat on the hat.",
    "translate English to German: He said that he did not know; ask me again tomorrow.",
]


def ours(cartwheel: str, folder: pathlib.Path, prompts: list[str], tokens: int, threads: int, precision: str):
    """What it answered, and the CPU time of the whole process."""
    file = folder / "prompts.txt"
    file.write_text("\n".join(prompts))
    command = [cartwheel, "translate", str(folder), "--file", str(file), "--json", "--max-new-tokens", str(tokens)]
    command += ["--batch-size", str(len(prompts)), "--threads", str(threads), "--precision", precision]
    cpu = lambda: sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    before = cpu()
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return answer, cpu() - before


def theirs(model, ids, mask, tokens: int) -> tuple[list, float, float]:
    """What it wrote, the time on the wall and the CPU time."""
    wall, cpu = time.perf_counter(), time.process_time()
    with torch.no_grad():
        written = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=tokens, do_sample=False)
    return written[:, 1:].tolist(), time.perf_counter() - wall, time.process_time() - cpu


def padded(answer: dict) -> tuple[torch.Tensor, torch.Tensor]:
    """The prompts that were translated, as a batch."""
    longest = max(t["input_tokens"] for t in answer["translations"])
    rows = [t["input_ids"] for t in answer["translations"]]
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    return ids, torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])


def measure(args, model, folder: pathlib.Path, batch: int, threads: int) -> dict:
    torch.set_num_threads(threads)
    tokens, run = args.tokens, lambda count: ours(args.cartwheel, folder, prompts, count, threads, args.precision)
    prompts = (PROMPTS * 2)[:batch]
    rates = {"cartwheel": [], "transformers": []}
    cpu_ms = {"cartwheel": [], "transformers": []}
    same = True
    for round_ in range(args.rounds + 1):
        answer, cpu = run(tokens)
        _, cpu_of_one = run(1)
        ids, mask = padded(answer)
        _, _, their_cpu_of_one = theirs(model, ids, mask, 1)
        written, wall, their_cpu = theirs(model, ids, mask, tokens)
        same &= written == [t["tokens"] for t in answer["translations"]]
        if round_ > 0:  # The first warms both up.
            rates["cartwheel"].append(answer["tokens_per_second"])
            rates["transformers"].append(batch * tokens / wall)
            cpu_ms["cartwheel"].append((cpu - cpu_of_one) / (tokens - 1) * 1e3)
            cpu_ms["transformers"].append((their_cpu - their_cpu_of_one) / (tokens - 1) * 1e3)
    medians = lambda figures: {name: round(statistics.median(values), 1) for name, values in figures.items()}
    ratios = [a / b for a, b in zip(rates["cartwheel"], rates["transformers"])]
    return {
        "tokens_per_second": medians(rates),
        "ratio_median_of_pairs": round(statistics.median(ratios), 2),
        # Of a step of the whole batch, without loading and encoding: a run's less that of a run of one token.
        "cpu_ms_per_step": medians(cpu_ms),
        "same_tokens": same,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cartwheel", default="../../target/release/cartwheel")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--precision", choices=["f32", "int8"], default="f32", help="cartwheel's weights; int8 writes other tokens")
    args = parser.parse_args()
    torch.manual_seed(1)
    model = T5ForConditionalGeneration(T5Config(decoder_start_token_id=0, n_positions=512)).eval()
    with torch.no_grad():
        model.shared.weight[1] = 0.0

    results = {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model.save_pretrained(folder)
        shutil.copy(SPIECE, folder)
        for threads in args.threads:
            for batch in args.batches:
                figures = measure(args, model, folder, batch, threads)
                results[f"threads_{threads}_batch_{batch}"] = figures
    show(
        {
            **machine(["torch", "transformers"]),
            "script": "t5_decode.py",
            "model": "t5-small, random weights, f32",
            "precision": args.precision,
            "new_tokens": args.tokens,
            "results": results,
        }
    )


if __name__ == "__main__":
    main()
