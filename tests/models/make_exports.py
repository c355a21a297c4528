"""Makes small exports of detectors with random weights, and the boxes that Ultralytics finds with them.

Runs in a separate environment, by `./dev test --models`: Ultralytics is under the AGPL and no part of
freshframe, which neither imports nor ships it or anything that it makes.

Run: python make_exports.py FOLDER [ONNX ...]. FOLDER gets an .onnx for each model, and boxes.npz; files
given are measured, too.
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
import onnxruntime
import torch
from ultralytics import RTDETR, YOLO

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools" / "shapes"))
from shape_scenes import scene

SIDE = 160
WANTED = 300  # candidates above the threshold
SCENES = 30  # scenes of each kind
IOU = 0.45
INSIDE = 0.2  # the confidence of an export with suppression inside
SIZES = ((160, 160), (320, 180), (123, 211), (640, 480))
MODELS: dict[
    str, tuple[Any, str, dict[str, Any]]
] = {  # name: (class, configuration, further options of the export)
    "yolov5nu": (YOLO, "yolov5n.yaml", {}),
    "yolov8n": (YOLO, "yolov8n.yaml", {}),
    "yolov8n_open": (YOLO, "yolov8n.yaml", {"dynamic": True}),
    "yolov8n_nms": (YOLO, "yolov8n.yaml", {"nms": True, "conf": INSIDE, "iou": IOU}),
    "yolov10n": (YOLO, "yolov10n.yaml", {}),
    "yolo11n": (YOLO, "yolo11n.yaml", {}),
    "yolo26n": (YOLO, "yolo26n.yaml", {}),
    "rtdetr": (RTDETR, "rtdetr-resnet50.yaml", {}),
}


def pictures() -> list[Any]:
    """In BGR: smooth noise of several sizes; scenes of the input's size, enlarged, and enlarged and cut."""
    rng = np.random.default_rng(3)
    made = []
    for width, height in SIZES:
        coarse = rng.integers(0, 256, (height // 8 + 2, width // 8 + 2, 3)).astype(np.float32)
        y, x = np.mgrid[:height, :width] / 8.0
        j, i = y.astype(int), x.astype(int)
        v, u = (y - j)[..., None], (x - i)[..., None]
        top = coarse[j, i] * (1 - u) + coarse[j, i + 1] * u
        bottom = coarse[j + 1, i] * (1 - u) + coarse[j + 1, i + 1] * u
        made.append((top * (1 - v) + bottom * v).astype(np.uint8))
    # Adds pictures with something to find for the model of shapes.
    made += [np.ascontiguousarray(scene(rng).picture[..., ::-1]) for _ in range(SCENES)]
    for number in range(SCENES):  # cut, so that the input's sides are rounded when they are scaled
        times = 2 + number % 3
        large = scene(rng).picture.repeat(times, 0).repeat(times, 1)[..., ::-1]
        made.append(np.ascontiguousarray(large))
        height, width = rng.integers(SIDE * times * 5 // 8, SIDE * times + 1, 2)
        made.append(np.ascontiguousarray(large[:height, :width]))
    return made


def livened(model: Any) -> None:
    """Normalisations, biases and heads as after training, so that boxes and confidences differ.

    Ultralytics starts heads at confidences of 1e-5, where float32's sigmoid has some dozen values: the boxes'
    order would be that of ties, and a difference of a last bit would give another set of boxes.
    """
    torch.manual_seed(1)
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(part.weight, 0.8, 1.6)
            torch.nn.init.normal_(part.bias, 0, 0.3)
    for part in model.modules():
        for name, weights, bias in (("cv2", 0.2, 0.0), ("cv3", 0.1, -2.0)):  # boxes, classes
            for head in (name, f"one2one_{name}"):
                branches = getattr(part, head, None)
                for branch in branches if isinstance(branches, torch.nn.ModuleList) else ():
                    torch.nn.init.normal_(branch[-1].weight, 0, weights)
                    torch.nn.init.normal_(branch[-1].bias, bias, 0.5)


def threshold(path: Path, given: list[Any]) -> float:
    """The confidence that about WANTED candidates of a picture exceed."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    tensor = np.stack([np.resize(given[0], (SIDE, SIDE, 3))])[..., ::-1].transpose(0, 3, 1, 2)
    rows = session.run(None, {session.get_inputs()[0].name: np.ascontiguousarray(tensor, np.float32) / 255})[
        0
    ][0]
    if rows.shape[1] == 6 and rows.shape[0] == 300:
        scores = rows[:, 4]
    elif rows.shape[0] == 300:
        scores = rows[:, 4:].max(1)
    else:
        scores = rows[4:].max(0)
    scores = np.sort(scores)[::-1]
    return float(scores[min(WANTED, len(scores) - 1)]) if scores[0] > 0 else 0.0


def main() -> None:
    """Command line."""
    folder = Path(sys.argv[1]).resolve()
    sys.argv[2:] = [str(Path(path).resolve()) for path in sys.argv[2:]]
    folder.mkdir(parents=True, exist_ok=True)
    given = pictures()
    boxes: dict[str, Any] = {f"picture{i}": picture for i, picture in enumerate(given)}
    files: list[tuple[str, Any, Path, float | None]] = []
    for name, (kind, configuration, options) in MODELS.items():
        try:
            (folder / name).mkdir(exist_ok=True)
            os.chdir(folder / name)  # an export is called as its configuration
            torch.manual_seed(0)
            model = kind(configuration)
            livened(model.model)
            made = model.export(format="onnx", imgsz=SIDE, simplify=False, verbose=False, **options)
            path = folder / f"{name}.onnx"
            shutil.move(made, path)
        except Exception as error:  # a version that lacks this one
            print(f"{name}: not made: {type(error).__name__}: {error}", flush=True)
            continue
        files.append((name, kind, path, options.get("conf")))
    os.chdir(folder)
    files += [(Path(path).stem, YOLO, Path(shutil.copy(path, folder)), 0.3) for path in sys.argv[2:]]
    for name, kind, path, confidence in files:
        least = threshold(path, given) if confidence is None else confidence
        predictor = YOLO(str(path), task="detect") if kind is YOLO else kind(str(path))
        for i, picture in enumerate(given):
            found = predictor.predict(
                picture, imgsz=SIDE, conf=max(least, 1e-9), iou=IOU, max_det=300, rect=False, verbose=False
            )
            boxes[f"{name}/{i}"] = found[0].boxes.data.cpu().numpy()
        boxes[f"{name}/confidence"] = np.float64(least)
        print(
            f"{name}: {[len(boxes[f'{name}/{i}']) for i in range(len(given))]} boxes above {least:.3g}",
            flush=True,
        )
    np.savez(folder / "boxes.npz", **boxes)


if __name__ == "__main__":
    main()
