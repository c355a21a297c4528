"""A Spool keeps running whatever foreign code does: `send`, log handlers, or the disk."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import builtins
import concurrent.futures
import contextlib
import errno
import functools
import itertools
import logging
import multiprocessing.pool
import os
import re
import sys
import threading
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from night.own_process import open_files
from rigs.spools import Receiver, Running
from rigs.written import write
from support import WATCHDOG, Count, until

import freshframe as ff
from freshframe._spool import writer as writers
from freshframe._spool.box import Box
from freshframe._spool.foreign import check_answer, described
from freshframe._spool.lines import OpenEvents


class TextError(Exception):
    """An exception whose str() calls a function."""

    def __init__(self, text: Callable[[], Any]) -> None:
        super().__init__()
        self.text = text

    def __str__(self) -> str:
        return self.text()  # type: ignore[no-any-return]


def raises(error: BaseException) -> Callable[[], str]:
    def text() -> str:
        raise error

    return text


class OwnText(str):
    """A str subclass with unusual methods."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        raise RuntimeError

    def encode(self, *_: object, **__: object) -> bytes:
        raise RuntimeError


class NoName(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise RuntimeError


class NamelessError(Exception, metaclass=NoName):
    pass


def recurses() -> str:
    return recurses()


def group() -> BaseException:
    if sys.version_info < (3, 11):
        return ValueError("no groups")
    kind: Any = vars(builtins)["ExceptionGroup"]
    made: BaseException = kind("\udcff", [ValueError("\udcff"), TextError(raises(SystemExit()))])
    return made


def noted() -> BaseException:
    error = ValueError("\udcff")
    error.__cause__ = TextError(raises(KeyboardInterrupt()))
    if sys.version_info >= (3, 11):
        error.add_note("\udcff")
    return error


def changed_refusal(place: Any) -> ff.RefusedError:
    refusal = ff.RefusedError([0])
    refusal.indices = (place,)
    return refusal


ODD: dict[str, Callable[[], BaseException]] = {
    "a text that is not UTF-8": lambda: ValueError("/data/\udcff.jpg"),
    "a text with NUL": lambda: ValueError("a\0b"),
    "a very long text": lambda: ValueError("x" * 5_000_000),
    "a text that raises": lambda: TextError(raises(RuntimeError("no text"))),
    "a text that ends the program": lambda: TextError(raises(SystemExit(1))),
    "a text that is Ctrl-C": lambda: TextError(raises(KeyboardInterrupt())),
    "a text that is a number": lambda: TextError(lambda: 1),
    "a text that is bytes": lambda: TextError(lambda: b"x"),
    "a text that recurses": lambda: TextError(recurses),
    "a text of its own class": lambda: TextError(lambda: OwnText("\udcff")),
    "a class without a name": NamelessError,
    "a group": group,
    "a cause and a note": noted,
    "no argument": KeyError,
    "SystemExit": SystemExit,
    "KeyboardInterrupt": KeyboardInterrupt,
    "GeneratorExit": GeneratorExit,
    "StopIteration": StopIteration,
    "CancelledError": asyncio.CancelledError,
    "MemoryError": MemoryError,
    "RecursionError": RecursionError,
    "a base exception of its own": type("Own", (BaseException,), {}),
    "Refused with a place that is not there": lambda: ff.RefusedError([10**6]),
    "Refused whose place was made negative": lambda: changed_refusal(-1),
    "Refused whose place was made a text": lambda: changed_refusal("0"),
}


@pytest.mark.table(cases=5)
@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_whatever_send_raises_is_a_failure_and_the_same_events_come_again(
    tmp_path: Path, make: Callable[[], BaseException]
) -> None:
    receiver = Receiver(make())
    running = Running(ff.Spool(tmp_path / "yard", receiver, batch_size=2, max_wait=0))
    with running.pipeline:
        running.source.push(*"abcd")
        until(lambda: running.stats.sent == 4, lambda: f"all are sent: {running.stats}")
        assert running.stats.errors == 1
        text = running.stats.last_error
        assert text is not None
        assert 0 < len(text.encode()) < 2000
    assert receiver.numbers == [1, 2, 3, 4]
    again = Receiver()
    write(ff.Spool(tmp_path / "yard", again), "e")  # the folder is not locked
    assert again.numbers == [5]


def test_the_text_of_an_exception_says_what_there_is() -> None:
    assert described(ValueError("/\udcff")) == "ValueError: /\\udcff"
    assert described(TextError(raises(SystemExit()))).startswith("TextError: (its message is not available")
    assert described(NamelessError("why")) == "NamelessError: why"
    assert described(ValueError("x" * 10_000)).endswith("x... (10012 characters)")


def test_a_refusal_whose_reason_is_not_utf8_is_a_refusal(tmp_path: Path) -> None:
    receiver = Receiver(ff.RefusedError([0], "/data/\udcff.jpg"))
    running = Running(ff.Spool(tmp_path / "yard", receiver, max_wait=0))
    with running.pipeline:
        running.source.push("a", "b")
        until(lambda: running.stats.sent + running.stats.refused == 2, "both are through")
        assert (running.stats.refused, running.stats.errors) == (1, 0)


def test_a_refusal_with_a_long_reason_does_not_fill_the_disk(tmp_path: Path) -> None:
    """The reason is often the HTML page of a server, and may be attached to ten thousand events."""
    receiver = Receiver(ff.RefusedError(range(100), "x" * 1_000_000))
    running = Running(ff.Spool(tmp_path / "yard", receiver, batch_size=100, max_wait=WATCHDOG))
    with running.pipeline:
        running.source.push(*range(100))
        until(lambda: running.stats.refused == 100, "they are put aside")
    aside = (tmp_path / "yard" / "refused.jsonl").read_text().splitlines()
    assert len(aside) == 100
    assert all("x... (1000000 characters)" in line and len(line) < 2000 for line in aside)


class Bad(logging.Handler):
    """A log handler or filter of the program that raises for log lines of a spool."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error
        self.calls = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.judge(record)

    def judge(self, record: logging.LogRecord) -> bool:
        if "spool" in record.getMessage():
            self.calls += 1
            raise self.error
        return True


@pytest.mark.table
@pytest.mark.parametrize("place", ["handler", "filter"])
@pytest.mark.parametrize("error", [RuntimeError("full"), SystemExit(), KeyboardInterrupt()], ids=repr)
def test_what_the_log_of_the_program_raises_ends_no_thread(
    tmp_path: Path, place: str, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "excepthook", lambda *_: None)
    log, bad = logging.getLogger("freshframe"), Bad(error)
    fails, sync = threading.Event(), os.fdatasync

    def fdatasync(fd: int) -> None:
        if fails.is_set():
            raise OSError(errno.EIO, "bad disk")  # logged by the writer thread
        sync(fd)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    receiver = Receiver(OSError("away"), ff.RefusedError([0]))  # both are logged by the sender thread
    running = Running(ff.Spool(tmp_path / "yard", receiver, batch_size=2, max_wait=0))
    log.addHandler(bad) if place == "handler" else log.addFilter(bad.judge)
    try:
        with running.pipeline:
            running.source.push(*"abcd")
            until(lambda: running.stats.sent + running.stats.refused == 4, "they are through")
            fails.set()
            before = bad.calls
            running.source.push("e")
            until(lambda: bad.calls > before, "the writer has told it")
            fails.clear()
            until(lambda: running.stats.sent == 4, "the writer goes on")
    finally:
        log.removeHandler(bad)
        log.removeFilter(bad.judge)
    assert receiver.numbers == [2, 3, 4, 5]


def test_a_handler_of_the_log_may_open_a_spool_of_its_own(tmp_path: Path) -> None:
    """A program may send its log through a spool, which is opened by the first log line."""
    (tmp_path / "yard" / "lock").mkdir(parents=True)  # it is set aside, which is logged
    (tmp_path / "yard" / "sent").touch()
    opened: list[Box] = []

    class Ships(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if not opened:
                opened.append(Box(str(tmp_path / "log"), 1 << 20))

    log, handler = logging.getLogger("freshframe"), Ships()
    log.addHandler(handler)
    boxes: list[Box] = []
    try:
        opens = threading.Thread(
            target=lambda: boxes.append(Box(str(tmp_path / "yard"), 1 << 20)), daemon=True
        )
        opens.start()
        opens.join(WATCHDOG)
        assert (len(boxes), len(opened)) == (1, 1)
    finally:
        log.removeHandler(handler)
    for box in boxes + opened:
        box.close(complete=True)


def test_a_send_that_closes_all_files_costs_no_later_result(tmp_path: Path) -> None:
    """Programs do this when they become a daemon, or start another program without subprocess."""
    folder = str(tmp_path / "yard")
    calls: list[int] = []

    def send(events: list[dict[str, Any]]) -> None:
        calls.extend(event["n"] for event in events)
        if calls == [1]:
            for name in os.listdir("/proc/self/fd"):
                with contextlib.suppress(OSError):
                    if os.readlink(f"/proc/self/fd/{name}").startswith(folder):
                        os.close(int(name))

    running = Running(ff.Spool(folder, send, max_wait=0))
    with running.pipeline:
        running.source.push("a")
        until(lambda: running.stats.sent == 1, "it is sent")
        running.source.push(*"bcd")
        until(lambda: calls[-1] == 4, lambda: f"the others, too: {calls} {running.stats}")
    assert sorted(set(calls)) == [1, 2, 3, 4]


async def coroutine(events: list[Any]) -> None:
    """Does nothing."""


async def agen(events: list[Any]) -> AsyncIterator[int]:
    yield 1


def generator(events: list[Any]) -> Iterator[int]:
    yield 1


class Awaits:
    async def __call__(self, events: list[Any]) -> None:
        """Does nothing."""

    async def method(self, events: list[Any]) -> None:
        """Does nothing."""


REFUSED: dict[str, Any] = {
    "async def": coroutine,
    "async generator": agen,
    "generator": generator,
    "a partial": functools.partial(coroutine),
    "a partial of a partial": functools.partial(functools.partial(generator)),
    "an object": Awaits(),
    "a method": Awaits().method,
    "a partial of an object": functools.partial(Awaits()),
}


@pytest.mark.parametrize("send", REFUSED.values(), ids=REFUSED)
def test_a_function_whose_call_sends_nothing_is_refused(tmp_path: Path, send: Any) -> None:
    with pytest.raises(ff.OptionTypeError, match="send must be a plain function"):
        ff.Spool(tmp_path / "yard", send)


class Later(Awaitable[None]):
    def __await__(self) -> Generator[Any, Any, None]:
        yield None


def pool_result() -> object:
    pool: Any = types.SimpleNamespace(_cache={})
    return multiprocessing.pool.AsyncResult(pool, None, None)


LAZY: dict[str, Callable[[list[Any]], Any]] = {
    "a coroutine": lambda events: coroutine(events[:]),
    "an async generator": lambda events: agen(events[:]),
    "a generator": lambda events: generator(events[:]),
    "a generator expression": lambda events: (event for event in events),
    "an awaitable": lambda events: Later(),
    "a future": lambda events: concurrent.futures.Future(),
    "map": lambda events: map(print, events),
    "an iterator of itertools": lambda events: itertools.starmap(print, [events]),
    "a result of a pool": lambda events: pool_result(),
    "a list of coroutines": lambda events: [coroutine(events[:]), coroutine(events[:])],
    "a tuple with a future": lambda events: (1, concurrent.futures.Future()),
}


@pytest.mark.table(cases=5)
@pytest.mark.parametrize("lazy", LAZY.values(), ids=LAZY)
@pytest.mark.filterwarnings("error")
def test_work_that_nobody_will_do_does_not_count_as_sent(
    tmp_path: Path, lazy: Callable[[list[Any]], Any]
) -> None:
    calls: list[list[int]] = []

    def send(events: list[dict[str, Any]]) -> Any:
        calls.append([event["n"] for event in events])
        return lazy(events) if len(calls) == 1 else len(events)

    running = Running(ff.Spool(tmp_path / "yard", send, max_wait=0))
    with running.pipeline:
        running.source.push("a")
        until(lambda: running.stats.sent == 1, "it is sent again")
        assert running.stats.errors == 1
        assert "which has sent nothing yet" in str(running.stats.last_error)
    assert calls == [[1], [1]]


def test_the_report_of_a_run_counts_as_sent() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(Count(1))
    check_answer(pipeline.run())


def test_half_of_a_list_is_sent_until_the_event_at_fault_is_alone(tmp_path: Path) -> None:
    calls: list[list[int]] = []
    taken: list[int] = []

    def send(events: list[dict[str, Any]]) -> None:
        numbers = [event["n"] for event in events]
        calls.append(numbers)
        if {3, 6} & set(numbers):
            raise ff.RefusedError(reason="the server answered 422")
        taken.extend(numbers)

    running = Running(ff.Spool(tmp_path / "yard", send, batch_size=8, max_wait=WATCHDOG))
    with running.pipeline:
        running.source.push(*range(8))
        until(lambda: running.stats.waiting == 0 and running.stats.sent == 6, "all but two are sent")
        assert (running.stats.refused, running.stats.errors) == (2, 0)
    assert taken == [1, 2, 4, 5, 7, 8]
    assert calls[:3] == [[1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 3, 4], [1, 2]]
    aside = (tmp_path / "yard" / "refused.jsonl").read_text().splitlines()
    assert ['"n":3' in aside[0], '"n":6' in aside[1], len(aside)] == [True, True, 2]


def test_refused_events_that_fall_out_of_the_folder_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("freshframe._spool.refused._MOST_BYTES", 1000)

    def send(events: list[Any]) -> None:
        raise ff.RefusedError(range(len(events)))

    running = Running(ff.Spool(tmp_path / "yard", send, batch_size=2, max_wait=0))
    with running.pipeline:
        running.source.push(*range(100))
        until(lambda: running.stats.refused == 100, "all are refused")
        kept = sum(path.read_text().count("\n") for path in (tmp_path / "yard").glob("refused*.jsonl"))
        assert 0 < kept < 100
        assert running.stats.lost == 100 - kept
    assert "the oldest" in caplog.text


def test_an_event_that_cannot_be_parsed_stops_none_behind_it(tmp_path: Path) -> None:
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    limit = sys.getrecursionlimit()
    receiver = Receiver()
    running = Running(ff.Spool(tmp_path / "yard", receiver, max_wait=0))
    with running.pipeline:
        running.source.push({"key": deep, "began_utc": 1.0}, "b")
        until(lambda: running.stats.sent + running.stats.lost == 2, "both are through")
    assert receiver.numbers[-1] == 2
    assert sys.getrecursionlimit() == limit


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_sender_that_dies_is_told_and_another_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from freshframe._spool.sender import Sender  # noqa: PLC0415

    receiver = Receiver(OSError("away"))
    real, deaths = Sender._note_failure, [SystemExit()]

    def die(self: Sender, error: BaseException) -> None:
        if deaths:
            raise deaths.pop()
        real(self, error)

    monkeypatch.setattr(Sender, "_note_failure", die)
    running = Running(ff.Spool(tmp_path / "yard", receiver, max_wait=0))
    with running.pipeline:
        running.source.push("a")
        until(lambda: not deaths, "it has died")
        until(lambda: "spool sender" not in {thread.name for thread in threading.enumerate()}, "it is gone")
        running.source.push("b")
        until(lambda: receiver.numbers == [1, 2], "another one sends")
    assert "the sending thread has ended; starting another one" in caplog.text


def test_a_writer_that_dies_ends_the_pipeline_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    running = Running(ff.Spool(tmp_path / "yard", Receiver(), max_wait=0))
    running.pipeline.start()

    def broken(fd: int) -> None:
        raise ZeroDivisionError("of the test")

    monkeypatch.setattr(os, "fdatasync", broken)
    running.source.push("a")
    until(lambda: "the thread that writes the spool" in caplog.text, "it is told")
    running.source.push("b")
    with pytest.raises(ff.NodeError, match=r"has ended \(ZeroDivisionError: of the test\)"):
        running.pipeline.wait()
    running.pipeline.stop()
    assert "1 results could not be written and are lost" in caplog.text


def test_a_disk_that_stands_still_costs_results_and_not_the_pipeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The numbers of the lost results become a gap."""
    stands, real = threading.Event(), os.fdatasync

    def fdatasync(fd: int) -> None:
        if stands.is_set():
            raise OSError(errno.EIO, "bad disk")
        real(fd)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    monkeypatch.setattr(writers, "_MOST", 3)
    monkeypatch.setattr(writers, "_PATIENCE", 0.01)
    receiver = Receiver()
    running = Running(ff.Spool(tmp_path / "yard", receiver, max_wait=0))
    with running.pipeline:
        stands.set()
        running.source.push(*range(10))
        until(lambda: running.pipeline.stats().nodes["spool"].processed == 10, "process() does not wait")
        stands.clear()
        until(lambda: receiver.numbers == [1, 2, 3], "what waited in memory is written")
        running.source.push("behind")
        until(lambda: receiver.numbers == [1, 2, 3, 11], "the others are a gap")
        until(lambda: running.stats.lost == 7, "they are counted")
    assert "results are lost until it can" in caplog.text
    assert "the results 4 to 10 are missing" in caplog.text


@pytest.mark.parametrize("results", [["a"], ["a", "b"]], ids=["a first segment", "a later commit"])
def test_a_write_without_memory_is_tried_again_and_leaves_no_file_and_no_descriptor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, results: list[str]
) -> None:
    fails, real, tries = threading.Event(), os.fdatasync, itertools.count()
    several = threading.Event()

    def fdatasync(fd: int) -> None:
        if fails.is_set():
            if next(tries) == 5:
                several.set()
            raise MemoryError
        real(fd)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    monkeypatch.setattr(writers, "_AGAIN", 0.001)
    receiver, folder = Receiver(), tmp_path / "yard"
    running = Running(ff.Spool(folder, receiver, max_wait=0))
    with running.pipeline:
        running.source.push(*results[:-1])
        until(lambda: receiver.numbers == list(range(1, len(results))), "the first ones are sent")
        fails.set()
        running.source.push(results[-1])
        assert several.wait(WATCHDOG)
        fails.clear()
        until(lambda: receiver.numbers == list(range(1, len(results) + 1)), "it is written in the end")
        assert not [path.name for path in folder.iterdir() if "bad" in path.name]
        assert not [
            path for path in open_files().values() if path.startswith(str(folder)) and "deleted" in path
        ]


