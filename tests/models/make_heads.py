"""Makes small exports for masks, turned boxes and poses with random weights, and Ultralytics' results.

Runs as make_exports.py, by `./dev test --models`. Run: python make_heads.py FOLDER. FOLDER gets an .onnx
for each model, and heads.npz.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import make_exports as exports
import numpy as np
import onnxruntime
import torch
from ultralytics import YOLO

PICTURES = 16  # from make_exports.pictures(): those of all sizes, and some scenes
WANTED = 100  # candidates above the threshold
CLASSES = 80
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "yolov8n-seg": ("segment", {}),
    "yolo11n-seg-nms": ("segment", {"nms": True, "conf": 0.2, "iou": exports.IOU}),
    "yolo26n-seg": ("segment", {}),
    "yolo26n-seg-end2end": ("segment", {"end2end": True}),
    "yolov8n-obb": ("obb", {}),
    "yolo26n-obb": ("obb", {}),
    "yolo26n-obb-end2end": ("obb", {"end2end": True}),
    "yolo11n-pose": ("pose", {}),
    "yolo26n-pose": ("pose", {}),
}


def livened(model: Any, pictures: list[Any]) -> None:
    """As make_exports.livened(), with weights, angles and planes that differ.

    Normalisations get the statistics of the pictures: without them their biases drown all else.
    """
    exports.livened(model)
    for part in model.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = 1.0
        # Boxes of YOLO26 are distances without a bound: below zero they have no area, but Ultralytics keeps
        # them.
        for name, bias in (("cv2", 3.0), ("cv4", 0.0)):
            for head in (name, f"one2one_{name}"):
                branches = getattr(part, head, None)
                for branch in branches if isinstance(branches, torch.nn.ModuleList) else ():
                    last = branch[-1] if isinstance(branch, torch.nn.Sequential) else branch
                    if hasattr(last, "weight"):
                        torch.nn.init.normal_(last.weight, 0, 0.05)
                        torch.nn.init.normal_(last.bias, bias, 0.5)
    some = np.stack([picture for picture in pictures if picture.shape[:2] == (exports.SIDE, exports.SIDE)])
    with torch.no_grad():
        model.train()(torch.from_numpy(some[..., ::-1].transpose(0, 3, 1, 2) / 255).float())
    model.eval()


def made(folder: Path, name: str, task: str, options: dict[str, Any], pictures: list[Any]) -> Path:
    """Exports one."""
    (folder / name).mkdir(exist_ok=True)
    os.chdir(folder / name)
    torch.manual_seed(0)
    model = YOLO(name.removesuffix("-nms").removesuffix("-end2end") + ".yaml", task=task)
    livened(model.model, pictures)
    path = model.export(format="onnx", imgsz=exports.SIDE, simplify=False, verbose=False, **options)
    return Path(shutil.move(path, folder / f"{name}.onnx"))


def threshold(path: Path, picture: Any) -> float:
    """The confidence that about WANTED candidates of a picture exceed."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    tensor = np.resize(picture, (exports.SIDE, exports.SIDE, 3))[None, ..., ::-1].transpose(0, 3, 1, 2)
    given = np.ascontiguousarray(tensor, np.float32) / 255
    outputs = session.run(None, {session.get_inputs()[0].name: given})
    rows = next(output for output in outputs if output.ndim == 3)[0]
    classes = 1 if "pose" in path.name else CLASSES
    scores = rows[:, 4] if len(rows) == 300 else rows[4 : 4 + classes].max(axis=0)
    return float(np.sort(scores)[::-1][min(WANTED, len(scores) - 1)])


def kept(result: Any, task: str) -> dict[str, Any]:
    """The arrays of one picture."""
    if task == "obb":
        found = result.obb
        return {"corners": found.xyxyxyxy, "confidence": found.conf, "class_id": found.cls}
    found = result.boxes
    arrays = {"xyxy": found.xyxy, "confidence": found.conf, "class_id": found.cls}
    if task == "pose":
        arrays["keypoints"] = result.keypoints.data
    elif result.masks is not None:
        arrays["masks"] = np.packbits(result.masks.data.numpy().astype(bool), axis=-1)
    return arrays


def main() -> None:
    """Command line."""
    folder = Path(sys.argv[1]).resolve()
    pictures = exports.pictures()[:PICTURES]
    arrays: dict[str, Any] = {f"picture{i}": picture for i, picture in enumerate(pictures)}
    for name, (task, options) in MODELS.items():
        try:
            path = made(folder, name, task, options, pictures)
        except Exception as error:  # a version that lacks this one
            print(f"{name}: not made: {type(error).__name__}: {error}", flush=True)
            continue
        least = max(threshold(path, pictures[0]), 1e-9, options.get("conf", 0))
        predictor = YOLO(str(path), task=task)
        counts = []
        for i, picture in enumerate(pictures):
            (result,) = predictor.predict(
                picture, imgsz=exports.SIDE, conf=least, iou=exports.IOU, max_det=300, rect=False,
                retina_masks=True, verbose=False,
            )  # fmt: skip
            for key, array in kept(result, task).items():
                arrays[f"{name}/{i}/{key}"] = np.asarray(array)
            counts.append(len(result))
        arrays[f"{name}/confidence"] = np.float64(least)
        print(f"{name}: {counts} boxes above {least:.3g}", flush=True)
    np.savez(folder / "heads.npz", **arrays)


if __name__ == "__main__":
    main()
