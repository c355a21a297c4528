"""The bounds of workers: their deaths, their work, and what they hold."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import random
import re
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rigs.process import nodes
from rigs.process.nodes import KeepsFrames
from support import Count, Ticker, edge, picture, until

import freshframe as ff
from night import own_process
from night.limits.rule import Find, apart
from night.own_process import Usage

_RESTARTS = 3  # restarts of a worker
_PATIENCE = 100.0  # seconds for its node to fail
_CALL = 0.05  # seconds of a slow call
_CALLS = 100  # calls before its times are compared
_IDLE_SHARE = 0.3  # share of the time of its calls, for which it may have waited
_SIZE = (640, 480)  # size of a picture of one byte a pixel
_EVERY = 0.1  # seconds between two pictures
_KEEPS = 8  # pictures, at most, by a worker that dies now and then
_LIVES = 60  # calls
_AT_WORK = 6  # pictures of a worker besides: those of its call, and those it has just let go
_WORKERS = 5  # workers that keep pictures
_KILLED = 5.0  # seconds between two workers that are killed from outside
_LOOK = 0.2  # seconds between two looks
_LOOKS = 15  # looks at a process's use, before the first ones are compared with the last ones
_NOISE = 10  # descriptors, mappings or processes that may be there more
_LARGE = (1920, 1080)
_BURST = 100  # large pictures, of 200 MB
_SHARED = 64 << 20  # bytes that a steady run may need
_EMPTY = 60.0  # seconds in which memory that is not needed must have been returned, which takes 5
_MAPPING = re.compile(r"(\w+)-(\w+) \S+ \w+ \S+ (\d+) +/memfd:freshframe")


def _dies_now_and_then(number: int) -> int:
    if number % 3 == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def restarts(seconds: float, find: Find) -> int:
    """A node fails when its worker dies too often in its window, whatever the worker has finished between."""
    ends, failed = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        pipeline = ff.Pipeline("restarts")
        workers = ff.Process(workers=1, max_restarts=_RESTARTS, restart_window=3600)
        source = pipeline.add(Ticker(0.05), name="source")
        pipeline.add(_dies_now_and_then, source, name="dies", process=workers)
        with contextlib.suppress(ff.NodeError), pipeline:
            pipeline.wait(_PATIENCE)
        node = pipeline.stats().nodes["dies"]
        if node.workers[0].restarts != _RESTARTS or node.drops.get("worker") != _RESTARTS + 1:
            find(f"a node with restarts={_RESTARTS} ended with {node.drops} and {node.workers}")
        failed += 1
    return failed


def frames_for_workers(seconds: float, find: Find) -> int:
    """The engine may hold as many pictures as what is there needs, whatever workers there were before."""
    pipeline, ends, rounds = ff.Pipeline("frames-for-workers"), time.monotonic() + seconds, 0
    camera = pipeline.add(ff.open("demo:circles?fps=25&size=64x48"), name="camera")
    pipeline.add(nodes.mean, camera, name="mean")

    def bound() -> int:
        return pipeline.stats().pool.bound

    with pipeline:
        pipeline.wait(1)
        first = bound()
        while time.monotonic() < ends:
            crew = ff.Process(workers=2 + rounds % 2)
            workers = pipeline.add(nodes.mean, camera, name="workers", process=crew)
            until(
                lambda: edge(pipeline, "workers").delivered > 0,
                lambda: f"a frame for a worker: {pipeline.stats()}",
            )
            pipeline.remove(workers, timeout=_PATIENCE)
            rounds += 1
            try:
                until(lambda: bound() == first, "the bound of before")
            except AssertionError:
                find(f"with the same graph {first} frames may be held, and {bound()} after {rounds} crews")
                break
    return rounds


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
    work = pipeline.add(nodes.same, source, name="work", process=ff.Process(workers=1))
    pipeline.add(slow, work, name="slow", queue=ff.Queue(1, "block"))
    with pipeline:
        pipeline.wait(seconds)
    if slow.count < _CALLS:
        return 0
    if slow.waited > _IDLE_SHARE * slow.worked:
        find(f"below a busy worker a node has worked {slow.worked:.0f} s and waited {slow.waited:.0f} s")
    return 1


class _Camera(ff.Source[ff.Frame]):
    """A picture now and then, and a burst of large ones on request."""

    live = True

    def __init__(self) -> None:
        self.bursts = 0  # bursts that are to come

    def read(self) -> Iterator[tuple[ff.Frame, float]]:
        """Reads until the stop."""
        began = time.monotonic()
        for number in itertools.count():
            if self.stop_token.wait(_EVERY):
                return
            yield ff.Frame.from_array(picture(number, _SIZE), "gray"), time.monotonic() - began
            if self.bursts > 0:
                self.bursts -= 1
                for _ in range(_BURST):
                    yield ff.Frame.from_array(picture(number, _LARGE), "gray"), time.monotonic() - began


class _Mortal(ff.Node[ff.Frame, ff.Frame]):
    """Keeps pictures and gives them on, until it ends its own process."""

    def __init__(self, lives: int, view: bool, way: signal.Signals | None) -> None:
        self._calls, self._lives = 0, lives
        self._view, self._way = view, way
        self._kept: list[Any] = []

    def process(self, sample: ff.Sample[ff.Frame], /) -> ff.Frame:
        """The oldest picture that it has, if it keeps them whole."""
        return self._take(sample.value)

    def _take(self, frame: ff.Frame) -> ff.Frame:
        self._kept.append(frame.luma[::2] if self._view else frame)
        del self._kept[:-_KEEPS]
        self._calls += 1
        if self._calls == self._lives:
            self._die()
        return frame if self._view else self._kept[0]

    def _die(self) -> None:
        if self._way is None:
            os._exit(3)
        os.kill(os.getpid(), self._way)


class _MortalOfBatches(_Mortal):
    """The same with several pictures a call."""

    def process_batch(self, samples: Sequence[ff.Sample[ff.Frame]], /) -> list[ff.Frame]:
        """Returns the samples that it keeps or gives on."""
        return [self._take(sample.value) for sample in samples]


def _workers(stats: ff.stats.Stats) -> list[ff.stats.WorkerStats]:
    """Returns the workers of all nodes."""
    return [worker for node in stats.nodes.values() for worker in node.workers]


def _kill_one(pipeline: ff.Pipeline, chance: random.Random) -> None:
    """Any worker, in whatever state it is."""
    workers = [worker.pid for worker in _workers(pipeline.stats()) if worker.pid]
    with contextlib.suppress(ProcessLookupError, IndexError):
        os.kill(chance.choice(workers), signal.SIGKILL)


def _unbalanced(stats: ff.stats.Stats) -> list[str]:
    """Nodes with workers whose samples do not all have a fate."""
    found = []
    for name, node in stats.nodes.items():
        given = sum(edge.delivered for edge in stats.edges if edge.child == name)
        if node.workers and given != node.processed + node.dropped + node.in_flight:
            found.append(f"of {given} samples of {name!r} are {node}")
    return found


def _leases_pipeline() -> ff.Pipeline:
    pipeline = ff.Pipeline("leases-of-the-dead")

    def immortal(workers: int) -> ff.Process:
        return ff.Process(workers=workers, max_restarts=1_000_000)

    camera = pipeline.add(_Camera(), name="camera")
    keeps = pipeline.add(_Mortal(_LIVES, False, signal.SIGKILL), camera, name="keeps", process=immortal(2))
    pipeline.add(nodes.mean, keeps, name="mean")
    pipeline.add(_Mortal(_LIVES, True, None), keeps, name="views", process=immortal(1))
    batches = _MortalOfBatches(_LIVES, False, signal.SIGALRM)
    pipeline.add(batches, camera, name="batches", process=immortal(1), batch=ff.Batch(4, max_wait=1.0))
    pipeline.add(KeepsFrames(_KEEPS), camera, name="killed", process=immortal(1))
    return pipeline


def _children() -> int:
    """Returns the number of this process's children, including ended ones that are not waited for."""
    tasks = Path("/proc/self/task").iterdir()
    return sum(len(found.split()) for task in tasks for found in _read(task / "children"))


