"""Joins the frames of two cameras, one of which stops for a while: the other continues alone.

Run: python examples/stereo.py
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

import freshframe as ff

FPS = 50
SECONDS = 3.0
SILENT = (1.0, 2.0)  # seconds in which the right camera sends nothing


class Camera(ff.Source[ff.Frame]):
    """Simulates a camera of a stereo pair: a bright column moves, and is `shift` pixels further left."""

    def __init__(self, shift: int, *, may_fail: bool = False) -> None:
        self.shift = shift
        self.may_fail = may_fail

    def read(self) -> Iterator[tuple[ff.Frame, float]]:
        began = time.monotonic()
        for number in range(int(SECONDS * FPS)):
            if self.stop_token.wait(max(0.0, began + number / FPS - time.monotonic())):
                return
            if self.may_fail and SILENT[0] <= number / FPS < SILENT[1]:
                continue
            picture = np.zeros((48, 160), np.uint8)
            picture[:, 40 + number % 80 - self.shift] = 255
            yield ff.Frame.from_array(picture, "gray"), number / FPS


def column(frame: ff.Frame) -> int:
    return int(frame.luma[0].argmax())


def disparity(left: ff.Frame, right: ff.Frame | None) -> int | None:
    """Returns how many pixels further left the object is in the right image; -1 if that camera was silent."""
    return -1 if right is None else column(left) - column(right)


def main() -> None:
    pipeline = ff.Pipeline()
    left = pipeline.add(Camera(0), name="left")
    right = pipeline.add(Camera(12, may_fail=True), name="right")
    join = ff.Join(within=0.008, max_wait=0.050, partial=True)
    depth = pipeline.add(disparity, (left, right), join=join, name="depth")
    reader = pipeline.reader(depth, queue=ff.Queue(256))
    pairs, alone, oldest = 0, 0, 0.0
    with pipeline:
        for sample in reader:
            if sample.value == -1:
                alone += 1
            else:
                pairs += 1
            oldest = max(oldest, sample.age)
    stats = pipeline.stats().nodes["depth"].join
    assert stats is not None
    print(f"{pairs} pairs, {alone} pictures of the left camera alone; oldest result: {oldest * 1000:.0f} ms")
    print(f"sets: {stats.sets} complete, {stats.partial} partial; unmatched: {stats.unmatched}")


if __name__ == "__main__":
    main()
