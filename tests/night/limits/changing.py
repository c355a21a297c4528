"""The events after a holder that has gone, a worker's death, a shortage; and changes on several threads."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import faulthandler
import itertools
import os
import random
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import numpy as np
import numpy.typing as npt
from rigs.process import nodes
from support import Ticker, until

import freshframe as ff
from night.edges import faults_in
from night.limits.rule import Find, apart

_PATIENCE = 60.0  # seconds for a sample, or for a stop, on a busy machine
_PERIOD = 0.01  # seconds between two samples
_FRAME = 160 * 120 * 3 // 2  # bytes of a picture
_MOST = 24  # pictures that the program may keep
_NEW = 4  # readers, and as many nodes, below a holder
_THREADS = 4  # threads that change one pipeline
_STANDS = 100.0  # seconds without the end of any change: it stands still
_QUEUES = (ff.RECORDING, ff.LATEST, ff.Queue(256), ff.Queue(300, "drop_newest", max_seconds=1.0))
_SAMPLES = 200  # samples of a source that ends
_LARGE = 2_000_000  # bytes of a value in shared memory
_RETURNED = 7.0  # seconds in which shared memory that is not needed is returned


class _Keeper(ff.Node[ff.Frame, None]):
    """Keeps a number of frames, and counts them all."""

    def __init__(self, most: int = 0) -> None:
        self._most = most
        self.kept: list[Any] = []
        self.count = 0

    def process(self, sample: ff.Sample[ff.Frame], /) -> None:
        """Keeps the first ones."""
        if len(self.kept) < self._most:
            self.kept.append(sample.value)
        self.count += 1


class _Holders:
    """A pipeline whose frames the program keeps in part, and the readers and nodes that it has them from."""

    def __init__(self, find: Find) -> None:
        self.pipeline = ff.Pipeline("holders", max_held_bytes=_MOST * _FRAME, keep_running=True)
        self._camera = self.pipeline.add(ff.open("demo:circles?fps=60&size=160x120"), name="camera")
        self._find, self._names = find, map("part{}".format, itertools.count())
        self._parts: list[ff.Port[Any] | ff.Reader[Any]] = []
        self._kept: list[list[Any]] = []

    def _reader(self) -> ff.Reader[ff.Frame]:
        self._parts.append(reader := self.pipeline.reader(self._camera, name=next(self._names)))
        return reader

    def _node(self, keeper: _Keeper) -> str:
        port = self.pipeline.add(keeper, self._camera, name=next(self._names), on_error="skip")
        self._parts.append(port)
        return port.name

    def _error(self, name: str) -> str | None:
        return self.pipeline.stats().nodes[name].last_error

    def _hold(self, most: int, as_node: bool) -> int:
        """How many frames of a reader or node are kept; it ends with the first frame that it does not get."""
        self._kept.append((keeper := _Keeper(most)).kept)
        if as_node:
            name = self._node(keeper)
            until(lambda: self._error(name) or len(keeper.kept) == most, "the last frame of a node")
        else:
            reader = self._reader()
            with contextlib.suppress(ff.FramesHeldError):
                while len(keeper.kept) < most:
                    keeper.kept.append(reader.get(_PATIENCE))
        return len(keeper.kept)

    def hold(self, chance: random.Random) -> None:
        """A few parts hold few frames, and one all others, until it gets no further ones."""
        for few in chance.choices((1, 2), k=chance.randrange(3)):
            if (count := self._hold(few, chance.random() < 0.5)) < few:
                self._find(f"a part got {count} frames, and none when as few as that are held")
        if self._hold(2 * _MOST, chance.random() < 0.5) == 2 * _MOST:
            self._find(f"a part holds {2 * _MOST} frames where all together may hold {_MOST}")

    def let_go(self, chance: random.Random) -> None:
        """All parts are closed or removed."""
        chance.shuffle(self._parts)
        for part in self._parts:
            if isinstance(part, ff.Reader):
                part.close()
            else:
                self.pipeline.remove(part, timeout=_PATIENCE)
        self._parts.clear()

    def come(self) -> None:
        """New parts come, which hold nothing and get frames."""
        keepers = [_Keeper() for _ in range(_NEW)]
        new = [(self._reader(), keeper, self._node(keeper)) for keeper in keepers]
        for reader, keeper, name in new:
            self._check(reader, keeper, name)

    def _check(self, reader: ff.Reader[ff.Frame], keeper: _Keeper, name: str) -> None:
        try:
            for _ in range(3):
                reader.get(_PATIENCE)
        except ff.FramesHeldError as error:
            self._find(f"a new reader that holds nothing gets no frame: {error}")
        until(lambda: self._error(name) or keeper.count >= 3, f"three frames of new node {name!r}")
        if error_of_node := self._error(name):
            self._find(f"a new node that holds nothing gets no frame: {error_of_node}")

    def forget(self) -> None:
        """The program lets all frames go."""
        while self._kept:
            self._kept.pop().clear()
        until(lambda: self.pipeline.stats().held_bytes == 0, "the return of all frames")


def holders(seconds: float, find: Find) -> int:
    """The keeper of most frames gets no further ones; who comes when it has gone, and holds nothing, gets
    them.
    """
    holds, chance, rounds = _Holders(find), random.Random(1), 0
    with holds.pipeline:
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            holds.hold(chance)
            holds.let_go(chance)
            holds.come()
            holds.let_go(chance)
            holds.forget()
            rounds += 1
    return rounds


class _Crowd:
    """A pipeline that several threads change."""

    def __init__(self, find: Find) -> None:
        self.pipeline = ff.Pipeline("crowd", keep_running=True)
        self._steady = self.pipeline.add(Ticker(_PERIOD), name="steady")
        self._merges = [self.pipeline.add(nodes.same, [], name=f"merge{number}") for number in range(2)]
        self._replaced = self.pipeline.add(nodes.same, self._steady, name="replaced")
        self._find, self._begin = find, threading.Barrier(_THREADS)
        self._left = [self.pipeline.add(nodes.same, self._steady)]  # any thread may remove it, even twice
        self._kinds: tuple[Callable[[random.Random], None], ...] = (
            *(self._source,) * 5,
            *(self._node, self._reader, self._replace, self._remove_any, self._look),
        )
        self.changes = [0] * _THREADS

    def change(self, number: int, seconds: float) -> int:
        """One thread's changes. Each is undone."""
        chance = random.Random(number)
        self._begin.wait(_PATIENCE)
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            chance.choice(self._kinds)(chance)
            self.changes[number] += 1
        return self.changes[number]

    def _remove(self, port: ff.Port[Any], drain: bool) -> None:
        books = self.pipeline.remove(port, drain=drain, timeout=2 * _STANDS)
        for fault in faults_in(books) if books is not None else ():
            self._find(f"behind a removal: {fault}")
        own = [edge for edge in books.edges if edge.parent == port.name] if books is not None else []
        if drain and any("removed" in edge.drops for edge in own):
            self._find(f"a removal with drain=True has dropped samples: {own}")

    def _source(self, chance: random.Random) -> None:
        source = self.pipeline.add(Ticker(_PERIOD))
        for merge in chance.choices(self._merges, k=chance.choice((0, 0, 3))):
            self.pipeline.connect(merge, source, queue=chance.choice(_QUEUES))
            self.pipeline.disconnect(merge, source)
        self.pipeline.connect(chance.choice(self._merges), source, queue=chance.choice(_QUEUES))
        if chance.random() < 0.1:
            self.pipeline.add(nodes.same, source)
            time.sleep(2 * _PERIOD)
        self._remove(source, chance.random() < 0.5)

    def _node(self, chance: random.Random) -> None:
        self._remove(self.pipeline.add(nodes.same, chance.choice(self._merges)), False)

    def _reader(self, chance: random.Random) -> None:
        self.pipeline.reader(self._merges, queue=chance.choice(_QUEUES)).close()

    def _replace(self, _: random.Random) -> None:
        with contextlib.suppress(ff.StateError):  # another thread replaces it
            self.pipeline.replace(self._replaced, nodes.same, timeout=2 * _STANDS)

    def _remove_any(self, chance: random.Random) -> None:
        self._left += [self.pipeline.add(nodes.same, self._steady)] * 2
        for _ in range(2):
            self._remove(self._left.pop(0), False)

    def _look(self, _: random.Random) -> None:
        for fault in faults_in(self.pipeline.stats()):
            self._find(fault)

    def balance(self) -> None:
        """At the end, also of what has gone."""
        self.pipeline.stop(2 * _STANDS)
        self._look(random.Random())
        gone = self.pipeline.stats().removed
        if gone.passed_in != gone.delivered + gone.dropped or gone.dropped != sum(gone.drops.values()):
            self._find(f"the sums of what was removed do not balance: {gone}")


