"""How long a node held the GIL and waited for it, beside the truth of what its calls do."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ctypes
import hashlib
import os
import threading
import time
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from rigs.web_client import Live
from support import Ticker, until

import freshframe as ff

pytestmark = pytest.mark.needs_gil

PAUSE = 0.05  # seconds


def hold_per_call(pause: Callable[[], object], calls: int) -> float:
    """Seconds of gil_hold per call of a node that pauses; the first one is not looked at."""
    pipeline = ff.Pipeline(stall_timeout=None)
    pipeline.add(lambda value: pause(), pipeline.add(Ticker(), name="ticks"), name="pauses")
    with pipeline:

        def node() -> ff.NodeStats:
            return pipeline.stats().nodes["pauses"]

        until(lambda: node().processed >= 1, "the first call")
        before = node()
        until(lambda: node().processed >= before.processed + calls, "the calls")
        after = node()
    return (after.gil_hold - before.gil_hold) / (after.processed - before.processed)


def test_a_call_that_blocks_with_the_gil_holds_it() -> None:
    usleep = ctypes.PyDLL(None).usleep  # keeps the GIL
    assert hold_per_call(lambda: usleep(int(PAUSE * 1e6)), 10) > 0.6 * PAUSE


def test_a_call_that_sleeps_without_the_gil_does_not() -> None:
    assert hold_per_call(lambda: time.sleep(PAUSE), 10) < 0.6 * PAUSE


def test_a_call_that_does_both_is_charged_for_its_part() -> None:
    usleep = ctypes.PyDLL(None).usleep

    def both() -> None:
        usleep(int(PAUSE * 1e6))
        time.sleep(PAUSE)

    assert 0.5 * PAUSE < hold_per_call(both, 10) < 1.8 * PAUSE


class Timed:
    """A node's call again and again, and the seconds in which it truly held the GIL."""

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
    """By name. A clock of None: the call works or sleeps without the GIL."""
    noise = os.urandom(1_000_000)
    numbers = np.frombuffer(noise, np.uint8).astype(np.float64)
    usleep = ctypes.PyDLL(None).usleep  # keeps the GIL
    return {
        "zlib": Timed(lambda: zlib.compress(noise, 6), None),
        "pbkdf2": Timed(lambda: hashlib.pbkdf2_hmac("sha256", b"x", b"y", 100_000), None),
        "sort": Timed(lambda: np.sort(numbers), None),
        "sleep": Timed(lambda: time.sleep(PAUSE), None),
        "usleep": Timed(lambda: usleep(int(PAUSE * 1e6)), time.monotonic),
        "bytecode": Timed(computes, time.monotonic),  # nothing else wants the GIL
    }


def measured(nodes: dict[str, Timed], seconds: float) -> dict[str, tuple[float, float]]:
    """Shares of the time in which each node held the GIL: by its stats(), and in truth."""
    pipeline = ff.Pipeline(stall_timeout=None)
    ticks = pipeline.add(Ticker(), name="ticks")
    for name, node in nodes.items():
        pipeline.add(node, ticks, name=name)
    with pipeline:
        until(lambda: all(pipeline.stats().nodes[name].processed > 2 for name in nodes), "the first calls")
        before, began = pipeline.stats(), {name: node.held for name, node in nodes.items()}
        time.sleep(seconds)
        after, ended = pipeline.stats(), {name: node.held for name, node in nodes.items()}
    span = after.uptime - before.uptime
    return {
        name: (
            (after.nodes[name].gil_hold - before.nodes[name].gil_hold) / span,
            (ended[name] - began[name]) / span,
        )
        for name in nodes
    }


@pytest.mark.parametrize("name", list(calls()))
def test_the_hold_of_a_call_is_true_whatever_it_does(name: str) -> None:
    ((told, true),) = measured({name: calls()[name]}, 3).values()
    assert told == pytest.approx(true, abs=0.1)


def test_nodes_together_hold_the_gil_for_no_longer_than_the_time() -> None:
    found = measured(calls(), 4)
    assert sum(told for told, _ in found.values()) <= 1.02  # the snapshots are taken between looks
    assert found["zlib"][0] + found["pbkdf2"][0] + found["sort"][0] + found["sleep"][0] < 0.2


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
            began = time.monotonic()
            time.sleep(0.005)
            waited += time.monotonic() - began - 0.005

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
    assert told < 1.6 * true  # with the waits before the calls


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


def test_the_dashboard_shows_a_node_that_blocks_with_the_gil_without_a_watch() -> None:
    usleep = ctypes.PyDLL(None).usleep
    pipeline = ff.Pipeline(stall_timeout=None)
    pipeline.add(lambda value: usleep(200_000), pipeline.add(Ticker(), name="ticks"), name="pauses")
    with pipeline, Live(pipeline.serve().url) as live:
        while True:
            reported = [problem for problem in live.next("state")["problems"] if problem["kind"] == "gil"]
            if any(problem["subject"] == "pauses" for problem in reported):
                break
