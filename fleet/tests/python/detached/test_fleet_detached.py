"""Detached fleets: programs come and go, and results reach each reader once."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import functools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fleet_rigs import builds as fleet_builds
from fleet_rigs.checks import balance, is_alive, process_of, until_state, until_up
from fleet_rigs.counting_server import CountingServer
from fleet_rigs.detached import AWAY, Yard
from support import program_environment, until

import freshframe as ff
from freshframe.fleet import FleetReader, FleetSample

Key = tuple[str, int, int]


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """Yields a yard for all tests that do no harm to it."""
    yard = Yard(tmp_path_factory.mktemp("yard"))
    try:
        with yard.connect() as fleet:
            until(lambda: len(fleet.stats().agents) == 2, "two agents")
            until_up(fleet)
            yield yard
            pids = [agent.pid for agent in fleet.stats().agents.values() if agent.pid is not None]
            fleet.shutdown()
        yard.controller.wait()
        assert not any(is_alive(pid) for pid in pids)
    finally:
        yard.end()


@pytest.fixture
def fleet(yard: Yard) -> Iterator[ff.fleet.Fleet]:
    with yard.connect() as fleet:
        yield fleet
        balance(fleet)
        for camera in fleet.stats().cameras:
            fleet.remove(camera)
        until(lambda: not fleet.stats().cameras, "the end of all cameras")


def key(sample: FleetSample) -> Key:
    return sample.camera, sample.epoch, sample.ordinal


def read(reader: FleetReader, count: int) -> list[FleetSample]:
    return [reader.get(100) for _ in range(count)]


def test_a_camera_goes_on_when_its_program_has_gone_and_another_one_reads_it(
    yard: Yard, fleet: ff.fleet.Fleet
) -> None:
    with yard.connect() as first:
        first.add("cam", "ticks:0.01", fleet_builds.ticks, needs={"site": "north"})
        epoch = first.reader("ticks").get(100).epoch
    until_state(fleet, "cam", "running")
    sample = fleet.reader("ticks").get(100)
    assert (sample.camera, sample.epoch) == ("cam", epoch)
    fleet.add_many({"more": "ticks:0.05"}, fleet_builds.ticks)
    with pytest.raises(ff.StateError, match="there is a camera 'more' already"):
        fleet.add("more", "ticks:0.05", fleet_builds.ticks)
    fleet.drain("south", timeout=50)
    fleet.resume("south")


def test_everything_is_delivered_once_and_the_counters_balance(fleet: ff.fleet.Fleet) -> None:
    reader = fleet.reader("ticks")
    fleet.add("cam", "ticks:0.002:400", fleet_builds.ticks)
    samples = read(reader, 400)
    assert [sample.value for sample in samples] == list(range(400))
    assert all(sample.dropped == 0 for sample in samples)
    stats = next(each for each in fleet.stats().readers if each.delivered)
    assert (stats.reported, stats.delivered, stats.waiting) == (400, 400, 0)
    reader.close()


def test_a_named_reader_goes_on_in_another_program_with_what_was_not_given(
    yard: Yard, fleet: ff.fleet.Fleet
) -> None:
    with yard.connect() as other:
        reader = other.reader("ticks", name="log")
        fleet.add("cam", "ticks:0.002:500", fleet_builds.ticks)
        first = read(reader, 123)
        with pytest.raises(ff.StateError, match="the reader 'log' is open"):
            fleet.reader("ticks", name="log")
    again = fleet.reader("ticks", name="log")
    samples = first + read(again, 500 - 123)
    assert [sample.value for sample in samples] == list(range(500))
    assert all(sample.dropped == 0 for sample in samples)
    again.close()


def test_results_of_a_generator_have_their_part(fleet: ff.fleet.Fleet) -> None:
    reader = fleet.reader("parts")
    fleet.add("cam", "ticks:0.01", fleet_builds.parts)
    samples = read(reader, 15)
    assert [sample.part for sample in samples] == [0, 1, 2] * 5
    assert {sample.seq for sample in samples[::3]} == {sample.seq for sample in samples[2::3]}
    reader.close()


_VICTIM = """
import sys
from fleet_rigs.detached import Yard
from pathlib import Path
yard = Yard.__new__(Yard)
yard.folder = Path(sys.argv[1])
class Running:
    def poll(self): return None
yard.controller = Running()
fleet = yard.connect()
reader = fleet.reader("ticks", name="victim")
for sample in reader:
    print(sample.camera, sample.epoch, sample.ordinal, flush=True)
