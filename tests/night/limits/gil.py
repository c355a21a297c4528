"""The stalls that a watch of the GIL keeps and names. There is one for a process: each rule is tried in its
own.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import ctypes
import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from rigs.process import nodes
from rigs.web_client import request
from support import Ticker

import freshframe as ff
from night import own_process
from night.limits.rule import Find, apart

_CALL = 4_000  # microseconds for which the GIL is held
_THRESHOLD = 0.001  # seconds
_STALLS_GROWN = 4 << 20  # bytes: those of 670 more stalls, as each has two texts of the length below
_PATH = 3_000  # characters of the path of the program's file
_KEEP = 100  # stalls that the watch has to keep
_OF_A_THREAD = 20  # calls
_EVENTS = 100  # at most, on a page
_CULPRITS = 5  # at most, of stats()
_DESCRIPTORS = 10  # more than before

_LONG_CALL = 300_000  # microseconds
_NAMED_THRESHOLD = 0.1  # seconds
_NAMED = 2.0  # seconds after which a thread with a new name holds the GIL
_LOOK = 0.25  # seconds between two looks at the page
_NAMED_WITHIN = 30.0  # seconds until the page lists the stall

_HOLDERS, _CALLED_EACH, _ROOM = 2, 0.0003, 1_000  # threads, seconds between two calls of one, and stalls


@dataclass(frozen=True)
class _Plan:
    """Stalls of one watch.

    Attributes:
        functions: That hold the GIL, in turn: each is another culprit.
        warm: Stalls, after which each list is full.
        stalls: In total.
    """

    functions: int
    warm: int
    stalls: int


_PLANS = (_Plan(100, 300, 1_300), _Plan(3_000, 1_500, 2_700))  # a watch has at most 1,000 culprits


def _hold(functions: Sequence[Callable[[], object]]) -> None:
    """Calls each, and lets the others have the GIL between."""
    for each in functions:
        each()
        time.sleep(_THRESHOLD)


def _holders(count: int) -> Iterator[Sequence[Callable[[], object]]]:
    """Yields functions that hold the GIL, some for each thread. The path of their file is long."""
    names: dict[str, Any] = {"usleep": ctypes.PyDLL(None).usleep}
    code = "".join(f"def hold{number}(): usleep({_CALL})\n" for number in range(count))
    exec(compile(code, f"/{'x' * _PATH}/holds.py", "exec"), names)
    functions = [names[f"hold{number}"] for number in range(count)]
    for begin in itertools.cycle(range(0, count, _OF_A_THREAD)):
        yield functions[begin : begin + _OF_A_THREAD]


def _events(url: str) -> list[dict[str, Any]]:
    """The events of a page."""
    events: list[dict[str, Any]] = request(url, "/api/state").json()["events"]
    return events


def _holds(url: str) -> dict[int, str]:
    """The threads that a page names as holders of the GIL in usleep(), by the numbers of the events."""
    holds = [each for each in _events(url) if each["kind"] == "gil" and "usleep" in each["text"]]
    return {each["id"]: each["subject"] for each in holds}


@contextlib.contextmanager
def _served(name: str) -> Iterator[tuple[ff.Pipeline, str]]:
    """A pipeline that runs, and the URL of its page."""
    pipeline = ff.Pipeline(name)
    pipeline.add(nodes.same, pipeline.add(Ticker(0.1), name="source"), name="same")
    with contextlib.closing(pipeline.serve()) as page, pipeline:
        yield pipeline, page.url


def _check_lists(watch: ff.gil.GilWatch, pipeline: ff.Pipeline, url: str, find: Find) -> None:
    """Compares the lists with their bounds, and at the watch's end the stalls with their number."""
    lengths = {
        "stalls of the watch": (len(watch.stalls), _KEEP),
        "culprits of stats()": (len(pipeline.stats().gil.culprits), _CULPRITS),
        "events of the page": (len(_events(url)), _EVENTS),
    }
    for name, (length, most) in lengths.items():
        if length > most:
            find(f"{length} {name}, of which there are at most {most}")
    watch.close()
    counted = sum(culprit.count for culprit in watch.summary())
    if counted > len(watch.stalls) + watch.dropped:
        find(f"of {counted} stalls a watch has kept {len(watch.stalls)} and dropped {watch.dropped}")


@dataclass
class _Usage:
    """The resources of the process after a number of stalls."""

    stalls: int
    memory: int = field(default_factory=own_process.memory)
    descriptors: int = field(default_factory=own_process.descriptors)


