"""Publish: sends frames and a camera's packets to media servers that are slow, offline, or return."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from rigs.live.camera import PATIENT, clip
from rigs.live.rtsp import RtspServer
from rigs.ports import free_port
from rigs.publishing import counts
from rigs.web_client import request
from support import WATCHDOG, until

import freshframe as ff
from freshframe.stats import PublishStats

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs the program ffmpeg")


@contextlib.contextmanager
def listening(url: str, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Runs FFmpeg as a server that writes one stream to a file."""
    flags = (
        ["-rtsp_flags", "listen", "-listen_timeout", "600"] if url.startswith("rtsp") else ["-listen", "1"]
    )
    if url.startswith(("tcp", "udp")):
        flags = ["-f", "mpegts"]
        url += "?listen" if url.startswith("tcp") else ""
    command = ["ffmpeg", "-v", "error", "-y", *flags, "-i", url, "-c", "copy", "-f", "matroska"]
    process = subprocess.Popen([*command, "-flush_packets", "1", str(path)], stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 20000


@pytest.mark.slow
@pytest.mark.table
@needs_ffmpeg
@pytest.mark.parametrize(
    ("scheme", "codec"), [("rtsp", "auto"), ("rtmp", "h264"), ("tcp", "auto"), ("tcp", "mpeg4")]
)
def test_frames_are_published(scheme: str, codec: str, tmp_path: Path) -> None:
    url = f"{scheme}://127.0.0.1:{free_port()}" + ("" if scheme == "tcp" else "/live/a")
    with listening(url, tmp_path / "a.mkv") as server:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open("demo:circles?size=320x240&fps=30"))
        publish = ff.Publish(url, codec=codec, keyframe_every=0.5)
        pipeline.add(publish, pipeline.add(ff.Annotate(), pipeline.add(ff.CircleTracker(), camera)))
        with pipeline:
            until(lambda: has_content(tmp_path / "a.mkv"), lambda: f"nothing came: {counts(pipeline)}")
            stats = counts(pipeline)
        assert stats.state == "publishing"
        assert stats.connections == 1
        assert stats.sent > 20
        assert counts(pipeline).state == "closed"
        server.terminate()
        server.wait(WATCHDOG)
    film = ff.open(tmp_path / "a.mkv")
    pts = [sample.pts for sample in ff.stream(film)]
    assert len(pts) > 10
    assert codec in ("auto", film.info.codec)


@pytest.mark.slow
def test_mpeg4_in_a_transport_stream_is_published_received_and_recorded(tmp_path: Path) -> None:
    url = f"udp://127.0.0.1:{free_port()}"
    sender = ff.Pipeline()
    scene = sender.add(ff.open("demo:circles?size=320x240&fps=30"))
    sender.add(ff.Publish(url, codec="mpeg4", keyframe_every=0.5), scene)
    receiver = ff.Pipeline()
    camera = receiver.add(ff.open(url, **PATIENT), name="door")
    names = ("a.mp4", "a.mkv", "a.ts")
    for name in names:
        receiver.add(ff.VideoFile(tmp_path / name), camera.packets, name=name)
    packets = receiver.reader(camera.packets)
    with sender, receiver:
        first = packets.get(WATCHDOG).value
        assert (first.codec, first.is_keyframe, first.size) == ("mpeg4", True, (320, 240))
        until(
            lambda: all(receiver.stats().nodes[name].processed > 60 for name in names),
            lambda: f"{receiver.stats()}",
        )
        assert receiver.stats().nodes["door"].processed == 0
    counts = {name: len(list(ff.stream(ff.open(tmp_path / name)))) for name in names}
    assert min(counts.values()) > 60
    assert len(set(counts.values())) == 1


@pytest.mark.slow
@needs_ffmpeg
def test_a_cameras_own_packets_are_published_without_decoding(tmp_path: Path) -> None:
    url = f"rtsp://127.0.0.1:{free_port()}/live/a"
    with RtspServer(clip("h264")) as camera_server, listening(url, tmp_path / "a.mkv") as server:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open(camera_server.url, **PATIENT), name="door")
        publish = ff.Publish(url)
        pipeline.add(publish, camera.packets)
        with pipeline:
            until(lambda: counts(pipeline).sent > 60, lambda: f"nothing came: {counts(pipeline)}")
            assert pipeline.stats().nodes["door"].processed == 0
        server.terminate()
        server.wait(WATCHDOG)
    assert len([sample.pts for sample in ff.stream(ff.open(tmp_path / "a.mkv"))]) > 30


