"""What it costs a classifier to look at all pixels of a crop: scaling as in Pillow beside scaling as in cv2.

python bench/antialias.py [--rounds 15] [--out FILE.json]

A picture of 720p in I420 goes through OnnxClassifier, whose network takes the mean of an input of 224x224,
so that nearly all of its time is the pixels': of a crop of 300x300 and of the whole picture. By hand: the
crop in RGB, Pillow's resize, and the tensor. Rounds alternate; antialias=True is measured twice.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "python"))
from rigs.onnx_files import OnnxFile, node

import freshframe as ff

SIDE, PICTURES = 224, 60
CROPS = {"300x300": (100, 100, 400, 400), "1280x720": (0, 0, 1280, 720)}


def means(path: Path) -> Path:
    """The mean of each colour."""
    file = OnnxFile(
        inputs={"images": (("n", 3, SIDE, SIDE), "float32")}, outputs={"scores": (("n", 3), "float32")}
    )
    file.nodes.append(node("ReduceMean", ["images"], ["scores"], axes=[2, 3], keepdims=0))
    return file.save(path)


def of_node(model: Path, box: tuple[int, ...], frames: list[ff.Frame], *, antialias: bool) -> float:
    """Milliseconds per picture."""
    boxes = [ff.Detections([list(box)], [1], [0])] * len(frames)
    classifier = ff.OnnxClassifier(model, center_crop=True, antialias=antialias, threads=1, provider="cpu")
    begun = time.perf_counter()
    ff.testing.run_node(classifier, boxes, frames=frames)
    return (time.perf_counter() - begun) * 1e3 / len(frames)


def by_hand(box: tuple[int, ...], frames: list[ff.Frame]) -> float:
    """Milliseconds per picture."""
    from PIL import Image  # noqa: PLC0415

    x0, y0, x1, y1 = box
    short = min(x1 - x0, y1 - y0)
    size = SIDE * (x1 - x0) // short, SIDE * (y1 - y0) // short
    left, top = (size[0] - SIDE) // 2, (size[1] - SIDE) // 2
    begun = time.perf_counter()
    for frame in frames:
        crop = np.ascontiguousarray(frame.copy("rgb")[y0:y1, x0:x1])
        scaled = np.asarray(Image.fromarray(crop).resize(size, Image.Resampling.BILINEAR))
        middle = scaled[top : top + SIDE, left : left + SIDE]
        tensor = np.ascontiguousarray(middle.transpose(2, 0, 1), np.float32)
        tensor /= 255
    return (time.perf_counter() - begun) * 1e3 / len(frames)


def main() -> None:
    """Command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=15)
    arguments.add_argument("--out", type=Path)
    given = arguments.parse_args()
    rng = np.random.default_rng(1)
    arrays = [rng.integers(0, 256, (1080, 1280), np.uint8) for _ in range(PICTURES)]
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        model = means(Path(folder) / "means.onnx")
        for name, box in CROPS.items():
            ways: dict[str, Callable[[list[ff.Frame]], float]] = {
                "as cv2": partial(of_node, model, box, antialias=False),
                "as Pillow": partial(of_node, model, box, antialias=True),
                "as Pillow, again": partial(of_node, model, box, antialias=True),
                "Pillow by hand": partial(by_hand, box),
            }
            times: dict[str, list[float]] = {way: [] for way in ways}
            for turn in range(given.rounds + 1):
                for way in list(ways)[:: 1 if turn % 2 else -1]:
                    # frames without the formats that an earlier way has made
                    took = ways[way]([ff.Frame.from_array(array, "i420", copy=False) for array in arrays])
                    if turn:  # the first one warms up
                        times[way].append(took)
            result[name] = {way: [float(np.median(each)), float(np.max(each))] for way, each in times.items()}
            for way, (median, most) in result[name].items():
                print(f"{name:9s} {way:17s} {median:6.2f} ms per picture, {most:.2f} at most")
    if given.out:
        given.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
