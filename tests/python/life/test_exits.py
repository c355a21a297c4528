"""Unplanned exits: end of the interpreter, exceptions. None hangs or crashes."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from support import run_program

BUILD = """
import os, signal, sys, threading, time
import freshframe as ff
from support import Collect, Count, Push, Ticker

pipeline = ff.Pipeline()
"""


# At exit, a busy node is abandoned after 5 s, which is long for a test.
HURRY = "import freshframe._pipeline.life; freshframe._pipeline.life._EXIT_TIMEOUT = 0.3\n"


@pytest.mark.slow
def test_a_node_that_sleeps_does_not_keep_the_interpreter_and_is_named() -> None:
    ended = run_program(
        BUILD
        + HURRY
        + """
here = threading.Event()

def sleeper(value):
    here.set()
    time.sleep(1000)

pipeline.add(sleeper, pipeline.add(Ticker()))
pipeline.start()
here.wait()
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
for number in range(10):
    pipeline = ff.Pipeline(f"yard {number}")  # many without a name are a warning
    camera = pipeline.add(ff.open("demo:circles?size=64x48"))
    pipeline.add(lambda frame: frame.bgr, camera)
    pipeline.add(ff.CircleTracker(), camera)
    reader = pipeline.reader(camera)
    pipeline.start()
    reader.get()
"""
    )
    assert (ended.code, ended.complaints) == (0, ""), ended.err


@pytest.mark.slow
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


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("body", ["while True: pass", "time.sleep(1000)", "threading.Event().wait()"])
def test_a_thread_that_the_exit_leaves_behind_does_not_crash_it(body: str) -> None:
    ended = run_program(
        BUILD
        + HURRY
        + f"""
here = threading.Event()
class Stuck(ff.Source):
    def read(self):
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


@pytest.mark.table(cases=2)
@pytest.mark.parametrize(
    "call", ["ff.CircleDetector().detect(gray)", "frame.copy('rgb')", "frame.to('gray').array"]
)
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


@pytest.mark.slow
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


def test_an_uncaught_node_error_ends_the_program_with_the_nodes_line_in_the_traceback() -> None:
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


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["get()", "latest()", "poll()", "__next__()"])
def test_daemon_threads_in_a_reader_do_not_crash_the_exit(verb: str) -> None:
    program = (
        BUILD
        + f"""
port = pipeline.add(Ticker(0.001))
readers = [pipeline.reader(port) for _ in range(8)]
pipeline.start()

def read(reader):
    try:
        while True: reader.{verb}
    except (ff.EndOfStreamError, StopIteration): pass

threads = [threading.Thread(target=read, args=[reader], daemon=True) for reader in readers]
for thread in threads: thread.start()
readers[0].close()
threads[0].join()
"""
        if verb != "latest()"
        else BUILD
        + """
port = pipeline.add(Ticker(0.001))
reader = pipeline.reader(port)
pipeline.start()

def read():
    while True: reader.latest()

threading.Thread(target=read, daemon=True).start()
while pipeline.stats().edges[0].delivered < 5: time.sleep(0)
"""
    )
    with ThreadPoolExecutor(3) as pool:
        for ended in pool.map(run_program, [program] * 3):
            assert (ended.code, ended.complaints) == (0, ""), ended.err


def test_a_daemon_thread_that_waits_for_the_pipeline_does_not_disturb_the_exit() -> None:
    ended = run_program(
        BUILD
        + """
reader = pipeline.reader(pipeline.add(Ticker()))
pipeline.start()
threading.Thread(target=pipeline.wait, daemon=True).start()
reader.get()
"""
    )
    assert (ended.code, ended.complaints) == (0, ""), ended.err


def test_values_that_hold_samples_and_pipelines_are_let_go_at_exit() -> None:
    ended = run_program(
        BUILD
        + """
class Keeper(ff.Node):
    def process(self, sample): return (sample,)

node = Keeper()
reader = pipeline.reader(pipeline.add(node, pipeline.add(Ticker())))
pipeline.start()
node.pipeline, node.reader, node.sample = pipeline, reader, reader.get()
"""
    )
    assert (ended.code, ended.complaints) == (0, ""), ended.err


def test_a_stream_that_lives_until_the_end_does_not_keep_the_interpreter() -> None:
    ended = run_program(
        """
import freshframe as ff

# Its destructor lets the GIL go while the interpreter finalises, and has to get it back.
with ff.stream(ff.open("demo:circles?size=64x64&pace=0&frames=3")) as frames:
    print(len(list(frames)))
"""
    )
    assert (ended.code, ended.out, ended.err) == (0, "3\n", "")
