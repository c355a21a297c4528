"""Nodes in worker processes: stop, exit, signals, forks, and output that reaches the program."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.process import nodes as process_nodes
from rigs.process.remains import is_alive, nothing_is_left  # noqa: F401  (a fixture)
from support import Push, Ticker, run_node, run_program, until

import freshframe as ff
from freshframe._process import worker_log


def values(samples: list[ff.Sample[Any]]) -> list[Any]:
    return [sample.value for sample in samples]


def test_stop_kills_a_worker_that_does_not_come_back() -> None:
    pipeline = ff.Pipeline()
    push = Push()
    pipeline.add(process_nodes.sleep_forever, pipeline.add(push), process=True, name="n")
    pipeline.start()
    push.push(1)
    until(lambda: pipeline.stats().nodes["n"].workers[0].state == "working", "the worker to work")
    pid = pipeline.stats().nodes["n"].workers[0].pid
    assert pid is not None
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


def test_workers_go_with_a_parent_that_is_killed() -> None:
    ended = run_program(
        """
        import os, signal, sys
        from rigs.process import nodes as process_nodes
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


@pytest.mark.slow
def test_a_worker_that_keeps_its_gil_and_its_children_go_with_the_parent(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    ended = run_program(
        f"""
        import os, signal
        from pathlib import Path
        from rigs.process import nodes as process_nodes
        import freshframe as ff
        from support import Push, until
        pipeline = ff.Pipeline()
        push = Push()
        pipeline.add(process_nodes.hold_the_gil_with_a_child, pipeline.add(push), process=True, name="n")
        pipeline.start()
        push.push({str(path)!r})
        until(lambda: Path({str(path)!r}).exists(), "the program that the node starts")
        print(pipeline.stats().nodes["n"].workers[0].pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    assert ended.code == -signal.SIGKILL
    pids = [int(ended.out), int(path.read_text())]
    until(lambda: not any(map(is_alive, pids)), "the end of the worker and of its program")


@pytest.mark.table(cases=1)
@pytest.mark.parametrize("then", ["sleep", "stop"])
def test_a_stopped_worker_and_its_groups_go_with_a_killed_parent(then: str, tmp_path: Path) -> None:
    path = tmp_path / "pids"
    ended = run_program(
        f"""
        import os, signal
        from pathlib import Path
        from rigs.process import nodes as process_nodes
        import freshframe as ff
        from support import Count, until
        pipeline = ff.Pipeline()
        node = process_nodes.StartsAGroup({str(path)!r}, {then!r})
        pipeline.add(node, pipeline.add(Count(1)), process=True)
        pipeline.start()
        until(lambda: Path({str(path)!r}).exists(), "the program that the node starts")
        pid = Path({str(path)!r}).read_text().split()[0]
        state = "T" if {then!r} == "stop" else "S"
        until(lambda: Path(f"/proc/{{pid}}/stat").read_text().rpartition(")")[2].split()[0] == state, state)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    assert ended.code == -signal.SIGKILL, ended
    pids = [int(pid) for pid in path.read_text().split()]
    until(lambda: not any(map(is_alive, pids)), "the end of the worker and of its program")


def test_ctrl_c_ends_it_without_a_traceback() -> None:
    ended = run_program(
        """
        import sys, threading, time
        from rigs.process import nodes as process_nodes
        import freshframe as ff
        from support import Ticker
        def tell_that_it_waits():
            main = threading.main_thread().ident
            while sys._current_frames()[main].f_code.co_name != "wait":
                time.sleep(0.01)
            time.sleep(0.1)  # from the call to the wait itself
            print("ready", flush=True)
        pipeline = ff.Pipeline()
        pipeline.add(process_nodes.double, pipeline.add(Ticker()), process=ff.Process(workers=2))
        pipeline.start()
        threading.Thread(target=tell_that_it_waits).start()
        pipeline.wait()
        """,
        signals=[signal.SIGINT],
    )
    assert ended.code == -signal.SIGINT
    assert ended.err == ""


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
        from rigs.process import nodes as process_nodes
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


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
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


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
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
    until(lambda: "printed by a worker" in capfd.readouterr().out, "the worker's line")


@pytest.mark.slow
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
        assert pid is not None
        os.kill(pid, signal.SIGINT)
        time.sleep(0.05)
        push.push(1)
        assert reader.get().value == 2
        assert pipeline.stats().nodes["n"].workers[0].pid == pid


class Wire:
    """Replaces a worker's socket: accepts as many records as it has room for."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.texts: list[str] = []

    def log(self, level: int, name: str, text: str) -> bool:
        if len(self.texts) >= self.room:
            return False
        self.texts.append(text)
        return True


def test_records_that_come_too_fast_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("freshframe._process.worker_log.time.monotonic", lambda: now)
    wire = Wire(5000)
    logger = logging.Logger("x")
    logger.addHandler(worker_log.ToParent(wire))
    for number in range(1003):
        logger.warning("number %d", number)
    assert len(wire.texts) == 1000
    now = 101.0
    logger.warning("later")
    assert wire.texts[-1] == "later (and 3 more, which arrived too fast)"


def test_records_that_the_parent_has_no_room_for_are_counted() -> None:
    wire = Wire(1)
    logger = logging.Logger("x")
    logger.addHandler(worker_log.ToParent(wire))
    for text in ("one", "two", "three"):
        logger.warning(text)
    wire.room = 2
    logger.warning("four")
    assert wire.texts == ["one", "four (and 2 more, which arrived too fast)"]


@pytest.mark.slow
def test_nothing_is_open_for_programs_that_the_parent_starts() -> None:
    pipeline = ff.Pipeline()
    push = Push()
    port = pipeline.add(process_nodes.mean, pipeline.add(push), process=True)
    reader = pipeline.reader(port)
    before = inheritable()
    with pipeline:
        push.push(ff.Frame.from_array(np.full((480, 640), 5, np.uint8), "gray"))
        assert reader.get().value == 5
        assert inheritable() <= before


def inheritable() -> set[int]:
    found = set()
    for entry in Path("/proc/self/fdinfo").iterdir():
        with contextlib.suppress(OSError):
            flags = next(line for line in entry.read_text().splitlines() if line.startswith("flags:"))
            if not int(flags.split()[1], 8) & os.O_CLOEXEC:
                found.add(int(entry.name))
    return found