def _read(file: Path) -> list[str]:
    """The text of a file, if it is still there."""
    with contextlib.suppress(OSError):
        return [file.read_text()]
    return []


def _remains() -> Usage:
    """The resources of this process; to be looked at each time that all its workers live."""
    return Usage({**own_process.USES, "children": _children})


def _grown(remains: Usage) -> list[str]:
    """The growth while workers died."""
    if len(remains.moments) < _LOOKS:
        return []
    return [f"while workers died {one}" for one in remains.growth(0, dict.fromkeys(remains.seen, _NOISE))]


def _leases_of_the_dead(seconds: float, find: Find) -> int:
    pipeline, chance, remains = _leases_pipeline(), random.Random(1), _remains()
    most, found, deaths = _WORKERS * (_KEEPS + _AT_WORK) * _SIZE[0] * _SIZE[1], list[str](), 0
    with pipeline:
        began = kills = time.monotonic()
        ends = began + seconds
        while (now := time.monotonic()) < ends and not found:
            if now > kills:
                _kill_one(pipeline, chance)
                kills = now + _KILLED
            pipeline.wait(_LOOK)
            stats = pipeline.stats()
            if all(worker.state in ("idle", "working") for worker in _workers(stats)):
                remains.look(now - began)
            deaths, held = sum(worker.restarts for worker in _workers(stats)), stats.held_bytes
            found += _unbalanced(stats)
            if held > most:
                found.append(
                    f"after {deaths} deaths workers hold {held} bytes of pictures, not at most {most}"
                )
    found += _grown(remains)
    if (left := pipeline.stats().held_bytes) > 0:
        found.append(f"when all workers have ended, {left} bytes of pictures are held")
    for text in found:
        find(text)
    return deaths


