"""How long results wait for a reader that does not read, and agents for a controller that is away."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet_rigs import builds as fleet_builds
from fleet_rigs.checks import balance, is_alive, process_of, until_state, until_up
from fleet_rigs.detached import Yard
from support import until

import freshframe as ff
from freshframe_fleet._control.controller import Controller
from freshframe_fleet._control.place import LocalPlace
from freshframe_fleet._control.setup import Setup
from freshframe_fleet._decide.model import Times
from freshframe_fleet._specs import with_orphans

EXPIRE_AFTER = 0.5  # seconds
ORPHAN_AFTER = 4.0  # seconds


class Hasty(ff.fleet.Fleet):
    """A local fleet whose results wait for half a second."""

    @staticmethod
    def _make_controller(setup: Setup) -> Controller:
        return Controller(setup, LocalPlace({**setup.options, "expire_after": EXPIRE_AFTER}))


def test_results_expire_and_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with Hasty() as fleet:
        until_up(fleet)
        reader = fleet.reader("ticks")
        fleet.add("cam", "ticks:0.001", fleet_builds.ticks)
        until(lambda: fleet.stats().readers[0].expired > 0, lambda: f"results that expire: {fleet.stats()}")
        balance(fleet)
        counts = fleet.stats().readers[0]
        ordinal, dropped = -1, 0
        while dropped < counts.expired:  # on a busy machine in more than one gap
            sample = reader.get(100)
            assert sample.ordinal == ordinal + 1 + sample.dropped
            ordinal, dropped = sample.ordinal, dropped + sample.dropped
        balance(fleet)


def test_the_time_without_a_controller_is_that_of_results_too() -> None:
    times, options = with_orphans(Times(), {}, 300.0, detached=True)
    assert (times.orphan_after, options) == (300.0, {"expire_after": 300.0})
    times, options = with_orphans(Times(), {}, 30.0, detached=True)
    assert (times.orphan_after, options) == (30.0, {"expire_after": 60.0})
    assert with_orphans(Times(), {}, 300.0, detached=False) == (Times(), {})
    with pytest.raises(ff.OptionError, match="orphan_after must be at least 30 seconds"):
        with_orphans(Times(), {}, 29.9, detached=True)


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    yard = Yard(tmp_path, orphan_after=ORPHAN_AFTER)
    try:
        yield yard
    finally:
        yard.end()


def pause(yard: Yard, fleet: ff.fleet.Fleet, *, until_all_end: bool) -> float:
    """Stops the controller for half of the time, or until its agents have ended.

    Returns:
        Seconds since the renewals before that, at most: agents may have renewed again.
    """
    agents = fleet.stats().agents
    pids = [process_of(fleet, agent) for agent in agents]
    began = time.monotonic() - max(agent.silent_for for agent in agents.values())
    os.kill(yard.controller.pid, signal.SIGSTOP)
    try:
        if until_all_end:
            until(lambda: not any(map(is_alive, pids)), "the end of the agents")
        else:
            time.sleep(ORPHAN_AFTER / 2)
            assert all(map(is_alive, pids))
        return time.monotonic() - began
    finally:
        os.kill(yard.controller.pid, signal.SIGCONT)


@pytest.mark.thorough
def test_agents_go_on_without_their_controller_for_as_long_as_they_may(yard: Yard) -> None:
    with yard.connect() as fleet:
        until(lambda: len(fleet.stats().agents) == 2, "two agents")
        until_up(fleet)
        reader = fleet.reader("ticks")
        fleet.add_many({"north": "ticks:0.02", "south": "ticks:0.02"}, fleet_builds.ticks)
        for camera in ("north", "south"):
            until_state(fleet, camera, "running")
        before = fleet.stats()
        pause(yard, fleet, until_all_end=False)
        until_up(fleet)
        during = fleet.stats()
        assert {name: agent.pid for name, agent in during.agents.items()} == {
            name: agent.pid for name, agent in before.agents.items()
        }
        assert [camera.starts for camera in during.cameras.values()] == [1, 1]
        # An agent counts from the time at which it sent its renewal.
        assert pause(yard, fleet, until_all_end=True) >= ORPHAN_AFTER - 1.0
        until_up(fleet)
        epochs = {name: camera.epoch for name, camera in during.cameras.items()}
        while epochs:
            sample = reader.get(100)
            if sample.epoch > epochs.get(sample.camera, sample.epoch):
                del epochs[sample.camera]
        assert all(agent.deaths == 1 for agent in fleet.stats().agents.values())
        balance(fleet)
        assert fleet.stats().readers[0].unreported_possible >= 2
        fleet.shutdown()
