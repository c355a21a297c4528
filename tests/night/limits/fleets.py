"""The promises to a fleet's readers and its failing cameras."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import math
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from support import WATCHDOG, until

import freshframe as ff
from freshframe.fleet import CameraStats, FleetReaderStats, FleetSample
from night.limits.rule import Find

_RATE = 5.0  # samples per second of a camera
_FAST = 60.0  # for a camera that is faster than its readers
_SELDOM = 70.0  # seconds between two results of an output, more than those after which results expire
_LUMP = 25  # results that a slow reader takes at once
_PULLED = 500  # results that are pulled at once
_PAUSE = 1.0  # seconds between two lumps or batches
_READS = 10.0  # seconds for which a reader reads that comes back
_CLOSED = 20.0  # seconds for which it is closed
_EXPIRES = 60.0  # seconds without a pull, after which results expire
_PATIENCE = 40.0  # more seconds, on a busy machine
_CATCH_UP = 20.0  # seconds in which a reader that has slept reads what waits

_FIRST = 1.0  # seconds until a camera that has failed is tried again; doubles
_LONGEST = 30.0  # the longest of them
_WELL = 13.0  # seconds of a good run
_SETTLED = 10.5  # seconds of a run, as its fleet sees it, after which earlier failures do not count
_SHORT = 5.0  # seconds of a run, as the camera sees it, after which they do
_LATE = 10.0  # seconds by which a try may be late
_IN_ROW = 3  # tries that are later
_EARLY = 0.9  # share of the promised seconds
_LOOK = 0.25  # seconds between two looks at the cameras

Built = tuple[ff.Pipeline, dict[str, ff.Port[Any]]]


class _Numbers(ff.Source[int]):
    """Counts, like a live camera."""

    live = True

    def __init__(self, rate: float) -> None:
        self._rate = rate

    def read(self) -> Iterator[tuple[int, float]]:
        """Reads until the stop."""
        number = 0
        while not self.stop_token.wait(1 / self._rate):
            yield number, number / self._rate
            number += 1


def _few(number: int) -> Iterator[int]:
    """One of many."""
    if number % int(_SELDOM * _RATE) == 0:
        yield number


def _camera(_: str) -> Built:
    pipeline = ff.Pipeline()
    numbers = pipeline.add(_Numbers(_RATE))
    return pipeline, {"all": numbers, "few": pipeline.add(_few, numbers)}


def fast_camera(_: str) -> Built:
    pipeline = ff.Pipeline()
    return pipeline, {"many": pipeline.add(_Numbers(_FAST))}


@dataclass
class _Account:
    """The results that a reader has got.

    Attributes:
        got: How many results.
        gaps: How many are missing before them.
        wrong: Where a sample's ordinal and ``dropped`` do not agree.
        slept: Seconds for which it has read nothing.
        full: Of them, those in which its outbox was full.
        longest: Seconds that it has needed at most for the results of a pull: meanwhile there is no other.
    """

    got: int = 0
    gaps: int = 0
    wrong: str = ""
    slept: float = 0.0
    full: float = 0.0
    longest: float = 0.0
    _next: dict[tuple[str, int], int] = field(default_factory=dict)

    def note(self, sample: FleetSample) -> None:
        """One more."""
        run = sample.camera, sample.epoch
        expected = self._next.get(run, 0) + sample.dropped
        if sample.ordinal != expected:
            self.wrong = self.wrong or f"got a sample with the ordinal {sample.ordinal}, not {expected}"
        self._next[run] = sample.ordinal + 1
        self.got += 1
        self.gaps += sample.dropped

    def read(self, reader: ff.fleet.FleetReader, ends: float, most: float = math.inf) -> None:
        """Reads until the end, or `most` results."""
        while most > 0 and time.monotonic() < ends:
            with contextlib.suppress(ff.ReadTimeoutError):
                self.note(reader.get(1))
                most -= 1


def _counts(fleet: ff.fleet.Fleet, name: str | None) -> FleetReaderStats:
    """The counters of a fleet for a reader."""
    return next(each for each in fleet.stats().readers if each.name == name)


def _always(fleet: ff.fleet.Fleet, ends: float) -> _Account:
    account = _Account()
    account.read(fleet.reader("all"), ends)
    return account


def _waits(fleet: ff.fleet.Fleet, ends: float) -> _Account:
    account = _Account()
    account.read(fleet.reader("few", name="waits"), ends)
    return account


def _batches(fleet: ff.fleet.Fleet, ends: float) -> _Account:
    account = _Account()
    for batch in fleet.reader("all", name="batches").batches(50, max_wait=3):
        for sample in batch:
            account.note(sample)
        if time.monotonic() > ends:
            break
        time.sleep(_PAUSE)
    return account


def _comes_back(fleet: ff.fleet.Fleet, ends: float) -> _Account:
    account = _Account()
    while (now := time.monotonic()) < ends:
        with contextlib.closing(fleet.reader("all", name="comes back")) as reader:
            account.read(reader, min(ends, now + _READS))
        time.sleep(max(0.0, min(_CLOSED, ends - time.monotonic())))
    return account


def _slow(fleet: ff.fleet.Fleet, ends: float) -> _Account:
    account = _Account()
    reader = fleet.reader("many", name="slow")
    lumps = deque([time.monotonic()], _PULLED // _LUMP + 2)  # when the newest ones were read
    while time.monotonic() < ends:
        account.read(reader, ends, _LUMP)
        time.sleep(_PAUSE)
        lumps.append(time.monotonic())
        account.longest = max(account.longest, lumps[-1] - lumps[0])
    return account


def _sleeps(fleet: ff.fleet.Fleet, ends: float) -> _Account:
    account = _Account()
    began, filled = time.monotonic(), math.inf
    reader = fleet.reader("many", name="sleeps")
    while not (counts := _counts(fleet, "sleeps")).expired and time.monotonic() < ends:
        if counts.outbox_full:
            filled = min(filled, time.monotonic())
        time.sleep(_PAUSE)
    now = time.monotonic()
    account.slept, account.full = now - began, max(0.0, now - filled)
    account.read(reader, max(ends, now + _CATCH_UP))
    return account


class _Kind(NamedTuple):
    """A kind of reader: its name, what it does, and whether it gets each result."""

    name: str | None
    what: str
    read: Callable[[ff.fleet.Fleet, float], _Account]
    is_quick: bool


_SLEEPER = _Kind("sleeps", "reads nothing until its results expire", _sleeps, False)
_READERS = (
    _Kind(None, "reads all the time", _always, True),
    _Kind("waits", "waits all the time", _waits, True),
    _Kind("batches", "reads batches", _batches, True),
    _Kind("comes back", f"is closed for {_CLOSED:g} s and comes back", _comes_back, True),
    _Kind("slow", f"reads {_LUMP} of {_FAST:g} results a second", _slow, False),
    _SLEEPER,
)


def _check_books(kind: _Kind, account: _Account, counts: FleetReaderStats, say: Find) -> None:
    """The rules for any reader."""
    if account.wrong:
        say(account.wrong)
    if counts.delivered != account.got:
        say(f"has got {account.got} results: {counts}")
    lost = counts.outbox_full + counts.expired + counts.fenced + counts.lost_with_agent
    if counts.reported != counts.delivered + lost + counts.waiting:
        say(f"has books that do not balance: {counts}")
    if account.gaps > (0 if kind.is_quick else lost):
        say(f"misses {account.gaps} results: {counts}")


def _check_sleeper(fleet: ff.fleet.Fleet, account: _Account, say: Find) -> None:
    """The results expire in the end, and each is counted."""

    def counted() -> int:
        counts = _counts(fleet, _SLEEPER.name)
        return counts.outbox_full + counts.expired

    if not _counts(fleet, _SLEEPER.name).expired:
        if account.full > _EXPIRES + _PATIENCE:
            say(f"has read nothing for {account.full:.0f} s since its outbox was full, and none has expired")
        return
    if account.slept < _EXPIRES:
        say(f"has lost results as expired within {account.slept:.0f} s")
    if fleet.stats().cameras["fast"].starts == 1:
        until(lambda: counted() <= account.gaps, lambda: f"{account.gaps} results in: {fleet.stats()}")


def _read(fleet: ff.fleet.Fleet, kind: _Kind, seconds: float, find: Find) -> None:
    """Reads, and compares what it has got with what the fleet has counted."""

    def say(text: str) -> None:
        find(f"a fleet's reader that {kind.what} {text}")

    account = kind.read(fleet, time.monotonic() + seconds)
    counts = _counts(fleet, kind.name)
    _check_books(kind, account, counts, say)
    if kind is _SLEEPER:
        _check_sleeper(fleet, account, say)
    elif counts.expired and account.longest < _EXPIRES:
        say(f"has lost {counts.expired} of {counts.reported} results as expired within {seconds:.0f} s")


def readers_of_a_fleet(seconds: float, find: Find) -> int:
    """Results expire for a reader that has not pulled for a minute, and for no other one."""
    with ThreadPoolExecutor(len(_READERS)) as pool, ff.fleet.Fleet(agents=2) as fleet:
        fleet.add_many(dict.fromkeys(("north", "south"), "numbers"), _camera)
        fleet.add("fast", "numbers", fast_camera)
        until(lambda: fleet.stats().states() == {"running": 3}, lambda: f"cameras: {fleet.stats()}")
        reads = {pool.submit(_read, fleet, kind, seconds, find): kind for kind in _READERS}
        done, late = wait(reads, seconds + 2 * WATCHDOG)
        for each in late:
            find(f"a fleet's reader that {reads[each].what} hangs: {fleet.stats()}")
        for each in done:
            each.result()
    return len(done)


class _Book:
    """A camera's own file of its starts and failures, which no agent's end touches."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, what: str) -> None:
        """It happens now."""
        with self._path.open("a") as file:
            file.write(f"{what} {time.monotonic()}\n")

    def starts(self) -> list[list[float]]:
        """When each start has begun, and has failed, if it has."""
        starts = list[list[float]]()
        for line in self._path.read_text().splitlines() if self._path.exists() else ():
            what, when = line.split()
            if what == "begins":
                starts.append([])
            starts[-1].append(float(when))
        return starts


