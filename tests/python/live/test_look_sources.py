"""A Look downstream of several sources in turn keeps their frames apart in every answer."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from rigs.ports import free_port
from rigs.web_client import request
from support import Push, until

import freshframe as ff

SPARE = 20.0  # seconds that a slow machine may need between the last capture and the request
STEP = 0.1  # seconds between two frames


def picture(shade: int) -> ff.Frame:
    return ff.Frame.from_array(np.full((48, 64), shade, np.uint8), "gray")


def is_shade(view: ff.types.Snapshot, shade: int) -> bool:
    return abs(int(view.frame.luma[0, 0]) - shade) < 8


class Feed:
    """A source whose frames were captured within a given part of the last seconds."""

    def __init__(self, shade: int) -> None:
        self.shade = shade
        self.source = Push()

    def push(self, begin: float, count: int, pts: float) -> None:
        """Pushes `count` frames, one every STEP seconds, captured from `begin` on."""
        for n in range(count):
            self.source.push_stamped(picture(self.shade), pts + n * STEP, begin + n * STEP)


def count_of(pipeline: ff.Pipeline, name: str) -> int:
    return pipeline.stats().nodes[name].processed


@pytest.mark.parametrize("first_pts", [0.0, 5000.0], ids=["begins at 0", "has run for longer"])
def test_an_exchanged_camera_keeps_its_name_and_its_pictures_their_times(first_pts: float) -> None:
    hall, vault = Feed(50), Feed(200)
    look = ff.Look(seconds=60, every=0)
    pipeline = ff.Pipeline(keep_running=True)
    begin = time.monotonic() - SPARE - 10
    a = pipeline.add(hall.source, name="hall")
    port = pipeline.add(look, [a], name="look", queue=ff.Queue(300, "drop_newest"))
    with pipeline.serve(look=look, looks_per_minute=6000) as dashboard, pipeline:
        hall.push(begin, 50, 1000.0)
        until(lambda: count_of(pipeline, "look") == 50, "the first camera")
        pipeline.remove(a)
        pipeline.connect(port, pipeline.add(vault.source, name="vault"), queue=ff.Queue(300, "drop_newest"))
        vault.push(begin + 7, 30, first_pts)  # a gap of two seconds
        until(lambda: count_of(pipeline, "look") == 80, "the second camera")
        ages = [time.monotonic() - begin - seconds for seconds in (0.55, 2.55, 4.55, 7.55, 9.55)]
        views = [look.ago(age) for age in ages]
        assert [view.source for view in views] == ["hall"] * 3 + ["vault"] * 2
        assert [is_shade(view, 50) for view in views] == [True] * 3 + [False] * 2
        assert all(0 <= view.age - age < SPARE for view, age in zip(views, ages, strict=True))
        assert look.now().source == "vault"
        many = look.last(time.monotonic() - begin, 64)
        assert {view.source for view in many} == {"hall", "vault"}
        assert all(is_shade(view, 50 if view.source == "hall" else 200) for view in many)
        assert sum(view.gap for view in many[:-1]) == pytest.approx(2 + STEP, abs=0.05)
        span = time.monotonic() - begin
        found = request(dashboard.url, f"/api/look/look.json?seconds={span}&n=16").json()
        assert {each["source"] for each in found["pictures"]} == {"hall", "vault"}
        assert found["source"] == "vault"
        then = request(dashboard.url, f"/api/look/look.jpg?ago={ages[0]}")
        assert then.headers["x-source"] == "hall"


def test_the_state_is_the_one_of_the_camera_that_the_look_is_limited_to() -> None:
    def same(frame: ff.Frame) -> ff.Frame:
        return frame

    looks = {name: ff.Look(every=0) for name in ("sound", "away")}
    pipeline = ff.Pipeline(keep_running=True)
    sound = pipeline.add(ff.open("demo:circles?size=64x48&fps=20"), name="sound")
    url = f"rtsp://127.0.0.1:{free_port()}/x"
    away = pipeline.add(ff.open(url, open_timeout=1), name="away")
    merge = pipeline.add(same, [sound, away], name="merge")
    for camera, name in ((sound, "sound"), (away, "away")):
        pipeline.add(looks[name], merge.of(camera), name=f"look of {name}")
    with pipeline.serve(look=list(looks.values())) as dashboard, pipeline:

        def error() -> ff.StaleFrameError:
            with pytest.raises(ff.StaleFrameError) as told:
                looks["away"].now()
            return told.value

        until(lambda: error().state == "backing_off", "the state of the camera that is away")
        assert "refused" in str(error())
        answer = request(dashboard.url, "/api/look/look%20of%20away.jpg")
        assert answer.status == 503
        assert "its source is reading" not in answer.text
        until(lambda: looks["sound"].last(1, 1), "a picture")
        assert looks["sound"].now().source == "sound"


def test_a_camera_whose_name_ends_as_those_of_packets_keeps_its_name() -> None:
    looks: dict[str, Any] = {"cam": ff.Look(every=0), "cam.packets": ff.Look(every=0)}
    pipeline = ff.Pipeline()
    for name, look in looks.items():
        pipeline.add(look, pipeline.add(ff.open("demo:circles?frames=5&size=64x48"), name=name))
    pipeline.run()
    assert [look.now().source for look in looks.values()] == list(looks)


def test_a_picture_that_is_higher_than_wide_is_scaled_by_its_longer_side() -> None:
    feed = Push()
    look = ff.Look(every=0)
    pipeline = ff.Pipeline()
    pipeline.add(look, pipeline.add(feed, name="tower"), name="look")
    with pipeline.serve(look=look, looks_per_minute=6000) as dashboard, pipeline:
        for shape in ((6000, 30), (3000, 1), (240, 320)):
            feed.push(ff.Frame.from_array(np.full(shape, 9, np.uint8), "gray"))
            until(lambda: [view.frame.height for view in look.last(9, 1)] == [shape[0]], "it")  # noqa: B023
            (found,) = request(dashboard.url, "/api/look/look.json?n=1&max_side=64").json()["pictures"]
            assert max(found["width"], found["height"]) == 64
            assert len(look.now().frame.jpeg(max_side=64)) < 3000
