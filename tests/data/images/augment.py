"""Records what Keras 3.15's ImageDataGenerator and torchvision 0.29's MixUp and CutMix make of images: augment.json.

    KERAS_BACKEND=torch python tests/data/images/augment.py
"""

import base64, json, os, pathlib

os.environ["KERAS_BACKEND"] = "torch"
import numpy as np
import torch
from keras.src.legacy.preprocessing.image import ImageDataGenerator
from torchvision.transforms import v2
from resize import noise

HERE = pathlib.Path(__file__).parent
random = np.random.default_rng(0)


def floats(array):
    return base64.b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode()


def parameters(i, height, width):
    u = lambda low, high: float(random.uniform(low, high))
    one = {
        "theta": u(-40, 40), "tx": u(-0.4, 0.4) * height, "ty": u(-0.4, 0.4) * width, "shear": u(-30, 30),
        "zx": u(0.6, 1.5), "zy": u(0.6, 1.5), "flip_horizontal": bool(i & 1), "flip_vertical": bool(i & 2),
        "channel_shift_intensity": u(-60, 60) if i % 3 == 0 else None, "brightness": u(0.3, 1.8) if i % 5 == 0 else None,
    }
    # Some that leave parts of the matrix out, move by whole pixels, or go far beyond the image.
    if i % 4 == 1:
        one.update(theta=0.0, shear=0.0)
    if i % 4 == 2:
        one.update(theta=0.0, shear=0.0, zx=1.0, zy=1.0, tx=float(i // 2), ty=-3.0)
    if i % 7 == 6:
        one.update(zx=4.0, zy=5.0)
    return one


transforms = []
for i in range(20):
    side = 6 + i % 9
    for width, height in [(side, side)] + ([(side + 5, side)] if i % 4 == 0 else []):
        params = parameters(i, height, width)
        image = noise(width, height, i + 1)
        results = {}
        for fill in ("nearest", "constant", "reflect", "wrap"):
            for order in (1, 0) if i % 5 == 3 else (1,):
                generator = ImageDataGenerator(fill_mode=fill, cval=17.5, interpolation_order=order)
                x = generator.apply_transform(image.astype("float32"), dict(params))
                results[f"{fill} {order}"] = floats(x)
        transforms.append({"seed": i + 1, "size": [width, height], "transform": params, "results": results})

# Values that have left 0 to 255 are stretched before their brightness changes.
standardized = []
images = np.stack([noise(8, 6, 70 + i) for i in range(5)]).astype("float32")
for options in [
    {"rescale": 1 / 255},
    {"samplewise_center": True},
    {"samplewise_std_normalization": True, "rescale": 1 / 127.5},
    {"featurewise_center": True},
    {"featurewise_std_normalization": True, "rescale": 1 / 255},
]:
    generator = ImageDataGenerator(**options)
    generator.fit(images)
    entry = {"options": options, "result": floats(generator.standardize(images[2].copy()))}
    if generator.mean is not None:
        entry["mean"] = generator.mean.reshape(-1).tolist()
    if generator.std is not None:
        entry["std"] = generator.std.reshape(-1).tolist()
    standardized.append(entry)

# (samples, channels, height, width) for torchvision; recorded as samples × height × width × channels.
batch = np.stack([noise(7, 5, 80 + i) for i in range(4)]).astype("float32") / 255
labels = torch.tensor([2, 0, 1, 1])
mixes = []
for kind, params in [
    (v2.MixUp(num_classes=3), {"lam": 0.3}),
    (v2.MixUp(num_classes=3), {"lam": 0.8251}),
    (v2.CutMix(num_classes=3), {"box": (1, 0, 5, 4), "lam_adjusted": 1.0 - 4 * 4 / 35}),
    (v2.CutMix(num_classes=3), {"box": (6, 2, 7, 5), "lam_adjusted": 1.0 - 3 / 35}),
]:
    params = params | {"labels": labels, "batch_size": 4}
    inputs = torch.from_numpy(batch).permute(0, 3, 1, 2)
    mixed, shares = kind.transform(inputs, params), kind.transform(labels, params)
    mixes.append({"lambda": params.get("lam", params.get("lam_adjusted")), "box": params.get("box"),
                  "inputs": floats(mixed.permute(0, 2, 3, 1)), "shares": shares.reshape(-1).tolist()})

# The Beta shares and pasted areas of 20 000 draws.
torch.manual_seed(0)
image = [torch.zeros(1, 3, 50, 80)]
moments = []
for alpha in (0.2, 1.0):
    cut = v2.CutMix(alpha=alpha, num_classes=3)
    left = np.array([cut.make_params(image)["lam_adjusted"] for _ in range(20000)])
    share = np.array([v2.MixUp(alpha=alpha, num_classes=3).make_params(image)["lam"] for _ in range(20000)])
    moments.append({"alpha": alpha, "mix_up": [share.mean(), share.std()], "cut_mix": [left.mean(), left.std()]})

data = {"transforms": transforms, "standardized": standardized, "mixes": mixes, "moments": moments}
(HERE / "augment.json").write_text(json.dumps(data, indent=0))
