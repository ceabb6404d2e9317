"""Which operators ONNX Runtime runs for a file, and how often, as JSON: by its own profile, after its optimizations."""

import collections
import json
import os
import sys
import tempfile

import numpy as np
import onnxruntime

options = onnxruntime.SessionOptions()
options.log_severity_level = 3
options.enable_profiling = True
with tempfile.TemporaryDirectory() as folder:
    options.profile_file_prefix = os.path.join(folder, "profile")
    session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
    feed = {given.name: np.zeros([1, *given.shape[1:]], np.float32) for given in session.get_inputs()}
    session.run(None, feed)
    with open(session.end_profiling()) as profile:
        events = json.load(profile)
operators = [event["args"]["op_name"] for event in events if event["name"].endswith("_kernel_time")]
print(json.dumps(collections.Counter(operators)))
