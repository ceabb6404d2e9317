"""Records small baseline JPEGs of all common kinds, and CRC-32s of what Pillow 13 (libjpeg-turbo 3.2) decodes them to: jpeg.json.

    python tests/data/images/jpeg.py
"""

import base64, io, json, pathlib, zlib
import numpy as np
from PIL import Image, ImageFile
from resize import noise

HERE = pathlib.Path(__file__).parent
ImageFile.MAXBLOCK = 1 << 20

out = {}
for width, height in [(16, 16), (17, 16), (33, 47), (70, 1), (101, 2), (18, 35), (31, 9)]:
    rough = Image.fromarray(noise(width, height, width))
    smooth = rough.resize((max(2, width // 6), max(2, height // 6)), Image.BOX).resize((width, height), Image.BICUBIC)
    kinds = {"420": {"subsampling": 2}, "422": {"subsampling": 1}, "444": {"subsampling": 0},
             "optimized": {"optimize": True}, "restarts": {"restart_marker_blocks": 3, "subsampling": 1}}
    for kind, options in kinds.items():
        for image, what, quality in [(rough, "rough", 60), (smooth, "smooth", 95)]:
            out[f"{width}x{height} {kind} {what}"] = image, {"quality": quality, **options}
    out[f"{width}x{height} gray"] = rough.convert("L"), {"quality": 90}
# Values that leave 0 to 255 on their way.
extreme = Image.fromarray((np.random.default_rng(0).integers(0, 2, (24, 40, 3)) * 255).astype(np.uint8))
for subsampling in range(3):
    out[f"extreme {subsampling}"] = extreme, {"quality": 30 + 35 * subsampling, "subsampling": subsampling}

recorded = {}
for name, (image, options) in out.items():
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    rgb = np.asarray(Image.open(file).convert("RGB"))
    recorded[name] = {"file": base64.b64encode(file.getvalue()).decode(), "crc32": zlib.crc32(rgb.tobytes())}
text = json.dumps(recorded, indent=0)
print(len(recorded), "files,", len(text), "bytes")
(HERE / "jpeg.json").write_text(text)
