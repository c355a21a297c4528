"""RaySites on a cluster of two nodes on this machine: ./dev test-fleet."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="Ray is not installed: ./dev test-fleet makes an environment with it")

import ray
from rig.camera_server import CameraServer
from rig.pipeline import build
from site_rig import CAMERAS, FPS, Keeper, cameras_of, check_balance, pid_of, specs
from support import program_environment, until

from freshframe.fleet import RaySites, SiteCounts
from freshframe_fleet._sites import _LARGEST

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.timeout(300)]


def large_build(size: int = 200_000) -> Any:
    """Returns a build of more than 100 KB, which Ray delivers differently from a small one."""
    ballast = os.urandom(size)

    def large(url: str) -> Any:
        assert ballast
        return build(url)

    return large


def connect(cluster: Any) -> None:
    ray.init(cluster.address, log_to_driver=False, logging_level="ERROR", _node_ip_address="127.0.0.1")


@pytest.fixture
def server(cluster: Any, tmp_path: Path) -> Iterator[CameraServer]:
    with CameraServer(CAMERAS, FPS, tmp_path / "sessions.jsonl") as server:
        connect(cluster)
        yield server
        ray.shutdown()


@pytest.fixture
def sites(server: CameraServer) -> Iterator[RaySites]:
    sites = RaySites(specs(server), build, answer_timeout=5.0)
    yield sites
    sites.shutdown()


@pytest.fixture
def keeper(sites: RaySites) -> Iterator[Keeper]:
    keeper = Keeper(sites.reader("stamps"))
    keeper.wait(cameras_of("north") | cameras_of("south"), 0.0)
    yield keeper
    keeper.reader.close()
    keeper.join()
    assert keeper.failure is None
    assert keeper.twice() == 0
    for counts in keeper.reader.counts().values():
        check_balance(counts)


def test_cameras_are_at_their_sites_and_the_counts_balance(sites: RaySites, keeper: Keeper) -> None:
    assert {row[:2] for row in keeper.rows} == {
        (site, camera) for site in ("north", "south") for camera in cameras_of(site)
    }
    counts = keeper.reader.counts()
    assert sum(each.delivered for each in counts.values()) >= len(keeper.rows)
    stats = sites.stats()
    assert {name: each["reason"] for name, each in stats.items()} == {"north": "", "south": ""}
    assert stats["north"]["fleet"]["cameras"].keys() == cameras_of("north")


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_site_that_is_killed_or_stopped_comes_back_and_is_one_gap_of_each_camera(
    sites: RaySites, keeper: Keeper, how: signal.Signals
) -> None:
    now = time.monotonic()
    os.kill(pid_of("north"), how)
    until(lambda: keeper.reader.counts()["north"].deaths == 1, "the end of the site")
    print(
        f"{how.name} of a site: cameras back after {keeper.wait(cameras_of('north'), now + 1.0) + 1.0:.2f} s"
    )
    until(lambda: keeper.reader.counts()["north"].gaps == len(cameras_of("north")), "the gaps")
    assert keeper.reader.counts()["south"].deaths == 0
    print(f"the other site: longest gap {keeper.longest_gap('south', now):.2f} s")


def test_an_agent_that_is_killed_costs_its_cameras_a_moment(sites: RaySites, keeper: Keeper) -> None:
    agents = sites.stats()["north"]["fleet"]["agents"]
    victim = max(agents.values(), key=lambda agent: agent["camera_count"])
    cameras = sites.stats()["north"]["fleet"]["cameras"].values()
    hit = {camera["name"] for camera in cameras if camera["agent"] == victim["name"]}
    epochs = {camera: max(row[2] for row in keeper.rows if row[1] == camera) for camera in hit}
    now = time.monotonic()
    os.kill(victim["pid"], signal.SIGKILL)

    def are_back() -> bool:
        return all(any(row[1] == camera and row[2] > epochs[camera] for row in keeper.rows) for camera in hit)

    until(are_back, "the cameras")
    print(f"agent of a site killed: {len(hit)} cameras back after {time.monotonic() - now:.2f} s")
    assert keeper.reader.counts()["north"].deaths == 0


def test_a_changed_list_leaves_the_other_cameras_alone(
    sites: RaySites, keeper: Keeper, server: CameraServer
) -> None:
    epochs = {camera: epoch for _, camera, epoch, _, _ in keeper.rows}
    sites.change(specs(server, range(CAMERAS - 2)), build)
    until(lambda: len(sites.stats()["north"]["fleet"]["cameras"]) == CAMERAS // 2 - 1, "the camera that goes")
    sites.change(specs(server), build)

    def changed() -> set[str]:
        after = {camera: epoch for _, camera, epoch, _, _ in keeper.rows}
        return {camera for camera in after if after[camera] != epochs[camera]}

    until(lambda: len(changed()) >= 2, "the cameras that are back")
    keeper.wait(epochs.keys(), time.monotonic())
    assert changed() == {f"camera-{n}" for n in (CAMERAS - 2, CAMERAS - 1)}


_PROGRAM = """
import json, sys
from dataclasses import asdict
import ray
from rig.pipeline import build
from freshframe.fleet import RaySites
ray.init(sys.argv[1], log_to_driver=False, logging_level="ERROR", _node_ip_address="127.0.0.1")
reader = RaySites(json.loads(sys.argv[2]), build).reader("stamps")
for sample in reader:
    counts = [asdict(each) for each in reader.counts().values()]
    print(json.dumps([sample.site, sample.camera, sample.epoch, sample.value[1], counts]), flush=True)
