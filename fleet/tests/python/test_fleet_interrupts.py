"""A fleet survives Ctrl-C, forks, blocking log handlers and hanging builds."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib
import linecache
import logging
import os
import pickle
import re
import signal
import socket
import struct
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
from fleet_rigs import builds as fleet_builds
from fleet_rigs.checks import process_of, shared_fleet, until_state
from support import Gate, run_program, until

import freshframe as ff
from freshframe.fleet import FleetReader
from freshframe_fleet import _wire
from freshframe_fleet._agent.threads import Crew
from freshframe_fleet._control.agents.cores import usable_cores
from freshframe_fleet._control.agents.link import Link
from freshframe_fleet._control.notes import AgentLogs
from freshframe_fleet._read import reader as reader_module
from freshframe_fleet._read.results import Results

RESULTS = 4


# ---- Ctrl-C


def filled() -> FleetReader:
    """Returns a reader with some results of one camera."""
    reader = FleetReader(Results(1, "ticks"), lambda number: "cam", lambda results: None)
    values = [pickle.dumps(number, 5) for number in range(RESULTS)]
    pickles = [struct.pack("<BIQ", 1, 1, len(value)) + value for value in values]  # as an agent packs them
    results = np.zeros(RESULTS, _wire.RESULT)
    results["epoch"], results["ordinal"] = 7, range(RESULTS)
    results["seq"], results["size_bytes"] = range(RESULTS), [len(each) for each in pickles]
    records = np.zeros(1, _wire.OUTBOX)
    records["epoch"], records["reported"], records["handed"] = 7, RESULTS, RESULTS
    reader._results.push(_wire.Batch(1, records, results, memoryview(b"".join(pickles))))
    return reader


class Interrupt:
    """Raises KeyboardInterrupt at the n-th line of the reader's code where a signal could be handled."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, frame: FrameType, event: str, argument: object) -> Any:
        if frame.f_code.co_filename != reader_module.__file__:
            return None
        if event in ("call", "line"):
            line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
            if line.startswith(("return sample", "del self._back")):
                return self  # the interpreter does not handle signals before these
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return self


def read_all(reader: FleetReader, interrupt: Interrupt) -> list[int]:
    got: list[int] = []
    before = sys.gettrace()
    sys.settrace(interrupt)
    try:
        while True:
            try:
                sample = reader.get(0)
                got.append(sample.seq)
            except KeyboardInterrupt:  # noqa: PERF203  (it is what is tested)
                continue
            except ff.ReadTimeoutError:
                return got
    finally:
        sys.settrace(before)


def interrupt_each_line() -> None:
    for at in range(1, 200):
        reader = filled()
        interrupt = Interrupt(at)
        got = read_all(reader, interrupt)
        assert got == list(range(RESULTS)), at
        totals = reader._results.totals()
        assert (totals.delivered, totals.waiting, totals.reported) == (RESULTS, 0, RESULTS), at
        if interrupt.left > 0:
            break
    else:
        pytest.fail("the reader's code has more lines than were tried")


def test_an_interrupt_at_any_line_of_a_pull_loses_and_repeats_nothing() -> None:
    # In a thread of its own: CPython 3.11 treats an exception as still being handled if its handler was
    # interrupted, and would report it with every later failure.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(interrupt_each_line).result()


def test_a_send_that_is_interrupted_leaves_whole_messages() -> None:
    ours, theirs = socket.socketpair()
    link = object.__new__(Link)
    with ours, theirs:
        ours.setblocking(False)
        link.socket, link._outgoing = ours, bytearray()
        link.send(b"a whole message")
        theirs.setblocking(False)
        with pytest.raises(BlockingIOError):
            theirs.recv(100)  # only the controller's thread sends it
        link.flush()
        assert theirs.recv(100) == b"a whole message"


def test_an_interrupted_call_is_done_whole_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    with ff.fleet.Fleet() as fleet:
        waits = iter([KeyboardInterrupt])

        def wait(self: threading.Event, timeout: float | None = None) -> bool:
            for error in waits:
                raise error
            return original(self, timeout)

        original = threading.Event.wait
        cameras = {f"cam{number}": "ticks:0.05" for number in range(50)}
        fleet._builds.number_build(fleet_builds.ticks)
        controller: Any = fleet._controller
        # So that it is not done before somebody waits for it.
        with monkeypatch.context() as patch, controller.lock:
            patch.setattr(threading.Event, "wait", wait)
            with pytest.raises(KeyboardInterrupt):
                fleet.add_many(cameras, fleet_builds.ticks)
        until(lambda: set(fleet.stats().cameras) == set(cameras), "all cameras")


