"""Ends of a pipeline, of the interpreter and of nodes while other threads change the graph."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import random
import threading
from typing import Any

import pytest
from rigs.ticking import Ticking
from support import run_program

import freshframe as ff

CHURN = """
import os, random, sys, threading, time, warnings
import freshframe as ff
from rigs.ticking import Ticking

warnings.simplefilter("ignore", DeprecationWarning)  # about a fork beside threads
pipeline = ff.Pipeline(keep_running=True)
people = pipeline.add(lambda values: values, [], batch=ff.Batch(4))
pipeline.start()

def churn():
    try:
        while True:
            cam = pipeline.add(random.choice([ff.open, Ticking_])("demo:circles?size=64x48"))
            pipeline.connect(people, cam)
            pipeline.add(lambda value: value, cam)
            pipeline.remove(cam)
    except ff.FreshframeError:  # the end
        pass

def Ticking_(url):
    return Ticking(10**6, 200)

threads = [threading.Thread(target=churn, daemon=True) for _ in range(2)]
for each in threads:
    each.start()
time.sleep(float(sys.argv[1]))
"""


def _fail_soon(value: Any) -> Any:
    if random.random() < 0.3:
        raise RuntimeError("enough")
    return value


def _end_beside_changes() -> None:
    pipeline = ff.Pipeline(keep_running=True)
    people: ff.Port[Any] = pipeline.add(lambda value: value, [], name="people")
    barrier = threading.Barrier(3)

    def change() -> None:
        barrier.wait()
        with contextlib.suppress(ff.StateError):
            while True:
                # The failing node is removed by itself, while the other thread removes it or others.
                with contextlib.suppress(ff.GraphError, ff.NodeError):
                    cam = pipeline.add(Ticking(10**6, 1000))
                    pipeline.connect(people, cam)
                    failing = pipeline.add(_fail_soon, cam, on_error="remove")
                    pipeline.add(lambda value: value, failing)
                    pipeline.remove(cam)

    with pipeline:
        threads = [threading.Thread(target=change) for _ in range(2)]
        for each in threads:
            each.start()
        barrier.wait()
        threading.Event().wait(random.random() / 50)
        pipeline.stop()
        for each in threads:
            each.join()
    stats = pipeline.stats()
    assert stats.removed.passed_in == stats.removed.delivered + stats.removed.dropped


def test_a_stop_beside_changes_and_failures_ends() -> None:
    for _ in range(20):
        _end_beside_changes()


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_a_thousand_stops_beside_changes_and_failures_end() -> None:
    for _ in range(1000):
        _end_beside_changes()


def _exit_beside_changes(rounds: int) -> None:
    for number in range(rounds):
        ended = run_program(CHURN, arguments=[str(0.2 * number / rounds)])
        assert ended.code == 0, ended.err
        assert "Fatal" not in ended.err
        assert "Traceback" not in ended.err, ended.err


@pytest.mark.slow
def test_the_exit_of_the_interpreter_beside_changes_ends() -> None:
    _exit_beside_changes(4)


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_many_exits_of_the_interpreter_beside_changes_end() -> None:
    _exit_beside_changes(200)


# The program's thread is suspended between the creation of a node's thread and its start.
LATE = """
import atexit, threading, time

late = []
atexit.register(lambda: print([each.ident is not None for each in late]))  # after freshframe's
import freshframe as ff
from rigs.ticking import Ticking

start = threading.Thread.start

def start_late(self):
    if self.name == "late":
        late.append(self)
        time.sleep(0.5)
    start(self)

def add():
    try:
        pipeline.add(Ticking(10**6, 200), name="late")
    except ff.FreshframeError:  # the end
        pass

threading.Thread.start = start_late
pipeline = ff.Pipeline(keep_running=True)
pipeline.add(lambda value: value, [])
pipeline.start()
threading.Thread(target=add, daemon=True).start()
while not late:
    time.sleep(0.001)
"""


@pytest.mark.slow
def test_the_exit_waits_for_a_thread_that_is_just_being_started() -> None:
    ended = run_program(LATE)
    assert ended.code == 0, ended.err
    assert ended.out == "[True]\n"


# The thread does not exist in a forked child.
FORKED = (
    LATE
    + """
import os, warnings
from freshframe._pipeline import life
warnings.simplefilter("ignore", DeprecationWarning)  # about a fork beside threads
child = os.fork()
if child == 0:
    os._exit(len(life._threads))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
)


@pytest.mark.slow
def test_the_exit_of_a_forked_child_waits_for_no_thread_of_its_parent() -> None:
    ended = run_program(FORKED)
    assert ended.code == 0, ended.err
    assert ended.out == "0\n[True]\n"


def _fork_beside_changes(forks: int) -> None:
    ended = run_program(
        CHURN
        + f"""
for _ in range({forks}):
    child = os.fork()
    if child == 0:
        try:
            pipeline.add(Ticking(1, 1))
        except ff.FreshframeError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
pipeline.stop()
""",
        arguments=["0.1"],
    )
    assert ended.code == 0, ended.err


@pytest.mark.slow
def test_forks_beside_changes_leave_both_processes_well() -> None:
    _fork_beside_changes(30)


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_a_thousand_forks_beside_changes_leave_both_processes_well() -> None:
    _fork_beside_changes(1000)
