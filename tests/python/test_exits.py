"""Ends that nobody planned: interpreter exit, exceptions, fork. None hangs, none crashes."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest
from support import run_program

BUILD = """
import os, signal, sys, threading, time
import freshframe as ff
from support import Collect, Count, Push, Ticker

pipeline = ff.Pipeline()
"""


# --- the interpreter ends -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_node_that_sleeps_does_not_keep_the_interpreter_and_is_named() -> None:
    ended = run_program(
        BUILD
        + """
def sleeper(value):
    print("ready")
    time.sleep(1000)

pipeline.add(sleeper, pipeline.add(Ticker()))
pipeline.start()
time.sleep(0.2)
"""
    )
    assert ended.code == 0, ended.err
    assert "sleeper" in ended.err
    assert "Fatal" not in ended.err


def test_a_running_pipeline_is_stopped_at_exit_and_its_nodes_are_closed() -> None:
    ended = run_program(
        BUILD
        + """
class Careful(ff.Node):
    def process(self, sample): return sample.value
    def close(self): print("closed")

reader = pipeline.reader(pipeline.add(Careful(), pipeline.add(Ticker())))
pipeline.start()
reader.get()
"""
    )
    assert (ended.code, ended.out) == (0, "closed\n"), ended.err
    assert ended.complaints == ""


def test_many_running_pipelines_at_exit_end_quietly() -> None:
    ended = run_program(
        BUILD
        + """
for _ in range(10):
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?size=64x48"))
    pipeline.add(lambda frame: frame.bgr, camera)
    pipeline.add(ff.CircleTracker(), camera)
    reader = pipeline.reader(camera)
    pipeline.start()
    reader.get()
"""
    )
    assert (ended.code, ended.complaints) == (0, ""), ended.err


def test_a_busy_python_node_at_exit_ends_cleanly() -> None:
    ended = run_program(
        BUILD
        + """
def burn(value):
    total = 0
    for number in range(20_000): total += number
    return total

for _ in range(3):
    port = pipeline.add(burn, pipeline.add(Count()))
reader = pipeline.reader(port)
pipeline.start()
reader.get()
"""
    )
    assert ended.code == 0, ended.err
    assert "Fatal" not in ended.err


@pytest.mark.slow
@pytest.mark.parametrize("body", ["while True: pass", "time.sleep(1000)", "threading.Event().wait()"])
def test_a_thread_that_the_exit_leaves_behind_does_not_crash_it(body: str) -> None:
    ended = run_program(
        BUILD
        + f"""
here = threading.Event()
class Stuck(ff.Source):
    def read(self, stop):
        yield 0, 0.0
        here.set()
        {body}

reader = pipeline.reader(pipeline.add(Stuck(), name="stuck"))
pipeline.add(Collect(), pipeline.add(Ticker()))
pipeline.start()
here.wait()
"""
    )
    assert ended.code == 0, ended.err
    assert "stuck" in ended.err
    assert "Fatal" not in ended.err


@pytest.mark.slow
@pytest.mark.parametrize("call", ["ff.detect_circles(gray)", "frame.copy('rgb')", "frame.to('gray').array"])
def test_a_daemon_thread_that_converts_pictures_at_exit_does_not_crash_it(call: str) -> None:
    ended = run_program(
        f"""
import threading
import numpy as np
import freshframe as ff

gray = np.zeros((240, 320), np.uint8)
turns = threading.Semaphore(0)

def convert():
    while True:
        frame = ff.Frame.from_array(np.zeros((240, 320, 3), np.uint8))
        {call}
        turns.release()

for _ in range(3):
    threading.Thread(target=convert, daemon=True).start()
for _ in range(6):
    turns.acquire()
"""
    )
    assert ended.code == 0, ended.err
    assert "Fatal" not in ended.err


def test_a_value_that_is_asked_for_after_the_package_has_gone_is_an_error_and_no_crash() -> None:
    ended = run_program(
        """
import atexit

@atexit.register  # before the package: runs after it has gone
def late():
    try:
        sample.value
    except RuntimeError as error:
        print("refused:", error)

import freshframe as ff
pipeline = ff.Pipeline()
camera = pipeline.add(ff.open("demo:circles?pace=0&size=320x240&frames=1"))
reader = pipeline.reader(pipeline.add(ff.CircleTracker(), camera))
pipeline.start()
sample = reader.get()
pipeline.wait()
"""
    )
    assert ended.code == 0, ended.err
    assert "refused" in ended.out, ended.err


def test_start_says_when_the_machine_has_no_more_threads_and_leaves_none_behind() -> None:
    ended = run_program(
        BUILD
        + """
import resource
camera = pipeline.add(ff.open("demo:circles?pace=0&size=320x240&frames=1"))
for _ in range(8):
    pipeline.add(ff.CircleTracker(), camera)
pipeline.add(Collect(), camera)
with open("/proc/self/statm") as memory:
    used = int(memory.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (20 << 20), resource.RLIM_INFINITY))  # about two stacks
try:
    pipeline.start()
except ff.FreshframeError as error:
    print(error)
pipeline.stop()
print(threading.active_count())
"""
    )
    assert ended.code == 0, ended.err
    assert "cannot start the thread of node" in ended.out
    assert ended.out.endswith("\n1\n")


def test_sys_exit_inside_with_keeps_its_code() -> None:
    ended = run_program(
        BUILD
        + """
pipeline.add(Collect(), pipeline.add(Ticker()))
with pipeline:
    sys.exit(7)
