"""Helpers of the tests: scripted sources, gates, waits with a watchdog, runners of nodes and programs."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt
from rigs import watchdog
from rigs.watchdog import LONG_WATCHDOG, run_to_end

import freshframe as ff

TESTS = Path(__file__).parent  # on sys.path of the tests
WATCHDOG = watchdog.WATCHDOG

Measured = TypeVar("Measured")


def encodes(codec: str) -> bool:
    """Returns True if the installed FFmpeg has the encoder. The LGPL build of a wheel has none for H.264."""
    try:
        ff.VideoFile("a.mkv", codec=codec)
    except ff.OptionError:
        return False
    return True


def mypy_path() -> list[str]:
    """Returns the MYPYPATH for the package; empty if it is installed, because mypy then finds it."""
    assert ff.__file__ is not None
    folder = Path(ff.__file__).parents[1]
    return [] if folder.name == "site-packages" else [str(folder)]


def open_dashboard(pipeline: ff.Pipeline) -> ff.types.Dashboard | None:
    """Returns the dashboard that is serving the pipeline, or None."""
    from freshframe._look import dashboard  # noqa: PLC0415  (few tests have one)

    return dashboard.find_dashboard(pipeline._engine)


def until(condition: Callable[[], object], what: str | Callable[[], str]) -> None:
    """Waits until `condition()` is true. Fails after WATCHDOG seconds, naming `what` was waited for."""
    deadline = time.monotonic() + WATCHDOG
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(
                f"waited {WATCHDOG:g} s in vain: {what if isinstance(what, str) else what()}"
            )
        time.sleep(0.002)


def measured_until(
    measure: Callable[[], Measured], holds: Callable[[Measured], bool], attempts: int = 10
) -> Measured:
    """Repeats a measurement until `holds` accepts it, and returns it.

    A machine that is suspended or busy spoils single measurements, a bug spoils all of them.
    """
    assert attempts > 0
    for _ in range(attempts):
        found = measure()
        if holds(found):
            return found
    raise AssertionError(f"in each of {attempts} measurements it was otherwise, last with {found}")


def at_once(*bodies: Callable[[], Any]) -> list[Any]:
    """Runs functions concurrently, starting at a barrier. Returns their results or exceptions, in order."""
    barrier = threading.Barrier(len(bodies))
    results: list[Any] = [None] * len(bodies)

    def run(number: int) -> None:
        barrier.wait(WATCHDOG)
        try:
            results[number] = bodies[number]()
        except BaseException as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WATCHDOG)
        assert not thread.is_alive(), "a thread hangs"
    return results


class Gate:
    """Blocks the threads that enter() until it is opened, at the latest at the end of the test."""

    _all: ClassVar[weakref.WeakSet[Gate]] = weakref.WeakSet()

    def __init__(self) -> None:
        self._event = threading.Event()
        self.arrived = 0
        Gate._all.add(self)

    def enter(self) -> None:
        self.arrived += 1
        assert self._event.wait(WATCHDOG), "the gate was not opened"

    def open(self) -> None:
        self._event.set()

    @classmethod
    def open_all(cls) -> None:
        for gate in list(cls._all):
            gate.open()


class Count(ff.Source[int]):
    """Emits 0, 1, 2, ... as fast as possible. `count=None`: until it is stopped."""

    def __init__(self, count: int | None = None, *, live: bool = False) -> None:
        self.count = count
        self.live = live

    def read(self) -> Iterator[tuple[int, float]]:
        for number in itertools.count() if self.count is None else range(self.count):
            if self.stop_token.wait(0):
                return
            yield number, number / 25


class Ticker(ff.Source[int]):
    """Emits 0, 1, 2, ..., one every `period` seconds, until it is stopped."""

    live = True

    def __init__(self, period: float = 0.01) -> None:
        self.period = period

    def read(self) -> Iterator[tuple[int, float]]:
        for number in itertools.count():
            if self.stop_token.wait(self.period):
                return
            yield number, number * self.period


class Push(ff.Source[Any]):
    """Emits the values that the test pushes, immediately."""

    def __init__(self, *, live: bool = True) -> None:
        self.live = live
        self._items: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def push(self, *values: object) -> None:
        for value in values:
            self._items.put((value,))

    def push_stamped(self, value: object, pts: float, captured: float) -> None:
        self._items.put((value, pts, captured))

    def fail(self, error: BaseException) -> None:
        self._items.put(error)

    def end(self) -> None:
        self._items.put(None)

    def read(self) -> Iterator[tuple[Any, float] | tuple[Any, float, float]]:
        number = 0
        while not self.stop_token.wait(0):
            try:
                item = self._items.get(timeout=0.02)
            except queue.Empty:
                continue
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
            yield (item[0], number / 25) if len(item) == 1 else item
            number += 1


def picture(number: int, size: tuple[int, int] = (64, 48)) -> npt.NDArray[np.uint8]:
    """Returns a gray frame whose pixels all have the value `number`. `size` is (width, height)."""
    return np.full((size[1], size[0]), number % 256, np.uint8)


class Pictures(ff.Source[ff.Frame]):
    """Emits `count` grey frames, frame n full of the value n % 256."""

    def __init__(self, count: int, *, live: bool = False, size: tuple[int, int] = (64, 48)) -> None:
        self.count = count
        self.live = live
        self.size = size

    def read(self) -> Iterator[tuple[ff.Frame, float]]:
        for number in range(self.count):
            if self.stop_token.wait(0):
                return
            yield ff.Frame.from_array(picture(number, self.size), "gray"), number / 25


class Collect(ff.Node[Any, None]):
    """Keeps (seq, value) of every sample. Enters the gate, if there is one, at each."""

    def __init__(self, gate: Gate | None = None) -> None:
        self.gate = gate
        self.seen: list[tuple[int, Any]] = []

    def process(self, sample: ff.Sample[Any]) -> None:
        self.seen.append((sample.seq, sample.value))
        if self.gate is not None:
            self.gate.enter()


def edge(pipeline: ff.Pipeline, child: str, parent: str | None = None) -> ff.stats.EdgeStats:
    """Returns the only edge into `child` (from `parent`, if given)."""
    edges = pipeline.stats().edges
    found = [e for e in edges if e.child == child and parent in (None, e.parent)]
    assert len(found) == 1, f"{len(found)} edges into {child!r}, all edges: {edges}"
    return found[0]


def check_books(pipeline: ff.Pipeline) -> None:
    """Fails unless every sample that entered an edge was delivered, dropped or is waiting."""
    for e in pipeline.stats().edges:
        assert e.passed_in == e.delivered + e.dropped + e.waiting, f"the books do not balance: {e}"
        assert e.dropped == sum(e.drops.values()), f"dropped is not the sum of its causes: {e}"
        assert all(e.drops.values()), f"a cause that did not happen is present: {e}"
    for name, n in pipeline.stats().nodes.items():
        assert n.dropped == sum(n.drops.values()), f"dropped is not the sum of its causes: {name}: {n}"
        assert all(n.drops.values()), f"a cause that did not happen is present: {name}: {n}"


def run_node(node: Any, values: Iterable[Any], **options: Any) -> list[ff.Sample[Any]]:
    """Runs one node on `values` without dropping any, and returns the samples that it emitted."""
    source = Push(live=False)
    source.push(*values)
    source.end()
    pipeline = ff.Pipeline()
    port = pipeline.add(node, pipeline.add(source, name="values"), **options)
    reader = pipeline.reader(port)
    with pipeline:
        return list(reader)


@dataclass
class Ended:
    """Exit code (negative: number of the signal) and output of a program that has ended."""

    code: int
    out: str
    err: str

    @property
    def complaints(self) -> str:
        """Its stderr, without the lines about drops of a live edge."""
        lines = self.err.splitlines(keepends=True)
        return "".join(line for line in lines if "dropped its first sample" not in line)


def kill_group(process: subprocess.Popen[str]) -> None:
    """Kills the process and its forked children, which would keep its pipes open. It must lead a session."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def program_environment() -> dict[str, str]:
    """Returns an environment in which a program can import what this one can."""
    own = (sys.prefix, sys.base_prefix)  # found by every Python
    paths = [str(Path(ff.__file__).parents[1]), str(TESTS), *sys.path]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in paths if p and not p.startswith(own))}


