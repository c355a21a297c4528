"""What a graph, its queues and its memory of pictures are bounded by."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator

import numpy as np
from support import Count, Ticker, until

import freshframe as ff
from night.limits.rule import Find, mean_of, same

_SOURCES = 70  # of a merge, more than a word has bits
_RATE = 5.0  # samples per second of each
_FAIR = 4  # times as many samples as the least favoured source may have on average
_ENOUGH = 8  # samples of a source on average, before they are compared
_SPAN = 1.0  # seconds of a queue
_CALL = 0.05  # seconds of a slow call
_KEPT = 64 << 20  # bytes of picture memory for reuse


def many_sources(seconds: float, find: Find) -> int:
    """A merge takes from its sources in turn, so that none is starved."""

    def busy(number: int) -> int:
        time.sleep(0.01)
        return number

    pipeline = ff.Pipeline("many-sources")
    sources = [pipeline.add(Ticker(1 / _RATE), name=f"source{number}") for number in range(_SOURCES)]
    pipeline.add(busy, sources, name="busy")
    with pipeline.start():
        pipeline.wait(seconds)
        delivered = {edge.parent: edge.delivered for edge in pipeline.stats().edges}
    mean = sum(delivered.values()) / len(delivered)
    starved = {name: count for name, count in delivered.items() if count * _FAIR < mean}
    if mean < _ENOUGH:
        return 0
    if starved:
        find(f"a merge of {_SOURCES} sources got {mean:.0f} samples of each, but {starved}")
    return 1


class _Bursts(ff.Source[int]):
    """Twenty samples at once, and nothing for longer than the queue's seconds."""

    live = True

    def __init__(self) -> None:
        self.newest = 0.0  # when the sample that was given last was captured

    def read(self, stop: ff.StopToken) -> Iterator[tuple[int, float, float]]:
        """Until the stop."""
        began = time.monotonic()
        for number in itertools.count():
            if stop.wait(0.01 if number % 20 else 2.5 * _SPAN):
                return
            now = time.monotonic()
            yield number, now - began, now
            self.newest = now


class _Slow(ff.Node[int, int]):
    """Knows what had been given when its last call ended: what it gets next was waiting beside that."""

    def __init__(self, source: _Bursts, find: Find) -> None:
        self._source, self._find = source, find
        self._given = 0.0
        self.count = 0

    def process(self, sample: ff.Sample[int], /) -> int:
        """None is too old for its queue."""
        if sample.captured < self._given - _SPAN:
            older = self._given - sample.captured
            self._find(
                f"a queue of {_SPAN:g} s gave a sample that was {older:.2f} s older than one that had come"
            )
        time.sleep(6 * _CALL)
        self.count += 1
        self._given = self._source.newest
        return sample.value


def seconds_of_a_queue(seconds: float, find: Find) -> int:
    """No sample waits that is older than the newest one by more than ``max_seconds``."""
    source = _Bursts()
    slow = _Slow(source, find)
    pipeline = ff.Pipeline("seconds-of-a-queue")
    queue = ff.Queue(64, "drop_oldest", max_seconds=_SPAN)
    pipeline.add(slow, pipeline.add(source, name="bursts"), name="slow", queue=queue)
    with pipeline.start():
        pipeline.wait(seconds)
    return slow.count


class _Counts(ff.Node[int, int]):
    """A slow node that counts the samples of each source."""

    def __init__(self) -> None:
        self.counts = Counter[str]()

    def process(self, sample: ff.Sample[int], /) -> int:
        """Takes a moment."""
        time.sleep(_CALL / 10)
        self.counts[sample.source] += 1
        return sample.value


def removals(seconds: float, find: Find) -> int:
    """When a source is removed the other one goes on, also where a node waits to hand over a sample of it."""
    pipeline, slow, removed = ff.Pipeline("removals"), _Counts(), 0
    stays, goes = (pipeline.add(Count(), name=name) for name in ("stays", "goes"))
    both = pipeline.add(same, [stays, goes], name="both")
    pipeline.add(slow, both, name="slow", queue=ff.Queue(1, "block"))
    with pipeline.start():
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            pipeline.wait(_CALL)
            pipeline.remove(goes)
            enough = slow.counts["stays"] + 3
            until(
                lambda enough=enough: slow.counts["stays"] > enough,  # type: ignore[misc]
                lambda: f"a sample of the source that stays: {pipeline.stats()}",
            )
            goes = pipeline.add(Count(), name="goes")
            pipeline.connect(goes, both)
            removed += 1
    return removed


class _OfManySizes(ff.Source[ff.Frame]):
    """Pictures of which hardly two have one size."""

    def read(self, stop: ff.StopToken) -> Iterator[tuple[ff.Frame, float]]:
        """Until the stop."""
        sizes, began = random.Random(1), time.monotonic()
        pixels = np.zeros((1080, 1920, 3), np.uint8)
        while not stop.wait(0.1):
            height, width = sizes.randrange(200, 1080), sizes.randrange(200, 1920)
            yield ff.Frame.from_array(pixels[:height, :width], "bgr"), time.monotonic() - began


def kept_memory(seconds: float, find: Find) -> int:
    """Picture memory that is kept for reuse has one bound, whatever sizes the pictures have."""
    looks = 0
    pipeline = ff.Pipeline("kept-memory")
    pipeline.add(mean_of, pipeline.add(_OfManySizes(), name="sizes"), name="mean")
    with pipeline.start():
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            pipeline.wait(1)
            kept = pipeline.stats().pool.idle_bytes
            looks += 1
            if kept > _KEPT:
                find(f"{kept} bytes of picture memory are kept for reuse")
    return looks