"""
    )
    assert (ended.code, ended.complaints) == (7, ""), ended.err


def test_an_exception_inside_with_is_the_one_that_is_reported() -> None:
    ended = run_program(
        BUILD
        + """
reader = pipeline.reader(pipeline.add(Ticker()))
with pipeline:
    reader.get()
    raise LookupError("mine")
"""
    )
    assert ended.code == 1
    assert ended.err.strip().endswith("LookupError: mine")


def test_a_node_error_that_nobody_caught_ends_the_program_with_the_nodes_line_in_the_traceback() -> None:
    ended = run_program(
        BUILD
        + """
def boom(value):
    return 1 // 0

pipeline.add(boom, pipeline.add(Count(3)))
pipeline.run()
"""
    )
    assert ended.code == 1
    assert "in boom" in ended.err
    assert "node 'boom' failed on sample 0 of 'Count': ZeroDivisionError" in ended.err


def test_a_pipeline_may_be_used_from_an_atexit_handler() -> None:
    ended = run_program(
        BUILD
        + """
import atexit
reader = pipeline.reader(pipeline.add(Ticker()))
pipeline.start()

@atexit.register
def last():
    print(reader.get().seq >= 0)
    pipeline.stop()
    print("stopped")
"""
    )
    assert (ended.code, ended.out) == (0, "True\nstopped\n"), ended.err


def test_os_exit_in_mid_run_ends_at_once() -> None:
    ended = run_program(
        BUILD
        + """
reader = pipeline.reader(pipeline.add(Ticker()))
pipeline.start()
reader.get()
os._exit(9)
"""
    )
    assert (ended.code, ended.complaints) == (9, "")


# --- fork ---------------------------------------------------------------------------------------------------

FORK = (
    BUILD
    + """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 and later warn of every fork beside threads
reader = pipeline.reader(pipeline.add(Ticker()))
unstarted = ff.Pipeline()
port = unstarted.add(Ticker())
other_reader = unstarted.reader(port)
pipeline.start()
reader.get()
"""
)


@pytest.mark.parametrize(
    "use",
    [
        "reader.get()",
        "reader.poll()",
        "reader.latest()",
        "next(iter(reader))",
        "pipeline.stop()",
        "pipeline.wait()",
        "pipeline.run()",
        "pipeline.stats()",
        "unstarted.start()",
        "unstarted.add(Ticker())",
        "unstarted.reader(port)",
    ],
)
def test_the_child_of_a_fork_is_refused_the_parents_pipeline(use: str) -> None:
    ended = run_program(
        FORK
        + f"""
child = os.fork()
if child == 0:
    try:
        {use}
    except ff.FreshframeError as error:
        print("refused:", error)
        sys.stdout.flush()
        os._exit(3)
    os._exit(0)
_, status = os.waitpid(child, 0)
print("child", os.waitstatus_to_exitcode(status))
reader.get()
pipeline.stop()
"""
    )
    assert ended.code == 0, ended.err
    assert "child 3" in ended.out, ended.err
    assert "fork" in ended.out


def test_the_child_of_a_fork_ends_normally_and_the_parent_runs_on() -> None:
    ended = run_program(
        FORK
        + """
child = os.fork()
if child == 0:
    sys.exit(5)
_, status = os.waitpid(child, 0)
print("child", os.waitstatus_to_exitcode(status))
seen = reader.get().seq
while reader.get().seq < seen + 5: pass
pipeline.stop()
print("parent")
"""
    )
    assert (ended.code, ended.out) == (0, "child 5\nparent\n"), ended.err


def test_the_child_of_a_fork_may_build_a_pipeline_of_its_own() -> None:
    ended = run_program(
        FORK
        + """
child = os.fork()
if child == 0:
    own = ff.Pipeline()
    reader = own.reader(own.add(lambda value: value, own.add(Count(10))))
    with own:
        print("child read", len(list(reader)))
    sys.exit(0)
_, status = os.waitpid(child, 0)
print("child", os.waitstatus_to_exitcode(status))
pipeline.stop()
"""
    )
    assert (ended.code, ended.out) == (0, "child read 10\nchild 0\n"), ended.err


def test_a_pipeline_of_the_child_of_a_fork_logs_there() -> None:
    ended = run_program(
        FORK
        + """
import logging
logging.basicConfig(stream=sys.stdout, format="%(message)s")

def boom(value):
    raise LookupError("of the child")

child = os.fork()
if child == 0:
    own = ff.Pipeline()
    own.add(boom, own.add(Count(1)))
    try:
        own.run()
    except ff.NodeError:
        sys.exit(0)
os.waitpid(child, 0)
pipeline.stop()
"""
    )
    assert ended.out == "node 'boom' failed on sample 0 of 'Count': LookupError: of the child\n", ended.err


def test_leaving_with_in_the_child_of_a_fork_lets_the_childs_exception_through() -> None:
    ended = run_program(
        BUILD
        + """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
reader = pipeline.reader(pipeline.add(Ticker()))
with pipeline:
    reader.get()
    child = os.fork()
    if child == 0:
        sys.exit(6)
    _, status = os.waitpid(child, 0)
    print("child", os.waitstatus_to_exitcode(status))
"""
    )
    assert (ended.code, ended.out) == (0, "child 6\n"), ended.err


def test_multiprocessing_with_fork_beside_a_running_pipeline_works() -> None:
    ended = run_program(
        FORK
        + """
import multiprocessing
with multiprocessing.get_context("fork").Pool(2) as pool:
    print(pool.map(abs, [-1, -2]))
pipeline.stop()
"""
    )
    assert (ended.code, ended.out) == (0, "[1, 2]\n"), ended.err
