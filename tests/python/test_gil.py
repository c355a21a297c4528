"""Who holds the GIL and who does not: in the sources, in the docstrings, and proved while running."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import WATCHDOG, Push, Ticker, edge

import freshframe as ff
from freshframe import _native

ROOT = Path(__file__).parents[2]


# --- the sources --------------------------------------------------------------------------------------------


def test_the_gil_is_changed_in_one_header_only() -> None:
    changes = re.compile(
        r"PyGILState_|PyEval_(Save|Restore)Thread|PyEval_(Acquire|Release)|PyThreadState_(Swap|Get|New)"
        r"|Py_(BEGIN|END|BLOCK|UNBLOCK)_(ALLOW_)?THREADS|gil_scoped"
    )
    files = [
        path
        for folder in ("src", "include", "bench", "examples")
        for path in (ROOT / folder).rglob("*.[chp]*")
    ]
    assert len(files) > 50
    offenders = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in files
        if path.suffix in {".cpp", ".hpp", ".c", ".h"} and path != ROOT / "include/freshframe/gil.hpp"
        for match in changes.finditer(path.read_text())
    ]
    assert offenders == []


# --- the docstrings -----------------------------------------------------------------------------------------


def bound() -> Iterator[tuple[str, Any]]:
    """Everything callable and every property of the native module."""
    for name, thing in vars(_native).items():
        if name.startswith("__"):
            continue
        if isinstance(thing, type):
            if issubclass(thing, BaseException) or thing.__module__ != _native.__name__:
                continue
            for member, what in vars(thing).items():
                if not member.startswith("_") and (callable(what) or isinstance(what, property)):
                    yield f"{name}.{member}", what
        elif callable(thing):
            yield name, thing


def test_every_bound_function_says_what_it_does_with_the_gil() -> None:
    everything = list(bound())
    assert len(everything) > 20
    wording = re.compile(r"GIL: (held|released while waiting|released)\b")
    silent = [name for name, thing in everything if not wording.search(thing.__doc__ or "")]
    assert silent == []


# --- proved while running -----------------------------------------------------------------------------------


class Counter:
    """A thread that counts whenever somebody else lets go of the GIL."""

    def __init__(self) -> None:
        self.value = 0
        self._stop = False
        self._thread = threading.Thread(target=self._count)

    def _count(self) -> None:
        while not self._stop:
            self.value += 1
            time.sleep(0)

    @contextmanager
    def running(self) -> Iterator[Counter]:
        interval = sys.getswitchinterval()
        self._thread.start()
        sys.setswitchinterval(1000)  # seconds: nobody is made to let go
        try:
            time.sleep(0.05)  # requests made under the old interval are gone after this
            yield self
        finally:
            sys.setswitchinterval(interval)
            self._stop = True
            self._thread.join()

    def holds(self, call: Callable[[], object], times: int = 2000) -> bool:
        """True: in none of `times` calls did another thread get the GIL."""
        before = self.value
        for _ in range(times):
            call()
        return self.value == before

    def lets_go(self, call: Callable[[], object], tries: int = 2000) -> bool:
        """True: in one of `tries` calls another thread got the GIL."""
        return any(not self.holds(call, 1) for _ in range(tries))


@pytest.fixture
def counter() -> Iterator[Counter]:
    with Counter().running() as running:
        yield running


def test_the_proof_sees_a_call_that_lets_go(counter: Counter) -> None:
    assert counter.lets_go(lambda: time.sleep(0))
    assert counter.holds(lambda: sum(range(100)))


def test_the_verbs_that_never_wait_hold_the_gil() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?size=64x48&fps=1000"))
    latest, polled = pipeline.reader(camera), pipeline.reader(camera)
    with pipeline:
        first = latest.get()
        with Counter().running() as counter:
            assert counter.holds(latest.latest)
            assert counter.holds(polled.poll)
            assert counter.holds(pipeline.stats, 200)
            assert counter.holds(lambda: str(pipeline), 200)
            sample = latest.latest()
            assert sample is not None
            assert counter.holds(lambda: (sample.value, sample.seq, sample.age, sample.frame, sample.source))
            assert counter.holds(lambda: (first.value.luma, first.value.planes, first.value.width))
    assert sample.seq > first.seq  # it did see new frames meanwhile


def test_get_lets_go_of_the_gil_while_it_waits() -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Push()))
    with pipeline, Counter().running() as counter:

        def wait() -> None:
            with pytest.raises(ff.ReadTimeout):
                reader.get(timeout=0.002)

        assert counter.lets_go(wait)


def test_wait_and_stop_let_go_of_the_gil() -> None:
    pipeline = ff.Pipeline()
    pipeline.reader(pipeline.add(Ticker()))
    with pipeline, Counter().running() as counter:
        assert counter.lets_go(lambda: pipeline.wait(timeout=0.002))
        assert counter.lets_go(pipeline.stop, 1)


def test_pixel_conversions_let_go_of_the_gil() -> None:
    pixels = np.zeros((1080, 1920, 3), np.uint8)
    frames = (ff.Frame.from_array(pixels, "bgr") for _ in itertools.count())
    with Counter().running() as counter:
        assert counter.lets_go(lambda: next(frames).to("i420"))
        assert counter.lets_go(lambda: next(frames).to("rgb"))
        assert counter.lets_go(lambda: next(frames).luma)
        assert counter.lets_go(next(frames).copy)


def test_a_conversion_that_was_made_before_holds_the_gil() -> None:
    frame = ff.Frame.from_array(np.zeros((480, 640, 3), np.uint8), "bgr")
    assert frame.rgb.shape == (480, 640, 3)
    with Counter().running() as counter:
        assert counter.holds(lambda: frame.rgb)
        assert counter.holds(lambda: frame.array)


def test_native_nodes_work_on_while_python_holds_the_gil() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?size=320x240&fps=200"))
    circles = pipeline.add(ff.CircleTracker(), camera)
    reader = pipeline.reader(circles)
    with pipeline:
        reader.get()
        with Counter().running() as counter:
            before, counted = edge(pipeline, "reader").passed_in, counter.value
            deadline = time.monotonic() + WATCHDOG
            while edge(pipeline, "reader").passed_in < before + 20:
                assert time.monotonic() < deadline, "the native branch stood still while Python held the GIL"
            assert counter.value == counted  # nobody else got it meanwhile
        assert reader.get().frame is not None


def test_a_python_node_that_holds_the_gil_does_not_stop_a_native_branch() -> None:
    done = threading.Event()
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?size=64x48&fps=500"))
    detector = pipeline.add(ff.CircleDetector(), camera, name="native")
    reader = pipeline.reader(detector)

    def hog(_: ff.Frame) -> None:
        if done.is_set():
            return
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1000)
        try:
            before = edge(pipeline, "native").delivered
            deadline = time.monotonic() + WATCHDOG
            while edge(pipeline, "native").delivered < before + 50:
                assert time.monotonic() < deadline
        finally:
            sys.setswitchinterval(interval)
        done.set()

    pipeline.add(hog, camera)
    with pipeline:
        assert done.wait(WATCHDOG)
        reader.get()
