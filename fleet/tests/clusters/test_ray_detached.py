"""Detached fleets on a Ray cluster: they outlive their programs."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import json
import math
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

from fleet_rigs import builds as fleet_builds
from fleet_rigs.checks import balance
from rig.camera_server import CameraServer
from rig.pipeline import build as check_build
from rig.rules import SHORT_OVERLAP, read_sessions
from support import program_environment, until

import freshframe as ff
from freshframe import _cli
from freshframe_fleet._detached.cluster_state import Trouble
from freshframe_fleet._detached.ray_actor import RayStore
from freshframe_fleet._detached.ray_fleets import actor_name
from freshframe_fleet._machines.ray_connection import NAMESPACE, RayConnection

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.timeout(300)]

_MAKER = """
import sys
from fleet_rigs import builds as fleet_builds
import freshframe as ff
fleet = ff.fleet.Fleet.on_ray(sys.argv[1], name="yard", detached=True, on_head=True)
fleet.add("cam", "ticks:0.02", fleet_builds.ticks)
print(fleet.reader("ticks").get(100).epoch, flush=True)
if sys.argv[2] == "hangs":
    import time
    time.sleep(1000)
"""

_PACKAGES = program_environment()["PYTHONPATH"]


def start(cluster: Any, code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, cluster.address, *arguments],
        env={**os.environ, "PYTHONPATH": _PACKAGES},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", _PACKAGES)


@pytest.fixture
def yard(cluster: Any, request: pytest.FixtureRequest) -> Iterator[int]:
    """A fleet whose program has ended, or was killed; the epoch of its camera."""
    how = getattr(request, "param", "ends")
    with start(cluster, _MAKER, how) as maker:
        assert maker.stdout is not None
        epoch = int(maker.stdout.readline())
        if how == "hangs":
            maker.kill()
    yield epoch
    with ff.fleet.Fleet.connect("yard", address=cluster.address) as fleet:
        balance(fleet)
        fleet.shutdown()
    with pytest.raises(
        ff.StateError, match="there is no detached fleet 'yard' on this cluster; there are: none"
    ):
        ff.fleet.Fleet.connect("yard", address=cluster.address)


@pytest.mark.parametrize("yard", ["ends", "hangs"], indirect=True)
def test_a_fleet_outlives_the_program_that_made_it(cluster: Any, yard: int) -> None:
    with ff.fleet.Fleet.connect("yard", address=cluster.address) as fleet:
        until(lambda: fleet.stats().cameras["cam"].state == "running", "the camera, which gives results")
        assert fleet.stats().cameras["cam"].epoch == yard
        sample = fleet.reader("ticks").get(50)
        assert (sample.camera, sample.epoch) == ("cam", yard)
        fleet.add("other", "ticks:0.02", fleet_builds.ticks, needs={"site": "south"})
        until(lambda: fleet.stats().cameras["other"].state == "running", "the second camera")
        with pytest.raises(ff.StateError, match=r"Fleet.connect\('yard', address=...\) comes back to it"):
            ff.fleet.Fleet.on_ray(cluster.address, name="yard", detached=True)
        fleet.reader("ticks", name="log").get(50)


def pid_of_the_controller(cluster: Any) -> int:
    connection = RayConnection(cluster.address, None)
    try:
        ray = connection.ray
        actor = ray.get_actor(actor_name("yard"), namespace=NAMESPACE)
        return int(ray.get(actor.pid.remote()))
    finally:
        connection.close()


def test_a_controller_that_is_killed_is_restarted_by_ray_and_adopts_its_agents(
    cluster: Any, yard: int, tmp_path: Path
) -> None:
    log = tmp_path / "sessions.jsonl"
    with CameraServer(1, 25, log) as server, ff.fleet.Fleet.connect("yard", address=cluster.address) as fleet:
        reader = fleet.reader("ticks", name="log")
        fleet.add("gate", server.url(0), check_build, exclusive=True)
        until(lambda: fleet.stats().cameras["gate"].results > 0, "results of the exclusive camera")
        samples = [reader.get(50) for _ in range(100)]
        before = fleet.stats()
        assert len(before.agents) == 2
        os.kill(pid_of_the_controller(cluster), signal.SIGKILL)
        began = time.monotonic()
        newest = samples[-1].ordinal

        def goes_on() -> bool:
            samples.append(reader.get(50))
            return samples[-1].ordinal > newest + 100

        until(goes_on, lambda: f"results of the same start, {len(samples)}: {fleet.stats()}")
        print(f"controller killed: 100 results more after {time.monotonic() - began:.2f} s")
        after = fleet.stats()
        assert after.term > before.term
        assert after.cameras["cam"].epoch == yard
        assert {a.pid for a in after.agents.values()} == {a.pid for a in before.agents.values()}
        keys = [(s.camera, s.epoch, s.ordinal) for s in samples]
        assert len(keys) == len(set(keys))
        mine = [s.ordinal for s in samples if (s.camera, s.epoch) == ("cam", yard)]
        assert mine == list(range(mine[0], mine[0] + len(mine)))
        until(lambda: len(read_sessions(log, now=math.inf)) > 1, "the next session of the exclusive camera")
        assert fleet.stats().cameras["gate"].epoch == before.cameras["gate"].epoch
        fleet.remove("gate")
        until(lambda: "gate" not in fleet.stats().cameras, "the end of the exclusive camera")
        until(lambda: read_sessions(log, now=math.inf)[-1].closed < math.inf, "the end of its session")
    for session, following in itertools.pairwise(read_sessions(log, now=math.inf)):
        assert following.opened > session.closed - SHORT_OVERLAP


def test_a_controller_that_cannot_be_started_again_says_why_until_it_can(cluster: Any, yard: int) -> None:
    with ff.fleet.Fleet.connect("yard", address=cluster.address) as fleet:
        store = RayStore()
        (key,) = store.keys("yard/state/")
        known = store.get(key)
        assert known is not None
        store.put(key, b"no pickle")
        os.kill(pid_of_the_controller(cluster), signal.SIGKILL)
        try:
            until(lambda: Trouble("yard", store).why(), "the reason")
            with pytest.raises(
                ff.StateError, match=r"it cannot be started again, .*cannot be read: its pickle"
            ):
                fleet.stats()
        finally:
            (key,) = store.keys("yard/state/")
            store.put(key, known)
        camera = fleet.reader("ticks").get(100)
        assert camera.camera == "cam"
        until(lambda: Trouble("yard", store).why() == "", "the end of the trouble")


def test_the_command_line_finds_a_detached_fleet(
    cluster: Any, yard: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _cli.main(["fleet", "status", "--ray", cluster.address, "--json"]) == 0
    state = json.loads(capsys.readouterr().out)
    assert state["cameras"]["cam"]["epoch"] == yard
    (south,) = [name for name, agent in state["agents"].items() if agent["labels"]["site"] == "south"]
    assert _cli.main(["fleet", "drain", south, "--ray", cluster.address, "--name", "yard"]) == 0

    def shown() -> str:
        assert _cli.main(["fleet", "status", "--ray", cluster.address]) == 0
        return capsys.readouterr().out

    until(lambda: "fleet yard: 1 running" in shown(), "the camera, which gives results")
    assert "draining" in shown()
    assert _cli.main(["fleet", "status", "--ray", cluster.address, "--name", "nowhere"]) == 1
    assert (
        "there is no detached fleet 'nowhere' on this cluster; there are: 'yard'" in capsys.readouterr().err
    )


_TWIN = """
import sys, time
import freshframe as ff
time.sleep(max(0.0, float(sys.argv[2]) - time.time()))
try:
    ff.fleet.Fleet.on_ray(sys.argv[1], name="twin", detached=True)
    print("made", flush=True)
