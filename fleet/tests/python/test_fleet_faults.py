"""Fleets whose agents or controller are killed, stopped or paused: docs/reference/fleets.md."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fleet_rigs import builds as fleet_builds
from fleet_rigs.checks import balance, change_setup, check_samples, process_of, until_up
from support import until

import freshframe as ff
from freshframe.fleet import FleetReader, FleetSample
from freshframe_fleet._decide.decisions import Times


def epochs_of(stats: ff.fleet.FleetStats) -> dict[str, int]:
    return {name: camera.epoch for name, camera in stats.cameras.items()}


class Watch:
    """A fleet whose cameras' results are read, and the rules that hold after each fault."""

    def __init__(self, cameras: int = 4, exclusive: bool = False) -> None:
        self.fleet = ff.fleet.Fleet(agents=2)
        until_up(self.fleet)
        self.reader: FleetReader = self.fleet.reader("ticks")
        self.fleet.add_many(
            {f"cam{n}": "ticks:0.01" for n in range(cameras)}, fleet_builds.ticks, exclusive=exclusive
        )
        self.samples: list[FleetSample] = []
        self.names = {f"cam{n}" for n in range(cameras)}
        until(lambda: self.names == {sample.camera for sample in self.read()}, "all cameras")
        until(lambda: self.spread() == {"agent0", "agent1"}, "both agents in use")

    def spread(self) -> set[str | None]:
        return {camera.agent for camera in self.fleet.stats().cameras.values()}

    def read(self, seconds: float = 0.1) -> list[FleetSample]:
        """Returns the results so far."""
        end = time.monotonic() + seconds
        with contextlib.suppress(ff.ReadTimeoutError):
            while time.monotonic() < end:
                self.samples.append(self.reader.get(seconds))
        return self.samples

    def pid(self, agent: str) -> int:
        return process_of(self.fleet, agent)

    def list_cameras(self, agent: str) -> set[str]:
        return {name for name, camera in self.fleet.stats().cameras.items() if camera.agent == agent}

    def is_back(self, names: set[str], epochs: dict[str, int]) -> bool:
        """Returns True if each of these cameras has delivered a result of a newer epoch."""
        newer = {s.camera for s in self.read() if s.epoch > epochs[s.camera]}
        return names <= newer

    def epochs(self) -> dict[str, int]:
        return epochs_of(self.fleet.stats())

    def check(self) -> None:
        self.read()
        check_samples(self.fleet, self.samples)


@pytest.fixture
def watch() -> Iterator[Watch]:
    watch = Watch()
    with watch.fleet:
        yield watch
        watch.check()


def test_an_agent_that_is_killed_costs_what_it_had_and_its_cameras_are_back(watch: Watch) -> None:
    mine, epochs = watch.list_cameras("agent0"), watch.epochs()
    os.kill(watch.pid("agent0"), signal.SIGKILL)
    until(lambda: watch.is_back(mine, epochs), "the cameras of the killed agent")
    stats = watch.fleet.stats()
    assert stats.agents["agent0"].deaths == 1
    assert stats.readers[0].unreported_possible == len(mine)
    assert watch.epochs() == {**epochs, **{name: watch.epochs()[name] for name in mine}}
    until(lambda: watch.fleet.stats().agents["agent0"].state == "up", "the agent itself")


@pytest.mark.slow
def test_results_that_wait_at_an_agent_that_is_killed_are_counted_as_lost() -> None:
    with ff.fleet.Fleet() as fleet:
        reader = fleet.reader("ticks")
        fleet.add("cam", "ticks:0", fleet_builds.ticks)
        until(lambda: fleet.stats().readers[0].waiting >= 2000, "a full reader and a full outbox")
        os.kill(process_of(fleet, "agent0"), signal.SIGKILL)
        until(lambda: fleet.stats().readers[0].lost_with_agent >= 500, "the loss")
        balance(fleet)
        first = reader.get(100).epoch
        until(lambda: reader.get(100).epoch > first, "the next start")
        balance(fleet)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [3, pytest.param(10, marks=pytest.mark.full)])
def test_an_agent_that_is_stopped_for_longer_is_killed(watch: Watch, seconds: float) -> None:
    mine, epochs, pid = watch.list_cameras("agent0"), watch.epochs(), watch.pid("agent0")
    os.kill(pid, signal.SIGSTOP)
    stopped = time.monotonic()
    until(lambda: watch.is_back(mine, epochs), "the cameras of the stopped agent")
    assert time.monotonic() - stopped > 1.5  # not before it counts as silent
    time.sleep(max(0.0, seconds - (time.monotonic() - stopped)))
    assert not Path(f"/proc/{pid}").exists()  # none of its processes is left
    events = [event.text for event in watch.fleet.stats().events if event.about == "agent0"]
    assert any("silent for" in text and "killed" in text for text in events), events


@pytest.mark.parametrize("seconds", [1, *(pytest.param(n, marks=pytest.mark.full) for n in (3, 10))])
def test_a_controller_that_is_paused_stops_no_camera(watch: Watch, seconds: float) -> None:
    before = watch.fleet.stats()
    controller: Any = watch.fleet._controller
    with controller.lock:
        time.sleep(seconds)
        resumed = time.time()
    watch.read(1)
    after = watch.fleet.stats()
    assert any("was paused for" in event.text for event in after.events)
    silences = [
        (event.utc, float(silence))
        for event in after.events
        for silence in re.findall(r"^silent for ([\d.]+) s", event.text)
        if event.utc >= resumed
    ]
    for utc, silence in silences:
        assert utc - silence >= resumed - 0.1, after.events  # no silence counts the pause
    if not silences:  # a busy machine may keep an agent from its renewals for two seconds
        assert [agent.deaths for agent in after.agents.values()] == [
            agent.deaths for agent in before.agents.values()
        ]
        assert epochs_of(after) == epochs_of(before)


@pytest.mark.slow
@pytest.mark.needs_gil
def test_an_agent_that_keeps_its_gil_for_ever_is_killed_and_says_where_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # Long enough that the stack traces, which are written after four fifths of it, are complete even on a
    # busy machine.
    change_setup(monkeypatch, Times(gil_timeout=5), gil_timeout=5)
    with ff.fleet.Fleet(agents=1) as fleet:
        reader = fleet.reader("ticks")
        fleet.add("cam", str(tmp_path / "once"), fleet_builds.keeps_the_gil_once)
        until(lambda: reader.get(100).seq > 10, "a result after the death of the stuck agent")
        stats = fleet.stats()
        balance(fleet)
    assert stats.agents["agent0"].deaths >= 1
    assert stats.cameras["cam"].starts >= 2
    assert any("held its GIL for" in event.text and "killed" in event.text for event in stats.events)
    assert "in keep" in capfd.readouterr().err
