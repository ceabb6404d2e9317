"""Records what Pillow 13 and torchvision 0.29 make of images: resize.json.

    python tests/data/images/resize.py

Images are made of a generator that both sides implement (xorshift64), so that only results are stored.
"""

import base64, json, pathlib, zlib
import numpy as np
import torch
from PIL import Image
from torchvision import transforms as T

HERE = pathlib.Path(__file__).parent


def noise(width, height, seed):
    """Smooth waves with noise on top; uint8 (height, width, 3)."""
    state = seed * 0x9E3779B97F4A7C15 % 2**64 | 1
    values = np.empty(height * width * 3, np.uint8)
    for i in range(values.size):
        state ^= state << 13 & 0xFFFFFFFFFFFFFFFF
        state ^= state >> 7
        state ^= state << 17 & 0xFFFFFFFFFFFFFFFF
        x, y = i // 3 % width, i // 3 // width
        values[i] = ((x * 3 + y * 5 + 40 * (i % 3)) % 256) // 2 + (state >> 57)
    return values.reshape(height, width, 3)


def crc(array):
    return zlib.crc32(np.ascontiguousarray(array).tobytes())


def main():
    filters = {"nearest": 0, "bilinear": 2, "bicubic": 3, "lanczos": 1}
    sizes = [(50, 37, 34, 25), (64, 48, 22, 22), (10, 15, 25, 38), (37, 53, 26, 97), (1, 1, 5, 3), (7, 1, 3, 9),
             (640, 3, 224, 2), (3, 640, 3, 224), (200, 150, 7, 5), (16, 16, 16, 16), (16, 9, 16, 31), (16, 9, 5, 9)]
    resizes = []
    for seed, (w, h, ow, oh) in enumerate(sizes):
        a = noise(w, h, seed + 1)
        for name, number in filters.items():
            b = np.asarray(Image.fromarray(a).resize((ow, oh), number))
            resizes.append({"seed": seed + 1, "from": [w, h], "to": [ow, oh], "filter": name, "crc32": crc(b),
                            "rgb": base64.b64encode(b.tobytes()).decode() if b.size < 3000 else None})
    large = noise(500, 375, 99)
    for name, number in filters.items():
        b = np.asarray(Image.fromarray(large).resize((341, 256), number))
        resizes.append({"seed": 99, "from": [500, 375], "to": [341, 256], "filter": name, "crc32": crc(b), "rgb": None})

    shapes = []
    for w, h in [(500, 375), (375, 500), (256, 256), (640, 427), (97, 301), (1, 1), (333, 1000), (1023, 767)]:
        for size in (256, 232, 40):
            image = T.Resize(size)(Image.new("RGB", (w, h)))
            shapes.append({"from": [w, h], "size": size, "to": list(image.size)})

    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    presets = []
    for seed, (w, h, size, crop) in enumerate([(120, 90, 64, 56), (90, 121, 64, 57), (33, 70, 40, 56), (60, 45, 31, 40)]):
        a = noise(w, h, seed + 50)
        steps = [T.Resize(size), T.CenterCrop(crop), T.ToTensor(), T.Normalize(mean, std)]
        tensor = T.Compose(steps)(Image.fromarray(a))
        nhwc = tensor.permute(1, 2, 0).contiguous().numpy()
        presets.append({"seed": seed + 50, "from": [w, h], "size": size, "crop": crop, "crc32": crc(nhwc),
                        "first": [float(v) for v in nhwc.reshape(-1)[:30]]})

    # The random crops of 20 000 draws: moments of area, aspect and place.
    crops = []
    torch.manual_seed(0)
    for w, h in [(500, 375), (100, 900)]:
        image = Image.new("RGB", (w, h))
        draws = np.array([T.RandomResizedCrop.get_params(image, (0.08, 1.0), (3 / 4, 4 / 3)) for _ in range(20000)], float)
        top, left, height, width = draws.T
        columns = [width * height / (w * h), np.log(width / height), left + width / 2, top + height / 2]
        crops.append({"from": [w, h], "mean": [c.mean() for c in columns], "std": [c.std() for c in columns]})

    data = {"resize": resizes, "shorter_side": shapes, "presets": presets, "random_resized_crop": crops}
    (HERE / "resize.json").write_text(json.dumps(data, indent=0))


if __name__ == "__main__":
    main()