except ff.StateError as error:
    print(error, flush=True)
"""


def test_of_two_programs_that_make_a_fleet_of_one_name_one_is_told_to_connect(cluster: Any) -> None:
    begin = str(time.time() + 3)
    with start(cluster, _TWIN, begin) as one, start(cluster, _TWIN, begin) as two:
        said = sorted((one.communicate()[0].strip(), two.communicate()[0].strip()))
    with ff.fleet.Fleet.connect("twin", address=cluster.address) as fleet:
        fleet.shutdown()
    assert said[0] == "made"
    assert "Fleet.connect('twin', address=...) comes back to it" in said[1]


def test_rays_store_is_as_fleets_need_it(cluster: Any) -> None:
    """It is private to Ray: a new version that has changed it fails here first."""
    connection = RayConnection(cluster.address, None)
    try:
        store = RayStore()
        assert store.get("test/a") is None
        assert store.create("test/a", b"1")
        assert not store.create("test/a", b"2")
        assert store.get("test/a") == b"1"
        large = bytes(16 << 20)
        store.put("test/a", large)
        assert store.get("test/a") == large
        assert store.create("test/b/1", b"")
        assert store.get("test/b/1") == b""
        assert store.keys("test/") == ["test/a", "test/b/1"]
        for key in store.keys("test/"):
            store.delete(key)
        assert store.keys("test/") == []
    finally:
        connection.close()


_MODULE = """
import freshframe as ff
from fleet_rigs import builds as fleet_builds

