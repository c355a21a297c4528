"""Random changes of a running graph of nodes in Python, native nodes, batches, joins and worker processes."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import ctypes
import gc
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from rigs.process.nodes import same
from rigs.ticking import Ticking
from support import check_books, until

import freshframe as ff

DEMO = "demo:circles?fps=100&size=64x48&balls=1"
STAY = {"merge", "batched", "workers", "below"}
MEBIBYTE = 1 << 20


class Merge(ff.Node[Any, Any]):
    """Passes values on, and records the sources that have been removed."""

    gone: list[str]

    def open(self) -> None:
        self.gone = []

    def process(self, sample: ff.Sample[Any]) -> Any:
        return sample.value

    def source_gone(self, name: str) -> None:
        self.gone.append(name)


class CannotOpen(Merge):
    """A node whose open() fails."""

    def open(self) -> None:
        raise OSError("no such model")


def _same(values: list[Any]) -> list[Any]:
    return list(values)


def _two_of(value: Any) -> Any:
    yield value
    yield value


def _fails_at(number: int) -> Callable[[ff.Sample[Any]], Any]:
    left = [number]

    def fail(value: Any) -> Any:
        left[0] -= 1
        if left[0] <= 0:
            raise RuntimeError("enough")
        return value

    return fail


def _first(a: Any, b: Any) -> Any:
    return a


class Churn:
    """A pipeline and its nodes, which change at random."""

    def __init__(self) -> None:
        self.pipeline = ff.Pipeline(keep_running=True)
        add = self.pipeline.add
        self.merges = [
            add(Merge(), [], name="merge"),
            add(_same, [], name="batched", batch=ff.Batch(4, max_wait=0.002)),
            add(same, [], name="workers", process=ff.Process(workers=2)),
        ]
        self.all = self.pipeline.reader(add(lambda value: value, self.merges, name="below"))
        self.lock = threading.Lock()
        self.cameras: list[ff.Port[Any]] = []
        self.children: list[ff.Port[Any]] = []
        self.readers: list[ff.Reader[Any]] = []

    def change(self, chance: random.Random) -> None:
        camera = self._any(chance, self.cameras)
        if camera is None or (chance.random() < 0.2 and len(self.cameras) < 6):
            source: Any = ff.open(DEMO) if chance.random() < 0.3 else Ticking(10**6, 200)
            self._keep(self.cameras, self.pipeline.add(source))
            return
        verbs: list[Callable[[], None]] = [
            *[lambda: self._wire(camera, chance)] * 3,
            *[lambda: self._add_child(camera, chance)] * 4,
            lambda: self._add_reader(camera, chance),
            lambda: self._drop_reader(chance),
            lambda: self._remove_child(chance),
            lambda: self._replace(chance),
            lambda: self.remove(camera, drain=chance.random() < 0.3),
        ]
        # Another thread has removed the node; it is already (or not) connected; or it failed while it was
        # added or removed.
        with contextlib.suppress(ff.StateError, ff.GraphError, ff.NodeError):
            chance.choice(verbs)()

    def _wire(self, camera: ff.Port[Any], chance: random.Random) -> None:
        child = chance.choice(self.merges)
        if chance.random() < 0.3:
            self.pipeline.disconnect(child, camera)
        else:
            self.pipeline.connect(child, camera)

    def _add_reader(self, camera: ff.Port[Any], chance: random.Random) -> None:
        queue = ff.Queue(chance.choice([1, 8]))
        self._keep(self.readers, self.pipeline.reader(camera, queue=queue))

    def _drop_reader(self, chance: random.Random) -> None:
        reader = self._take(chance, self.readers)
        if reader is not None:
            reader.close()

    def _remove_child(self, chance: random.Random) -> None:
        child = self._take(chance, self.children)
        if child is not None:
            self.pipeline.remove(child, timeout=60)

    def remove(self, camera: ff.Port[Any], *, drain: bool = False) -> None:
        try:
            self.pipeline.remove(camera, drain=drain, timeout=60)
        finally:
            with self.lock:
                if camera in self.cameras:
                    self.cameras.remove(camera)

    def remove_all(self) -> None:
        while self.cameras:
            with contextlib.suppress(ff.NodeError):  # a node downstream failed while it closed
                self.remove(self.cameras[0])
        while self.readers:
            self.readers.pop().close()
        self.children.clear()
        until(lambda: set(self.pipeline.stats().nodes) == STAY, "the removed nodes end")

    def _add_child(self, camera: ff.Port[Any], chance: random.Random) -> None:
        add = self.pipeline.add
        kind = chance.randrange(20)
        if kind < 4:
            child = add(lambda value: value, camera)
        elif kind < 7:
            child = add(Merge(), camera)
        elif kind < 9:
            child = add(_same, camera, batch=ff.Batch(3))
        elif kind < 11:
            child = add(_two_of, camera)
        elif kind < 13:
            step = add(lambda value: value, camera)
            child = add(_first, [camera, step], join=ff.Join(max_wait=0.01))
        elif kind < 15:
            child = add(_fails_at(3), camera, on_error="skip")
        elif kind < 18:
            child = add(_fails_at(20), camera, on_error="remove")
        elif kind < 19:
            with pytest.raises(ff.NodeError, match="no such model"):
                add(CannotOpen(), camera)
            return
        else:
            child = add(same, camera, process=True)
        self._keep(self.children, child)

    def _replace(self, chance: random.Random) -> None:
        if chance.random() < 0.5:
            self.pipeline.replace(self.merges[0], Merge())
        else:
            self.pipeline.replace(self.merges[1], _same)

    def _any(self, chance: random.Random, among: list[Any]) -> Any:
        with self.lock:
            return chance.choice(among) if among else None

    def _keep(self, among: list[Any], one: Any) -> None:
        with self.lock:
            among.append(one)

    def _take(self, chance: random.Random, among: list[Any]) -> Any:
        with self.lock:
            return among.pop(chance.randrange(len(among))) if among else None


def _look(churn: Churn, done: threading.Event, failures: list[BaseException]) -> None:
    """Checks that every snapshot is consistent, and that the totals including removed nodes never fall."""
    before = 0
    try:
        while not done.wait(0.01):
            stats = churn.pipeline.stats()
            removed = stats.removed
            assert removed.passed_in == removed.delivered + removed.dropped
            for edge in stats.edges:
                assert edge.passed_in == edge.delivered + edge.dropped + edge.waiting, edge
            total = removed.passed_in + sum(edge.passed_in for edge in stats.edges)
            assert total >= before
            before = total
            churn.all.latest()
    except BaseException as error:
        failures.append(error)


def _make_changes(churn: Churn, changes: int, seed: int, failures: list[BaseException]) -> None:
    def service(number: int) -> None:
        chance = random.Random(seed + number)
        try:
            for _ in range(changes // 2):
                churn.change(chance)
        except BaseException as error:
            failures.append(error)

    services = [threading.Thread(target=service, args=(number,)) for number in range(2)]
    for each in services:
        each.start()
    for each in services:
        each.join()


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


class _Arenas(ctypes.Structure):
    """struct mallinfo2 of the GNU C library. Its allocator keeps freed pages, which remain resident."""

    _fields_ = (
        ("others", ctypes.c_size_t * 7),
        ("in_use", ctypes.c_size_t),
        ("free", ctypes.c_size_t),
        ("top", ctypes.c_size_t),
    )


def _in_use() -> int:
    """Returns the allocated bytes, without those of Python's own allocator, or 0 if unknown."""
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except AttributeError:
        return 0
    mallinfo2.restype = _Arenas
    return int(mallinfo2().in_use)