def leases_of_the_dead(seconds: float, find: Find) -> int:
    """The resources of a worker are given back when it dies, however often one dies."""
    return apart(_leases_of_the_dead, seconds, find)


def _shared_of(pid: int) -> dict[str, int]:
    """The bytes of the engine's memory files that a process has mapped or open, by their inodes."""
    files = dict[str, int]()
    with contextlib.suppress(OSError):  # it has ended
        for begin, end, inode in _MAPPING.findall(Path(f"/proc/{pid}/maps").read_text()):
            files[inode] = max(files.get(inode, 0), int(end, 16) - int(begin, 16))
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if str(entry.readlink()).startswith("/memfd:freshframe"):
                    status = entry.stat()
                    files[str(status.st_ino)] = status.st_size
    return files


class _Hoard(ff.Node[ff.Frame, int]):
    """In a worker it has the pictures of a burst until the next picture of another size comes."""

    def __init__(self) -> None:
        self._kept: list[ff.Frame] = []

    def process(self, sample: ff.Sample[ff.Frame], /) -> int:
        """How many it has."""
        if sample.value.width != _LARGE[0]:
            self._kept.clear()
        else:
            self._kept.append(sample.value)
        return len(self._kept)


def _slow(frame: ff.Frame) -> float:
    time.sleep(_CALL * 4)
    return nodes.mean(frame)


class _Bursts:
    """A steady run with workers that are idle, busy or asleep, and moments that need much memory."""

    def __init__(self) -> None:
        self.pipeline, self._camera = ff.Pipeline("bursts"), _Camera()
        self._port = self.pipeline.add(self._camera, name="camera")
        for name, node, queue in (
            ("quick", nodes.mean, ff.LATEST),
            ("busy", _slow, ff.LATEST),
            ("hoard", _Hoard(), ff.Queue(2 * _BURST)),
        ):
            self.pipeline.add(node, self._port, name=name, queue=queue, process=True, on_error="skip")
        self.kinds: tuple[Callable[[], int], ...] = (self.of_a_program, self.of_a_reader, self.of_a_worker)

    def shared(self) -> int:
        """The bytes that this process and its workers share."""
        files = _shared_of(os.getpid())
        for worker in _workers(self.pipeline.stats()):
            if worker.pid:
                files |= _shared_of(worker.pid)
        return sum(files.values())

    def of_a_program(self) -> int:
        """The program makes pictures. Returns the bytes at the peak."""
        kept = [ff.Frame.from_array(picture(number, _LARGE), "gray") for number in range(_BURST)]
        peak = self.shared()
        kept.clear()
        return peak

    def of_a_reader(self) -> int:
        """A reader is given pictures."""
        with contextlib.closing(self.pipeline.reader(self._port, queue=ff.Queue(2 * _BURST))) as reader:
            self._camera.bursts += 1
            kept = [reader.get() for _ in range(_BURST)]
            peak = self.shared()
            kept.clear()
        return peak

    def of_a_worker(self) -> int:
        """A worker keeps pictures."""
        begun, peak = self._hoarded(), 0
        self._camera.bursts += 1
        ends = time.monotonic() + _EMPTY
        while self._hoarded() < begun + _BURST + 2 and time.monotonic() < ends:
            peak = max(peak, self.shared())
            time.sleep(_CALL)
        return peak

    def _hoarded(self) -> int:
        return self.pipeline.stats().nodes["hoard"].processed

    def settled(self, enough: int) -> int:
        """The bytes that are left, as soon as they are that few, or in the end."""
        ends = time.monotonic() + _EMPTY
        while (left := self.shared()) > enough and time.monotonic() < ends:
            time.sleep(1)
        return left


def _bursts(seconds: float, find: Find) -> int:
    bursts, tried = _Bursts(), 0
    ends = time.monotonic() + seconds
    with bursts.pipeline:
        for burst in itertools.cycle(bursts.kinds):
            peak = burst()
            left = bursts.settled(_SHARED)
            tried += peak > 2 * _SHARED
            if left > _SHARED:
                kind = burst.__name__.replace("_", " ")
                find(f"{_EMPTY:g} s after a burst {kind} {left} of {peak} shared bytes are left")
            if left > _SHARED or time.monotonic() > ends:
                break
    gc.collect()
    if (left := bursts.settled(0)) > 0:
        find(f"{left} shared bytes are left when the pipeline has ended")
    return tried


def bursts(seconds: float, find: Find) -> int:
    """Memory of pictures that was shared with workers for a moment is returned to the system."""
    return apart(_bursts, seconds, find)