"""


@pytest.mark.full
def test_a_program_that_is_killed_leaves_its_unacknowledged_results_to_the_next(
    yard: Yard, fleet: ff.fleet.Fleet
) -> None:
    victim = subprocess.Popen(
        [sys.executable, "-c", _VICTIM, str(yard.folder)],
        env=program_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert victim.stdout is not None
    with victim.stdout as stdout:
        until(lambda: any(each.name == "victim" for each in fleet.stats().readers), "its reader")
        fleet.add("cam", "ticks:0.002:1000", fleet_builds.ticks)
        lines = [stdout.readline() for _ in range(200)]
        victim.kill()
        lines += stdout.readlines()
    victim.wait()
    given = [int(line.split()[2]) for line in lines if line.endswith("\n")]
    reader: FleetReader | None = None

    def comes_back() -> bool:
        nonlocal reader
        with contextlib.suppress(ff.StateError):  # its connection is still there
            reader = fleet.reader("ticks", name="victim")
        return reader is not None

    until(comes_back, "the reader's name")
    assert reader is not None
    again = [reader.get(100).ordinal]
    while again[-1] != 999:
        again.append(reader.get(100).ordinal)
    assert given == list(range(len(given)))
    assert again == list(range(again[0], 1000))
    assert again[0] <= len(given)
    reader.close()
    assert fleet.stats().agents["north"].state == "up"


@pytest.mark.full
def test_results_of_a_reader_that_was_killed_without_a_name_are_not_kept(
    yard: Yard, fleet: ff.fleet.Fleet
) -> None:
    fleet.add("cam", "ticks:0.01", fleet_builds.ticks)
    other = yard.connect()
    other.reader("ticks").get(100)
    before = len(fleet.stats().readers)
    controller: Any = other._controller
    for reader in controller._readers:
        reader.results.closed = True  # no word of farewell
        reader._channel.close()
    until(lambda: len(fleet.stats().readers) < before, "the end of the reader")
    other.close()


def test_a_program_that_has_closed_its_connection_is_told_so(yard: Yard) -> None:
    fleet = yard.connect()
    reader = fleet.reader("ticks")
    fleet.close()
    fleet.close()
    with pytest.raises(ff.StateError, match="has closed its connection"):
        fleet.add("cam", "ticks:0.01", fleet_builds.ticks)
    with pytest.raises(ff.EndOfStreamError):
        reader.get(100)
    assert set(fleet.stats().agents) == {"north", "south"}


def test_what_a_detached_fleet_needs_is_told() -> None:
    with pytest.raises(ff.OptionError, match="a detached fleet needs a name"):
        ff.fleet.Fleet.on_ray(detached=True)
    with pytest.raises(ff.OptionError, match="host is for fleets that end with their program"):
        ff.fleet.Fleet.on_ray(name="yard", host="127.0.0.1", detached=True)
    with pytest.raises(ff.OptionError, match="the address of a Ray cluster must be"):
        ff.fleet.Fleet.connect("yard", address="local")
    with pytest.raises(ff.OptionError, match="Ray Client"):
        ff.fleet.Fleet.connect("yard", address="ray://10.0.0.1:10001")
    with pytest.raises(ff.OptionError, match="Ray Client"):
        ff.fleet.Fleet.on_ray("ray://10.0.0.1:10001")


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[Yard]:
    """Yields a yard whose controller may be killed."""
    yard = Yard(tmp_path, grace=60.0)  # a program on a busy machine may need some seconds to come back
    try:
        with yard.connect() as fleet:
            until(lambda: len(fleet.stats().agents) == 2, "two agents")
            until_up(fleet)
        yield yard
    finally:
        yard.end()


def until_all_come(reader: FleetReader, after: dict[str, int], samples: list[FleetSample]) -> None:
    """Waits until each of these cameras has given a result with a larger ordinal."""
    left = set(after)

    def read() -> bool:
        with contextlib.suppress(ff.ReadTimeoutError):
            samples.append(reader.get(0.2))
            if samples[-1].ordinal > after.get(samples[-1].camera, 1 << 60):
                left.discard(samples[-1].camera)
        return not left

    until(read, lambda: f"results of {left}")


@pytest.mark.full
def test_a_controller_that_is_killed_and_restarted_adopts_its_agents_and_loses_no_result(
    mortal: Yard,
) -> None:
    cameras = [f"cam{n}" for n in range(4)]
    with mortal.connect() as fleet:
        reader = fleet.reader("ticks")
        fleet.add_many(dict.fromkeys(cameras, "ticks:0.01"), fleet_builds.ticks)
        samples: list[FleetSample] = []
        until_all_come(reader, dict.fromkeys(cameras, 20), samples)
        before = fleet.stats()
        mortal.restart_controller()
        newest = {camera: max(s.ordinal for s in samples if s.camera == camera) for camera in cameras}
        until_all_come(reader, {camera: ordinal + 50 for camera, ordinal in newest.items()}, samples)
        after = fleet.stats()
        assert after.term > before.term
        for name in cameras:
            assert after.cameras[name].epoch == before.cameras[name].epoch
            assert after.cameras[name].agent == before.cameras[name].agent
        assert {a.pid for a in after.agents.values()} == {a.pid for a in before.agents.values()}
        assert any("restarted, with 2 agents of before" in event.text for event in after.events)
        for name in cameras:
            mine = [s.ordinal for s in samples if s.camera == name]
            assert mine == list(range(mine[-1] + 1))
        assert all(sample.dropped == 0 for sample in samples)
        fleet.remove("cam0")
        fleet.add("new", "ticks:0.01", fleet_builds.ticks)  # the program's builds go on, too
        until_all_come(reader, {"new": 5}, samples)
        until(lambda: "cam0" not in fleet.stats().cameras, "the removal")
        balance(fleet)
        for camera in fleet.stats().cameras:
            fleet.remove(camera)
        until(lambda: not fleet.stats().cameras, "the end of all cameras")
        with contextlib.suppress(ff.ReadTimeoutError):
            while True:
                samples.append(reader.get(0.5))
        assert len({key(sample) for sample in samples}) == len(samples)
        (counts,) = fleet.stats().readers
        assert (counts.delivered, counts.waiting) == (len(samples), 0)
        assert counts.reported == counts.delivered + counts.fenced  # no reader read while they were removed
        fleet.shutdown()
    mortal.controller.wait()
    assert not list((mortal.folder / "store").iterdir())


@pytest.mark.parametrize("is_kept", [True, False])
def test_losses_of_a_camera_are_known_to_the_next_controller(mortal: Yard, is_kept: bool) -> None:
    """Either it was kept, or the agent repeats it."""
    frames = 5000
    with mortal.connect() as fleet, fleet.reader("ticks") as reader:
        fleet.add("cam", f"{mortal.folder / 'go'}:{frames}", fleet_builds.bursts_once_there_is)
        until_state(fleet, "cam", "waiting")
        away = mortal.folder / AWAY
        if not is_kept:
            away.touch()
        (mortal.folder / "go").touch()
        until_state(fleet, "cam", "ended")
        (mortal.folder / "go").unlink()  # a controller that does not know of the end starts it again
        before = fleet.stats().cameras["cam"]
        assert before.kept + before.dropped == before.produced == frames
        assert before.dropped > 0
        until(lambda: fleet.stats().readers[0].reported == before.kept, "the reports")
        mortal.controller.kill()
        mortal.controller.wait()
        away.unlink(missing_ok=True)
        mortal.start_controller()
        until(lambda: fleet.stats().cameras["cam"].produced == frames, lambda: str(fleet.stats()))
        after = fleet.stats().cameras["cam"]
        assert (after.kept, after.drops) == (before.kept, before.drops)

        samples: list[FleetSample] = []

        def all_is_read_or_fenced() -> bool:
            with contextlib.suppress(ff.ReadTimeoutError):
                samples.append(reader.get(0.2))
            counts = fleet.stats().readers[0]
            return counts.reported == before.kept == len(samples) + counts.fenced

        until(
            all_is_read_or_fenced,
            lambda: f"{before.kept} kept, {len(samples)} read, {fleet.stats().readers[0]}",
        )
        assert fleet.stats().readers[0].delivered == len(samples) > 0


def test_an_update_goes_on_when_the_controller_is_killed_in_its_midst(mortal: Yard) -> None:
    ready = mortal.folder / "ready"
    with mortal.connect() as fleet, fleet.reader("ticks") as reader:
        fleet.add("cam", "ticks:0.01", fleet_builds.ticks, needs={"site": "north"})
        old = reader.get(100).epoch
        fleet.update("cam", build=functools.partial(fleet_builds.ticks_after, str(ready)))
        until(lambda: fleet.stats().cameras["cam"].starts == 2, "the start of the new build")
        mortal.restart_controller()
        until(lambda: any("adopted with 1" in event.text for event in fleet.stats().events), "the adoption")
        assert {reader.get(100).epoch for _ in range(100)} == {old}
        ready.touch()
        until(lambda: reader.get(100).epoch > old, "a result of the new build")
        until(lambda: fleet.stats().cameras["cam"].epoch > old, "the end of the run of the old build")
        after = fleet.stats().cameras["cam"]
        assert (after.starts, after.epoch >> 32) == (2, old >> 32)  # the start that was under way
        assert {reader.get(100).epoch for _ in range(20)} == {after.epoch}


def test_an_exclusive_camera_has_one_session_whatever_becomes_of_the_controller(mortal: Yard) -> None:
    with CountingServer() as server, mortal.connect() as fleet:
        reader = fleet.reader("circles")
        fleet.add("gate", server.url, fleet_builds.stream, exclusive=True)
        reader.get(100)
        epoch = fleet.stats().cameras["gate"].epoch
        mortal.restart_controller()  # its lease may last or end meanwhile
        until(lambda: fleet.stats().agents["south"].state == "up", "the other agent")
        until(lambda: reader.get(100).epoch >= epoch, "a result")
        mortal.controller.kill()
        mortal.controller.wait()
        until(lambda: server.sessions == 0, "the end of its session without a controller")
        mortal.start_controller()
        until(lambda: server.sessions == 1, "its session")
        assert server.most == 1
        assert fleet.stats().cameras["gate"].epoch == epoch


@pytest.mark.full
def test_an_agent_that_died_with_the_controller_is_found_dead_by_the_next(mortal: Yard) -> None:
    with mortal.connect() as fleet:
        reader = fleet.reader("ticks")
        fleet.add_many({"n": "ticks:0.02", "s": "ticks:0.02"}, fleet_builds.ticks)
        samples: list[FleetSample] = []
        until_all_come(reader, {"n": 3, "s": 3}, samples)
        stats = fleet.stats()
        victim = process_of(fleet, "north")
        hit = next(name for name, camera in stats.cameras.items() if camera.agent == "north")
        mortal.controller.kill()
        mortal.controller.wait()
        os.kill(victim, signal.SIGKILL)
        until(lambda: not is_alive(victim), "the end of the agent")
        mortal.start_controller()
        epoch = stats.cameras[hit].epoch

        def is_back() -> bool:
            with contextlib.suppress(ff.ReadTimeoutError):
                samples.append(reader.get(0.2))
            return samples[-1].camera == hit and samples[-1].epoch > epoch

        until(is_back, "the camera of the agent that died")
        until_up(fleet)
        balance(fleet)
        assert len({key(sample) for sample in samples}) == len(samples)


@pytest.mark.full
@pytest.mark.parametrize("exclusive", [False, True])
def test_an_agent_that_reports_late_goes_on_with_what_was_not_given_away(
    mortal: Yard, exclusive: bool
) -> None:
    with mortal.connect() as fleet:
        fleet.drain("south")
        fleet.add("cam", "ticks:0.02", fleet_builds.ticks, exclusive=exclusive)
        until(lambda: fleet.stats().cameras["cam"].state == "running", "the camera")
        before = fleet.stats()
        fleet.resume("south")
        mortal.controller.kill()
        mortal.controller.wait()
        os.kill(mortal.guards["north"].pid, signal.SIGSTOP)
        try:
            mortal.start_controller()
            until(lambda: fleet.stats().agents["north"].state == "ending", "the silence of the agent")
            if not exclusive:
                until(lambda: fleet.stats().cameras["cam"].agent == "south", "the camera elsewhere")
            assert (fleet.stats().cameras["cam"].epoch == before.cameras["cam"].epoch) is exclusive
        finally:
            os.kill(mortal.guards["north"].pid, signal.SIGCONT)
        until(lambda: fleet.stats().agents["north"].state == "up", "the agent of before")
        after = fleet.stats()
        assert after.agents["north"].pid == before.agents["north"].pid
        assert after.cameras["cam"].agent == ("north" if exclusive else "south")
        assert (after.overlap > 0) is not exclusive
        reader = fleet.reader("ticks")
        assert reader.get(100).epoch == after.cameras["cam"].epoch
        balance(fleet)