class _Failure:
    """A failure of one start, which is due after some seconds."""

    def __init__(self, book: _Book, number: int, seconds: float) -> None:
        self._book, self._number, self._seconds = book, number, seconds
        self._due = math.inf

    def begin(self) -> None:
        """From now on its seconds count."""
        self._due = time.monotonic() + self._seconds

    def look(self, number: int = 0) -> int:
        """Fails when it is due; else returns the number."""
        if time.monotonic() > self._due:
            self._book.write("fails")
            raise RuntimeError(f"failure-{self._number}.")
        return number


class _Failing(_Numbers):
    """Fails by itself, or begins the time of a camera that fails for it."""

    def __init__(self, failure: _Failure, by_itself: bool) -> None:
        super().__init__(_RATE)
        self._failure, self._by_itself = failure, by_itself

    def read(self) -> Iterator[tuple[int, float]]:
        """Reads until the stop, or the failure."""
        self._failure.begin()
        for sample in super().read():
            if self._by_itself:
                self._failure.look()
            yield sample


def _failing_camera(url: str) -> Built:
    """``source:0,0,13:PATH``: at its third start, and all later ones, the source fails after 13 s."""
    where, lengths, path = url.split(":")
    book, each = _Book(Path(path)), [float(length) for length in lengths.split(",")]
    number = len(book.starts())
    book.write("begins")
    seconds = each[min(number, len(each) - 1)]
    failure = _Failure(book, number, seconds)
    if where == "build" and not seconds:
        failure.begin()
        failure.look()
    pipeline = ff.Pipeline()
    numbers = pipeline.add(_Failing(failure, where != "node"))
    return pipeline, {"numbers": pipeline.add(failure.look, numbers) if where == "node" else numbers}


