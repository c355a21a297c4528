"""A camera gets another build or URL without a gap."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import functools
import gc
from pathlib import Path
from typing import Any

import pytest
from fleet_rigs import builds as fleet_builds
from fleet_rigs.checks import shared_fleet, until_state
from support import until

import freshframe as ff
from freshframe_fleet._agent.run import ReceivedBuild
from freshframe_fleet._messages import Started

one_fleet = shared_fleet(agents=2)


def labelled(label: str, url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    pipeline = ff.Pipeline()
    return pipeline, {
        "labels": pipeline.add(lambda number: (label, url), pipeline.add(fleet_builds.Ticks(0.02)))
    }


def counted(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    """Emits how many builds its agent has."""
    pipeline = ff.Pipeline()

    def count(_: int) -> int:
        return sum(isinstance(each, ReceivedBuild) for each in gc.get_objects())

    return pipeline, {"builds": pipeline.add(count, pipeline.add(fleet_builds.Ticks(0.1)))}


@pytest.mark.slow
def test_an_updated_camera_gives_results_of_its_new_build_and_of_no_older_one_after_it(
    fleet: ff.fleet.Fleet,
) -> None:
    with fleet.reader("labels") as reader:
        fleet.add("gate", "first", functools.partial(labelled, "old"))
        assert reader.get(100).value == ("old", "first")
        agent, epoch = fleet.stats().cameras["gate"].agent, fleet.stats().cameras["gate"].epoch
        fleet.update("gate", build=functools.partial(labelled, "new"))
        samples = [reader.get(100)]
        while samples[-1].value[0] == "old":
            assert fleet.stats().cameras["gate"].state in ("running", "waiting")
            samples.append(reader.get(100))
        assert samples[-1].value == ("new", "first")
        assert samples[-1].epoch > epoch
        assert fleet.stats().cameras["gate"].agent == agent
        fleet.update("gate", url="second", build=functools.partial(labelled, "new"))
        until(lambda: reader.get(100).value == ("new", "second"), "the other URL")
        assert all(reader.get(100).value == ("new", "second") for _ in range(20))
        fleet.update("gate", url="third")
        until(lambda: reader.get(100).value == ("new", "third"), "the same build with a third URL")


def test_the_present_run_goes_on_while_a_new_build_fails(fleet: ff.fleet.Fleet) -> None:
    with fleet.reader("ticks") as reader:
        fleet.add("gate", "ticks:0.02", fleet_builds.ticks)
        epoch = reader.get(100).epoch
        fleet.update("gate", build=fleet_builds.raises)
        until(lambda: any("no camera at" in event.text for event in fleet.stats().events), "the failure")
        assert {reader.get(100).epoch for _ in range(20)} == {epoch}
        assert fleet.stats().cameras["gate"].state == "running"
        fleet.update("gate", build=fleet_builds.ticks)
        until(lambda: reader.get(100).epoch > epoch, "the good build")


def test_a_camera_that_has_failed_starts_with_its_new_build(fleet: ff.fleet.Fleet) -> None:
    fleet.add("gate", "ticks:0.02", fleet_builds.raises)
    until_state(fleet, "gate", "failed")
    fleet.update("gate", build=fleet_builds.ticks)
    until_state(fleet, "gate", "running")
    with pytest.raises(ff.StateError, match="no camera is named 'other'"):
        fleet.update("other", build=fleet_builds.ticks)


def test_news_of_the_old_build_says_nothing_of_the_outputs_of_the_new_one(
    fleet: ff.fleet.Fleet, tmp_path: Path
) -> None:
    controller: Any = fleet._controller
    fleet.add("gate", "ticks:0.02", functools.partial(labelled, "old"))
    until_state(fleet, "gate", "running")
    camera = fleet.stats().cameras["gate"]
    run = controller.parts.cameras.number("gate"), camera.epoch
    fleet.update("gate", build=functools.partial(fleet_builds.ticks_after, str(tmp_path / "ready")))
    until(lambda: fleet.stats().cameras["gate"].starts == 2, "the start of the new build")
    with fleet.reader("ticks") as reader:
        with controller.lock:
            link = controller.parts.links.get(camera.agent)
            controller.parts.links.on_message(link, Started(run, ["labels"]))  # it arrived late
        (tmp_path / "ready").touch()
        assert reader.get(100).value >= 0


@pytest.mark.slow
def test_a_build_is_forgotten_with_its_last_camera_and_sent_again(fleet: ff.fleet.Fleet) -> None:
    controller: Any = fleet._controller
    build = functools.partial(labelled, "again")
    for _ in range(2):
        fleet.add("gate", "x", build)
        until_state(fleet, "gate", "running")
        cameras, builds = controller.parts.cameras, controller.parts.builds
        number = cameras.get(cameras.number("gate")).build
        assert number in builds._functions
        fleet.remove("gate")
        until(lambda: "gate" not in fleet.stats().cameras, "the end of the camera")
        assert number not in builds._functions
        assert not any(number in link.builds for link in controller.parts.links)
    fleet.add_many({"a": "x", "b": "x"}, lambda url: labelled("local", url))
    fleet.add("count", "x", counted)
    with fleet.reader("builds") as reader:
        for wanted in (2, 1):  # those of this agent
            until(lambda wanted=wanted: reader.get(100).value == wanted, f"{wanted} builds")  # type: ignore[misc]
            for name in ("a", "b") if wanted == 2 else ():
                fleet.remove(name)
    for count in range(100):
        fleet._builds.number_build(functools.partial(labelled, str(count)))
    assert len(fleet._builds._known) <= 64
