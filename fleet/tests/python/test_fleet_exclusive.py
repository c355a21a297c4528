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
    """Returns a reader that receives results of the camera."""
    reader = fleet.reader("circles")
    fleet.add("gate", server.url, fleet_builds.stream, exclusive=True)
    reader.get(100)
    until(lambda: server.sessions == 1, "the session")
    return reader


def agent_of(fleet: ff.fleet.Fleet) -> str:
    agent = fleet.stats().cameras["gate"].agent
    assert agent is not None
    return agent


@pytest.mark.slow
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


def test_a_paused_controller_leaves_the_session_open(fleet: ff.fleet.Fleet, server: CountingServer) -> None:
    reader = opened(fleet, server)
    epoch = fleet.stats().cameras["gate"].epoch
    controller: Any = fleet._controller
    with controller.lock:  # so that no report is handled
        time.sleep(3)
        assert server.sessions == 1
    until(lambda: reader.get(100).seq > 0, "results after the pause")
    assert (server.total, fleet.stats().cameras["gate"].epoch) == (1, epoch)


def test_a_killed_agent_gives_the_session_to_the_next_run(
    fleet: ff.fleet.Fleet, server: CountingServer
) -> None:
    reader = opened(fleet, server)
    for _ in range(3):
        first = fleet.stats().cameras["gate"].epoch
        os.kill(process_of(fleet, agent_of(fleet)), signal.SIGKILL)
        until(lambda first=first: reader.get(100).epoch > first, "the next run")  # type: ignore[misc]
    assert server.most == 1
