"""Greedy decoding of a T5-small with random weights: tokens/s of transformers' generate() and of `cartwheel translate`.

    python t5_decode.py --cartwheel ../../target/release/cartwheel

Both load the same files, encode the same prompts, write the same number of tokens with the same number of threads and a
key/value cache, in turns; the time is that of generate(), without loading. What they write is compared. The embedding of the end
of a text is zero, so that no text ends early.
"""

import argparse
import json
import pathlib
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


def ours(cartwheel: str, folder: pathlib.Path, prompts: list[str], tokens: int, threads: int) -> dict:
    file = folder / "prompts.txt"
    file.write_text("\n".join(prompts))
    command = [cartwheel, "translate", str(folder), "--file", str(file), "--json", "--max-new-tokens", str(tokens)]
    command += ["--batch-size", str(len(prompts)), "--threads", str(threads)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cartwheel", default="../../target/release/cartwheel")
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    config = T5Config(decoder_start_token_id=0, n_positions=512)
    model = T5ForConditionalGeneration(config).eval()
    with torch.no_grad():
        model.shared.weight[1] = 0.0

    results = {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        model.save_pretrained(folder)
        shutil.copy(SPIECE, folder)
        for batch in (1, 8):
            prompts = (PROMPTS * 2)[:batch]
            rates = {"cartwheel": [], "transformers": []}
            lengths, same = [], True
            for round_ in range(args.rounds + 1):
                found = ours(args.cartwheel, folder, prompts, args.tokens, args.threads)
                lengths = [t["input_tokens"] for t in found["translations"]]
                ids = torch.zeros(batch, max(lengths), dtype=torch.long)
                mask = torch.zeros_like(ids)
                for row, translation in enumerate(found["translations"]):
                    ids[row, : lengths[row]] = torch.tensor(translation["input_ids"])
                    mask[row, : lengths[row]] = 1
                begin = time.perf_counter()
                with torch.no_grad():
                    written = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=args.tokens, do_sample=False)
                seconds = time.perf_counter() - begin
                same &= written[:, 1:].tolist() == [t["tokens"] for t in found["translations"]]
                if round_ > 0:  # The first warms both up.
                    rates["cartwheel"].append(found["tokens_per_second"])
                    rates["transformers"].append(batch * args.tokens / seconds)
            medians = {name: round(statistics.median(values), 1) for name, values in rates.items()}
            ratios = [a / b for a, b in zip(rates["cartwheel"], rates["transformers"])]
            results[f"batch_{batch}"] = {
                "tokens_per_second": medians,
                "best": {name: round(max(values), 1) for name, values in rates.items()},
                "ratio_median_of_pairs": round(statistics.median(ratios), 2),
                "prompt_tokens": lengths,
                "same_tokens": same,
            }
    show(
        {
            **machine(["torch", "transformers"]),
            "script": "t5_decode.py",
            "model": "t5-small, random weights, f32",
            "new_tokens": args.tokens,
            "threads": args.threads,
            "results": results,
        }
    )


if __name__ == "__main__":
    main()
