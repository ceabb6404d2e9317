"""Images a second and core: torchvision's transforms on Pillow's images, and Cartwheel's, in turns on the same JPEGs.

    cargo build --release -p cartwheel-trainer --example image_speed
    python data_pipeline.py

Each is one thread of one process, and CPU seconds are counted. "decode": to 8-bit RGB. "evaluate": Resize(256),
CenterCrop(224), ToTensor, Normalize. "crops": RandomResizedCrop(224), RandomHorizontalFlip, ToTensor, Normalize. "affine":
evaluate's size, RandomAffine (15 degrees, a tenth of the sides, zooms of a tenth, bilinear), RandomHorizontalFlip, ToTensor,
Normalize; beside it Keras' ImageDataGenerator, which Cartwheel's map is equal to bit for bit, on a part of the images.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

os.environ["KERAS_BACKEND"] = "torch"
import numpy as np
import torch
from PIL import Image, ImageFilter
from torchvision import transforms as T

from common import machine, show

HERE = pathlib.Path(__file__).parent
PROGRAM = HERE.parent.parent / "target/release/examples/image_speed"
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def make(folder: pathlib.Path, count: int) -> list[pathlib.Path]:
    """Pictures with the detail of photographs at 500 x 375, some 60 KB each at quality 90."""
    random = np.random.default_rng(0)
    paths = []
    for i in range(count):
        layers = []
        for octave in range(7):
            shape = (4 << octave, 5 << octave)
            layer = Image.fromarray(random.integers(0, 256, (*shape, 3), dtype=np.uint8)).resize((500, 375), Image.BICUBIC)
            layers.append(np.asarray(layer, np.float32) * 0.62**octave)
        values = np.clip((sum(layers) / sum(0.62**o for o in range(7)) - 128) * 1.8 + 128, 0, 255)
        paths.append(folder / "all" / f"{i:03}.jpg")
        paths[-1].parent.mkdir(exist_ok=True)
        Image.fromarray(values.astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.6)).save(paths[-1], quality=90)
    return paths


def decode(path: pathlib.Path) -> Image.Image:
    with open(path, "rb") as file:
        return Image.open(file).convert("RGB")


def seconds(step, paths: list[pathlib.Path]) -> float:
    start = time.process_time()
    for path in paths:
        step(path)
    return (time.process_time() - start) / len(paths)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(1)
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    last = [T.ToTensor(), T.Normalize(MEAN, STD)]
    size = [T.Resize(256), T.CenterCrop(224)]
    affine = T.RandomAffine(15, (0.1, 0.1), (0.9, 1.1), interpolation=T.InterpolationMode.BILINEAR)
    chains = {
        "decode": T.Compose([]),
        "evaluate": T.Compose([*size, *last]),
        "crops": T.Compose([T.RandomResizedCrop(224), T.RandomHorizontalFlip(), *last]),
        "affine": T.Compose([*size, affine, T.RandomHorizontalFlip(), *last]),
    }
    generator = ImageDataGenerator(rotation_range=15, width_shift_range=0.1, height_shift_range=0.1, zoom_range=0.1,
                                   horizontal_flip=True, rescale=1 / 255)
    shrink = T.Compose(size)

    def keras(path):
        generator.standardize(generator.random_transform(np.asarray(shrink(decode(path)), np.float32)))

    with tempfile.TemporaryDirectory() as folder:
        paths = make(pathlib.Path(folder), args.images)
        kilobytes = sum(path.stat().st_size for path in paths) / len(paths) / 1000
        peers = {name: [] for name in [*chains, "keras"]}
        ours = {name: [] for name in chains}
        for _ in range(args.rounds):
            out = subprocess.run([PROGRAM, folder], check=True, capture_output=True, text=True).stdout
            for name, value in json.loads(out).items():
                ours[name].append(value)
            for name, chain in chains.items():
                peers[name].append(seconds(lambda path: chain(decode(path)), paths))
            peers["keras"].append(seconds(keras, paths[:20]))
    rate = {name: 1 / statistics.median(values) for name, values in peers.items()}
    our_rate = {name: 1 / statistics.median(values) for name, values in ours.items()}
    ratios = {name: [p / o for p, o in zip(peers[name], ours[name])] for name in ours}
    ratios["affine to keras"] = [p / o for p, o in zip(peers["keras"], ours["affine"])]
    show({
        "benchmark": "images per CPU second, one thread, JPEGs of 500 x 375",
        "images": args.images, "kilobytes": round(kilobytes, 1), "rounds": args.rounds,
        "torchvision": {name: round(value, 1) for name, value in rate.items() if name != "keras"},
        "keras affine": round(rate["keras"], 1),
        "cartwheel": {name: round(value, 1) for name, value in our_rate.items()},
        "ratio": {name: {"median": round(statistics.median(r), 2), "least": round(min(r), 2), "most": round(max(r), 2)}
                  for name, r in ratios.items()},
        **machine(["torch", "torchvision", "pillow", "keras", "scipy"]),
    })


main()
