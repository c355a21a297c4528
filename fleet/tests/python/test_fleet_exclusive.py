"""Exclusive cameras of a fleet: a server that counts its sessions never sees two of them."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fleet_rigs import builds as fleet_builds
from fleet_rigs.checks import balance, process_of
from fleet_rigs.counting_server import CountingServer
from support import until

import freshframe as ff
from freshframe.fleet import FleetReader


@pytest.fixture
def server() -> Iterator[CountingServer]:
    with CountingServer() as server:
        yield server


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ff.fleet.Fleet]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with ff.fleet.Fleet(agents=2) as fleet:
        yield fleet
        balance(fleet)


def opened(fleet: ff.fleet.Fleet, server: CountingServer) -> FleetReader:
    """A reader that gets results of the camera."""
    reader = fleet.reader("circles")
    fleet.add("gate", server.url, fleet_builds.stream, exclusive=True)
    reader.get(100)
    until(lambda: fleet.stats().cameras["gate"].sessions == 1, "the report of the session")
    return reader


def agent_of(fleet: ff.fleet.Fleet) -> str:
    agent = fleet.stats().cameras["gate"].agent
    assert agent is not None
    return agent


def test_a_stopped_agent_and_a_move_leave_one_session(fleet: ff.fleet.Fleet, server: CountingServer) -> None:
    reader = opened(fleet, server)
    first = fleet.stats().cameras["gate"].epoch
    os.kill(process_of(fleet, agent_of(fleet)), signal.SIGSTOP)  # its session stays open
    until(lambda: reader.get(100).epoch > first, "the camera on the other agent")
    second = fleet.stats().cameras["gate"].epoch
    until(lambda: all(agent.state == "up" for agent in fleet.stats().agents.values()), "both agents")
    [there] = set(fleet.stats().agents) - {agent_of(fleet)}
    fleet.move("gate", there)
    until(lambda: reader.get(100).epoch > second, "the camera after the move")
    assert server.most == 1
    assert server.total == 3


@pytest.mark.full
def test_an_agent_without_answers_closes_its_session_and_opens_it_again(
    fleet: ff.fleet.Fleet, server: CountingServer
) -> None:
    reader = opened(fleet, server)
    controller: Any = fleet._controller
    with controller.lock:  # the controller is paused: no renewal is answered
        until(lambda: server.sessions == 0, "the end of the session")
        time.sleep(1)
        assert server.sessions == 0
    until(lambda: server.sessions == 1, "the session")
    reader.get(100)
    assert server.most == 1
