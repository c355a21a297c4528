"""What workers are bounded by: their deaths, their work, and what they hold."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import os
import signal
import time

from support import Count, Ticker

import freshframe as ff
from night.limits.rule import Find, same

_RESTARTS = 3  # of a worker
_PATIENCE = 100.0  # seconds for its node to fail
_CALL = 0.05  # seconds of a slow call
_CALLS = 100  # of it, before its times are compared
_IDLE_SHARE = 0.3  # of the time of its calls, for which it may have waited


def _dies_now_and_then(number: int) -> int:
    if number % 3 == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def restarts(seconds: float, find: Find) -> int:
    """A node fails when its worker dies too often in its window, whatever the worker has finished between."""
    ends, failed = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        pipeline = ff.Pipeline("restarts")
        workers = ff.Process(workers=1, restarts=_RESTARTS, restart_window=3600)
        source = pipeline.add(Ticker(0.05), name="source")
        pipeline.add(_dies_now_and_then, source, name="dies", process=workers)
        with contextlib.suppress(ff.NodeError), pipeline.start():
            pipeline.wait(_PATIENCE)
        node = pipeline.stats().nodes["dies"]
        if node.workers[0].restarts != _RESTARTS or node.drops.get("worker") != _RESTARTS + 1:
            find(f"a node with restarts={_RESTARTS} ended with {node.drops} and {node.workers}")
        failed += 1
    return failed


class _Timed(ff.Node[int, int]):
    """A slow node that knows how long it has worked, and how long it had nothing to do."""

    def __init__(self) -> None:
        self.count, self.worked, self.waited = 0, 0.0, 0.0
        self._ended: float | None = None

    def process(self, sample: ff.Sample[int], /) -> int:
        """Takes its time."""
        begun = time.monotonic()
        if self._ended is not None:
            self.waited += begun - self._ended
        time.sleep(_CALL)
        self._ended = time.monotonic()
        self.worked += self._ended - begun
        self.count += 1
        return sample.value


def busy_workers(seconds: float, find: Find) -> int:
    """A slow node below workers that have enough to do seldom waits for them."""
    slow = _Timed()
    pipeline = ff.Pipeline("busy-workers")
    source = pipeline.add(Count(), name="source")
    work = pipeline.add(same, source, name="work", process=ff.Process(workers=1))
    pipeline.add(slow, work, name="slow", queue=ff.Queue(1, "block"))
    with pipeline.start():
        pipeline.wait(seconds)
    if slow.count < _CALLS:
        return 0
    if slow.waited > _IDLE_SHARE * slow.worked:
        find(f"below a busy worker a node has worked {slow.worked:.0f} s and waited {slow.waited:.0f} s")
    return 1
