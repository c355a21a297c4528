"""Counts circles per period: a node with a time window, whose last, partial count is written at the end.

python examples/per_minute.py [VIDEO] [--period SECONDS] [--windows N] [--out FILE]
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse

import freshframe as ff


class PerPeriod(ff.Node[ff.Circles, int]):
    """Counts the circles seen in each period."""

    def __init__(self, period: float) -> None:
        self.tick_every = period
        self.count = 0

    def process(self, sample: ff.Sample[ff.Circles], /) -> None:
        """Counts, but emits nothing before the end of the period."""
        self.count += len(sample.value)

    def on_tick(self, now: float, /) -> int:
        """Returns the count at the end of each period."""
        count, self.count = self.count, 0
        return count

    def finish(self) -> int:
        """Returns the count of the last, shorter period, when the stream ends or the pipeline stops."""
        return self.count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", nargs="?", default="demo:circles")
    parser.add_argument("--period", type=float, default=60.0)
    parser.add_argument("--windows", type=int, default=5)
    parser.add_argument("--out", default="per_minute.jsonl")
    args = parser.parse_args()

    pipeline = ff.Pipeline()
    circles = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(args.video)))
    counts = pipeline.add(PerPeriod(args.period), circles)
    pipeline.add(ff.JsonLines(args.out), counts)
    windows = pipeline.reader(counts, queue=ff.Queue(16))
    with pipeline:
        for sample, _ in zip(windows, range(args.windows), strict=False):
            print(f"{sample.pts:.2f} s: {sample.value} circles", flush=True)


if __name__ == "__main__":
    main()
