"""open(rotate=) of live streams: frames, recordings of packets, a Look, and the messages of the page."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import functools
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.four_quarters import after, paint, see
from rigs.live.camera import PATIENT, Camera
from rigs.live.faulty_server import Clip, Server
from rigs.live.media import encode, lying
from rigs.live.rtsp import RtspServer
from rigs.live.servers import HttpServer, TcpServer, UdpServer
from rigs.web_client import Video
from support import until

import freshframe as ff

av = pytest.importorskip("av")
WIDTH, HEIGHT = 162, 90
TURNS: Any = [0, 90, 180, 270]


@functools.cache
def film(kind: str) -> Clip:
    return encode(kind, size=(WIDTH, HEIGHT), draw=paint)


def swapped(size: tuple[int, int], degrees: int) -> tuple[int, int]:
    return size[::-1] if degrees in {90, 270} else size


@pytest.fixture
def door() -> Any:
    """A camera with H.264 in a transport stream."""
    with TcpServer(film("mpegts")) as server:
        yield server.url


KINDS: dict[str, tuple[Callable[..., Server], str, str, dict[str, Any]]] = {
    "tcp": (TcpServer, "mpegts", "url", {}),
    "matroska": (TcpServer, "matroska", "url", {}),
    "udp": (UdpServer, "mpegts", "url", {}),
    "http": (HttpServer, "mpegts", "url", {}),
    "mjpeg": (HttpServer, "mjpeg", "url", {}),
    "hls": (HttpServer, "mpegts", "playlist", {}),
    "rtsp": (RtspServer, "h264", "url", {}),
    "rtsp of FFmpeg": (RtspServer, "h264", "url", {"options": {"rtsp": "ffmpeg"}}),
}


@pytest.mark.parametrize("degrees", TURNS)
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_stream_is_rotated(kind: str, degrees: Any) -> None:
    make, container, attribute, options = KINDS[kind]
    with (
        make(film(container)) as server,
        Camera(getattr(server, attribute), rotate=degrees, **options) as camera,
    ):
        (sample,) = camera.read()
        info = camera.source.info
    frame = sample.value
    assert (frame.width, frame.height) == (info.width, info.height) == swapped((WIDTH, HEIGHT), degrees)
    assert see(frame.rgb) == after(degrees)


@pytest.mark.parametrize("degrees", TURNS)
def test_the_rotation_is_added_to_that_of_the_stream(degrees: Any) -> None:
    with TcpServer(lying(film("mp4"))) as server, Camera(server.url, rotate=degrees) as camera:
        assert (camera.source.info.width, camera.source.info.height) == swapped((HEIGHT, WIDTH), degrees)
        (sample,) = camera.read()
    assert see(sample.value.rgb) == after((90 + degrees) % 360)


def test_the_size_is_that_of_the_rotated_image(door: str) -> None:
    with Camera(door, rotate=90, size=(40, 80)) as camera:
        (sample,) = camera.read()
        assert (camera.source.info.width, camera.source.info.height) == (40, 80)
    assert (sample.value.width, sample.value.height) == (40, 80)
    assert see(sample.value.rgb) == after(90)


def test_a_stream_that_is_not_decoded_has_the_rotated_size(door: str, tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    source = ff.open(door, rotate=90, **PATIENT)
    camera = pipeline.add(source, name="door")
    pipeline.add(ff.VideoFile(tmp_path / "a.mp4"), camera.packets, name="file")
    with pipeline:
        until(lambda: pipeline.stats().nodes["file"].processed > 0, "packets")
        assert (source.info.width, source.info.height) == (HEIGHT, WIDTH)
        assert pipeline.stats().nodes["door"].processed == 0


def rotation_in(path: Path) -> int:
    """The rotation that PyAV's FFmpeg reads from a file: degrees clockwise."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        return int(-frame.rotation % 360)


def record(door: str, path: Path, degrees: Any, url_options: dict[str, Any] | None = None) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(door, rotate=degrees, **PATIENT, **(url_options or {})), name="door")
    pipeline.add(ff.VideoFile(path), camera.packets, name="file")
    with pipeline:
        until(lambda: pipeline.stats().nodes["file"].processed > 5, "packets")


