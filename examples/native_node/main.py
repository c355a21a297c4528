"""Builds motion.cpp, runs it as a node, and compares it with the same step in NumPy.

python main.py [VIDEO]
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import freshframe as ff

CELL = 16  # pixels
THRESHOLD = 8.0


def built(folder: str) -> Path:
    """Builds the shared library. A real project does this once, with its own build system."""
    library = Path(folder) / "libmotion.so"
    source = Path(__file__).with_name("motion.cpp")
    compiler = os.environ.get("CXX", "c++")
    flags = ["-std=c++17", "-O3", "-shared", "-fPIC", f"-I{ff.native.get_include()}"]
    subprocess.run([compiler, *flags, str(source), "-o", str(library)], check=True)
    return library


class MotionInNumPy(ff.Node[ff.Frame, Mapping[str, Any]]):
    """Does the same in Python."""

    def __init__(self) -> None:
        self._before: npt.NDArray[np.uint8] | None = None

    def process(self, sample: ff.Sample[ff.Frame]) -> Mapping[str, Any] | None:
        luma = sample.value.luma
        before, self._before = self._before, luma.copy()
        if before is None or before.shape != luma.shape:
            return None
        rows, columns = luma.shape[0] // CELL, luma.shape[1] // CELL
        change = np.abs(luma.astype(np.int16) - before)[: rows * CELL, : columns * CELL]
        cells = change.reshape(rows, CELL, columns, CELL).mean(axis=(1, 3), dtype=np.float32)
        y, x = np.nonzero(cells >= THRESHOLD)
        return {"xy": np.stack([x, y], 1).astype(np.float32) * CELL, "change": cells[y, x]}


def main(video: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pipeline = ff.Pipeline()
        frames = pipeline.add(ff.open(video))
        native = pipeline.add(
            ff.native.node(built(folder), "motion", cell=CELL, threshold=THRESHOLD), frames, name="C++"
        )
        python = pipeline.add(MotionInNumPy(), frames, name="NumPy")
        readers = pipeline.reader(native), pipeline.reader(python)
        pairs = same = 0
        with pipeline:
            for ours, theirs in zip(*readers, strict=True):
                pairs += 1
                same += np.array_equal(ours.value["xy"], theirs.value["xy"])
        print(f"{same} of {pairs} pictures have the same moving cells")
        for name in ("C++", "NumPy"):
            print(f"{name:5} {pipeline.stats().nodes[name].duration_p50 * 1e6:7.0f} us per picture")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "demo:circles?pace=0&frames=100")
