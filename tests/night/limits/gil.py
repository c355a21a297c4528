"""What a watch of the GIL keeps and names. There is one for a process: each rule is tried in its own."""
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
_KEEP = 100  # stalls that the watch is told to keep
_OF_A_THREAD = 20  # calls
_EVENTS = 100  # at most, of a page
_CULPRITS = 5  # at most, of stats()
_DESCRIPTORS = 10  # more than before

_LONG_CALL = 300_000  # microseconds
_NAMED_THRESHOLD = 0.1  # seconds
_NAMED = 2.0  # seconds after which a thread with a new name holds the GIL
_LOOK = 0.25  # seconds between two looks at the page
_TOLD_WITHIN = 30.0  # within which the page tells of a stall


@dataclass(frozen=True)
class _Plan:
    """Stalls of one watch.

    Attributes:
        functions: That hold the GIL, in turn: each is a culprit of its own.
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
    """So many functions that hold the GIL, some for each thread. Their file has a long path."""
    names: dict[str, Any] = {"usleep": ctypes.PyDLL(None).usleep}
    code = "".join(f"def hold{number}(): usleep({_CALL})\n" for number in range(count))
    exec(compile(code, f"/{'x' * _PATH}/holds.py", "exec"), names)
    functions = [names[f"hold{number}"] for number in range(count)]
    for begin in itertools.cycle(range(0, count, _OF_A_THREAD)):
        yield functions[begin : begin + _OF_A_THREAD]


def _check_lists(watch: ff.gil.GilWatch, pipeline: ff.Pipeline, url: str, find: Find) -> None:
    """Compares the lists with their bounds, and at the watch's end the stalls with their number."""
    events = len(request(url, "/api/state").json()["events"])
    lengths = {
        "stalls of the watch": (len(watch.stalls), _KEEP),
        "culprits of stats()": (len(pipeline.stats().gil.culprits), _CULPRITS),
        "events of the page": (events, _EVENTS),
    }
    for name, (length, most) in lengths.items():
        if length > most:
            find(f"{length} {name}, of which there are at most {most}")
    watch.stop()
    told = sum(culprit.count for culprit in watch.summary())
    if told > len(watch.stalls) + watch.dropped:
        find(f"of {told} stalls a watch has kept {len(watch.stalls)} and dropped {watch.dropped}")


@dataclass
class _Usage:
    """What the process uses after so many stalls."""

    stalls: int
    memory: int = field(default_factory=own_process.memory)
    descriptors: int = field(default_factory=own_process.descriptors)


def _make_stalls(plan: _Plan, ends: float, pipeline: ff.Pipeline, find: Find) -> int:
    """Makes stalls: those after the first ones leave nothing behind."""
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
    """With a page, which reads the watch's findings four times per second."""
    tried, ends, pipeline = 0, time.monotonic() + seconds, ff.Pipeline("stalls")
    pipeline.add(nodes.same, pipeline.add(Ticker(0.1), name="source"), name="same")
    with contextlib.closing(pipeline.serve()) as page, pipeline.start():
        for plan in _PLANS:
            with contextlib.ExitStack() as stack:
                try:
                    watch = stack.enter_context(ff.gil.watch(_THRESHOLD, keep=_KEEP))
                except ff.StateError:  # there is no watch on this interpreter
                    return 0
                tried += _make_stalls(plan, ends, pipeline, find)
                _check_lists(watch, pipeline, page.url, find)
    return tried


class _Holder(threading.Thread):
    """Takes a name, or holds the GIL, when it is told."""

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


def _events(url: str) -> list[dict[str, Any]]:
    """The events of a page that tell of holds."""
    events: list[dict[str, Any]] = request(url, "/api/state").json()["events"]
    return [each for each in events if each["kind"] == "gil" and "usleep" in each["text"]]


def _names(seconds: float, find: Find) -> int:
    """A thread that is renamed, and holds the GIL some seconds later."""
    tried, ends, pipeline, holder = 0, time.monotonic() + seconds, ff.Pipeline("names"), _Holder()
    pipeline.add(nodes.same, pipeline.add(Ticker(0.1), name="source"), name="same")
    with contextlib.closing(pipeline.serve()) as page, pipeline.start(), contextlib.ExitStack() as stack:
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
            newest = max((each["id"] for each in _events(page.url)), default=0)
            holder.hold()
            until_told = time.monotonic() + _TOLD_WITHIN
            told: list[str] = []
            while not told and time.monotonic() < until_told:
                time.sleep(_LOOK)
                told = [each["subject"] for each in _events(page.url) if each["id"] > newest]
            if told and name not in told:
                find(f"the thread {name!r} has held the GIL, and the page names {told}")
            tried += bool(told)
    return tried


def _recent_stalls(seconds: float) -> tuple[int, list[str]]:
    found = list[str]()
    return _stalls(seconds, found.append), found


def _thread_names(seconds: float) -> tuple[int, list[str]]:
    found = list[str]()
    return _names(seconds, found.append), found


def recent_stalls(seconds: float, find: Find) -> int:
    """A watch of the GIL keeps as many stalls as it says, however many there were."""
    return apart(_recent_stalls, seconds, find)


def thread_names(seconds: float, find: Find) -> int:
    """A stall is told with the name that its thread has had by then."""
    return apart(_thread_names, seconds, find)