def _changes_at_once(seconds: float, find: Find) -> int:
    """When no change has ended for long, this process shows its stacks and ends, even if it has the GIL."""
    crowd, before = _Crowd(find), 0
    faulthandler.dump_traceback_later(_STANDS, exit=True)
    with crowd.pipeline, ThreadPoolExecutor(_THREADS) as pool:
        threads = [pool.submit(crowd.change, number, seconds) for number in range(_THREADS)]
        while wait(threads, 1).not_done:
            if sum(crowd.changes) != before:
                before = sum(crowd.changes)
                faulthandler.dump_traceback_later(_STANDS, exit=True)
        crowd.balance()
    faulthandler.cancel_dump_traceback_later()
    return sum(thread.result() for thread in threads)


def changes_at_once(seconds: float, find: Find) -> int:
    """Threads that change one pipeline at once never deadlock, and its counters balance."""
    return apart(_changes_at_once, seconds, find)


class _Mortal(ff.Node[int, int]):
    """Gives what it gets; its worker may end itself in each of its calls."""

    tick_every = 0.05

    def __init__(self, *chances: float) -> None:
        self._chances = chances

    def open(self) -> None:
        """Each worker has its own fate."""
        self._fate = random.Random(os.getpid())

    def _call(self, kind: int) -> None:
        if self._fate.random() < self._chances[kind]:
            os.kill(os.getpid(), signal.SIGKILL)

    def process(self, sample: ff.Sample[int], /) -> int:
        """The same."""
        self._call(0)
        return sample.value

    def on_tick(self, _: float, /) -> None:
        """Nothing."""
        self._call(1)

    def finish(self) -> None:
        """Nothing."""
        self._call(2)


