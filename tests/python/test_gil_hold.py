"""How long a node held the GIL: while it computes or waits with the GIL, but not while it sleeps."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable

import pytest
from support import Ticker, until
from web_client import Live

import freshframe as ff

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


def test_the_dashboard_tells_of_a_node_that_blocks_with_the_gil_without_a_watch() -> None:
    usleep = ctypes.PyDLL(None).usleep
    pipeline = ff.Pipeline(stall_timeout=None)
    pipeline.add(lambda value: usleep(200_000), pipeline.add(Ticker(), name="ticks"), name="pauses")
    with pipeline, Live(pipeline.serve().url) as live:
        while True:
            told = [problem for problem in live.next("state")["problems"] if problem["kind"] == "gil"]
            if any(problem["subject"] == "pauses" for problem in told):
                break
