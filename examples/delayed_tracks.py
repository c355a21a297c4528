"""Tracks that are certain: a track is reported, with the stamp of its frame, once five more frames have it.

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
    """The tracks of each frame that are still there five frames later."""

    def open(self) -> None:
        """No frame waits yet."""
        self.waiting: collections.deque[tuple[ff.types.Stamp, set[int]]] = collections.deque()

    def process(self, sample: ff.Sample[ff.Circles], /) -> Iterator[list[int]]:
        """A stamp holds no picture, so five waiting frames cost nothing."""
        tracker_id = sample.value.tracker_id
        ids: set[int] = set() if tracker_id is None else set(tracker_id.tolist())
        self.waiting.append((sample.stamp, ids))
        if len(self.waiting) > DELAY:
            stamp, before = self.waiting.popleft()
            yield ff.stamped(sorted(before & ids), like=stamp)

    def finish(self) -> Iterator[list[int]]:
        """The frames that wait have no later ones: their tracks are as certain as they will be."""
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