class _Ends(Ticker):
    """So many numbers, and the end."""

    live = False

    def read(self) -> Iterator[tuple[int, float]]:
        """The first ones."""
        return itertools.islice(super().read(), _SAMPLES)


class _MortalRun:
    """A run with one such node."""

    def __init__(self, source: ff.Source[int], chance: random.Random, finish: int, find: Find) -> None:
        self.pipeline, self._find = ff.Pipeline("mortal"), find
        port = self.pipeline.add(source, name="source")
        node = _Mortal(chance.choice((0, 0.02)), chance.choice((0.02, 0.06)), finish)
        port = self.pipeline.add(node, port, name="mortal", process=ff.Process(max_restarts=1_000_000))
        self.reader = self.pipeline.reader(port, queue=ff.Queue(2 * _SAMPLES, "drop_oldest"))
        self.pipeline.start()

    def deaths(self) -> int:
        """The deaths after which another worker has come."""
        return sum(worker.restarts for worker in self.pipeline.stats().nodes["mortal"].workers)

    def next(self) -> int | None:
        """The next result, or None and a finding."""
        try:
            return self.reader.get(_PATIENCE).value
        except ff.ReadTimeoutError:
            node = self.pipeline.stats().nodes["mortal"]
            self._find(f"behind {self.deaths()} deaths neither a result nor the end: {node}")
            return None

    def stop(self) -> None:
        """It takes not nearly as long as it may."""
        begun = time.monotonic()
        self.pipeline.stop(_PATIENCE)
        if (took := time.monotonic() - begun) > 0.8 * _PATIENCE:
            self._find(f"behind {self.deaths()} deaths a stop took {took:.0f} of {_PATIENCE:g} s")


