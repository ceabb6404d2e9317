#!/usr/bin/env python3
"""Seconds to a solved CartPole-v1, as whole processes: from starting `cartwheel` to its exit.

    cargo build --release
    python3 bench/solve.py

Each seed is one process, `cartwheel train CartPole-v1 --seed K --json`, one after another. Wall and CPU time are of the
whole process: start-up, training, every evaluation, and the run's files. "Training" is the same without start-up and
evaluations, as the process reports it. Only Python's standard library is needed.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def solve(binary: str, env: str, seed: int, runs: str, extra: list[str]) -> dict:
    """Trains one seed in a process of its own."""
    command = [binary, "train", env, "--seed", str(seed), "--runs-dir", runs, "--json", *extra]
    with tempfile.TemporaryFile() as stdout:
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdout=stdout, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        stdout.seek(0)
        text = stdout.read().decode()
    try:
        summary = json.loads(text)
    except ValueError:
        summary = {"error": text or "no output"}
    if process.returncode != 0:
        sys.exit(f"seed {seed}: exit code {process.returncode}: {summary.get('error', text)}\n  {' '.join(command)}")
    return {
        "seed": seed,
        "solved": summary["solved"],
        "mean": summary["greedy_return"]["mean"],
        "steps": summary["steps"],
        "updates": summary["updates"],
        "train_wall_s": summary["wall_s"],
        "train_cpu_s": summary["cpu_s"],
        "wall_s": wall,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss / 1024,
    }


def cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


COLUMNS = [
    ("process wall s", "wall_s", "{:.3f}"),
    ("process CPU s", "cpu_s", "{:.3f}"),
    ("training wall s", "train_wall_s", "{:.3f}"),
    ("training CPU s", "train_cpu_s", "{:.3f}"),
    ("steps", "steps", "{:.0f}"),
    ("updates", "updates", "{:.0f}"),
    ("greedy return", "mean", "{:.1f}"),
    ("peak memory MiB", "peak_mib", "{:.1f}"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).resolve().parent.parent / "target" / "release" / "cartwheel"
    parser.add_argument("--binary", default=str(default))
    parser.add_argument("--env", default="CartPole-v1")
    parser.add_argument("--seeds", type=int, default=20, help="how many, from 1 on")
    parser.add_argument("--repeat", type=int, default=1, help="times that each seed is run; its median counts")
    parser.add_argument("--json", action="store_true", help="print a JSON document in place of the table")
    parser.add_argument("extra", nargs="*", help="more arguments for `cartwheel train`, after --")
    args = parser.parse_args()
    if not Path(args.binary).is_file():
        sys.exit(f"{args.binary} is not there: cargo build --release, or name it with --binary")

    rows = []
    with tempfile.TemporaryDirectory() as runs:
        for seed in range(1, args.seeds + 1):
            tries = [solve(args.binary, args.env, seed, runs, args.extra) for _ in range(args.repeat)]
            if len({(t["steps"], t["updates"], t["mean"]) for t in tries}) > 1:
                print(f"seed {seed}: its repeats differ in steps or return (the sync clock should not)", file=sys.stderr)
            row = dict(tries[0])
            for key in ("wall_s", "cpu_s", "train_wall_s", "train_cpu_s", "peak_mib"):
                row[key] = statistics.median(t[key] for t in tries)
            rows.append(row)
            print(f"seed {seed}: {'solved' if row['solved'] else 'NOT SOLVED'}, {row['wall_s']:.3f} s", file=sys.stderr)

    solved = sum(row["solved"] for row in rows)
    machine = {"cpu": cpu_model(), "cores": os.cpu_count(), "load_average_1min": round(os.getloadavg()[0], 2)}
    version = subprocess.run([args.binary, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if args.json:
        report = {"version": version, "machine": machine, "repeat": args.repeat, "solved": solved, "runs": rows}
        print(json.dumps(report, indent=2))
        return
    print(f"{version} on {machine['cpu']}, {machine['cores']} cores, load average {machine['load_average_1min']}")
    print(f"{args.env}: {solved} of {len(rows)} seeds solved, {args.repeat} repeat{'s' if args.repeat > 1 else ''} each\n")
    print(f"{'':16}{'min':>10}{'median':>10}{'max':>10}")
    for title, key, form in COLUMNS:
        values = [row[key] for row in rows]
        cells = (min(values), statistics.median(values), max(values))
        print(f"{title:16}" + "".join(f"{form.format(value):>10}" for value in cells))


if __name__ == "__main__":
    main()
