"""Makes a small export of a classifier with random weights, and the probabilities that Ultralytics finds.

Runs as make_exports.py, by `./dev test --models`. Run: python make_classes.py FOLDER. FOLDER gets the .onnx
and classes.npz.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("YOLO_OFFLINE", "true")
os.environ.setdefault("YOLO_AUTOINSTALL", "false")

import numpy as np
import torch
from PIL import Image
from ultralytics import YOLO

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools" / "shapes"))
from shape_scenes import scene

NAME = "yolo11n-cls"
PICTURES = 500
SIDE = 224  # side of the input


def pictures() -> list[Any]:
    """Crops of 80 to 640 pixels in BGR: parts of enlarged scenes, with sharp edges."""
    rng = np.random.default_rng(5)
    made = []
    for number in range(PICTURES):
        times = 1 + number % 4
        large = scene(rng).picture[..., ::-1].repeat(times, 0).repeat(times, 1)
        height, width = rng.integers(large.shape[0] // 2, large.shape[0] + 1, 2)
        made.append(np.ascontiguousarray(large[:height, :width]))
    return made


def livened(model: Any, given: list[Any]) -> None:
    """Normalisations as after training, with the statistics of pictures, and a head whose classes differ."""
    torch.manual_seed(1)
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = 1.0
            torch.nn.init.uniform_(part.weight, 0.8, 1.6)
            torch.nn.init.normal_(part.bias, 0, 0.3)
    batch = np.stack([np.asarray(Image.fromarray(one[..., ::-1]).resize((SIDE, SIDE))) for one in given])
    with torch.no_grad():
        model.train()(torch.from_numpy(batch.transpose(0, 3, 1, 2) / 255).float())
    torch.nn.init.normal_(model.model[-1].linear.weight, 0, 0.15)
    model.eval()


def main() -> None:
    """Command line."""
    folder = Path(sys.argv[1]).resolve()
    given = pictures()
    (folder / NAME).mkdir(parents=True, exist_ok=True)
    os.chdir(folder / NAME)
    torch.manual_seed(0)
    model = YOLO(f"{NAME}.yaml")
    livened(model.model, given[:16])
    path = model.export(format="onnx", imgsz=SIDE, simplify=False, verbose=False)
    path = shutil.move(path, folder / f"{NAME}.onnx")
    predictor = YOLO(str(path), task="classify")
    found = [predictor.predict(one, imgsz=SIDE, verbose=False)[0].probs.data.numpy() for one in given]
    best = np.stack(found).max(axis=1)
    print(
        f"{NAME}: {len(set(np.stack(found).argmax(axis=1)))} classes, {np.quantile(best, (0.1, 0.5, 0.9))}",
        flush=True,
    )
    np.savez(
        folder / "classes.npz",
        probabilities=np.stack(found),
        **{f"picture{i}": one for i, one in enumerate(given)},
    )


if __name__ == "__main__":
    main()
