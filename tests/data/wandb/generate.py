"""How wandb's own writer frames records, for trainer/src/run/wandb.rs.

    pip install wandb==0.19.11 "protobuf<6"       # the last versions whose writer is Python
    python tests/data/wandb/generate.py

Writes frames.json: for each list of payload lengths, the length and the CRC-32 of the file. Byte `i` of payload `n` is
`(7 * i + n) % 251`.
"""

import json
import pathlib
import tempfile
import types
import zlib

import wandb

wandb._assert_is_internal_process = True
from wandb.sdk.internal.datastore import DataStore  # noqa: E402

BLOCK = 32768
CASES = [
    [1, 10, 100],
    # Nothing is left of the block, then less than a head, then exactly a head.
    *([BLOCK - 7 - 7 - left, 50, 60] for left in [0, 1, 6, 7, 8]),
    # Over one and over several blocks.
    [BLOCK - 14, BLOCK - 7, BLOCK - 6, 5],
    [3 * BLOCK, 2 * BLOCK + 17, 9],
    [1000] * 100,
]

rows = []
for sizes in CASES:
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "run.wandb"
        store = DataStore()
        store.open_for_write(str(path))
        for n, size in enumerate(sizes):
            store._write_data(bytes((7 * i + n) % 251 for i in range(size)))
        store.close()
        data = path.read_bytes()
        rows.append({"sizes": sizes, "bytes": len(data), "crc32": zlib.crc32(data)})
out = pathlib.Path(__file__).with_name("frames.json")
out.write_text(json.dumps({"wandb": wandb.__version__, "files": rows}) + "\n")