# ---- forks


@pytest.mark.slow
def test_a_forked_child_is_refused_and_harms_nothing() -> None:
    ended = run_program(
        """
        import os, warnings
        from fleet_rigs import builds as fleet_builds
        import freshframe as ff

        warnings.filterwarnings("ignore", ".*fork", DeprecationWarning)  # 3.12 warns of forks beside threads
        fleet = ff.fleet.Fleet(name="yard")
        reader = fleet.reader("ticks")
        page = fleet.serve()
        fleet.add("cam", "ticks:0.01", fleet_builds.ticks)
        reader.get(100)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(write)
            calls = (lambda: reader.get(1), reader.close, lambda: next(reader), fleet.stats,
                     lambda: fleet.reader("ticks"), lambda: fleet.remove("cam"), fleet.serve)
            for call in calls:
                try:
                    call()
                    print("not refused", flush=True)
                except ff.StateError as error:
                    print("created before this process was forked" in str(error), flush=True)
            page.close()
            fleet.close()
            os.read(read, 1)
            os._exit(0)
        for _ in range(20):
            reader.get(100)
        fleet.close()
        with ff.fleet.Fleet(name="yard") as again:
            print("again", flush=True)
        os.write(write, b"x")
        os.waitpid(child, 0)
        """
    )
    assert (ended.code, ended.complaints) == (0, "")
    assert sorted(ended.out.split()) == ["True"] * 7 + ["again"]


# ---- handlers that wait


class Waiting(logging.Handler):
    """Waits for a gate on the first line, then asks the fleet."""

    def __init__(self, fleet: ff.fleet.Fleet) -> None:
        super().__init__()
        self.gate = Gate()
        self.fleet = fleet
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.gate.enter()
        self.seen.append(record.getMessage())
        self.fleet.stats()


@pytest.mark.slow
def test_a_log_handler_that_waits_stops_no_renewal() -> None:
    with ff.fleet.Fleet() as fleet:
        handler = Waiting(fleet)
        logger = logging.getLogger("user")
        logger.addHandler(handler)
        try:
            reader = fleet.reader("ticks")
            fleet.add("loud", "x", fleet_builds.logs_and_raises)
            fleet.add("cam", "ticks:0.02", fleet_builds.ticks)
            until(lambda: handler.gate.arrived, "the first line")
            seqs = [reader.get(100).seq for _ in range(50)]
            handler.gate.open()
            until(lambda: handler.seen, "the line")
        finally:
            handler.gate.open()
            logger.removeHandler(handler)
        assert seqs == sorted(set(seqs))
        assert fleet.stats().agents["agent0"].deaths == 0


def test_log_lines_that_wait_are_bounded_and_the_lost_ones_are_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("freshframe_fleet._control.notes._MOST_LINES", 3)
    logs = AgentLogs("yard")
    with logs._lock:
        logs._thread = threading.current_thread()  # it is busy
    for number in range(5):
        logs.put(logging.WARNING, "freshframe", f"line {number}")
    logs._run()
    texts = [record.getMessage() for record in caplog.records]
    assert texts == ["line 0", "line 1", "line 2", "2 log lines of agents were lost"]


# ---- builds that hang


hanging = shared_fleet(start_timeout=0.3)


@pytest.mark.slow
def test_a_build_that_returns_too_late_is_not_used_and_the_next_start_works(hanging: ff.fleet.Fleet) -> None:
    hanging.add("cam", "0.8", fleet_builds.slow_to_build_once)
    until(lambda: "cam" in told(hanging, "it did not start within"), "the failure")
    until_state(hanging, "cam", "running")
    assert hanging.stats().cameras["cam"].starts > 1


