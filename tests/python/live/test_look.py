"""A Look returns current and past frames with their times, and none from upstream of its port."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from rigs.live.camera import PATIENT, clip
from rigs.live.servers import TcpServer
from support import until

import freshframe as ff

SCENE = "demo:circles?frames=90&fps=30&size=320x240"


def looked_at(look: ff.Look, url: str) -> ff.Pipeline:
    """Returns a pipeline with a camera of which only the packets are used."""
    pipeline = ff.Pipeline()
    door = pipeline.add(ff.open(url, **PATIENT), name="door")
    pipeline.add(look, door.packets)
    return pipeline


def is_there(look: ff.Look) -> bool:
    try:
        look.now()
    except ff.StaleFrameError:
        return False
    return True


@pytest.mark.slow
def test_packets_are_kept_and_decoded_when_somebody_asks() -> None:
    look = ff.Look(seconds=5)
    with TcpServer(clip("mpegts")) as server, looked_at(look, server.url) as pipeline:
        until(lambda: is_there(look), "a picture")
        until(lambda: len(look.last(1, 3, exact=True)) == 3, "a second")
        view = look.now(max_age=60)
        assert view.source == "door"
        assert (view.frame.width, view.frame.height) == (160, 120)
        assert view.utc is not None
        assert view.utc_from == "arrival"
        assert view.frozen_for == 0
        views = look.last(1, 3, exact=True)
        assert [each.seq for each in views] == sorted({each.seq for each in views})
        assert look.ago(0.5).pts < look.now().pts
        assert asyncio.run(asyncio.to_thread(look.now)).seq >= views[-1].seq
        assert pipeline.stats().nodes["door"].processed == 0, "nothing was decoded for a Look"


def test_a_picture_that_is_too_old_is_no_answer_and_the_state_of_the_source_is_told() -> None:
    look = ff.Look()
    with TcpServer(clip("mpegts")) as server, looked_at(look, server.url):
        until(lambda: is_there(look), "a picture")
        server.close()

        errors: list[ff.StaleFrameError] = []

        def is_backing_off() -> bool:
            try:
                look.now(max_age=0.5)
            except ff.StaleFrameError as error:
                errors.append(error)
                return error.state == "backing_off"
            return False

        until(is_backing_off, "a picture that is too old")
        error = errors[-1]
        assert error.age > 0.5
        assert "'door' is " in str(error)
        assert "more than the 0.5 s that max_age allows; the source is backing off" in str(error)
        assert look.now().age > 0.5, "without a limit it is an answer, with its age"


@pytest.mark.slow
def test_a_mask_above_the_look_is_in_each_of_its_pictures() -> None:
    def masked(frame: ff.Frame) -> ff.Frame:
        return ff.Frame.from_array(np.full((240, 320), 9, np.uint8), "gray")

    pipeline = ff.Pipeline()
    look = ff.Look(seconds=10, every=0)
    pipeline.add(look, pipeline.add(masked, pipeline.add(ff.open(SCENE), name="yard")))
    pipeline.run()
    views = look.last(10, 64)
    assert len(views) > 1
    for view in views:
        assert view.source == "yard"
        assert int(np.asarray(view.frame.luma).max()) <= 12
        assert int(np.asarray(view.frame.luma).min()) >= 6


def test_pictures_keep_the_name_of_their_camera_when_it_was_removed() -> None:
    of_packets, of_frames = ff.Look(), ff.Look(every=0)
    with TcpServer(clip("mpegts")) as server:
        pipeline = ff.Pipeline(keep_running=True)
        door = pipeline.add(ff.open(server.url, **PATIENT), name="door")
        yard = pipeline.add(ff.open("demo:circles?size=320x240"), name="yard")
        pipeline.add(of_packets, door.packets)
        pipeline.add(of_frames, yard)
        with pipeline:
            until(lambda: is_there(of_packets) and is_there(of_frames), "two pictures")
            pipeline.remove(door)
            pipeline.remove(yard)
            pipeline.add(ff.open("demo:circles?size=320x240"), name="yard")
            assert of_packets.now().source == "door"
            assert of_frames.now().source == "yard"


@pytest.mark.slow
def test_pictures_are_scaled_down_and_never_up() -> None:
    pipeline = ff.Pipeline()
    look = ff.Look(every=0)
    pipeline.add(look, pipeline.add(ff.open(SCENE)))
    pipeline.run()
    view = look.now()
    small = view.frame.jpeg(max_side=100)
    assert small[:2] == b"\xff\xd8"
    assert len(small) < len(view.frame.jpeg()) == len(view.frame.jpeg(max_side=4000))


def test_a_look_without_a_picture_says_so() -> None:
    look = ff.Look()
    with pytest.raises(ff.StaleFrameError, match="no frame yet"):
        look.now()
    with pytest.raises(ff.StaleFrameError, match="from 3 s ago or earlier"):
        look.ago(3)
    assert look.last(3) == []


@pytest.mark.parametrize(
    "options", [{"seconds": 0}, {"seconds": 3601}, {"every": -1}, {"every": 61}, {"max_bytes": 0}]
)
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ff.OptionError, match="Look"):
        ff.Look(**options)


def test_questions_out_of_range_are_refused() -> None:
    look = ff.Look()
    with pytest.raises(ff.OptionError, match="seconds must be at least 0, got"):
        look.ago(-1)
    with pytest.raises(ff.OptionError, match="above 0"):
        look.last(0)
    with pytest.raises(ff.OptionError, match="1 to 64"):
        look.last(1, 65)
