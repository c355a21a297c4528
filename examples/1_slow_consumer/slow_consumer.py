"""A camera, a debugger that sees every frame, and a slow consumer that always gets the newest one."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import time

import numpy as np

import freshframe as ff

FPS = 14.0


class Debugger(ff.Node[ff.Frame, None]):
    """Prints the number of every frame."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def process(self, sample: ff.Sample[ff.Frame]) -> None:
        self.seen.append(sample.seq)
        print(f"Debugger {sample.seq}\n", end="")  # one write, so that lines of two threads do not mix


class SlowConsumer(ff.Node[ff.Frame, None]):
    """Takes a long time for each frame, as a large model does."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.seen: list[int] = []

    def process(self, sample: ff.Sample[ff.Frame]) -> None:
        self.seen.append(sample.seq)
        print(f"Slow Consumer {sample.seq}\n", end="")
        time.sleep(self.seconds)


def picture() -> ff.Frame:
    """Returns a red disc on white, so that the example does not need a file."""
    y, x = np.mgrid[:480, :640]
    pixels = np.full((480, 640, 3), 255, np.uint8)
    pixels[np.hypot(x - 320, y - 240) < 120] = (40, 40, 200)
    return ff.Frame.from_array(pixels, "bgr")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", nargs="?", help="a picture file for the camera to show")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long to run (default 5)")
    parser.add_argument("--slow", type=float, default=1.0, help="seconds that the consumer takes (default 1)")
    options = parser.parse_args()

    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.testing.MockCamera(options.image or picture(), fps=FPS))
    debugger, consumer = Debugger(), SlowConsumer(options.slow)
    pipeline.add(debugger, parent=camera)
    pipeline.add(consumer, parent=camera)
    with pipeline:
        pipeline.wait(timeout=options.seconds)

    print(f"\nDebugger saw {len(debugger.seen)} frames, the Slow Consumer {consumer.seen}")
    for edge in pipeline.stats().edges:
        print(
            f"{edge.parent} -> {edge.child}: {edge.passed_in} passed in = {edge.delivered} delivered + "
            f"{edge.dropped} dropped + {edge.waiting} waiting {dict(edge.drops) or ''}"
        )


if __name__ == "__main__":
    main()
