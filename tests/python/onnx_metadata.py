"""What a file of ONNX says of itself, as ONNX Runtime reads it, and the SHA-256 of another file: as JSON."""

import hashlib
import json
import sys

import onnxruntime

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
with open(sys.argv[2], "rb") as file:
    digest = hashlib.file_digest(file, "sha256").hexdigest()
print(json.dumps({"metadata": session.get_modelmeta().custom_metadata_map, "sha256": digest}))
