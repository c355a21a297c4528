"""A camera that sends one image forever is reported, and so is its recovery."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import functools
import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.live.camera import PATIENT, Camera
from rigs.live.faulty_server import Clip
from rigs.live.media import encode
from rigs.live.servers import HttpServer
from rigs.web_client import request
from support import WATCHDOG, until

import freshframe as ff


def noise(number: int, width: int, height: int) -> Any:
    """Returns an image that differs from all others."""
    return np.random.default_rng(number).integers(0, 255, (height, width, 3), np.uint8)


@functools.cache
def noisy() -> Clip:
    """Returns ten seconds in which all images differ."""
    return encode("mjpeg", 300, size=(160, 120), draw=noise)


def hung() -> Clip:
    """Returns one image, repeated forever."""
    return dataclasses.replace(noisy(), frames=noisy().frames[:1], keys=[True])


def black() -> Clip:
    """Returns one image without contrast, repeated forever."""
    return encode(
        "mjpeg", 1, size=(160, 120), draw=lambda _, width, height: np.zeros((height, width, 3), np.uint8)
    )


def take(frame: ff.Frame) -> None:
    """Accepts a frame, and does nothing."""


@pytest.mark.slow
def test_a_hung_camera_is_told_by_all_views_until_it_moves() -> None:
    with HttpServer(hung()) as server:
        pipeline = ff.Pipeline()
        door = pipeline.add(ff.open(server.url, frozen_after=2, **PATIENT), name="door")
        pipeline.add(take, door)
        url = pipeline.serve().url

        def source() -> ff.stats.SourceStats:
            stats = pipeline.stats().nodes["door"].source
            assert stats is not None
            return stats

        with pipeline:
            until(lambda: request(url, "/healthz").status == 200, "frames")
            until(lambda: source().frozen == "frozen", "a frozen picture")
            shown = source()
            assert shown.frozen_for >= 2
            assert shown.frozen_frames > shown.frozen_contents == 1
            health = request(url, "/healthz")
            assert health.status == 503
            assert re.match(
                r"door: has shown the same image for \d+ s: \d+ keyframes, 1 content", health.text
            )
            metrics = request(url, "/metrics").text
            seconds = re.search(r'^freshframe_source_frozen_seconds\{.*node="door"\} (\S+)$', metrics, re.M)
            assert seconds is not None
            assert float(seconds[1]) >= 2
            # All views report it at the same time, and stats() was called before the others.
            problems = request(url, "/api/state").json()["problems"]
            assert ("frozen", "door") in [(each["kind"], each["subject"]) for each in problems]
            (finding,) = (f for f in pipeline.why().findings if f.kind == "frozen")
            assert finding.subject == "door"
            assert finding.text.startswith("has shown the same image for ")
            assert "frozen_after=None" in finding.remedy
            server.clip = noisy()
            until(lambda: source().frozen is None, "other pictures")
            assert source().frozen_for == 0
            assert not [f for f in pipeline.why().findings if f.kind == "frozen"]
            until(lambda: request(url, "/healthz").status == 200, "health")
            events = request(url, "/api/state").json()["events"]
            (event,) = (each for each in events if each["kind"] == "frozen")
            assert event["count"] >= 2
            assert event["text"] == "shows new images again"


@pytest.mark.slow
def test_the_line_of_a_frozen_camera_names_its_node(caplog: pytest.LogCaptureFixture) -> None:
    with HttpServer(black()) as server:
        pipeline = ff.Pipeline()
        pipeline.add(take, pipeline.add(ff.open(server.url, frozen_after=2, **PATIENT), name="gate"))
        with caplog.at_level(logging.WARNING, "freshframe"), pipeline:
            said = f"gate: '{server.url}' has shown no contrast for "
            until(lambda: said in caplog.text, "the line")


@pytest.mark.slow
def test_a_picture_without_contrast_is_flat_and_no_still_one() -> None:
    with HttpServer(black()) as server, Camera(server.url, frozen_after=2) as camera:
        camera.wait(lambda stats: stats.frozen == "flat", "no contrast")


@pytest.mark.slow
def test_a_camera_whose_packets_are_only_recorded_is_known_by_them() -> None:
    with HttpServer(hung()) as server:
        pipeline = ff.Pipeline()
        door = pipeline.add(ff.open(server.url, frozen_after=2, **PATIENT), name="door")
        pipeline.reader(door.packets)  # nobody reads it

        def kind() -> str | None:
            source = pipeline.stats().nodes["door"].source
            assert source is not None
            return source.frozen

        with pipeline:
            until(lambda: kind() == "frozen", "its packets")
            assert pipeline.stats().nodes["door"].processed == 0


@pytest.mark.slow
def test_none_looks_at_nothing() -> None:
    with HttpServer(hung()) as server, Camera(server.url, frozen_after=None) as camera:
        first = camera.read()[0]
        while camera.read()[0].pts < first.pts + 5:
            assert camera.stats.frozen is None


@pytest.mark.parametrize("seconds", [0, -1, "never", float("nan"), float("inf")])
def test_other_times_are_refused(seconds: Any) -> None:
    with pytest.raises(ff.OptionError, match="frozen_after must be"):
        ff.open("rtsp://127.0.0.1/x", frozen_after=seconds)


def test_every_kind_of_source_accepts_a_time(tmp_path: Path) -> None:
    for url in ("clip.mp4", "a/%05d.png", "demo:circles", 0, "rtsp://127.0.0.1/x", "http://127.0.0.1/x"):
        for seconds in (30, None):
            ff.open(url, frozen_after=seconds)
    ff.open("http://127.0.0.1/a.mp4", live=False, frozen_after=30)
    path = tmp_path / "black.png"
    ff.Frame.from_array(np.zeros((240, 320), np.uint8), "gray").write(path)
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.open(path, frozen_after=0.001), name="file"))
    with pipeline:
        assert reader.get(WATCHDOG).frame.width == 320
        source = pipeline.stats().nodes["file"].source
    assert source is not None
    assert source.frozen is None
