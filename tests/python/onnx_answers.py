"""Answers of ONNX files by ONNX Runtime: each line on stdin is a JSON document, and so is each line on stdout.

In: ``{"file": FILE, "inputs": {NAME: [SHAPE, NUMBERS]}}``. Out: ``{NAME: [SHAPE, NUMBERS]}``. An input becomes what the file
says that it is.
"""

import json
import sys

import numpy as np
import onnxruntime

for line in sys.stdin:
    asked = json.loads(line)
    session = onnxruntime.InferenceSession(asked["file"], providers=["CPUExecutionProvider"])
    kinds = {given.name: given.type for given in session.get_inputs()}
    dtypes = {"float": "float32"}
    feed = {}
    for name, (shape, numbers) in asked["inputs"].items():
        kind = kinds[name].removeprefix("tensor(").removesuffix(")")
        feed[name] = np.array(numbers).reshape(shape).astype(dtypes.get(kind, kind))
    answers = session.run(None, feed)
    names = [answer.name for answer in session.get_outputs()]
    print(json.dumps({n: [a.shape, a.ravel().tolist()] for n, a in zip(names, answers, strict=True)}), flush=True)