@pytest.mark.slow
def test_a_build_that_hangs_fails_and_others_start(hanging: ff.fleet.Fleet) -> None:
    bad = {f"bad{number}": "1000" for number in range(40)}  # more than start at the same time
    hanging.add_many(bad, fleet_builds.slow_to_build)
    until(lambda: bad.keys() <= told(hanging, "it did not start within 0.3 s"), "the failure of each")
    assert told(hanging, "in slow_to_build at")
    hanging.add("sound", "ticks:0.05", fleet_builds.ticks)
    until_state(hanging, "sound", "running")
    until(lambda: told(hanging, "build() of an earlier start has not returned"), "a second start")


@pytest.mark.slow
def test_a_module_whose_import_hangs_holds_up_its_own_cameras_only(
    hanging: ff.fleet.Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = tmp_path / "ready"
    (tmp_path / "slow_to_import.py").write_text(
        "import os, time\n"
        f"while os.getpid() != {os.getpid()} and not os.path.exists({str(ready)!r}):  # an agent\n"
        "    time.sleep(0.01)\n"
        "from fleet_rigs.builds import ticks\n"
        "def build(url):\n"
        "    return ticks(url)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    for agent in hanging.stats().agents.values():  # the next one has the same folder
        os.kill(process_of(hanging, agent.name), signal.SIGKILL)
    build = importlib.import_module("slow_to_import").build
    hanging.add("slow", "ticks:0.05", build)
    until(lambda: "slow" in told(hanging, "it did not start within 0.3 s"), "the failure")
    hanging.add("quick", "ticks:0.05", fleet_builds.ticks)
    until_state(hanging, "quick", "running")
    ready.touch()
    until_state(hanging, "slow", "running")


@pytest.mark.slow
def test_an_exclusive_camera_whose_start_hangs_is_told_and_starts_again_when_it_has_ended(
    hanging: ff.fleet.Fleet, tmp_path: Path
) -> None:
    deaths = hanging.stats().agents["agent0"].deaths
    hanging.add("beside", "ticks:0.05", fleet_builds.ticks)
    until_state(hanging, "beside", "running")
    hanging.add("gate", str(tmp_path / "go on"), fleet_builds.hangs_at_start, exclusive=True)
    until_state(hanging, "gate", "failed")
    camera = hanging.stats().cameras["gate"]
    assert re.search(
        r"it did not start within 0.3 s: .*; it cannot start again until its agent agent0", camera.reason
    )
    assert camera.starts == 1
    assert told(hanging, "failed: it did not start within") >= {"gate"}
    (tmp_path / "go on").touch()
    until_state(hanging, "gate", "running")
    assert hanging.stats().cameras["gate"].starts == 2
    assert hanging.stats().agents["agent0"].deaths == deaths


def told(fleet: ff.fleet.Fleet, text: str) -> set[str]:
    """Returns the cameras with an event that contains this text."""
    return {event.about for event in fleet.stats().events if text in event.text}


def test_a_thread_that_hangs_is_replaced() -> None:
    crew = Crew(2, "crew")
    gate, done = Gate(), threading.Event()
    hung: list[int] = []

    def hang() -> None:
        hung.append(threading.get_ident())
        gate.enter()

    crew.submit(hang)
    crew.submit(hang)
    crew.submit(done.set)
    until(lambda: len(hung) == 2, "both threads")
    assert not done.wait(0.05)
    crew.write_off(hung[0])
    crew.write_off(hung[0])
    assert done.wait(100)
    gate.open()
    crew.wait()
    assert crew._free == 2


# ---- the load


def test_a_container_has_the_cores_of_its_control_group(tmp_path: Path) -> None:
    own, groups = tmp_path / "own", tmp_path / "groups"
    (groups / "pod" / "box").mkdir(parents=True)
    own.write_text("0::/pod/box\n")
    cores = usable_cores(own, groups)
    (groups / "pod" / "box" / "cpu.max").write_text("max 100000\n")
    assert usable_cores(own, groups) == cores
    (groups / "pod" / "cpu.max").write_text("25000 100000\n")
    assert usable_cores(own, groups) == 0.25
    own.write_text("3:cpu,cpuacct:/pod\n")
    (groups / "cpu,cpuacct" / "pod").mkdir(parents=True)
    (groups / "cpu,cpuacct" / "pod" / "cpu.cfs_quota_us").write_text("50000\n")
    (groups / "cpu,cpuacct" / "pod" / "cpu.cfs_period_us").write_text("100000\n")
    assert usable_cores(own, groups) == 0.5
