"""Random faults of fleets are the same for the same seed, and each affects the intended process."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from rig.faults import KINDS, Fault, Faults, schedule


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """Yields a process that waits for the end of its input."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as started:
        yield started
        started.kill()


def faults_of(stats: Mapping[str, Any], asked: list[list[Any]]) -> Faults:
    """Returns faults for a fake fleet."""

    def ask(command: list[Any]) -> Mapping[str, Any]:
        asked.append(command)
        return stats

    return Faults(0, ask)


def test_a_seed_gives_the_same_faults() -> None:
    assert list(schedule(7, 200)) == list(schedule(7, 200))
    assert list(schedule(7, 200)) != list(schedule(8, 200))
    assert {fault.kind for fault in schedule(7, 200)} == set(KINDS)


def test_a_killed_agent_is_the_one_that_is_named(process: subprocess.Popen[bytes]) -> None:
    agents = {"a": {"state": "down", "pid": 0}, "b": {"state": "up", "pid": process.pid}}
    text = faults_of({"agents": agents, "cameras": {}}, []).bring_about(Fault("kill agent", 0.99))
    assert text == "kill agent: b"
    assert process.wait(timeout=60) == -9


def test_a_stopped_agent_goes_on(process: subprocess.Popen[bytes]) -> None:
    agents = {"a": {"state": "up", "pid": process.pid}}
    fault = Fault("stop agent", 0.0, 0.3)
    stopping = threading.Thread(
        target=faults_of({"agents": agents, "cameras": {}}, []).bring_about, args=(fault,)
    )
    stopping.start()
    seen = set()
    while stopping.is_alive():
        with open(f"/proc/{process.pid}/stat", encoding="utf-8") as stat:
            seen.add(stat.read().rpartition(")")[2].split()[0])
    stopping.join()
    assert "T" in seen
    assert process.poll() is None


def test_a_drain_ends_with_the_agent_in_use_again() -> None:
    asked: list[list[Any]] = []
    agents = {"a": {"state": "up", "pid": 1, "camera_count": 0}}
    assert faults_of({"agents": agents, "cameras": {}}, asked).bring_about(Fault("drain", 0.0)) == "drain: a"
    assert asked == [["stats"], ["drain", "a"], ["stats"], ["undrain", "a"]]


def test_without_an_agent_there_is_nothing_to_hit() -> None:
    agents = {"a": {"state": "down", "pid": 0}}
    text = faults_of({"agents": agents, "cameras": {}}, []).bring_about(Fault("kill agent", 0.0))
    assert text == "kill agent: no agent is up"