VERSION = {version}

def build(url):
    pipeline = ff.Pipeline()
    ticks = pipeline.add(fleet_builds.Ticks(0.02))
    return pipeline, {{"versions": pipeline.add(lambda number: VERSION, ticks)}}
"""

_FIRST = """
import sys
from freshframe.fleet import Fleet
from upgraded_yard import build
environment = {"working_dir": "."}
fleet = Fleet.on_ray(
    sys.argv[1], name="upgraded", detached=True, on_head=True, runtime_env=environment
)
fleet.add_many({"a": "x", "b": "x"}, build)
print(fleet.reader("versions", name="log").get(100).value)
"""

_NEXT = """
import sys, time
from freshframe.fleet import Fleet
from upgraded_yard import build
with Fleet.connect("upgraded", address=sys.argv[1]) as fleet:
    reader = fleet.reader("versions", name="log")
    reader.get(50)
    began = time.monotonic()
    fleet.update("a", build=build)
    while True:
        sample = reader.get(50)
        if sample.camera == "a" and sample.value == 2:
            break
    print(f"update: {time.monotonic() - began:.2f} s", file=sys.stderr)
    began = time.monotonic()
    fleet.remove("b")
    while "b" in fleet.stats().cameras:
        time.sleep(0.02)
    fleet.add("b", "x", build)
    while True:
        sample = reader.get(50)
        assert (sample.camera, sample.value) != ("a", 1)
        if sample.camera == "b" and sample.value == 2:
            break
    print(f"remove and add: {time.monotonic() - began:.2f} s", file=sys.stderr)
    print([reader.get(50).value for _ in range(100)] == [2] * 100)
"""


def test_a_program_with_a_newer_module_gives_a_detached_fleet_its_new_code(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    (tmp_path / "upgraded_yard.py").write_text(_MODULE.format(version=1))
    try:
        with start(cluster, _FIRST) as first:
            assert first.communicate()[0].split()[-1] == "1"
        (tmp_path / "upgraded_yard.py").write_text(_MODULE.format(version=2))
        with start(cluster, _NEXT) as following:
            assert following.communicate()[0].split()[-1] == "True"
    finally:
        with ff.fleet.Fleet.connect("upgraded", address=cluster.address) as fleet:
            fleet.shutdown()


_OTHER = """
import sys
import freshframe
freshframe.__version__ = "99.1.0"
import freshframe as ff
from fleet_rigs import builds as fleet_builds
fleet = ff.fleet.Fleet.connect("yard", address=sys.argv[1])
print(fleet.stats().cameras["cam"].state in ("running", "waiting"))
try:
    fleet.add("other", "ticks:0.02", fleet_builds.ticks)
except ff.StateError as error:
    print("and not add or update cameras" in str(error))
fleet.close()
"""


def test_a_program_with_another_version_looks_at_a_detached_fleet(cluster: Any, yard: int) -> None:
    with start(cluster, _OTHER) as other:
        assert other.communicate()[0].split() == ["True", "True"]


def test_a_program_that_uses_ray_client_is_refused(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "ray://127.0.0.1:10001")
    with pytest.raises(ff.OptionError, match=r"RAY_ADDRESS is 'ray://127.0.0.1:10001'"):
        ff.fleet.Fleet.on_ray()


def test_the_command_line_runs_cameras_on_a_cluster(cluster: Any, tmp_path: Path) -> None:
    app = tmp_path / "app.py"
    app.write_text(
        "from fleet_rigs.builds import ticks as build\ncameras = {'a': 'ticks:0.01', 'b': 'ticks:0.01'}\n"
    )
    command = [sys.executable, "-m", "freshframe", "fleet", "run", str(app), "--ray", cluster.address]
    command += ["--on-head", "--agents", "1"]
    with subprocess.Popen([*command, "--read", "ticks"], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        seen: set[str] = set()
        while len(seen) < 2:
            seen.add(json.loads(program.stdout.readline())["camera"])
        program.send_signal(signal.SIGINT)
        program.stdout.read()
    assert seen == {"a", "b"}
