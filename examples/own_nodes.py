"""Custom steps: a function receives the value, a class receives the sample with its number and timestamps.

python own_nodes.py [VIDEO]
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sys

import freshframe as ff


def brightness(frame: ff.Frame) -> float:
    """Returns the mean of the luma plane, which is the decoder's memory: nothing is copied or converted."""
    return float(frame.luma.mean())


class Flicker(ff.Node[float, str]):
    """Reports jumps in brightness. Returning None emits nothing."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold
        self._last: float | None = None

    def process(self, sample: ff.Sample[float]) -> str | None:
        last, self._last = self._last, sample.value
        if last is None or abs(sample.value - last) < self.threshold:
            return None
        return f"frame {sample.seq} at {sample.pts:.2f} s: brightness {last:.1f} -> {sample.value:.1f}"


def main(video: str) -> None:
    pipeline = ff.Pipeline()
    level = pipeline.add(brightness, pipeline.add(ff.open(video)))
    jumps = pipeline.reader(pipeline.add(Flicker(threshold=5), level))
    with pipeline:
        for sample in jumps:
            print(sample.value)
    print(pipeline)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "demo:circles?pace=0&frames=100")