def _make_stalls(plan: _Plan, ends: float, pipeline: ff.Pipeline, find: Find) -> int:
    """Makes stalls: the later ones leave nothing."""
    before: _Usage | None = None
    for functions in _holders(plan.functions):
        thread = threading.Thread(target=_hold, args=(functions,))
        thread.start()
        thread.join()
        stalls = pipeline.stats().gil.stalls or 0
        if before is None and stalls >= plan.warm:
            before = _Usage(stalls)
        if stalls >= plan.stalls:
            break
        if time.monotonic() > ends:
            return 0
    now = _Usage(stalls)
    assert before is not None
    if now.memory > before.memory + _STALLS_GROWN:
        find(f"{before.memory >> 20} MiB became {now.memory >> 20} from stall {before.stalls} to {stalls}")
    if now.descriptors > before.descriptors + _DESCRIPTORS:
        find(f"{before.descriptors} descriptors became {now.descriptors} within {stalls} stalls")
    return 1


def _stalls(seconds: float, find: Find) -> int:
    """Watches with a page, which reads the watch's findings four times per second."""
    tried, ends = 0, time.monotonic() + seconds
    with _served("stalls") as (pipeline, url):
        for plan in _PLANS:
            with contextlib.ExitStack() as stack:
                try:
                    watch = stack.enter_context(ff.gil.watch(_THRESHOLD, max_stalls=_KEEP))
                except ff.StateError:  # there is no watch on this interpreter
                    return 0
                tried += _make_stalls(plan, ends, pipeline, find)
                _check_lists(watch, pipeline, url, find)
    return tried


class _Holder(threading.Thread):
    """Takes the names that it is given, and holds the GIL on demand."""

    def __init__(self) -> None:
        super().__init__()
        self._orders = queue.SimpleQueue[str | None]()

    def run(self) -> None:
        """Obeys: a name, or the order to hold the GIL."""
        usleep = ctypes.PyDLL(None).usleep
        while (order := self._orders.get()) is not None:
            if order:
                self.name = order
            else:
                usleep(_LONG_CALL)

    def call_itself(self, name: str) -> None:
        """Takes this name."""
        self._orders.put(name)

    def hold(self) -> None:
        """Holds the GIL once."""
        self._orders.put("")

    def close(self) -> None:
        """Ends the thread."""
        self._orders.put(None)
        self.join()


def _names(seconds: float, find: Find) -> int:
    """A thread that is renamed, and holds the GIL some seconds later."""
    tried, ends, holder = 0, time.monotonic() + seconds, _Holder()
    with _served("names") as (_, url), contextlib.ExitStack() as stack:
        try:
            stack.enter_context(ff.gil.watch(_NAMED_THRESHOLD))
        except ff.StateError:  # there is no watch on this interpreter
            return 0
        holder.start()
        stack.callback(holder.close)
        while time.monotonic() < ends:
            name = f"holder-{tried}"
            holder.call_itself(name)
            time.sleep(_NAMED)
            before = _holds(url)
            holder.hold()
            late, named = time.monotonic() + _NAMED_WITHIN, list[str]()
            while not named and time.monotonic() < late:
                time.sleep(_LOOK)
                named = [thread for number, thread in _holds(url).items() if number not in before]
            if named and name not in named:
                find(f"the thread {name!r} has held the GIL, and the page names {named}")
            tried += bool(named)
    return tried


def recent_stalls(seconds: float, find: Find) -> int:
    """A watch of the GIL keeps the documented number of stalls, however many there were."""
    return apart(_stalls, seconds, find)


def thread_names(seconds: float, find: Find) -> int:
    """The page names the holder of a stall as the thread was named then."""
    return apart(_names, seconds, find)


def _hold_often(ended: threading.Event) -> None:
    usleep = ctypes.PyDLL(None).usleep
    while not ended.wait(_CALLED_EACH):
        usleep(_CALL)


def _stalls_without_room(seconds: float, find: Find) -> int:
    ended, goes_on = threading.Event(), threading.Event()
    threads = [threading.Thread(target=_hold_often, args=(ended,)) for _ in range(_HOLDERS)]
    watch = ff.gil.watch(0.001, on_stall=lambda _: goes_on.wait(), max_stalls=_ROOM)
    try:
        watch.__enter__()
    except ff.StateError:  # there is no watch on this interpreter
        return 0
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    ended.set()
    for thread in threads:
        thread.join()
    goes_on.set()
    watch.close()
    counted, kept = sum(each.count for each in watch.summary()), len(watch.stalls)
    if counted > kept + watch.dropped:
        find(f"of {counted} stalls a watch has kept {kept} and dropped {watch.dropped}")
    return counted


def stalls_without_room(seconds: float, find: Find) -> int:
    """A watch of the GIL keeps or has dropped each stall, even where on_stall does not return for long."""
    return apart(_stalls_without_room, seconds, find)
