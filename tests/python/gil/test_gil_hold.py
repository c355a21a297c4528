"""How long a node held the GIL and waited for it, compared with what its calls really do."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from rigs.web_client import Live
from support import Ticker, until

import freshframe as ff

pytestmark = pytest.mark.needs_gil

PAUSE = 0.05  # seconds


def hold_per_call(pause: Callable[[], object], calls: int) -> float:
    """Returns gil_hold in seconds per call of a node that pauses, without the first call."""
    pipeline = ff.Pipeline(stall_timeout=None)
    pipeline.add(lambda value: pause(), pipeline.add(Ticker(), name="ticks"), name="pauses")
    with pipeline:

        def node() -> ff.stats.NodeStats:
            return pipeline.stats().nodes["pauses"]

        until(lambda: node().processed >= 1, "the first call")
        before = node()
        until(lambda: node().processed >= before.processed + calls, "the calls")
        after = node()
    return (after.gil_hold - before.gil_hold) / (after.processed - before.processed)


@pytest.mark.repeats
def test_a_call_that_blocks_with_the_gil_holds_it() -> None:
    usleep = ctypes.PyDLL(None).usleep  # keeps the GIL
    assert hold_per_call(lambda: usleep(int(PAUSE * 1e6)), 10) > 0.6 * PAUSE


@pytest.mark.repeats
def test_a_call_that_sleeps_without_the_gil_does_not() -> None:
    assert hold_per_call(lambda: time.sleep(PAUSE), 10) < 0.6 * PAUSE


@pytest.mark.slow
@pytest.mark.repeats
def test_a_call_that_does_both_is_charged_for_its_part() -> None:
    usleep = ctypes.PyDLL(None).usleep

    def both() -> None:
        usleep(int(PAUSE * 1e6))
        time.sleep(PAUSE)

    assert 0.5 * PAUSE < hold_per_call(both, 10) < 1.8 * PAUSE


class Timed:
    """Repeats a call in a node, and measures how long it really held the GIL."""

    def __init__(self, call: Callable[[], object], clock: Callable[[], float] | None) -> None:
        self.call, self.clock, self.held = call, clock, 0.0

    def __call__(self, value: object) -> None:
        before = self.clock() if self.clock else 0.0
        self.call()
        self.held += self.clock() - before if self.clock else 0.0


def computes() -> None:
    number = 0
    for step in range(500_000):
        number += step


def calls() -> dict[str, Timed]:
    """Returns calls by name. With the clock None, the call works or sleeps without the GIL."""
    noise = os.urandom(1_000_000)
    numbers = np.frombuffer(noise, np.uint8).astype(np.float64)
    usleep = ctypes.PyDLL(None).usleep  # keeps the GIL
    return {
        "zlib": Timed(lambda: zlib.compress(noise, 6), None),
        "pbkdf2": Timed(lambda: hashlib.pbkdf2_hmac("sha256", b"x", b"y", 100_000), None),
        "sort": Timed(lambda: np.sort(numbers), None),
        "sleep": Timed(lambda: time.sleep(PAUSE), None),
        "usleep": Timed(lambda: usleep(int(PAUSE * 1e6)), time.monotonic),
        "bytecode": Timed(computes, time.monotonic),  # no other thread requests the GIL
    }


class Shares:
    """The fraction of time in which each node held the GIL: according to its stats(), and the true value."""

    def __init__(self, pipeline: ff.Pipeline, nodes: dict[str, Timed]) -> None:
        self._pipeline, self._nodes = pipeline, nodes
        self._before, self._began = self._look()

    def _look(self) -> tuple[ff.stats.Stats, dict[str, float]]:
        return self._pipeline.stats(), {name: node.held for name, node in self._nodes.items()}

    def since_the_beginning(self) -> dict[str, tuple[float, float]]:
        stats, held = self._look()
        span = stats.elapsed - self._before.elapsed
        return {
            name: (
                (stats.nodes[name].gil_hold - self._before.nodes[name].gil_hold) / span,
                (held[name] - self._began[name]) / span,
            )
            for name in self._nodes
        }


@contextlib.contextmanager
def running(nodes: dict[str, Timed]) -> Iterator[Shares]:
    pipeline = ff.Pipeline(stall_timeout=None)
    ticks = pipeline.add(Ticker(), name="ticks")
    for name, node in nodes.items():
        pipeline.add(node, ticks, name=name)
    with pipeline:
        until(lambda: all(pipeline.stats().nodes[name].processed > 2 for name in nodes), "the first calls")
        shares = Shares(pipeline, nodes)
        time.sleep(2)
        yield shares


@pytest.mark.slow
@pytest.mark.table(cases=3)
@pytest.mark.parametrize("name", list(calls()))
def test_the_hold_of_a_call_is_true_whatever_it_does(name: str) -> None:
    """The figure is based on samples, and a busy machine takes few: it becomes accurate over time."""
    with running({name: calls()[name]}) as shares:

        def is_close() -> bool:
            ((told, true),) = shares.since_the_beginning().values()
            return told == pytest.approx(true, abs=0.1)

        until(is_close, f"a hold of {name} within 0.1 of the true one")


@pytest.mark.slow
@pytest.mark.repeats
def test_nodes_together_hold_the_gil_for_no_longer_than_the_time() -> None:
    without = ("zlib", "pbkdf2", "sort", "sleep")
    with running(calls()) as shares:
        found = shares.since_the_beginning()
        # The statistics are read between two samples.
        assert sum(told for told, _ in found.values()) <= 1.02

        def is_low() -> bool:
            found = shares.since_the_beginning()
            return sum(found[name][0] for name in without) < 0.2

        until(is_low, "a low hold of the calls that let the GIL go")


def delay() -> float:
    """Returns the seconds for which this thread waited for a CPU."""
    return int(Path(f"/proc/self/task/{threading.get_native_id()}/schedstat").read_text().split()[1]) * 1e-9


@pytest.mark.slow
@pytest.mark.repeats
def test_waits_for_the_gil_within_a_call_count() -> None:
    usleep = ctypes.PyDLL(None).usleep  # keeps the GIL
    ended = threading.Event()
    waited = 0.0

    def hogs() -> None:
        while not ended.is_set():
            usleep(15_000)
            time.sleep(0.005)

    def sleeps(value: object) -> None:
        nonlocal waited
        for _ in range(8):
            began, delayed = time.monotonic(), delay()
            time.sleep(0.005)
            waited += time.monotonic() - began - 0.005 - (delay() - delayed)

    pipeline = ff.Pipeline(stall_timeout=None)
    pipeline.add(sleeps, pipeline.add(Ticker(), name="ticks"), name="sleeps")
    with pipeline:
        thread = threading.Thread(target=hogs)
        thread.start()
        until(lambda: pipeline.stats().nodes["sleeps"].processed > 3, "the first calls")
        before, began = pipeline.stats().nodes["sleeps"].gil_wait, waited
        time.sleep(4)
        told, true = pipeline.stats().nodes["sleeps"].gil_wait - before, waited - began
        ended.set()
        thread.join()
    assert told > 0.75 * true
    assert told < 1.6 * true  # includes the waits before the calls


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_child_that_is_forked_beside_the_sampler_ends() -> None:
    usleep = ctypes.PyDLL(None).usleep
    pipeline = ff.Pipeline(stall_timeout=None)
    pipeline.add(lambda value: usleep(10_000), pipeline.add(Ticker(), name="ticks"), name="pauses")
    with pipeline:
        until(lambda: pipeline.stats().nodes["pauses"].processed >= 3, "the sampler to look")
        child = os.fork()
        if child == 0:
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.slow
def test_the_dashboard_shows_a_node_that_blocks_with_the_gil_without_a_watch() -> None:
    usleep = ctypes.PyDLL(None).usleep
    pipeline = ff.Pipeline(stall_timeout=None)
    pipeline.add(lambda value: usleep(200_000), pipeline.add(Ticker(), name="ticks"), name="pauses")
    with pipeline, Live(pipeline.serve().url) as live:
        while True:
            reported = [problem for problem in live.next("state")["problems"] if problem["kind"] == "gil"]
            if any(problem["subject"] == "pauses" for problem in reported):
                break