"""


def test_lists_that_are_sent_quickly_apply_in_order(
    sites: RaySites, server: CameraServer, cluster: Any
) -> None:
    large = large_build()

    def cameras() -> set[str]:
        fleets = [each["fleet"] for each in sites.stats().values()]
        return {camera for fleet in fleets if fleet for camera in fleet["cameras"]}

    def send(last: int) -> None:
        for count in (*range(1, 9), last):
            sites.change(specs(server, range(count)), large if count % 2 else build)
        until(lambda: cameras() == {f"camera-{n}" for n in range(last)}, lambda: f"{last}: {cameras()}")
        time.sleep(1.0)
        assert len(cameras()) == last

    send(4)
    for _ in range(2):
        os.kill(pid_of("north"), signal.SIGKILL)
        send(6)
    arguments = [cluster.address, json.dumps(specs(server, range(3)))]
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *arguments], env=program_environment(), stdout=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline()
        send(10)
        program.kill()


@pytest.mark.parametrize(
    "programs", [2, pytest.param(21, marks=[pytest.mark.full, pytest.mark.timeout(1800)])]
)
def test_a_program_that_is_killed_leaves_the_sites_to_the_next_one(
    server: CameraServer, cluster: Any, programs: int
) -> None:
    rows: list[Any] = []
    for _ in range(programs):
        arguments = [cluster.address, json.dumps(specs(server))]
        with subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, *arguments],
            env=program_environment(),
            stdout=subprocess.PIPE,
            text=True,
        ) as program:
            assert program.stdout is not None
            mine: list[Any] = []
            for line in program.stdout:
                if line.startswith("["):
                    mine.append(json.loads(line))
                if len({row[1] for row in mine}) == CAMERAS and len(mine) > 500:
                    break
            program.kill()
            for line in program.stdout:
                with contextlib.suppress(ValueError):
                    mine.append(json.loads(line))
        assert mine, "the program printed nothing"
        for counts in mine[-1][-1]:
            check_balance(SiteCounts(**counts))
        rows += mine
    assert len({tuple(row[:3]) for row in rows}) == CAMERAS  # the same runs
    assert len({(row[1], row[3]) for row in rows}) == len(rows)
    print(f"{programs} programs, {len(rows)} results, none twice; last counts: {rows[-1][-1]}")
    RaySites(specs(server), build).shutdown()


def test_a_site_with_a_large_build_is_restarted_without_a_program(server: CameraServer, cluster: Any) -> None:
    sites = RaySites(specs(server), large_build(_LARGEST - 100_000))
    until(lambda: sites.stats()["north"]["fleet"], "the start")
    ray.shutdown()
    connect(cluster)
    for _ in range(3):
        ray.put(bytes(50 << 20))  # evicts what the object store has of the earlier program
    os.kill(pid_of("north"), signal.SIGKILL)
    restarted = ray.get_actor("sites/north", "freshframe").stats.remote()
    assert ray.get(restarted, timeout=100)["cameras"].keys() == cameras_of("north")
    RaySites(specs(server), build).shutdown()


def test_the_example_and_the_command_read_all_sites(server: CameraServer, cluster: Any) -> None:
    environment = program_environment() | {"RAY_ADDRESS": cluster.address}
    example = Path(__file__).parents[3] / "examples" / "fleet_on_ray"
    said = subprocess.run(
        [sys.executable, str(example / "main.py"), "20"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    assert {" ".join(line.split()[:2]) for line in said.splitlines() if line[-1:].isdigit()} >= {
        "north gate",
        "south door",
    }
    assert "north: SiteCounts(" in said
    command = [sys.executable, "-m", "freshframe", "fleet", "run", str(example / "main.py")]
    command += ["--sites", str(example / "sites.toml")]
    with subprocess.Popen(
        [*command, "--read", "tracks"], env=environment, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        found = set[str]()
        for line in program.stdout:
            found.add(json.loads(line)["site"])
            if found == {"north", "south"}:
                break
        program.send_signal(signal.SIGINT)
        program.stdout.read()
    assert ray.util.list_named_actors(all_namespaces=True)
    subprocess.run([*command, "--shutdown"], env=environment, check=True)
    until(lambda: not ray.util.list_named_actors(all_namespaces=True), "the end of the sites")
