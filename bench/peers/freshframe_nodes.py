"""freshframe: two Python nodes below a live source.

`mode`: "latest" or "next" is the queue of both branches. With "process" the slow branch is a worker process,
with "native" the native tracker stands before the fast branch.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from measure import Branch, Running

import freshframe as ff

Consumer = Callable[[Any], None]


class Step(ff.Node[ff.Frame, None]):
    """Gives a branch the pixels that the other peers deliver."""

    def __init__(self, branch: Branch) -> None:
        """Keeps the branch."""
        self.branch = branch

    def process(self, sample: ff.Sample[ff.Frame], /) -> None:
        """Makes BGR of each frame."""
        self.branch(sample.value.bgr, sample.dropped)


def start(url: str, _size: tuple[int, int], fast: Consumer, slow: Consumer | None, mode: str) -> Running:
    """See the module."""
    queue = ff.NEXT if "next" in mode else ff.LATEST
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(url), name="camera")
    seen: Any = pipeline.add(ff.CircleTracker(), camera) if "native" in mode else camera
    pipeline.add(_Picture(fast) if "native" in mode else Step(fast), seen, name="fast", queue=queue)  # type: ignore[arg-type]
    if slow:
        process = "process" in mode
        pipeline.add(Step(slow), camera, name="slow", queue=queue, process=process)  # type: ignore[arg-type]
    pipeline.start()
    return Running(pipeline.stop)


class _Picture(ff.Node[ff.Circles, None]):
    """Behind the tracker: notes the frame that its circles were found in."""

    def __init__(self, branch: Branch) -> None:
        self.branch = branch

    def process(self, sample: ff.Sample[ff.Circles], /) -> None:
        assert sample.frame is not None
        self.branch(sample.frame.luma, sample.dropped)