@pytest.mark.slow
@needs_ffmpeg
def test_a_server_that_comes_late_and_goes_is_joined_again(tmp_path: Path) -> None:
    url = f"tcp://127.0.0.1:{free_port()}"
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?size=320x240&fps=30"), name="scene")
    publish = ff.Publish(url, keyframe_every=0.5)
    pipeline.add(publish, camera, name="publish")
    reader = pipeline.reader(camera)
    with pipeline:
        until(lambda: counts(pipeline).state == "backing_off", lambda: f"{counts(pipeline)}")
        assert "127.0.0.1" in str(counts(pipeline).last_error)
        for name in ("a.mkv", "b.mkv"):
            with listening(url, tmp_path / name):
                until(
                    functools.partial(has_content, tmp_path / name),
                    lambda: f"nothing came: {counts(pipeline)}",
                )
            until(lambda: counts(pipeline).state != "publishing", lambda: f"{counts(pipeline)}")
        stats = counts(pipeline)
        reader.get(WATCHDOG)
        lost = pipeline.stats().nodes["publish"].drops["lost"]
    assert stats.connections == 2
    assert stats.dropped_away > 0
    assert lost > 0


class Silent:
    """A server that accepts connections, and reads nothing, or only a number of bytes per second."""

    def __init__(self, rate: int = 0) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        self.port = self.listener.getsockname()[1]
        self.rate = rate
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        self.listener.settimeout(0.1)
        while not self.ended.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self.listener.accept()
                with connection:
                    while not self.ended.wait(0.05):
                        if self.rate and not connection.recv(self.rate // 20):
                            break

    def close(self) -> None:
        self.ended.set()
        self.thread.join()
        self.listener.close()


@pytest.mark.slow
def test_a_slow_server_delays_nobody_and_gets_young_pictures() -> None:
    server = Silent(rate=20000)
    try:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open("demo:circles?size=640x480&fps=30&balls=30"), name="scene")
        publish = ff.Publish(
            f"tcp://127.0.0.1:{server.port}", keyframe_every=0.5, crf=1, max_wait=0.5, timeout=60
        )
        pipeline.add(publish, camera, name="publish")
        reader = pipeline.reader(camera)
        with pipeline:
            until(lambda: counts(pipeline).dropped_slow > 30, lambda: f"{counts(pipeline)}")
            before = pipeline.stats().nodes["scene"].processed
            reader.get(WATCHDOG)
            until(
                lambda: pipeline.stats().nodes["scene"].processed > before + 10,
                lambda: "the scene stands still",
            )
            assert counts(pipeline).connections == 1
    finally:
        server.close()


@pytest.mark.slow
def test_a_server_that_is_silent_is_left_and_a_stop_does_not_wait_for_it() -> None:
    server = Silent()
    try:
        pipeline = ff.Pipeline()
        camera = pipeline.add(ff.open("demo:circles?size=320x240&fps=30"))
        publish = ff.Publish(f"rtsp://user:secret@127.0.0.1:{server.port}/a", timeout=0.5)
        pipeline.add(publish, camera)
        with pipeline:
            until(lambda: counts(pipeline).last_error, lambda: f"{counts(pipeline)}")
            until(lambda: counts(pipeline).state == "connecting", lambda: f"{counts(pipeline)}")
        assert "secret" not in str(counts(pipeline).last_error)
        assert "user:***@" in str(counts(pipeline).last_error)
    finally:
        server.close()


def test_the_page_and_the_metrics_have_the_counters_of_a_publisher() -> None:
    pipeline = ff.Pipeline("yard")
    camera = pipeline.add(ff.open("demo:circles?size=64x48&fps=30"), name="scene")
    pipeline.add(ff.Publish(f"udp://127.0.0.1:{free_port()}"), camera, name="sent")
    with pipeline.serve() as page, pipeline:
        until(lambda: counts(pipeline).sent, lambda: f"nothing was sent: {counts(pipeline)}")
        nodes = {node["name"]: node for node in request(page.url, "/api/state").json()["nodes"]}
        metrics = request(page.url, "/metrics").text
    assert list(nodes["sent"]["publish"]) == [field.name for field in dataclasses.fields(PublishStats)]
    assert nodes["sent"]["publish"]["connections"] == 1
    assert "publish" not in nodes["scene"]
    assert pipeline.stats().nodes["scene"].publish is None
    assert re.search(
        r'^freshframe_publish_sent_total\{pipeline="yard",node="sent"\} [1-9]', metrics, re.MULTILINE
    )


def test_what_cannot_be_published_is_refused(tmp_path: Path) -> None:
    for url in ("http://host/a", "a.mp4", "rtsp://", "udp://127.0.0.1"):
        with pytest.raises(ff.OptionError, match="cannot publish to"):
            ff.Publish(url)
    with pytest.raises(ff.OptionError, match="rtmp servers do not support mpeg4"):
        ff.Publish("rtmp://host/a/b", codec="mpeg4")
    with pytest.raises(ff.OptionError, match=r"max_wait of Publish must be 0\.1 to 60"):
        ff.Publish("rtsp://host/a", max_wait=0)
    with pytest.raises(ff.OptionError, match="no option 'nonsense'"):
        ff.Publish("rtsp://host/a", options={"nonsense": "1"})
    pipeline = ff.Pipeline()
    film = pipeline.add(ff.open(tmp_path / "a.mp4"))
    with pytest.raises(ff.GraphError, match="realtime=True"):
        pipeline.add(ff.Publish("rtsp://host/a"), film)
    assert repr(ff.Publish("rtsp://u:pw@host/a")) == "<Publish 'rtsp://u:***@host/a'>"