def run_program(code: str, *, signals: Sequence[signal.Signals] = (), arguments: Sequence[str] = ()) -> Ended:
    """Runs `code` in a separate Python.

    Each time that it prints the line "ready", it is sent the next of `signals`. A program that hangs is
    aborted, so that it prints the stacks of its threads, and fails the test.
    """
    prologue = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    environment = {**program_environment(), "PYTHONFAULTHANDLER": "1"}
    pending = list(signals)
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, "-u", "-W", "error", "-c", prologue + textwrap.dedent(code), *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
            start_new_session=True,
        )
        hung = threading.Event()

        def end_it() -> None:
            hung.set()
            process.send_signal(signal.SIGABRT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            kill_group(process)

        watchdog = threading.Timer(WATCHDOG, end_it)
        watchdog.start()
        lines = []
        try:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line)
                if line == "ready\n" and pending:
                    process.send_signal(pending.pop(0))
            process.wait()
        finally:
            watchdog.cancel()
            watchdog.join()
            kill_group(process)
            process.communicate()
        errors.seek(0)
        ended = Ended(process.returncode, "".join(lines), errors.read())
    assert not hung.is_set(), f"the program hung:\n{ended.out}\n{ended.err}"
    return ended


def run_python(*arguments: str, before: Sequence[str] = (), cwd: Path | None = None) -> Ended:
    """Runs a separate Python that can import the package and the tests, by the command `before` if given."""
    environment = program_environment()
    ended = run_to_end([*before, sys.executable, *arguments], env=environment, cwd=cwd, timeout=LONG_WATCHDOG)
    return Ended(ended.returncode, ended.stdout, ended.stderr)
