"""Fleets end with their programs, their agents end too, and nothing is left behind."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import errno
import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from fleet_rigs import builds as fleet_builds
from fleet_rigs.checks import is_alive, until_state
from support import run_program, until

import freshframe as ff
from freshframe_fleet._control.agents.link import Link


def test_two_fleets_of_one_name_are_refused_and_epochs_rise(state_folder: Path) -> None:
    epochs: list[int] = []
    for _ in range(2):
        with ff.fleet.Fleet(name="yard") as fleet:
            assert (state_folder / "yard.lock").stat().st_mode & 0o777 == 0o600
            with pytest.raises(ff.StateError, match="'yard' is already running, in this program"):
                ff.fleet.Fleet(name="yard")
            fleet.add("cam", "ticks:0.05", fleet_builds.ticks)
            epochs.append(fleet.reader("ticks").get(100).epoch)
        time.sleep(1)  # the clock of epochs has a resolution of a second
    assert epochs == sorted(set(epochs))


@pytest.mark.slow
def test_nothing_is_left_of_a_fleet_without_a_name(state_folder: Path) -> None:
    with ff.fleet.Fleet():
        assert len(list(state_folder.iterdir())) == 2
    assert list(state_folder.iterdir()) == []


@pytest.mark.slow
def test_agents_end_with_a_program_that_is_killed(state_folder: Path) -> None:
    ended = run_program(
        """
        import os, signal, time
        from fleet_rigs import builds as fleet_builds
        import freshframe as ff

        fleet = ff.fleet.Fleet(agents=2)
        fleet.add("cam", "ticks:0.01", fleet_builds.ticks)
        next(iter(fleet.reader("ticks")))
        print(*(agent.pid for agent in fleet.stats().agents.values()))
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    pids = [int(pid) for pid in ended.out.split()]
    assert len(pids) == 2
    until(lambda: not any(is_alive(pid) for pid in pids), "the end of the agents")


@pytest.mark.full
def test_a_program_that_just_ends_closes_its_fleet(state_folder: Path) -> None:
    ended = run_program(
        """
        from fleet_rigs import builds as fleet_builds
        import freshframe as ff

        fleet = ff.fleet.Fleet()
        fleet.add("cam", "ticks:0.01", fleet_builds.ticks)
        print(next(iter(fleet.reader("ticks"))).camera)
        """
    )
    assert (ended.code, ended.out, ended.complaints) == (0, "cam\n", "")
    assert list(state_folder.iterdir()) == []


@pytest.mark.slow
def test_an_agent_whose_controller_has_hung_up_accuses_no_camera() -> None:
    with ff.fleet.Fleet() as fleet:
        fleet.add("cam", "ticks:0.05", fleet_builds.ticks)
        until_state(fleet, "cam", "running")
        controller: Any = fleet._controller
        link = controller.parts.links.get("agent0")
        with controller.lock:
            assert link.socket is not None
            link.socket.shutdown(socket.SHUT_WR)
        until(lambda: fleet.stats().cameras["cam"].starts >= 2, "another start")
        assert fleet.stats().cameras["cam"].crashes == 0


def test_an_agent_that_cannot_be_started_leaves_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The controller tries again and again while the program has too many open files."""

    def refuse(*_: int) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(socket, "socketpair", refuse)
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match="Too many open files"):
        Link("agent0", {})
    assert os.listdir("/proc/self/fd") == before