def _without_end(chance: random.Random, find: Find) -> int:
    """After each death a result comes, and then a stop does not wait."""
    run, ends = _MortalRun(Ticker(0.02), chance, 0, find), time.monotonic() + 5
    while time.monotonic() < ends:
        while run.reader.poll() is not None:
            pass
        if run.next() is None:
            break
    run.stop()
    return run.deaths()


def _to_the_end(chance: random.Random, find: Find) -> int:
    """All samples have results but one for each death, and the run ends, also with a death in finish()."""
    finish, results, failed = chance.randrange(2), list[int](), 0
    run = _MortalRun(_Ends(), chance, finish, find)
    try:
        with contextlib.suppress(ff.EndOfStreamError):
            while (result := run.next()) is not None:
                results.append(result)
    except ff.NodeError:
        failed = 1
    run.stop()
    node, deaths = run.pipeline.stats().nodes["mortal"], run.deaths() + failed
    lost = node.drops.get("worker", 0)
    fair = failed == finish and len(results) + lost == _SAMPLES and lost <= deaths
    if not fair or results != sorted(set(results)):
        find(f"{len(results)} of {_SAMPLES} results, {deaths} deaths, {failed} of {finish} failures: {node}")
    return deaths


def _workers_that_die(seconds: float, find: Find) -> int:
    chance, tried, found, ends = random.Random(1), 0, list[str](), time.monotonic() + seconds
    while time.monotonic() < ends and not found:
        tried += chance.choice((_without_end, _to_the_end))(chance, found.append)
    list(map(find, found))
    return tried


def workers_that_die(seconds: float, find: Find) -> int:
    """A node goes on after each death of its worker, whatever call it was in, and ends when it is asked."""
    return apart(_workers_that_die, seconds, find)


class _Sizes(ff.Source[npt.NDArray[np.uint8]]):
    """Arrays of a size and a rate that change."""

    live, size, period = True, 10, 0.05

    def read(self) -> Iterator[tuple[npt.NDArray[np.uint8], float]]:
        """Reads until the stop."""
        while not self.stop_token.wait(self.period):
            yield np.zeros(self.size, np.uint8), time.monotonic()


def _result_of(size: int, reader: ff.Reader[int]) -> bool:
    """Whether one comes, of what is captured from now on."""
    now, ends = time.monotonic(), time.monotonic() + _PATIENCE
    with contextlib.suppress(ff.ReadTimeoutError):
        while time.monotonic() < ends:
            if (sample := reader.get(_PATIENCE)).value == size and sample.captured > now:
                return True
    return False


def _shortage(seconds: float, find: Find) -> int:
    source, chance, tried, ends = _Sizes(), random.Random(1), 0, time.monotonic() + seconds
    pipeline, (soft, hard) = ff.Pipeline("shortage"), resource.getrlimit(resource.RLIMIT_NOFILE)
    node = pipeline.add(len, pipeline.add(source), name="size", process=True, on_error="skip")
    reader = pipeline.reader(node)
    with pipeline:
        while time.monotonic() < ends:
            source.size = 10
            time.sleep(_RETURNED)
            source.size, source.period = _LARGE * chance.randrange(1, 5), chance.choice((0.05, 0.05, 0.3))
            resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
            time.sleep(chance.uniform(0.3, 3))
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            tried += 1
            if not _result_of(source.size, reader):
                stats = pipeline.stats().nodes["size"]
                find(f"{_PATIENCE:g} s behind {tried} shortages no value reaches a worker: {stats}")
                break
    return tried


def shortage(seconds: float, find: Find) -> int:
    """Large values reach a worker again when a shortage of descriptors is over, and their source goes on."""
    return apart(_shortage, seconds, find)
