"""Counts people with 12 cameras: each camera has its own line, and the counts are added up.

python people_counting.py [SECONDS]

The cameras are demo scenes whose circles stand for people. For real ones, put their URLs into CAMERAS, and
let `build` track the boxes of a model: `ff.BoxTracker()` after `ff.OnnxDetector("people.onnx")`.

A counter is part of its camera's pipeline and starts at 0 with each start of the camera, which is a new
epoch. So the counts are kept here, by camera and epoch: they survive the death of an agent.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sys
import time
from functools import partial

import freshframe as ff
from freshframe.fleet import Fleet

Line = tuple[tuple[int, int], tuple[int, int]]

# By name: the URL, and the line across the door in pixels.
CAMERAS: dict[str, tuple[str, Line]] = {
    f"door{number:02}": (
        f"demo:circles?size=320x180&fps=15&balls=5&seed={number}",
        ((100 + 10 * number, 0), (100 + 10 * number, 180)),
    )
    for number in range(12)
}


def build(line: Line, url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[ff.types.LineCounts]]]:
    """Builds the pipeline of one camera. Called on the agent that runs the camera."""
    pipeline = ff.Pipeline()
    people = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(url)))
    return pipeline, {"counts": pipeline.add(ff.LineCounter(*line), people)}


def main() -> None:
    """Reads the counts of all cameras, and prints the sums."""
    seconds = float(sys.argv[-1]) if sys.argv[-1].replace(".", "").isdigit() else 10.0
    counts: dict[tuple[str, int], tuple[int, int]] = {}  # by camera and epoch: people who entered and left
    with Fleet(agents=2) as fleet:
        for name, (url, line) in CAMERAS.items():
            fleet.add(name, url, partial(build, line))
        print(f"page: {fleet.serve().url}")
        end = None
        for sample in fleet.reader("counts"):
            counts[sample.camera, sample.epoch] = sample.value.forward, sample.value.backward
            if end is None and {camera for camera, _ in counts} == set(CAMERAS):
                end = time.monotonic() + seconds
            if end is not None and time.monotonic() > end:
                break
        stats = fleet.stats()
    for name in CAMERAS:
        mine = [each for (camera, _), each in counts.items() if camera == name]
        came, went = (sum(each) for each in zip(*mine, strict=True))
        camera = stats.cameras[name]
        frames = f"{camera.produced} frames, {camera.dropped} lost"
        print(f"{name}: {came} in, {went} out, {frames}, {camera.state}")
    all_in, all_out = (sum(each) for each in zip(*counts.values(), strict=True))
    print(f"all: {all_in} in, {all_out} out")


if __name__ == "__main__":
    main()