_SHORT_RUNS = "0,0,0,0"
_CAMERAS = {
    "now-and-then": f"source:{_WELL:g}",
    "mended": f"source:{_SHORT_RUNS},{_WELL:g}",
    "mended-node": f"node:{_SHORT_RUNS},{_WELL:g}",
    "mended-build": f"build:{_SHORT_RUNS},{_WELL:g}",
    "broken": "source:0",
    "broken-build": "build:0",
}
_EXCLUSIVE = ("mended-node",)


@dataclass
class _Seen:
    """A camera as its fleet has shown it: when, in which state, and for how long it had been in it."""

    looks: list[tuple[float, str, float]] = field(default_factory=list)

    def note(self, at: float, camera: CameraStats) -> None:
        """One more look."""
        self.looks.append((at, camera.state, camera.state_for))

    def longest(self, begin: float, end: float, *states: str) -> float:
        """The most seconds that it had been in one of these states."""
        there = (since for at, state, since in self.looks if begin <= at <= end and state in states)
        return max(there, default=0.0)


class _Try(NamedTuple):
    """A start after a failure.

    Attributes:
        away: Seconds between the two, in the camera's book.
        told: Of them, those in which the fleet has shown the failure.
        promised: How many there should be.
        is_over: It has begun.
    """

    away: float
    told: float
    promised: float
    is_over: bool

    @property
    def is_late(self) -> bool:
        """Whether it is late, or will be, though the machine is busy."""
        return self.away > self.promised + _LATE

    @property
    def is_early(self) -> bool:
        """Whether it has come too early."""
        return self.is_over and self.away < _EARLY * self.promised


