"""Nodes in worker processes: what happens when things go wrong."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import process_nodes
import pytest
from support import Count, Pictures, Push, Ticker, run_node, run_program, until

import freshframe as ff


def descriptors() -> set[str]:
    """What this process has open, by what it is: sockets and memory files have no other names."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(f"{entry.name} {os.readlink(entry)}")
    return found


def children() -> set[int]:
    """The processes whose parent this one is."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) == os.getpid():
                found.add(int(stat.parent.name))
    return found


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")


@pytest.fixture(autouse=True)
def nothing_is_left() -> Any:
    """After each test: no descriptor, no child and no file in /dev/shm that was not there before."""
    run_node(process_nodes.double, [1], process=True)  # what is opened once
    before = descriptors(), children(), set(os.listdir("/dev/shm"))
    yield
    until(
        lambda: (descriptors(), children(), set(os.listdir("/dev/shm"))) == before,
        lambda: f"the end of {descriptors() - before[0]}, {children() - before[1]}",
    )


def values(samples: list[ff.Sample[Any]]) -> list[Any]:
    return [sample.value for sample in samples]


# ---- exceptions


def test_an_exception_is_a_node_error_with_the_workers_traceback() -> None:
    with pytest.raises(
        ff.NodeError, match="failed on sample 2 of 'values': ValueError: wrong in process"
    ) as info:
        run_node(process_nodes.FailsIn("process", 2), range(5), process=True, name="n")
    assert (info.value.node, info.value.seq, info.value.source) == ("n", 2, "values")
    cause = info.value.__cause__
    assert type(cause) is ValueError
    assert 'in _check\n    raise ValueError(f"wrong in {hook}")' in str(cause.__cause__)


def test_an_exception_that_cannot_be_opened_is_told_by_its_text() -> None:
    with pytest.raises(ff.NodeError, match="Odd: 1 and 2") as info:
        run_node(process_nodes.raise_odd, range(5), process=True)
    assert type(info.value.__cause__) is RuntimeError
    assert "raise Odd(1, 2)" in str(info.value.__cause__.__cause__)


def test_skip_goes_on_and_counts() -> None:
    pipeline = ff.Pipeline()
    port = pipeline.add(
        process_nodes.FailsIn("process", 2), pipeline.add(Count(5)), process=True, on_error="skip", name="n"
    )
    reader = pipeline.reader(port)
    with pipeline:
        assert values(list(reader)) == [0, 1, 3, 4]
        node = pipeline.stats().nodes["n"]
        assert (node.processed, node.drops, node.errors, node.in_flight) == (4, {"error": 1}, 1, 0)
        assert node.last_error == "ValueError: wrong in process"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failed_open_fails_start(workers: int) -> None:
    pipeline = ff.Pipeline()
    pipeline.add(
        process_nodes.FailsIn("open"), pipeline.add(Count(5)), process=ff.Process(workers=workers), name="n"
    )
    with pytest.raises(ff.NodeError, match="node 'n' failed: ValueError: wrong in open"):
        pipeline.start()


def test_a_failed_close_is_told() -> None:
    pipeline = ff.Pipeline()
    pipeline.add(process_nodes.FailsIn("close"), pipeline.add(Count(5)), process=True, name="n")
    with pytest.raises(ff.NodeError, match="node 'n' failed: ValueError: wrong in close"):
        pipeline.run()


def test_a_result_that_cannot_be_pickled_is_an_error_of_the_node() -> None:
    with pytest.raises(ff.NodeError, match="a generator cannot go to another process"):
        run_node(lambda value: (value for _ in range(2)), [1], process=True)


# ---- deaths


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("SIGKILL", r"killed by signal 9"),
        ("SIGSEGV", r"killed by signal 11"),
        ("exit", "exited with status 7"),
        ("system_exit", "exited with status 5"),
    ],
)
def test_a_death_takes_one_sample_and_the_next_worker_goes_on(
    how: str, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = ff.Pipeline()
    port = pipeline.add(process_nodes.Dies(how), pipeline.add(Count(6)), process=True, name=how)
    reader = pipeline.reader(port)
    with caplog.at_level(logging.WARNING), pipeline:
        assert values(list(reader)) == [0, 1, 2, 4, 5]
        node = pipeline.stats().nodes[how]
        assert (node.processed, node.drops, node.in_flight) == (5, {"worker": 1}, 0)
        assert node.workers[0].restarts == 1
    told = "\n".join(record.getMessage() for record in caplog.records)
    assert text in told
    assert "on sample 3 of 'Count'" in told


def test_restarts_0_makes_the_first_death_the_last() -> None:
    with pytest.raises(ff.NodeError, match="its worker died: killed by signal 9"):
        run_node(process_nodes.Dies("SIGKILL"), range(6), process=ff.Process(restarts=0))


def test_too_many_deaths_end_it_and_are_counted() -> None:
    source = Push(live=False)
    source.push(*[0] * 10)
    pipeline = ff.Pipeline()
    node = process_nodes.Dies("SIGKILL", 0)
    port = pipeline.add(node, pipeline.add(source), process=ff.Process(restarts=1), name="n")
    reader = pipeline.reader(port)
    with pytest.raises(ff.NodeError, match=r"killed by signal 9 .*, 2 times in 60 s"), pipeline:
        reader.get()
    assert pipeline.stats().nodes["n"].drops == {"worker": 2}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_death_in_open_fails_start(workers: int) -> None:
    pipeline = ff.Pipeline()
    node = process_nodes.Dies("SIGKILL", hook="open")
    pipeline.add(node, pipeline.add(Count(5)), process=ff.Process(workers=workers), name="n")
    with pytest.raises(ff.NodeError, match=r"its worker died: killed by signal 9 .* while it started"):
        pipeline.start()


def test_a_death_in_close_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    assert values(run_node(process_nodes.Dies("exit", hook="close"), range(3), process=True)) == [0, 1, 2]
    until(lambda: "exited with status 7" in caplog.text, "the warning")


def test_an_open_that_fails_later_counts_as_a_death(tmp_path: Path) -> None:
    node = process_nodes.DiesOnce(str(tmp_path / "died"))
    with pytest.raises(ff.NodeError, match="its open\\(\\) failed: ValueError: cannot open again"):
        run_node(node, range(6), process=ff.Process(restarts=1))


def test_a_worker_that_dies_idle_is_replaced() -> None:
    pipeline = ff.Pipeline()
    push = Push()
    port = pipeline.add(process_nodes.double, pipeline.add(push), process=True, name="n")
    reader = pipeline.reader(port)
    with pipeline:
        push.push(1)
        assert reader.get().value == 2
        os.kill(pipeline.stats().nodes["n"].workers[0].pid, signal.SIGKILL)
        until(lambda: pipeline.stats().nodes["n"].workers[0].restarts == 1, "the next worker")
        push.push(2)
        assert reader.get().value == 4
        assert pipeline.stats().nodes["n"].drops == {}


def test_siblings_go_on(tmp_path: Path) -> None:
    node = process_nodes.DiesOnce(str(tmp_path / "died"), then="work")
    pipeline = ff.Pipeline()
    port = pipeline.add(node, pipeline.add(Count(100)), process=ff.Process(workers=2), name="n")
    reader = pipeline.reader(port)
    with pipeline:
        assert len(list(reader)) == 99
        assert pipeline.stats().nodes["n"].drops == {"worker": 1}


def is_replaced(pipeline: ff.Pipeline, pid: int) -> bool:
    return pid not in {worker.pid for worker in pipeline.stats().nodes["n"].workers}


def test_many_kills_leave_nothing_behind() -> None:
    pipeline = ff.Pipeline()
    port = pipeline.add(
        process_nodes.mean,
        pipeline.add(Pictures(1 << 30, live=True, size=(640, 480))),
        process=ff.Process(workers=2, restarts=1000),
        name="n",
    )
    reader = pipeline.reader(port, frames=False)
    with pipeline:
        for kills in range(30):
            reader.get()
            workers = pipeline.stats().nodes["n"].workers
            pid = next((worker.pid for worker in workers if worker.pid), 0)
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            until(partial(is_replaced, pipeline, pid), f"the end of worker {pid}, number {kills}")
        reader.get()
    node = pipeline.stats().nodes["n"]
    [edge] = [edge for edge in pipeline.stats().edges if edge.child == "n"]
    assert edge.delivered == node.processed + node.dropped
    assert node.in_flight == 0
    assert pipeline.stats().held_by_python_bytes == 0


# ---- limits


def test_a_timeout_dumps_the_stacks_and_kills(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        options = ff.Process(timeout=0.3)
        assert values(run_node(process_nodes.sleep_on_three, range(6), process=options)) == [0, 1, 2, 4, 5]
    told = caplog.text
    assert "it took longer than timeout=0.3 s" in told
    assert "on sample 3 of 'values'" in told
    assert "in sleep_on_three" in told


def test_a_c_loop_that_keeps_the_gil_is_killed(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        options = ff.Process(timeout=0.3)
        assert values(run_node(process_nodes.hold_the_gil, range(6), process=options)) == [0, 1, 2, 4, 5]
    assert "in re_bomb" in caplog.text


def test_memory_is_a_memory_error_in_the_node() -> None:
    with pytest.raises(ff.NodeError, match="MemoryError") as info:
        run_node(process_nodes.balloon, range(6), process=ff.Process(memory="1GiB"))
    assert type(info.value.__cause__) is MemoryError


def test_a_result_beyond_the_limit_is_refused() -> None:
    with pytest.raises(ff.NodeError, match=r"a result of 301 MiB is more than a worker may send, 256 MiB"):
        run_node(process_nodes.shared_array, [1], process=ff.Process(memory="256MiB"))


def test_a_node_that_keeps_every_frame_is_told_so() -> None:
    pipeline = ff.Pipeline(max_held_bytes=10 << 20)
    pipeline.add(
        process_nodes.KeepsFrames(), pipeline.add(Pictures(1000, size=(640, 480))), process=True, name="n"
    )
    with pytest.raises(ff.NodeError, match="node 'n' gets no more frames") as info:
        pipeline.run()
    assert type(info.value.__cause__) is ff.FramesHeld


def test_frames_that_a_worker_keeps_count_as_held() -> None:
    pipeline = ff.Pipeline()
    push = Push()
    frame = np.zeros((480, 640), np.uint8)
    port = pipeline.add(process_nodes.KeepsFrames(3), pipeline.add(push), process=True, name="n")
    reader = pipeline.reader(port, frames=False)
    with pipeline:
        for _ in range(6):
            push.push(ff.Frame.from_array(frame, "gray"))
            reader.get()
        until(lambda: pipeline.stats().held_by_python_bytes == 3 * 480 * 640, "three frames to be held")
    assert pipeline.stats().held_by_python_bytes == 0


# ---- stop, exit, signals


def test_stop_kills_a_worker_that_does_not_come_back() -> None:
    pipeline = ff.Pipeline()
    push = Push()
    pipeline.add(process_nodes.sleep_forever, pipeline.add(push), process=True, name="n")
    pipeline.start()
    push.push(1)
    until(lambda: pipeline.stats().nodes["n"].workers[0].state == "working", "the worker to work")
    pid = pipeline.stats().nodes["n"].workers[0].pid
    pipeline.stop(0.6)
    assert not is_alive(pid)
    assert pipeline.stats().nodes["n"].drops == {"stop": 1}
    assert pipeline.stats().nodes["n"].in_flight == 0


def test_stop_runs_close(tmp_path: Path) -> None:
    path = tmp_path / "hooks"
    pipeline = ff.Pipeline()
    port = pipeline.add(process_nodes.Hooks(str(path)), pipeline.add(Ticker()), process=ff.Process(workers=2))
    reader = pipeline.reader(port)
    with pipeline:
        reader.get()
    assert sorted(line.split()[0] for line in path.read_text().splitlines()) == [
        "close",
        "close",
        "open",
        "open",
    ]


def test_a_workers_own_children_go_with_it() -> None:
    [result] = run_node(process_nodes.StartsAChild(), [0], process=True)
    until(lambda: not is_alive(result.value), "the end of the program that the node started")


def test_workers_go_with_a_parent_that_is_killed() -> None:
    ended = run_program(
        """
        import os, signal, sys
        import process_nodes
        import freshframe as ff
        from support import Push
        pipeline = ff.Pipeline()
        push = Push()
        port = pipeline.add(process_nodes.sleep_on_three, pipeline.add(push), process=ff.Process(workers=2))
        reader = pipeline.reader(port)
        pipeline.start()
        push.push(1)
        reader.get()
        push.push(3)
        print(*[worker.pid for worker in pipeline.stats().nodes["sleep_on_three"].workers], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    assert ended.code == -signal.SIGKILL
    pids = [int(pid) for pid in ended.out.split()]
    assert len(pids) == 2
    until(lambda: not any(map(is_alive, pids)), "the end of the workers")


def test_ctrl_c_ends_it_with_one_traceback() -> None:
    ended = run_program(
        """
        import process_nodes
        import freshframe as ff
        from support import Ticker
        pipeline = ff.Pipeline()
        pipeline.add(process_nodes.double, pipeline.add(Ticker()), process=ff.Process(workers=2))
        pipeline.start()
        print("ready", flush=True)
        pipeline.wait()
        """,
        signals=[signal.SIGINT],
    )
    assert ended.code == -signal.SIGINT
    assert ended.err.count("Traceback") == 1
    assert ended.err.rstrip().endswith("KeyboardInterrupt")


def test_a_script_without_a_guard_works_and_exits_cleanly() -> None:
    ended = run_program(
        """
        import freshframe as ff
        from support import run_node
        class Box:
            def __init__(self, value): self.value = value
        def box(value): return Box(2 * value)
        print([sample.value.value for sample in run_node(box, range(3), process=True)])
        """
    )
    assert (ended.code, ended.out, ended.complaints) == (0, "[0, 2, 4]\n", "")


def test_an_exit_with_a_running_pipeline_is_clean() -> None:
    ended = run_program(
        """
        import process_nodes
        import freshframe as ff
        from support import Ticker
        pipeline = ff.Pipeline()
        reader = pipeline.reader(pipeline.add(process_nodes.double, pipeline.add(Ticker()), process=True))
        pipeline.start()
        reader.get()
        print(pipeline.stats().nodes["double"].workers[0].pid)
        """
    )
    assert (ended.code, ended.complaints) == (0, "")
    until(lambda: not is_alive(int(ended.out)), "the end of the worker")


def test_a_forked_child_is_refused_its_parents_pipeline() -> None:
    pipeline = ff.Pipeline()
    push = Push()
    port = pipeline.add(process_nodes.double, pipeline.add(push), process=True)
    reader = pipeline.reader(port)
    with pipeline:
        pid = os.fork()
        if pid == 0:
            code = 1
            with contextlib.suppress(BaseException):
                try:
                    pipeline.stats()
                except ff.StateError:
                    code = 0
            os._exit(code)
        assert os.waitpid(pid, 0)[1] == 0
        push.push(4)
        assert reader.get().value == 8


def test_a_forked_child_is_refused_shared_pictures_and_spares_them() -> None:
    pipeline = ff.Pipeline()
    push = Push()
    port = pipeline.add(process_nodes.mean, pipeline.add(push), process=True)
    reader = pipeline.reader(port)
    with pipeline:
        frame = ff.Frame.from_array(np.full((480, 640), 5, np.uint8), "gray")
        pid = os.fork()
        if pid == 0:
            code = 1
            with contextlib.suppress(BaseException):
                try:
                    frame.luma  # noqa: B018
                except ff.StateError:
                    frame = ff.Frame.from_array(np.full((480, 640), 6, np.uint8), "gray")
                    code = 0 if frame.luma[0, 0] == 6 else 2
            os._exit(code)
        assert os.waitpid(pid, 0)[1] == 0
        push.push(frame)
        assert reader.get().value == 5


# ---- output


def test_records_and_warnings_arrive_in_the_parents_logging(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO):
        run_node(process_nodes.Says(), range(3), process=True)
        until(lambda: sum(record.name == "detector" for record in caplog.records) == 3, "three records")
    texts = [record.getMessage() for record in caplog.records if record.name == "detector"]
    assert texts == ["value 0", "value 1", "value 2"]
    until(lambda: "printed by a worker" in capfd.readouterr().out, "what the worker printed")


def test_a_working_directory_with_bad_names_disturbs_nothing(tmp_path: Path) -> None:
    for name in ("argparse.py", "logging.py", "pickle.py", "freshframe.py"):
        (tmp_path / name).write_text("raise RuntimeError('imported from the working directory')")
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        assert values(run_node(process_nodes.double, [1], process=True)) == [2]
    finally:
        os.chdir(here)


def test_workers_pass_sigint_by() -> None:
    pipeline = ff.Pipeline()
    push = Push()
    port = pipeline.add(process_nodes.double, pipeline.add(push), process=True, name="n")
    reader = pipeline.reader(port)
    with pipeline:
        pid = pipeline.stats().nodes["n"].workers[0].pid
        os.kill(pid, signal.SIGINT)
        time.sleep(0.05)
        push.push(1)
        assert reader.get().value == 2
        assert pipeline.stats().nodes["n"].workers[0].pid == pid
