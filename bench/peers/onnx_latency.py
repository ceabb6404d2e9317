"""How long ONNX Runtime takes for files that `cartwheel export` wrote, in turns: p50 and p95 in milliseconds.

    python onnx_latency.py resnet8-f32.onnx resnet8-f16.onnx resnet8-int8.onnx [--batches 1,32] [--calls 200] [--threads 2]

Files are asked call by call in turns, so that whatever else the machine does is spread over all.
"""

import argparse
import os
import time

import numpy as np
import onnxruntime

from common import machine, show


def session(file: str, threads: int):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


parser = argparse.ArgumentParser()
parser.add_argument("files", nargs="+")
parser.add_argument("--batches", default="1,32")
parser.add_argument("--calls", type=int, default=200)
parser.add_argument("--threads", type=int, default=2)
arguments = parser.parse_args()

sessions = {file: session(file, arguments.threads) for file in arguments.files}
cases = []
for batch in map(int, arguments.batches.split(",")):
    times = {file: [] for file in sessions}
    shape = [batch, *next(iter(sessions.values())).get_inputs()[0].shape[1:]]
    x = np.random.default_rng(0).random(shape, np.float32)
    for call in range(arguments.calls + 3):
        for file, asked in sessions.items():
            begin = time.perf_counter()
            asked.run(None, {"input": x})
            if call >= 3:
                times[file].append(1e3 * (time.perf_counter() - begin))
    for file, milliseconds in times.items():
        p50, p95 = (round(float(np.percentile(milliseconds, p)), 4) for p in (50, 95))
        cases.append({"file": os.path.basename(file), "batch": batch, "p50_ms": p50, "p95_ms": p95})
sizes = {os.path.basename(file): os.path.getsize(file) for file in sessions}
about = {"script": "onnx_latency.py", "threads": arguments.threads, "calls": arguments.calls}
show({**machine(["onnxruntime", "numpy"]), **about, "bytes": sizes, "cases": cases})