def _tries(starts: list[list[float]], seen: _Seen, now: float) -> list[_Try]:
    """The tries with a known promise."""
    tries = list[_Try]()
    in_row: int | None = 0  # failures; None means a run was neither good nor short
    for number, (begins, *failed) in enumerate(starts):
        if not failed:  # it runs, or its agent has ended
            continue
        if seen.longest(begins, failed[0], "waiting", "running", "away") > _SETTLED:
            in_row = 0
        elif failed[0] - begins > _SHORT:
            in_row = None
        if in_row is None:
            continue
        is_over = number + 1 < len(starts)
        again = starts[number + 1][0] if is_over else now
        promised = min(_LONGEST, _FIRST * 2**in_row)
        told = seen.longest(failed[0], again, "failed")
        tries.append(_Try(again - failed[0], told, promised, is_over))
        in_row += 1
    return tries


def _shown(tries: list[_Try]) -> str:
    each = (
        f"{one.away:.1f} s (failed for {one.told:.1f} s in stats(), promised {one.promised:g} s)"
        for one in tries
    )
    return "was away for " + ", ".join(each)


def _check_tries(name: str, tries: list[_Try], find: Find) -> None:
    """A busy machine makes some of them late and none early, but for a run whose end was reported late."""
    for first in range(len(tries) - _IN_ROW + 1):
        row = tries[first : first + _IN_ROW]
        if all(one.is_late for one in row):
            find(f"a fleet's camera {name!r} {_shown(row)}")
            break
    early = [one for one in tries if one.is_early]
    if len(early) > 1:
        find(f"a fleet's camera {name!r} is tried too early: it {_shown(early[:_IN_ROW])}")


def _check_events(fleet: ff.fleet.Fleet, name: str, failures: int, find: Find) -> None:
    """Each failure is an event, once."""

    def times() -> list[int]:
        texts = [event.text for event in fleet.stats().events if event.about == name]
        return [sum(f"failure-{number}." in text for text in texts) for number in range(failures)]

    until(lambda: all(times()), lambda: f"events of {failures} failures: {fleet.stats().events}")
    if max(times(), default=1) > 1:
        find(f"the failures of a fleet's camera {name!r} are events so often: {times()}")


def cameras_that_fail(seconds: float, find: Find) -> int:
    """A camera that fails is tried again after 1 s, doubling to 30 s until it has run well for a while."""
    tried, seen = 0, {name: _Seen() for name in _CAMERAS}
    with tempfile.TemporaryDirectory(prefix="cameras-that-fail-") as folder, ff.fleet.Fleet() as fleet:
        books = {name: _Book(Path(folder) / name) for name in _CAMERAS}
        for name, how in _CAMERAS.items():
            fleet.add(name, f"{how}:{Path(folder) / name}", _failing_camera, exclusive=name in _EXCLUSIVE)
        ends = time.monotonic() + seconds
        while (now := time.monotonic()) < ends:
            for name, camera in fleet.stats().cameras.items():
                seen[name].note(now, camera)
            time.sleep(_LOOK)
        has_lost_agent = any(agent.deaths for agent in fleet.stats().agents.values())
        for name, book in books.items():
            starts = book.starts()
            tries = _tries(starts, seen[name], now)
            _check_tries(name, tries, find)
            if not has_lost_agent:
                _check_events(fleet, name, sum(len(each) > 1 for each in starts), find)
            tried += len(tries)
    return tried