def _ports() -> int:
    """Returns the number of ports that are still referenced."""
    gc.collect()
    return sum(type(each) is ff.Port for each in gc.get_objects())


class Memory(NamedTuple):
    """Memory of the process in bytes, after everything that was added has been removed."""

    resident: int
    in_use: int


def _run(changes: int) -> list[Memory]:
    """Returns the memory after each quarter."""
    churn = Churn()
    failures: list[BaseException] = []
    done = threading.Event()
    memory = []
    ports = _ports()
    with churn.pipeline:
        looker = threading.Thread(target=_look, args=(churn, done, failures))
        looker.start()
        try:
            threads = 0
            for quarter in range(4):
                _make_changes(churn, changes // 4, 10 * quarter, failures)
                churn.remove_all()
                assert _ports() <= ports
                memory.append(Memory(_resident(), _in_use()))
                threads = threads or threading.active_count()
            until(lambda: threading.active_count() <= threads, "threads of removed nodes end")
        finally:
            done.set()
            looker.join()
        if failures:
            raise failures[0]
        check_books(churn.pipeline)
        stats = churn.pipeline.stats()
        assert stats.removed.node_count > changes // 10
        assert all(worker.restarts == 0 for worker in stats.nodes["workers"].workers)
    return memory


def test_random_changes_keep_the_books() -> None:
    _run(160)


@pytest.mark.full
def test_two_thousand_random_changes_keep_the_books_and_the_memory() -> None:
    memory = _run(2000)
    # For each node, a name and a number are kept, 120 bytes. The allocator's free pages still grow, but more
    # and more slowly.
    assert memory[-1].in_use <= memory[0].in_use + MEBIBYTE // 2, memory
    assert memory[-1].resident <= memory[0].resident + 8 * MEBIBYTE, memory
