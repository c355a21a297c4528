"""Detached fleets: programs come and go, and results reach each reader once."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fleet_builds
import pytest
from fleet_detached import Yard
from support import until
from test_fleet import balance, is_alive, until_up

import freshframe as ff
from freshframe.fleet import FleetReader, FleetSample

pytestmark = pytest.mark.network

Key = tuple[str, int, int]


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """Of all tests that do no harm to it."""
    yard = Yard(tmp_path_factory.mktemp("yard"))
    try:
        with yard.connect() as fleet:
            until(lambda: len(fleet.stats().agents) == 2, "two agents")
            until_up(fleet)
            yield yard
            pids = [agent.pid for agent in fleet.stats().agents.values()]
            fleet.shutdown()
        yard.controller.wait()
        assert not any(is_alive(pid) for pid in pids)
    finally:
        yard.end()


@pytest.fixture
def fleet(yard: Yard) -> Iterator[ff.Fleet]:
    with yard.connect() as fleet:
        yield fleet
        balance(fleet)
        for camera in fleet.stats().cameras:
            fleet.remove(camera)
        until(lambda: not fleet.stats().cameras, "the end of all cameras")


def key(sample: FleetSample) -> Key:
    return sample.camera, sample.epoch, sample.ordinal


def read(reader: FleetReader, count: int) -> list[FleetSample]:
    return [reader.get(50) for _ in range(count)]


def test_a_camera_goes_on_when_its_program_has_gone_and_another_one_reads_it(
    yard: Yard, fleet: ff.Fleet
) -> None:
    with yard.connect() as first:
        first.add("cam", fleet_builds.ticks, "ticks:0.01", needs={"site": "north"})
        epoch = first.reader("ticks").get(50).epoch
    assert fleet.stats().cameras["cam"].state == "running"
    sample = fleet.reader("ticks").get(50)
    assert (sample.camera, sample.epoch) == ("cam", epoch)
    fleet.add_many({"more": "ticks:0.05"}, fleet_builds.ticks)
    with pytest.raises(ff.StateError, match="there is a camera 'more' already"):
        fleet.add("more", fleet_builds.ticks, "ticks:0.05")
    fleet.drain("south", timeout=50)
    fleet.resume("south")


def test_everything_is_delivered_once_and_the_counters_balance(fleet: ff.Fleet) -> None:
    reader = fleet.reader("ticks")
    fleet.add("cam", fleet_builds.ticks, "ticks:0.002:400")
    samples = read(reader, 400)
    assert [sample.value for sample in samples] == list(range(400))
    assert all(sample.dropped == 0 for sample in samples)
    stats = next(each for each in fleet.stats().readers if each.delivered)
    assert (stats.reported, stats.delivered, stats.waiting) == (400, 400, 0)
    reader.close()


def test_a_named_reader_goes_on_in_another_program_with_what_was_not_given(
    yard: Yard, fleet: ff.Fleet
) -> None:
    with yard.connect() as other:
        reader = other.reader("ticks", name="log")
        fleet.add("cam", fleet_builds.ticks, "ticks:0.002:500")
        first = read(reader, 123)
        with pytest.raises(ff.StateError, match="the reader 'log' is open"):
            fleet.reader("ticks", name="log")
    again = fleet.reader("ticks", name="log")
    samples = first + read(again, 500 - 123)
    assert [sample.value for sample in samples] == list(range(500))
    assert all(sample.dropped == 0 for sample in samples)
    again.close()


_VICTIM = """
import sys
from fleet_detached import Yard
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


def test_a_program_that_is_killed_leaves_its_unacknowledged_results_to_the_next(
    yard: Yard, fleet: ff.Fleet
) -> None:
    packages = [str(Path(ff.__file__).parents[1]), str(Path(__file__).parent)]
    victim = subprocess.Popen(
        [sys.executable, "-c", _VICTIM, str(yard.folder)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(packages)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert victim.stdout is not None
    with victim.stdout as stdout:
        until(lambda: any(each.name == "victim" for each in fleet.stats().readers), "its reader")
        fleet.add("cam", fleet_builds.ticks, "ticks:0.002:1000")
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
    again = [reader.get(50).ordinal]
    while again[-1] != 999:
        again.append(reader.get(50).ordinal)
    assert given == list(range(len(given)))
    assert again == list(range(again[0], 1000))
    assert again[0] <= len(given)
    reader.close()
    assert fleet.stats().agents["north"].state == "up"


def test_results_of_a_reader_that_was_killed_without_a_name_are_not_kept(yard: Yard, fleet: ff.Fleet) -> None:
    fleet.add("cam", fleet_builds.ticks, "ticks:0.01")
    other = yard.connect()
    other.reader("ticks").get(50)
    before = len(fleet.stats().readers)
    controller: Any = other._controller
    for reader in controller._readers:
        reader._closed = True  # no word of farewell
        reader._channel.close()
    until(lambda: len(fleet.stats().readers) < before, "the end of the reader")
    other.close()


def test_an_output_that_no_camera_has_is_an_error(fleet: ff.Fleet) -> None:
    fleet.add("cam", fleet_builds.ticks, "ticks:0.01")
    with pytest.raises(ff.GraphError, match="no camera has an output 'tracks'; there are: 'ticks'"):
        fleet.reader("tracks").get(50)


def test_map_works_through_the_controller(fleet: ff.Fleet, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("1\n2\n3\n")
    (done,) = fleet.map([tmp_path / "a.txt"], fleet_builds.numbers, tmp_path / "{stem}.jsonl")
    assert done.state == "done"
    assert len(Path(done.out).read_text().splitlines()) == 3


def test_a_program_that_has_closed_its_connection_is_told_so(yard: Yard) -> None:
    fleet = yard.connect()
    reader = fleet.reader("ticks")
    fleet.close()
    fleet.close()
    with pytest.raises(ff.StateError, match="has closed its connection"):
        fleet.add("cam", fleet_builds.ticks, "ticks:0.01")
    with pytest.raises(ff.EndOfStream):
        reader.get(50)
    assert set(fleet.stats().agents) == {"north", "south"}


def test_what_a_detached_fleet_needs_is_told() -> None:
    with pytest.raises(ff.OptionError, match="a local fleet ends with its program: detached=True needs"):
        ff.Fleet("local", name="yard", detached=True)
    with pytest.raises(ff.OptionError, match="a detached fleet needs a name"):
        ff.Fleet("auto", detached=True)
    with pytest.raises(ff.OptionError, match="host is for fleets that end with their program"):
        ff.Fleet("auto", name="yard", host="127.0.0.1", detached=True)
    with pytest.raises(ff.OptionError, match="there is none to connect to"):
        ff.Fleet.connect("yard", address="local")
    with pytest.raises(ff.OptionError, match="Ray Client"):
        ff.Fleet.connect("yard", address="ray://10.0.0.1:10001")
    with pytest.raises(ff.OptionError, match="Ray Client"):
        ff.Fleet("ray://10.0.0.1:10001")
