"""Feeds several cameras into one node in batches, and splits the results by camera again.

Run: python examples/cameras_in_batches.py
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from collections import Counter

import numpy as np

import freshframe as ff


class Brightness(ff.Node[ff.Frame, float]):
    """Returns the mean of each image, with one NumPy call for the whole batch."""

    def process_batch(self, samples: list[ff.Sample[ff.Frame]]) -> list[float]:
        pictures = np.stack([sample.value.luma for sample in samples])
        return [float(mean) for mean in pictures.mean(axis=(1, 2))]


def main() -> None:
    pipeline = ff.Pipeline()
    cameras = [pipeline.add(ff.testing.MockCamera(fps=20), name=f"cam{number}") for number in range(4)]
    light = pipeline.add(Brightness(), cameras, name="light", batch=ff.Batch(8, max_wait=0.02))
    every = pipeline.reader(light, name="every")
    second = pipeline.reader(light.of(cameras[1]), name="second")
    seen: Counter[str] = Counter()
    with pipeline:
        end = time.monotonic() + 1
        while time.monotonic() < end:
            seen[every.get().source] += 1
        sample = second.get()
    print("results of each camera:", dict(sorted(seen.items())))
    print(f"{sample.source} alone: sample {sample.seq} is {sample.value:.0f} of 255 bright")
    print("calls by their number of samples:", pipeline.stats().nodes["light"].batches)


if __name__ == "__main__":
    main()
