"""os.fork with a running pipeline: the child cannot use it, exits normally, and may create its own."""
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


FORK = (
    BUILD
    + """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 and later warn of every fork beside threads
reader = pipeline.reader(pipeline.add(Ticker()))
unstarted = ff.Pipeline()
port = unstarted.add(Ticker())
other_reader = unstarted.reader(port)
asleep = unstarted.add(ff.open("rtsp://127.0.0.1:9/none", decode="keyframes"))
pipeline.start()
reader.get()
"""
)


@pytest.mark.table(cases=2)
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
        "asleep.wake(1)",
        "asleep.wake(pts=1)",
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
    own.add(boom, own.add(Count(1)), on_error="skip")
    own.run()
    sys.exit(0)
os.waitpid(child, 0)
pipeline.stop()
"""
    )
    logged = "node 'boom' failed on sample 0 of 'Count': LookupError: of the child"
    assert ended.out.startswith(logged), ended.err


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


@pytest.mark.table(cases=2)
@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("return", "returned in a child process"),
        ("sys.exit()", ""),
        ("raise KeyError('mine')", "KeyError: 'mine'"),
    ],
)
def test_a_child_that_is_forked_in_a_node_and_comes_back_ends(end: str, said: str) -> None:
    ended = run_program(
        BUILD
        + f"""
import warnings
warnings.simplefilter("ignore", DeprecationWarning)

def forks(value):
    child = os.fork()
    if child == 0:
        {end}
        return value
    os.waitpid(child, 0)
    return value

reader = pipeline.reader(pipeline.add(forks, pipeline.add(Count(1))))
with pipeline:
    print(len(list(reader)))
"""
    )
    assert (ended.out, ended.code) == ("1\n", 0)
    assert said in ended.err


@pytest.mark.slow
def test_native_code_in_the_child_of_a_fork_is_refused_the_parents_shared_pictures() -> None:
    # With a process node, frames are in shared memory, which the parent continues to write.
    ended = run_program("""
        import os, warnings
        import numpy as np
        import freshframe as ff
        from rigs.process import nodes as process_nodes
        from support import Push

        warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)
        pipeline = ff.Pipeline()
        push = Push()
        reader = pipeline.reader(pipeline.add(process_nodes.mean, pipeline.add(push), process=True))
        with pipeline:
            push.push(ff.Frame.from_array(np.full((48, 64), 3, np.uint8), "gray"))
            reader.get(timeout=100)
            frame = ff.Frame.from_array(np.full((48, 64), 50, np.uint8), "gray")
            child = os.fork()
            if child == 0:
                for use in (
                    lambda: list(ff.testing.run_node(process_nodes.mean, [frame], process=True)),
                    lambda: list(ff.testing.run_node(ff.CircleTracker(), [frame])),
                    lambda: ff.CircleDetector().detect(frame),
                    lambda: frame.jpeg(),
                    lambda: frame.write("/nonexistent/never.png"),
                ):
                    try:
                        use()
                        os._exit(1)
                    except (ff.StateError, ff.NodeError) as error:
                        if "copy() it before the fork" not in str(error):
                            os._exit(2)
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    """)
    assert ended.code == 0, ended


@pytest.mark.slow
def test_a_child_that_is_forked_while_a_thread_first_adds_a_node_with_workers_adds_one_too() -> None:
    # If another thread was importing a module during the fork, the interpreter's lock for it is never
    # released in the child.
    ended = run_program("""
        import os, signal, sys, threading, time, warnings
        import freshframe as ff
        from rigs.process import nodes as process_nodes
        from support import Count

        warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)
        imports = threading.Event()

        class SlowToFind:
            def find_spec(self, name, path=None, target=None):
                if name == "cloudpickle" and threading.current_thread() is not threading.main_thread():
                    imports.set()
                    time.sleep(0.5)
                return None

        sys.meta_path.insert(0, SlowToFind())

        def add():
            pipeline = ff.Pipeline()
            pipeline.add(process_nodes.double, pipeline.add(Count(1)), process=True)

        first = threading.Thread(target=add)
        first.start()
        imports.wait()
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(90)
            add()
            os._exit(0)
        print(os.waitpid(child, 0)[1])
        first.join()
    """)
    assert (ended.code, ended.out) == (0, "0\n"), ended


@pytest.mark.slow
def test_a_child_that_is_forked_while_a_thread_first_asks_for_statistics_may_ask_too() -> None:
    ended = run_program("""
        import os, signal, sys, threading, time, warnings
        import freshframe as ff

        warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)
        imports = threading.Event()

        class SlowToFind:
            def find_spec(self, name, path=None, target=None):
                here = threading.current_thread()
                if name == "freshframe._look.engine_stats" and here is not threading.main_thread():
                    imports.set()
                    time.sleep(0.5)
                return None

        sys.meta_path.insert(0, SlowToFind())
        first = threading.Thread(target=ff.Pipeline().stats)
        first.start()
        imports.wait()
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(90)
            ff.Pipeline().stats()
            os._exit(0)
        print(os.waitpid(child, 0)[1])
        first.join()
    """)
    assert (ended.code, ended.out) == (0, "0\n"), ended


@pytest.mark.slow
def test_children_that_are_forked_in_a_storm_build_pipelines_of_their_own() -> None:
    # With sources that never wait, threads often hold the mutex of the frame pool or of the log.
    ended = run_program("""
        import os, signal, time, warnings
        import freshframe as ff

        warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)

        def build(options):
            pipeline = ff.Pipeline()
            video = pipeline.add(ff.open(f"demo:circles?size=64x48&pace=0{options}"))
            return pipeline, pipeline.reader(pipeline.add(ff.CircleTracker(), video), queue=ff.LATEST)

        parents = [build("") for _ in range(3)]
        for pipeline, reader in parents:
            pipeline.start()
        for _, reader in parents:
            reader.get()
        failed = forks = 0
        end = time.monotonic() + 25
        while forks < 200 and not failed and time.monotonic() < end:
            forks += 1
            child = os.fork()
            if child == 0:
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.alarm(90)
                pipeline, reader = build("&frames=3")
                with pipeline:
                    for _ in reader:
                        pass
                os._exit(0)
            failed += os.waitpid(child, 0)[1] != 0
        print("failed", failed, "of at most 200", forks > 1)
        for pipeline, _ in parents:
            pipeline.stop()
    """)
    assert (ended.code, ended.out) == (0, "failed 0 of at most 200 True\n"), ended


def test_a_child_uses_the_frames_that_it_has_inherited() -> None:
    ended = run_program("""
        import os, signal, warnings
        import freshframe as ff

        warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)
        pipeline = ff.Pipeline()
        reader = pipeline.reader(pipeline.add(ff.open("demo:circles?size=64x48&pace=0")), queue=ff.LATEST)
        with pipeline:
            frame = reader.get().frame
            child = os.fork()
            if child == 0:
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.alarm(90)
                shape = frame.bgr.shape
                del frame
                os._exit(0 if shape == (48, 64, 3) else 1)
            print(os.waitpid(child, 0)[1])
    """)
    assert (ended.code, ended.out) == (0, "0\n"), ended
