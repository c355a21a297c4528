"""Measures the model of shapes: precision on unseen scenes, boxes in noise, the built-in scene.

Run: python tools/shapes/evaluate_shapes.py [MODEL]
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from shape_scenes import NAMES, noise, scene

import freshframe as ff

SCENES = 500
NOISES = 500
SEED = 999  # different from the training, whose seeds consist of two numbers
USUAL = 0.65  # confidence threshold of the demo
URL = "demo:shapes?size=640x360&fps=10&pace=0&frames=300"

Found = tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]  # boxes, confidences, classes


def overlaps(box: npt.NDArray[Any], others: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Returns the intersection over union with each box."""
    width = np.minimum(box[2], others[:, 2]) - np.maximum(box[0], others[:, 0])
    height = np.minimum(box[3], others[:, 3]) - np.maximum(box[1], others[:, 1])
    both = np.clip(width, 0, None) * np.clip(height, 0, None)
    areas = (others[:, 2] - others[:, 0]) * (others[:, 3] - others[:, 1])
    return np.asarray(both / ((box[2] - box[0]) * (box[3] - box[1]) + areas - both))


def average_precision(found: Sequence[Found], truth: Sequence[Found], kind: int, overlap: float) -> float:
    """Returns the area under the precision-recall curve at 101 points, as defined by COCO."""
    chosen = [
        (boxes, sure) for boxes, sure, classes in ((b[c == kind], s[c == kind], c) for b, s, c in found)
    ]
    ranked = sorted(
        ((float(sure[k]), i, boxes[k]) for i, (boxes, sure) in enumerate(chosen) for k in range(len(boxes))),
        key=lambda one: -one[0],
    )
    wanted = [boxes[classes == kind] for boxes, _, classes in truth]
    taken = [np.zeros(len(boxes), bool) for boxes in wanted]
    hits = []
    for _, i, box in ranked:
        shares = np.where(taken[i], 0, overlaps(box, wanted[i])) if len(wanted[i]) else np.zeros(1)
        best = int(shares.argmax())
        hits.append(bool(shares[best] >= overlap))
        if hits[-1]:
            taken[i][best] = True
    total = sum(len(boxes) for boxes in wanted)
    right = np.cumsum(hits)
    recall = right / max(total, 1)
    precision = np.maximum.accumulate((right / np.arange(1, len(hits) + 1))[::-1])[::-1]
    places = np.searchsorted(recall, np.linspace(0, 1, 101))
    return float(np.mean([precision[k] if k < len(precision) else 0.0 for k in places]))


def detect(path: Path, pictures: Sequence[npt.NDArray[np.uint8]], confidence: float) -> list[Found]:
    """Returns the model's detections in RGB images."""
    detector = ff.OnnxDetector(path, min_confidence=confidence)
    frames = [ff.Frame.from_array(picture, format="rgb") for picture in pictures]
    results = [sample.value for sample in ff.testing.run_node(detector, frames)]
    return [(found.xyxy, found.confidence, found.class_id) for found in results]


def measure(path: Path, scenes: int = SCENES, noises: int = NOISES) -> dict[str, float]:
    """Returns all figures."""
    rng = np.random.default_rng(SEED)
    unseen = [scene(rng) for _ in range(scenes)]
    truth = [(one.boxes, np.ones(len(one.boxes)), one.classes) for one in unseen]
    found = detect(path, [one.picture for one in unseen], 0.01)
    figures = {"shapes": float(sum(len(one.boxes) for one in unseen))}
    for overlap in (0.5, 0.75):
        each = [average_precision(found, truth, kind, overlap) for kind in range(len(NAMES))]
        figures[f"mAP{overlap * 100:.0f}"] = float(np.mean(each))
        if overlap == 0.5:
            figures |= {f"AP50 {name}": value for name, value in zip(NAMES, each, strict=True)}
    in_noise = detect(path, [noise(rng) for _ in range(noises)], USUAL)
    figures["boxes in noise"] = float(sum(len(boxes) for boxes, _, _ in in_noise))
    return figures | built_in(path)


def built_in(path: Path) -> dict[str, float]:
    """Returns recall and precision in the scene of `demo:shapes`, for shapes that are fully visible."""
    from freshframe._cli.demo.shapes import compare  # noqa: PLC0415

    pipeline = ff.Pipeline()
    scenes = pipeline.add(ff.open(URL))
    reader = pipeline.reader(pipeline.add(ff.OnnxDetector(path, min_confidence=USUAL), scenes))
    with pipeline:
        result = compare(URL, list(reader))
    return {
        "demo: found": result.found / result.shapes,
        "demo: wrong boxes per frame": result.wrong / result.frames,
    }


def main() -> None:
    """Command line."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("model", type=Path, nargs="?", default=ff.demo.shapes_model())
    for name, value in measure(options.parse_args().model).items():
        print(f"{name:<28} {value:.4g}")


if __name__ == "__main__":
    main()
