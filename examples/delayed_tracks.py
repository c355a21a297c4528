"""Confirmed tracks: reports a track, with the stamp of its frame, if it still exists five frames later.

python examples/delayed_tracks.py [VIDEO]
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import collections
from collections.abc import Iterator

import freshframe as ff

DELAY = 5  # frames


class Certain(ff.Node[ff.Circles, list[int]]):
    """Returns the tracks of each frame that still exist five frames later."""

    def open(self) -> None:
        """Starts without any pending frames."""
        self.waiting: collections.deque[tuple[ff.types.Stamp, set[int]]] = collections.deque()

    def process(self, sample: ff.Sample[ff.Circles], /) -> Iterator[list[int]]:
        """Keeps only stamps, which do not contain images, so that five pending frames cost almost nothing."""
        tracker_id = sample.value.tracker_id
        ids: set[int] = set() if tracker_id is None else set(tracker_id.tolist())
        self.waiting.append((sample.stamp, ids))
        if len(self.waiting) > DELAY:
            stamp, before = self.waiting.popleft()
            yield ff.stamped(sorted(before & ids), like=stamp)

    def finish(self) -> Iterator[list[int]]:
        """Reports the pending frames, comparing them with the last one."""
        last: set[int] = self.waiting[-1][1] if self.waiting else set()
        for stamp, before in self.waiting:
            yield ff.stamped(sorted(before & last), like=stamp)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", nargs="?", default="demo:circles?frames=30")
    args = parser.parse_args()

    pipeline = ff.Pipeline()
    circles = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(args.video)), queue=ff.Queue(60))
    certain = pipeline.reader(pipeline.add(Certain(), circles, queue=ff.Queue(60)))
    with pipeline:
        for sample in certain:
            print(f"frame {sample.seq} at {sample.pts:.2f} s: tracks {sample.value}", flush=True)


if __name__ == "__main__":
    main()