def test_memory_that_is_short_behind_a_write_does_not_write_it_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails, real = threading.Event(), OpenEvents.note_text

    def note_text(events: OpenEvents, record: str) -> None:
        if not fails.is_set() and '"b"' in record:
            fails.set()
            raise MemoryError
        real(events, record)

    monkeypatch.setattr(OpenEvents, "note_text", note_text)
    box = Box(str(tmp_path / "yard"), 1 << 20)
    for name in "abc":
        box.commit([f'{{"value": "{name}"}}'], 1.0)
    assert fails.is_set()
    (segment,) = tmp_path.glob("yard/*.jsonl")
    assert re.findall(r'"n": ?(\d+)', segment.read_text()) == ["1", "2", "3"]
    box.close(complete=True)


@pytest.mark.slow
def test_a_disk_that_fails_to_the_end_leaves_the_folder_to_the_next_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = os.fdatasync

    def fdatasync(fd: int) -> None:
        raise OSError(errno.EIO, "bad disk")

    running = Running(ff.Spool(tmp_path / "yard", Receiver(), max_wait=0))
    with running.pipeline:
        monkeypatch.setattr(os, "fdatasync", fdatasync)
        running.source.push("a")
        until(lambda: "results wait in memory until it can" in caplog.text, "it is told")
    assert "1 results could not be written and are lost" in caplog.text
    monkeypatch.setattr(os, "fdatasync", real)
    again = Receiver()
    write(ff.Spool(tmp_path / "yard", again), "b")
    assert again.numbers == [1]
