"""Exclusive cameras of a fleet: a server that logs its sessions never has two of them."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet_rigs.checks import balance, process_of
from rig.camera_server import CameraServer
from rig.pipeline import build
from rig.rules import Verdict, check_overlaps, read_sessions
from support import until

import freshframe as ff
from freshframe.fleet import FleetReader


class Gate:
    """A fleet whose only camera is exclusive, a reader that gets its results, and the log of its server."""

    def __init__(self, fleet: ff.fleet.Fleet, server: CameraServer, log: Path) -> None:
        self.fleet, self._log = fleet, log
        self.reader: FleetReader = fleet.reader("stamps")
        fleet.add("gate", server.url(0), build, exclusive=True)
        self.reader.get(100)

    @property
    def agent(self) -> str:
        agent = self.fleet.stats().cameras["gate"].agent
        assert agent is not None
        return agent

    def until_next_run(self, what: str) -> None:
        epoch = self.fleet.stats().cameras["gate"].epoch
        until(lambda: self.reader.get(100).epoch > epoch, what)

    def check(self, sessions: int) -> None:
        verdict, found = Verdict(), read_sessions(self._log, now=float("inf"))
        check_overlaps(verdict, found, {0})
        assert (verdict.findings, len(found)) == ([], sessions)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    log = tmp_path / "sessions.jsonl"
    with CameraServer(1, 25.0, log) as server, ff.fleet.Fleet(agents=2) as fleet:
        yield Gate(fleet, server, log)
        balance(fleet)


@pytest.mark.slow
def test_a_stopped_agent_and_a_move_leave_one_session(gate: Gate) -> None:
    os.kill(process_of(gate.fleet, gate.agent), signal.SIGSTOP)  # its session stays open
    gate.until_next_run("the camera on the other agent")
    until(lambda: all(agent.state == "up" for agent in gate.fleet.stats().agents.values()), "both agents")
    [there] = set(gate.fleet.stats().agents) - {gate.agent}
    gate.fleet.move("gate", there)
    gate.until_next_run("the camera after the move")
    gate.check(sessions=3)


def test_a_killed_agent_gives_the_session_to_the_next_run(gate: Gate) -> None:
    for _ in range(3):
        os.kill(process_of(gate.fleet, gate.agent), signal.SIGKILL)
        gate.until_next_run("the next run")
    gate.check(sessions=4)