@pytest.mark.parametrize("degrees", TURNS)
@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_a_file_of_packets_says_how_its_images_are_rotated(
    door: str, tmp_path: Path, suffix: str, degrees: Any, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / f"a.{suffix}"
    record(door, path, degrees)
    assert rotation_in(path) == degrees
    (sample, *_) = ff.stream(ff.open(path))
    assert see(sample.value.rgb) == after(degrees)
    with av.open(str(path)) as container:  # the packets are unchanged
        assert (container.streams.video[0].width, container.streams.video[0].height) == (WIDTH, HEIGHT)
    assert "not rotated" not in caplog.text


def test_a_file_of_packets_has_the_sum_of_both_rotations(tmp_path: Path) -> None:
    with TcpServer(lying(film("mp4"))) as server:
        record(server.url, tmp_path / "a.mp4", 180)
        record(server.url, tmp_path / "b.mp4", 270)
    assert rotation_in(tmp_path / "a.mp4") == 270
    assert rotation_in(tmp_path / "b.mp4") == 0


@pytest.mark.parametrize("suffix", ["ts", "mkv"])
def test_a_file_that_cannot_store_the_rotation_is_written_with_a_warning(
    door: str, tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / f"a.{suffix}"
    with caplog.at_level(logging.WARNING, logger="freshframe"):
        record(door, path, 90)
    (sample, *_) = ff.stream(ff.open(path))
    is_lost = "shows the images as the camera sends them, not rotated" in caplog.text
    assert is_lost or suffix == "mkv"  # FFmpeg stores it in Matroska from version 6.1 on
    assert see(sample.value.rgb) == after(0 if is_lost else 90)
    if is_lost:
        assert ".mp4, .mov" in caplog.text
        caplog.clear()
        record(door, tmp_path / f"b.{suffix}", 0)
        assert "not rotated" not in caplog.text


@pytest.mark.parametrize("degrees", [0, 180])
def test_packets_that_are_published_unrotated_are_a_warning(
    door: str, degrees: Any, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(door, rotate=degrees, **PATIENT), name="door")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        url = f"udp://127.0.0.1:{receiver.getsockname()[1]}"
        pipeline.add(ff.Publish(url), camera.packets, name="publish")
        with caplog.at_level(logging.WARNING, logger="freshframe"), pipeline:
            until(lambda: pipeline.stats().nodes["publish"].processed > 5, "packets")
    assert ("not rotated" in caplog.text) is (degrees != 0)


def test_a_clip_of_packets_says_how_its_images_are_rotated(door: str, tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(door, rotate=270, **PATIENT), name="door")
    recorder = ff.ClipRecorder(before=1, after=0)
    pipeline.add(recorder, camera.packets, name="clips")
    with pipeline:
        until(lambda: pipeline.stats().nodes["clips"].processed > 20, "packets")
        recorder.save(tmp_path / "a.mp4")
    assert rotation_in(tmp_path / "a.mp4") == 270


def test_a_look_at_packets_shows_the_rotated_image(door: str) -> None:
    look = ff.Look(seconds=5)
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(door, rotate=90, **PATIENT), name="door")
    pipeline.add(look, camera.packets)

    def is_there() -> bool:
        try:
            look.now()
        except ff.StaleFrameError:
            return False
        return True

    with pipeline:
        until(is_there, "an image")
        frame = look.now(max_age=60).frame
    assert (frame.width, frame.height) == (HEIGHT, WIDTH)
    assert see(frame.rgb) == after(90)


def whole_image(frame: ff.Frame) -> ff.Detections:
    """One box around the whole image."""
    box = np.array([[0, 0, frame.width, frame.height]], np.float32)
    return ff.Detections(box, np.array([0.5], np.float32), np.array([3]))


@pytest.mark.parametrize("degrees", TURNS)
def test_the_page_rotates_the_packets(door: str, degrees: Any) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open(door, rotate=degrees, **PATIENT), name="door")
    found = pipeline.add(whole_image, camera, name="found")
    with pipeline, pipeline.serve(view=found) as dashboard, Video(dashboard.url) as page:
        page.watch("found")
        about = page.next("start").json()
        assert (about["mode"], about["turn"]) == ("video", {"flip": False, "quarters": degrees // 90})
        assert (about["width"], about["height"]) == swapped((WIDTH, HEIGHT), degrees)
        results: list[Any] = []
        while not results:
            message = page.message()
            page.acknowledge(message)
            assert message.kind in {"picture", "results"}
            results += [message.json()] if message.kind == "results" else []
        assert tuple(results[0]["size"]) == swapped((WIDTH, HEIGHT), degrees)
