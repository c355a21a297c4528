"""A fleet reports the truth about its cameras and agents: offline cameras, losses, health, metrics."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from fleet_rigs import builds as fleet_builds
from fleet_rigs.checks import fetch, shared_fleet, until_state
from support import until

import freshframe as ff
from freshframe.fleet import FleetStats
from freshframe_fleet._control.snapshot import agent_stats
from freshframe_fleet._decide.model import Agent
from freshframe_fleet._metrics import metrics_text

one_fleet = shared_fleet(agents=2)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port without a listener."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def slow(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    """A node that is ten times slower than its camera, and a side branch that is even slower."""
    pipeline = ff.Pipeline()
    source = pipeline.add(fleet_builds.Ticks(0.005))
    pipeline.add(lambda number: time.sleep(0.5), source)
    return pipeline, {"ticks": pipeline.add(work, source)}


def work(number: int) -> int:
    time.sleep(0.05)
    return number


def side_branch(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    """A side branch, next to the output, that takes a frame now and then."""
    pipeline = ff.Pipeline()
    source = pipeline.add(fleet_builds.Ticks(0.01))
    pipeline.add(lambda number: time.sleep(0.5), source)
    return pipeline, {"ticks": source}


def silent(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    """A node that never returns a result."""
    pipeline = ff.Pipeline()
    return pipeline, {"ticks": pipeline.add(lambda number: None, pipeline.add(fleet_builds.Ticks(0.01)))}


def health(page: Any) -> tuple[int, str]:
    code, body = fetch(page.url + "healthz")
    return code, body.decode()


@pytest.mark.slow
def test_a_camera_that_nobody_answers_for_is_away_and_says_why(
    fleet: ff.fleet.Fleet, closed_port: int
) -> None:
    fleet.add("dead", f"rtsp://joe:secret@127.0.0.1:{closed_port}/none", fleet_builds.demo)
    fleet.add("good", "demo:circles?size=64x48&fps=20", fleet_builds.demo)
    until_state(fleet, "good", "running")
    until_state(fleet, "dead", "away")
    dead = fleet.stats().cameras["dead"]
    assert "refused" in dead.reason
    assert "secret" not in dead.reason
    assert (dead.produced, dead.frame_age, dead.results) == (0, None, 0)
    assert fleet.stats().states() == {"away": 1, "running": 1}
    with fleet.serve() as page:
        code, reason = health(page)
        assert code == 503
        assert reason.startswith("camera 'dead' is not running: no frames for")
        fleet.remove("dead")
        until(lambda: health(page) == (200, "1 of 1 cameras run\n"), lambda: f"good health: {health(page)}")


@pytest.mark.slow
def test_a_camera_waits_until_its_first_result(fleet: ff.fleet.Fleet) -> None:
    fleet.add("silent", "x", silent)
    until_state(fleet, "silent", "waiting")
    until(lambda: fleet.stats().cameras["silent"].fps > 0, "the rate of its frames")
    camera = fleet.stats().cameras["silent"]
    assert (camera.state, camera.reason) == ("waiting", "it has not returned a result yet")
    assert camera.produced > 0
    assert camera.frame_age is not None


@pytest.mark.slow
def test_a_fleet_that_is_too_slow_counts_what_it_loses_and_says_where(fleet: ff.fleet.Fleet) -> None:
    fleet.add("slow", "x", slow)
    until(lambda: fleet.stats().saturated(), "the loss")
    stats = fleet.stats()
    camera = stats.cameras["slow"]
    assert camera.agent is not None
    assert camera.drops["queue_full"] == camera.dropped > camera.kept
    # Frames of one second, which is two reports.
    assert abs(camera.produced - camera.kept - camera.dropped) < 250
    [(agent, text)] = stats.saturated().items()
    assert agent == camera.agent
    assert re.fullmatch(r"loses \d+% of the frames, with (1 camera|\d+ cameras) and a load of \d+%", text)
    assert str(stats).splitlines()[1] == f"agent {agent} is saturated: {text}"
    with fleet.serve() as page:
        until(lambda: f"; agent {agent} loses" in health(page)[1], lambda: f"the loss in {health(page)}")


@pytest.mark.slow
def test_what_a_side_branch_leaves_out_is_no_loss(fleet: ff.fleet.Fleet) -> None:
    fleet.add("gate", "x", side_branch)
    until(lambda: fleet.stats().cameras["gate"].produced > 150, "some frames")
    assert fleet.stats().cameras["gate"].drops == {}
    assert fleet.stats().saturated() == {}


@pytest.mark.slow
def test_metrics_have_every_camera_agent_and_reader(fleet: ff.fleet.Fleet, closed_port: int) -> None:
    reader = fleet.reader("circles", name='the "log"')
    fleet.add('ga"rden', "demo:circles?size=64x48&fps=20", fleet_builds.demo)
    fleet.add("dead", f"rtsp://127.0.0.1:{closed_port}/none", fleet_builds.demo)
    reader.get(100)
    until_state(fleet, "dead", "away")
    with fleet.serve() as page:
        text = fetch(page.url + "metrics")[1].decode()
    name = fleet.name
    assert f'freshframe_fleet_cameras{{fleet="{name}",state="away"}} 1' in text
    assert re.search(r'camera_state\{fleet="\S+",camera="dead",agent="agent\d",state="away"\} 1', text)
    assert re.search(r'camera_results_total\{fleet="\S+",camera="ga\\"rden"\} [1-9]', text)
    assert f'camera_dropped_total{{fleet="{name}",camera="dead",cause="queue_full"}} 0' in text
    assert f'agent_up{{fleet="{name}",agent="agent0"}} 1' in text
    labels = r'output="circles",reader="the \\"log\\""'
    assert re.search(rf'reader_delivered_total\{{fleet="\S+",{labels}\}} [1-9]', text)
    reader.close()


def test_a_reader_without_a_name_keeps_its_label_when_others_close(fleet: ff.fleet.Fleet) -> None:
    first, second = fleet.reader("circles"), fleet.reader("circles")

    def labels() -> list[str]:
        return re.findall(r'reader_delivered_total\{fleet="\S+",output="circles",reader="(\d+)"', shown())

    def shown() -> str:
        return metrics_text(fleet.stats())

    both = labels()
    assert len(set(both)) == 2
    first.close()
    until(lambda: labels() == both[1:], lambda: f"one label less than {both}: {labels()}")
    third = fleet.reader("circles")
    assert labels()[0] == both[1]
    assert labels()[1] not in both
    for each in (second, third):
        each.close()


def test_a_collector_takes_fleets(fleet: ff.fleet.Fleet) -> None:
    pytest.importorskip("prometheus_client")
    pipeline = ff.Pipeline("yard")
    collector = ff.stats.prometheus_collector(pipeline, fleet)
    families = {family.name: family for family in collector.collect()}
    assert "freshframe_pipeline_healthy" in families
    agents = {sample.labels["agent"] for sample in families["freshframe_fleet_agent_up"].samples}
    assert agents == {"agent0", "agent1"}
    with pytest.raises(ff.OptionError, match="the name"):
        ff.stats.prometheus_collector(fleet, fleet)
    with pytest.raises(ff.OptionTypeError, match="pipelines and fleets"):
        ff.stats.prometheus_collector("yard")  # type: ignore[arg-type]


def test_metrics_of_nothing_are_a_text() -> None:
    stats = FleetStats(name="yard", agents={}, cameras={}, readers=[], events=[])
    assert 'freshframe_fleet_cameras{fleet="yard",state="running"} 0' in metrics_text(stats)


def test_an_agent_that_is_down_has_no_process() -> None:
    """A number would belong to another process, and 0 stands for the caller's whole group."""
    assert agent_stats(Agent("north", {}), None, 0, 0.0).pid is None
