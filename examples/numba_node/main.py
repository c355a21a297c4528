"""Computes the brightness-weighted centre of each image with numba, and compares it with NumPy.

python main.py [VIDEO]          (needs numba: pip install numba)
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import numpy.typing as npt

import freshframe as ff


@ff.native.numba(out=(2,))
def centroid(pixels: Any, out: Any) -> None:
    """Writes the brightness-weighted centre (x, y) in pixels into `out`."""
    total = x_sum = y_sum = 0
    for y in range(pixels.shape[0]):
        row = x_row = 0
        for x in range(pixels.shape[1]):
            row += pixels[y, x]
            x_row += x * pixels[y, x]
        total += row
        x_sum += x_row
        y_sum += y * row
    if total > 0:
        out[0] = x_sum / total
        out[1] = y_sum / total


def centroid_in_numpy(frame: ff.Frame) -> npt.NDArray[np.float32]:
    """Does the same in NumPy."""
    luma = frame.luma
    columns, rows = luma.sum(0, dtype=np.int64), luma.sum(1, dtype=np.int64)
    total = max(1, int(rows.sum()))
    x = columns @ np.arange(len(columns)) / total
    y = rows @ np.arange(len(rows)) / total
    return np.array([x, y], np.float32)


def main(video: str) -> None:
    pipeline = ff.Pipeline()
    frames = pipeline.add(ff.open(video))
    nodes = [pipeline.add(centroid, frames, name="numba")]
    nodes.append(pipeline.add(centroid_in_numpy, frames, name="NumPy"))
    readers = [pipeline.reader(node) for node in nodes]
    furthest = 0.0
    with pipeline:
        for ours, theirs in zip(*readers, strict=True):
            furthest = max(furthest, float(np.abs(ours.value - theirs.value).max()))
    print(f"the two differ by at most {furthest:.4f} pixels")
    for name in ("numba", "NumPy"):
        print(f"{name:5} {pipeline.stats().nodes[name].duration_p50 * 1e6:7.0f} us per picture")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "demo:circles?pace=0&frames=100")
