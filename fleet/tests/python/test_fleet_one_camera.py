"""Faults of one camera do not affect others: crashes, exits of the process, and endless messages."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ctypes
import faulthandler
import logging
import os
import resource
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fleet_rigs import builds as fleet_builds
from fleet_rigs.checks import until_up
from support import until

import freshframe as ff
from freshframe_fleet._url import cut

LONG = 8192 + 100  # characters, including the remark about those that were left out


@pytest.fixture
def fleet() -> Iterator[ff.fleet.Fleet]:
    with ff.fleet.Fleet(agents=2) as fleet:
        until_up(fleet)
        yield fleet


def segv() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.string_at(0)


def in_a_librarys_thread() -> None:
    """Crashes on a thread that a node has started, like a decoder's."""
    thread = threading.Thread(target=segv)
    thread.start()
    thread.join()


def exit_75() -> None:
    os._exit(75)


def exit_74_of_c() -> None:
    ctypes.CDLL(None).exit(74)


def abort() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.abort()


def overflow() -> None:
    """Overflows the C stack: Python 3.14 detects the end of the stack in Python calls."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler._stack_overflow()  # type: ignore[attr-defined]


ENDS: dict[str, tuple[Callable[[], object], str]] = {
    "in the build": (segv, "killed by signal 11"),
    "in a node": (segv, "killed by signal 11"),
    "in a library's thread": (in_a_librarys_thread, "killed by signal 11"),
    "exit": (exit_75, "exited with status 75"),
    "exit of C": (exit_74_of_c, "exited with status 74"),
    "abort": (abort, "killed by signal 6"),
    "overflow": (overflow, "killed by signal 11"),
}


def dies(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    """Ends the process as the URL says, in its node on the tenth tick or here."""
    end, _ = ENDS[url]

    def work(number: int) -> int:
        if number == 10:
            end()
        return number

    if url == "in the build":
        end()

    pipeline = ff.Pipeline()
    return pipeline, {"ticks": pipeline.add(work, pipeline.add(fleet_builds.Ticks(0.02)))}


@pytest.mark.slow
@pytest.mark.table(cases=3)
@pytest.mark.parametrize("end", sorted(ENDS))
def test_the_first_crash_finds_its_camera_and_accuses_no_other(
    fleet: ff.fleet.Fleet, end: str, caplog: pytest.LogCaptureFixture
) -> None:
    fleet.add_many({f"good{number}": "ticks:0.02" for number in range(6)}, fleet_builds.ticks)
    until(lambda: fleet.stats().states() == {"running": 6}, "the good cameras")
    fleet.add("bad", end, dies)
    until(lambda: fleet.stats().cameras["bad"].crashes >= 1, "the first crash")  # a busy machine may miss it
    stats = fleet.stats()
    assert [name for name, camera in stats.cameras.items() if camera.crashes] == ["bad"]
    assert any("it crashed an agent" in event.text for event in stats.events if event.about == "bad")
    until(lambda: fleet.stats().cameras["bad"].agent == "extra0", "an agent of its own")
    until(lambda: fleet.stats().cameras["bad"].crashes >= 2, "its next crash")
    until(lambda: "camera 'bad' is held" in caplog.text, "the hold in the log")
    stats = fleet.stats()
    assert any(ENDS[end][1] in event.text for event in stats.events if event.about == "extra0")
    starts = [camera.starts for name, camera in stats.cameras.items() if name != "bad"]
    if not any("silent for" in event.text for event in stats.events):  # unless the machine is busy
        assert sorted(set(starts)) in ([1], [1, 2])  # the first crash has restarted some of them
    fleet.remove("bad")
    until(lambda: "extra0" not in fleet.stats().agents, "the end of that agent")


def raises_much(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    def fail(number: int) -> int:
        raise ValueError("http://" * 12_000)

    pipeline = ff.Pipeline()
    return pipeline, {"ticks": pipeline.add(fail, pipeline.add(fleet_builds.Ticks(0.01)))}


@pytest.mark.slow
def test_an_exception_without_an_end_is_cut_before_anything_reads_it(
    fleet: ff.fleet.Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    fleet.add("bad", "x", raises_much)
    until(lambda: fleet.stats().cameras["bad"].state == "failed", "the failure")
    stats = fleet.stats()
    assert len(stats.cameras["bad"].reason) < LONG
    assert "letters left out" in stats.cameras["bad"].reason
    assert max(len(event.text) for event in stats.events) < LONG + 100
    assert not [event for event in stats.events if "was paused" in event.text]


def logs_much(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    def log(number: int) -> int:
        logging.getLogger("cam").warning("line %d %s", number, "z " * 500_000)
        return number

    pipeline = ff.Pipeline()
    return pipeline, {"ticks": pipeline.add(log, pipeline.add(fleet_builds.Ticks(0.02)))}


@pytest.mark.slow
def test_log_lines_without_an_end_are_cut(fleet: ff.fleet.Fleet, caplog: pytest.LogCaptureFixture) -> None:
    fleet.add("chatty", "x", logs_much)

    def lines() -> list[str]:
        return [each.getMessage() for each in caplog.records if each.name == "cam"]

    until(lambda: len(lines()) >= 5, "some lines")
    assert max(map(len, lines())) < LONG
    assert "letters left out" in lines()[0]


def test_a_text_is_cut_where_no_password_can_be_halved() -> None:
    assert cut("a" * 8192) == "a" * 8192
    words = "word " * 5000
    assert len(cut(words)) < LONG
    assert cut(words).startswith("word word")
    assert cut(words).endswith("word ")
    secret = "rtsp://joe:" + "secret" * 3000 + "@host/"
    assert "secret" not in cut(secret)
    assert "secret" not in cut("the camera " + secret)
    assert "secret" not in cut(secret + " is not there")
