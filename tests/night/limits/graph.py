"""The bounds of a graph, its queues and its memory of pictures."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import gc
import itertools
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from rigs.process import nodes
from support import Count, Ticker, until

import freshframe as ff
from night import own_process
from night.edges import faults_in
from night.limits.rule import Find, apart

_SOURCES = 70  # sources of a merge, more than a word has bits
_RATE = 5.0  # samples per second of each
_FAIR = 4  # times as many samples as the least favoured source may have on average
_ENOUGH = 8  # samples of a source on average, before they are compared
_SPAN = 1.0  # seconds of a queue
_CALL = 0.05  # seconds of a slow call
_KEPT = 64 << 20  # bytes of picture memory for reuse
_PERIOD = 0.01  # seconds between two samples of a source that comes and goes
_QUEUES = (ff.RECORDING, ff.Queue(256), ff.LATEST, ff.Queue(300, "drop_newest", max_seconds=1.0))
_LOST_EVENTS = 1000  # lost events of an edge, before a source above it goes
_HEARD = 16  # changes, of which one waits for a sample of what has come
_PATIENCE = 60.0  # seconds for a node to end
_PAUSE = 0.001  # seconds between two changes
_CHANGES = 100  # changes of a kind, before its memory is compared
# A kind of change may leave this, in all and besides for each.
_NOISE = {"bytes": 1 << 19, "objects": 2000, "mappings": 40, "bytes of its worker": 4 << 20}
_PER_CHANGE = {"bytes": 50.0, "objects": 0.5, "mappings": 0.05, "bytes of its worker": 500.0}


def many_sources(seconds: float, find: Find) -> int:
    """A merge takes from its sources in turn, so that all get a turn."""

    def busy(number: int) -> int:
        time.sleep(0.01)
        return number

    pipeline = ff.Pipeline("many-sources")
    sources = [pipeline.add(Ticker(1 / _RATE), name=f"source{number}") for number in range(_SOURCES)]
    pipeline.add(busy, sources, name="busy")
    with pipeline:
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

    def read(self) -> Iterator[tuple[int, float, float]]:
        """Reads until the stop."""
        began = time.monotonic()
        for number in itertools.count():
            if self.stop_token.wait(0.01 if number % 20 else 2.5 * _SPAN):
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
        """No sample is too old for its queue."""
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
    with pipeline:
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
    """When a source is removed the other one goes on, even where a node waits to hand over a sample of it."""
    pipeline, slow, removed = ff.Pipeline("removals"), _Counts(), 0
    stays, goes = (pipeline.add(Count(), name=name) for name in ("stays", "goes"))
    both = pipeline.add(nodes.same, [stays, goes], name="both")
    pipeline.add(slow, both, name="slow", queue=ff.Queue(1, "block"))
    with pipeline:
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
            pipeline.connect(both, goes)
            removed += 1
    return removed


class _Crossings(ff.Source[ff.Detections]):
    """A track that crosses the middle with each sample."""

    live = False

    def __init__(self, period: float) -> None:
        self._period = period

    def read(self) -> Iterator[tuple[ff.Detections, float]]:
        """Reads until the stop."""
        corners = np.array([[40, 10, 60, 20]], np.float32)
        above, below = (_track(corners + np.array([0, 60 * number] * 2, np.float32)) for number in range(2))
        for number in itertools.count():
            if self.stop_token.wait(self._period):
                return
            yield (below if number % 2 else above), number / 25


def _track(corners: Any) -> ff.Detections:
    return ff.Detections(
        corners.astype(np.float32),
        confidence=np.ones(1, np.float32),
        class_id=np.zeros(1, np.int32),
        tracker_id=np.ones(1, np.int64),
    )


class _Sleeper(ff.Node[Any, None]):
    """Takes a sample on request."""

    def __init__(self) -> None:
        self.turn = threading.Semaphore(0)

    def process(self, _: ff.Sample[Any], /) -> None:
        """Waits for its turn."""
        self.turn.acquire(timeout=_PATIENCE)


def _totals(pipeline: ff.Pipeline, child: str) -> dict[str, int]:
    """The counters of the edges to a node that are there now."""
    totals = Counter[str]()
    for edge in pipeline.stats().edges:
        if edge.child == child:
            fields = ("passed_in", "delivered", "dropped", "events_lost")
            totals.update({name: getattr(edge, name) for name in fields} | edge.drops)
    return dict(totals)


def totals(seconds: float, find: Find) -> int:
    """The counters of an edge never fall, even when a source above it goes that has lost events."""
    pipeline, sleeper, removed = ff.Pipeline("totals"), _Sleeper(), 0
    stays = pipeline.add(_Crossings(_PERIOD), name="stays")
    crossings = pipeline.add(ff.LineCounter((0, 50), (100, 50)), [stays], name="line")
    pipeline.add(sleeper, crossings, name="sleeper", queue=ff.LATEST)
    with pipeline, contextlib.ExitStack() as stack:
        stack.callback(sleeper.turn.release, 1000)
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            enough = _totals(pipeline, "sleeper")["events_lost"] + _LOST_EVENTS
            goes = pipeline.add(_Crossings(0), name="goes")
            pipeline.connect(crossings, goes)
            until(
                lambda enough=enough: _totals(pipeline, "sleeper")["events_lost"] > enough,  # type: ignore[misc]
                lambda: f"more events than an edge keeps: {pipeline.stats()}",
            )
            before = _totals(pipeline, "sleeper")
            pipeline.remove(goes, timeout=_PATIENCE)
            sleeper.turn.release(2)  # the waiting sample, and the next one
            pipeline.wait(1)
            now = _totals(pipeline, "sleeper")
            fell = [name for name, count in before.items() if now.get(name, 0) < count]
            if fell:
                find(f"{fell} of an edge fell with the removal of a source: {before} and then {now}")
            removed += 1
    return removed


class _OfManySizes(ff.Source[ff.Frame]):
    """Pictures whose sizes are nearly all different."""

    def read(self) -> Iterator[tuple[ff.Frame, float]]:
        """Reads until the stop."""
        sizes, began = random.Random(1), time.monotonic()
        pixels = np.zeros((1080, 1920, 3), np.uint8)
        while not self.stop_token.wait(0.1):
            height, width = sizes.randrange(200, 1080), sizes.randrange(200, 1920)
            yield ff.Frame.from_array(pixels[:height, :width], "bgr"), time.monotonic() - began


def kept_memory(seconds: float, find: Find) -> int:
    """Picture memory that is kept for reuse has one bound, whatever sizes the pictures have."""
    looks = 0
    pipeline = ff.Pipeline("kept-memory")
    pipeline.add(nodes.mean, pipeline.add(_OfManySizes(), name="sizes"), name="mean")
    with pipeline:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            pipeline.wait(1)
            kept = pipeline.stats().pool.idle_bytes
            looks += 1
            if kept > _KEPT:
                find(f"{kept} bytes of picture memory are kept for reuse")
    return looks


def _all_of(numbers: list[int]) -> list[int]:
    return numbers


class _Changed:
    """A pipeline that is changed while it runs."""

    def __init__(self) -> None:
        self.pipeline = ff.Pipeline("changed")
        self._steady = self.pipeline.add(Ticker(_PERIOD), name="steady")
        self._goes = self.pipeline.add(Ticker(_PERIOD), name="goes")
        self._merge = self.pipeline.add(_Counts(), [self._steady], name="merge")
        self._batches = self.pipeline.add(
            _all_of, [self._steady], name="batches", batch=ff.Batch(4, max_wait=0.05)
        )
        self._worker = self.pipeline.add(nodes.same, [self._steady], name="worker", process=True)
        self._replaced = self.pipeline.add(nodes.same, self._goes, name="replaced")
        self._queues = itertools.cycle(_QUEUES)
        self._changes = 0
        self.kinds: tuple[Callable[[], str], ...] = (
            lambda: self._edge(self._merge),
            lambda: self._edge(self._batches),
            lambda: self._edge(self._worker),
            lambda: self._source(self._merge),
            lambda: self._source(self._worker),
            self._node,
            self._join,
            self._reader,
            self._replace,
        )

    def memory(self) -> dict[str, int]:
        """The memory that this process has allocated and not freed, with Python's objects, and what its
        worker has.
        """
        gc.collect()
        [worker] = self.pipeline.stats().nodes["worker"].workers
        return {
            "bytes": own_process.allocated(),
            "objects": sys.getallocatedblocks(),
            "mappings": own_process.mappings(),
            "bytes of its worker": worker.rss_bytes,
        }

    def _hear(self, parent: str, child: str) -> None:
        """Now and then a sample comes before the change is undone."""
        self._changes += 1
        if self._changes % _HEARD == 0:
            until(lambda: self._delivered(parent, child) > 0, f"a sample of {parent!r} at {child!r}")

    def _delivered(self, parent: str, child: str) -> int:
        edges = self.pipeline.stats().edges
        return sum(edge.delivered for edge in edges if (edge.parent, edge.child) == (parent, child))

    def _edge(self, child: ff.Port[Any]) -> str:
        self.pipeline.connect(child, self._goes, queue=next(self._queues))
        self._hear("goes", child.name)
        self.pipeline.disconnect(child, self._goes)
        return f"edges of {child.name!r}"

    def _source(self, child: ff.Port[Any]) -> str:
        source = self.pipeline.add(Ticker(_PERIOD), name="source")
        self.pipeline.connect(child, source, queue=next(self._queues))
        self._hear("source", child.name)
        self.pipeline.remove(source, timeout=_PATIENCE)
        return f"sources of {child.name!r}"

    def _node(self) -> str:
        node = self.pipeline.add(nodes.same, self._goes, name="node", queue=next(self._queues))
        self._hear("goes", "node")
        self.pipeline.remove(node, timeout=_PATIENCE)
        return "nodes"

    def _join(self) -> str:
        both = [self._steady, self._goes]
        node = self.pipeline.add(_sum, both, name="join", join=ff.Join(within=_PERIOD, max_wait=1.0))
        self._hear("goes", "join")
        self.pipeline.remove(node, timeout=_PATIENCE)
        return "joins"

    def _reader(self) -> str:
        reader = self.pipeline.reader([self._goes, self._merge], queue=next(self._queues))
        reader.poll()
        reader.close()
        return "readers"

    def _replace(self) -> str:
        self.pipeline.replace(self._replaced, nodes.same, timeout=_PATIENCE)
        return "replacements"


def _sum(one: int, other: int) -> int:
    return one + other


def _repeat(change: Callable[[], str], seconds: float) -> tuple[str, int]:
    """The changes, and how often."""
    ends, done = time.monotonic() + seconds, 0
    while True:
        kind = change()
        done += 1
        if time.monotonic() > ends:
            return kind, done
        time.sleep(_PAUSE)


def _changes(seconds: float, find: Find) -> int:
    """Each kind of change for a while, and again, when memory is compared."""
    changed, tried = _Changed(), 0
    each = seconds / len(changed.kinds) / 3
    with changed.pipeline:
        for change in changed.kinds:
            _repeat(change, each)
        for change in changed.kinds:
            before = changed.memory()
            kind, done = _repeat(change, 2 * each)
            grown = {name: now - before[name] for name, now in changed.memory().items()}
            if done < _CHANGES:
                continue
            tried += done
            for name, more in grown.items():
                if more > _NOISE[name] + done * _PER_CHANGE[name]:
                    find(f"{done} changes of {kind} left {more} {name} behind")
        for fault in faults_in(changed.pipeline.stats()):
            find(fault)
    return tried


def changes(seconds: float, find: Find) -> int:
    """Nodes that are disconnected, removed or replaced while a pipeline runs leave no memory."""
    return apart(_changes, seconds, find)
