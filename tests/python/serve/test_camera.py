"""The browser as a camera: packets that a page sends on /api/camera become frames."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import fractions
import functools
import hashlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from rigs.ports import free_port
from rigs.web_client import CameraPage, Video, request
from support import until

import freshframe as ff

av = pytest.importorskip("av", reason="needs PyAV, which encodes the frames of the page")
SIZE = (160, 120)
TOKEN = "a-token-of-the-tests"
ENCODERS = {
    "avc1.42E01F": ("libx264", {"preset": "ultrafast", "tune": "zerolatency", "profile": "baseline"}),
    "vp8": ("libvpx", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}),
    "vp09.00.10.08": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}),
    "jpeg": ("mjpeg", {}),
}


@functools.cache
def packets(codec: str, count: int = 60) -> list[tuple[bytes, bool]]:
    """Returns packets as a browser encodes them, and whether each is a keyframe (one in ten)."""
    name, options = ENCODERS[codec]
    context = av.CodecContext.create(name, "w")
    context.width, context.height = SIZE
    context.time_base = fractions.Fraction(1, 30)
    context.pix_fmt = "yuvj420p" if codec == "jpeg" else "yuv420p"
    context.options = options if codec == "jpeg" else {**options, "g": "10"}
    found = []
    for number in range(count):
        pixels = np.full((SIZE[1], SIZE[0], 3), 20 + number * 3, np.uint8)
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=context.pix_fmt)
        frame.pts = number
        found += [(bytes(packet), packet.is_keyframe) for packet in context.encode(frame)]
    return found


@contextlib.contextmanager
def served(**options: Any) -> Iterator[tuple[ff.Pipeline, ff.Port[ff.Frame], str]]:
    """Yields a running pipeline whose camera is a browser, its port, and the link to the camera page."""
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("browser:", size=SIZE, fps=30), name="door")
    with pipeline.serve(**options) as dashboard:
        link = dashboard.camera_url(camera)
        pipeline.start()
        try:
            yield pipeline, camera, link
        finally:
            pipeline.stop()


def source_of(pipeline: ff.Pipeline) -> ff.stats.SourceStats:
    source = pipeline.stats().nodes["door"].source
    assert source is not None
    return source


def is_connected(pipeline: ff.Pipeline) -> bool:
    sender = source_of(pipeline).sender
    return sender is not None and sender.connected


def utc(sample: ff.Sample[ff.Frame]) -> float:
    assert sample.utc is not None
    return sample.utc


class Sender:
    """A page that sends packets as fast as they are acknowledged, at most 30 per second."""

    def __init__(self, page: CameraPage, codec: str, *, delay: float) -> None:
        self.page = page
        page.ask()
        self.captured: list[float] = []
        self.acks: list[int] = []
        self._packets = packets(codec)
        self._delay = delay
        page.declare(codec, SIZE)

    def run(self, count: int) -> None:
        for number in range(count):
            body, key = self._packets[number]
            self.captured.append(time.time() - self._delay)
            self.page.send_frame(number, body, key=key, captured=self.captured[-1], error=0.002)
            self.acks.append(self.page.text("ack")["n"])
            time.sleep(1 / 30)


@pytest.mark.parametrize("codec", list(ENCODERS))
def test_each_packet_is_acknowledged_and_becomes_a_frame(codec: str) -> None:
    with served() as (pipeline, camera, link), CameraPage(link) as page:
        reader = pipeline.reader(camera, queue=ff.Queue(100))
        sender = Sender(page, codec, delay=5)
        thread = threading.Thread(target=sender.run, args=(20,))
        thread.start()
        samples = [next(reader) for _ in range(20)]
        thread.join()
        assert sender.acks == list(range(20))
        assert {(sample.frame.width, sample.frame.height) for sample in samples} == {SIZE}
        for sample, captured in zip(samples, sender.captured, strict=True):
            assert sample.utc == pytest.approx(captured, abs=2)
            assert sample.age > 2
        assert is_connected(pipeline)
        page.cut()
        until(lambda: not is_connected(pipeline), "the page to have left")


def test_the_source_waits_for_a_browser_and_says_what_its_page_says(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING", "freshframe"), served() as (pipeline, _, link), CameraPage(link) as page:
        until(lambda: source_of(pipeline).state == "waiting_sender", "the state")
        until(lambda: "no browser sends it" in str(pipeline.why()), lambda: str(pipeline.why()))
        assert str(pipeline.why()).count("Dashboard.camera_url()") == 1, "the link, and the way to it, once"
        assert caplog.text.count("Dashboard.camera_url()") == 1
        assert page.ask() == {"type": "yours", "width": 160, "height": 120, "fps": 30.0, "bitrate": 51840.0}
        page.send({"state": "denied", "message": "the user does not permit the camera"})
        until(lambda: "does not permit" in str(pipeline.why()), lambda: str(pipeline.why()))


def test_the_name_after_the_colon_is_the_name_of_the_node_and_of_the_link() -> None:
    pipeline = ff.Pipeline()
    cameras = [pipeline.add(ff.open(f"browser:{name}")) for name in ("front", "back", "")]
    named = pipeline.add(ff.open("browser:front"), name="side")
    assert [camera.name for camera in [*cameras, named]] == ["front", "back", "VideoSource", "side"]
    with pipeline.serve() as dashboard:
        links = [dashboard.camera_url(camera) for camera in [*cameras, named]]
        assert len(set(links)) == 4
        assert [f"camera={camera.name}" in link for camera, link in zip(cameras, links, strict=False)] == [
            True
        ] * 3


def test_a_second_page_waits_until_it_takes_over() -> None:
    with served() as (_, _, link), CameraPage(link) as first, CameraPage(link) as second:
        assert first.ask(client="a")["type"] == "yours"
        assert second.ask(client="b")["type"] == "busy"
        assert second.ask(client="b", take=True)["type"] == "yours"
        first.text("taken")
        second.cut()
        first.text("free")
        assert first.ask(client="a")["type"] == "yours"


def test_a_frame_is_never_younger_than_its_arrival_nor_older_than_half_a_minute() -> None:
    with served() as (pipeline, camera, link), CameraPage(link) as page:
        reader = pipeline.reader(camera, queue=ff.Queue(100))
        page.ask()
        page.declare("jpeg", SIZE)
        body = packets("jpeg")[0][0]
        before = time.time()
        for seq, captured in enumerate((1.0, before + 1000, 1.0)):
            page.send_frame(seq, body, key=True, captured=captured)
        behind, ahead, back = next(reader), next(reader), next(reader)
        assert before - 0.01 <= utc(ahead) <= time.time()
        assert utc(behind) == pytest.approx(utc(ahead) - 30, abs=5)
        assert back.captured == ahead.captured, "the time of capture never goes back"


def test_a_picture_that_lies_about_itself_is_refused() -> None:
    with served() as (pipeline, _, link), CameraPage(link) as page:
        page.ask()
        page.declare("avc1.42E01F", SIZE)
        page.send_frame(0, packets("jpeg")[0][0], key=True, captured=time.time())
        assert page.close_code() == 1008
        until(lambda: "not h264" in str(pipeline.why()), lambda: str(pipeline.why()))


def test_skipped_frames_are_dropped_by_the_sender() -> None:
    with served() as (pipeline, camera, link), CameraPage(link) as page:
        reader = pipeline.reader(camera, queue=ff.Queue(100))
        page.ask()
        page.declare("jpeg", SIZE)
        body = packets("jpeg")[0][0]
        page.send_frame(0, body, key=True, captured=time.time())
        page.send_frame(1, body, key=True, captured=time.time(), skipped=5)
        first, second = next(reader), next(reader)
        assert second.seq - first.seq == 6
        assert pipeline.stats().nodes["door"].drops["sender"] == 5


def test_the_page_hears_of_the_end() -> None:
    with served() as (pipeline, _, link), CameraPage(link) as page:
        page.ask()
        pipeline.stop()
        page.text("ended")


def test_the_link_is_served_without_the_token_of_the_dashboard() -> None:
    with served(token=TOKEN) as (_, _, link):
        where = urlsplit(link)
        assert where.path == "/camera"
        assert TOKEN not in link
        assert request(link, "/camera").status == 200
        token = link.rpartition("token=")[2]
        with Video(link, token) as views:
            assert views.text("welcome")
        assert request(link, f"/api/state?token={token}").status == 401


def test_a_link_with_the_token_of_the_dashboard_survives_a_restart() -> None:
    port = free_port()
    link = f"http://127.0.0.1:{port}/camera#camera=door&token={TOKEN}"
    own = set()
    for _ in range(2):
        with served(port=port, token=TOKEN) as (_, _, own_link), CameraPage(link) as page:
            assert page.ask()["type"] == "yours"
            own.add(own_link)
    assert len(own) == 2, "the camera's own token is new after each start"


def test_links_are_for_cameras_of_browsers_alone() -> None:
    pipeline = ff.Pipeline()
    circles = pipeline.add(ff.open("demo:circles"), name="circles")
    pipeline.add(ff.open("browser:"), name="<door>")
    with pipeline.serve(view=circles) as dashboard:
        refusal = "'circles' is not a \"browser:\" source of this pipeline: choose one of '<door>'"
        with pytest.raises(ff.OptionError, match=refusal):
            dashboard.camera_url(circles)
        html = dashboard.embed_camera("<door>")
        assert 'camera="&lt;door&gt;"' in html
        assert ' view="circles"' in html
        assert "&view=circles" in dashboard.camera_url("<door>")
    with pytest.raises(ff.StateError, match="closed"):
        dashboard.camera_url("<door>")
    pipeline = ff.Pipeline()
    circles = pipeline.add(ff.open("demo:circles"), name="circles")
    no_source = pytest.raises(ff.OptionError, match=r'it has none, so add ff\.open\("browser:"\) first')
    with pipeline.serve(view=circles) as dashboard, no_source:
        dashboard.embed_camera(circles)


@pytest.mark.parametrize("codec", ["vp8", "jpeg"])
def test_recorded_packets_are_those_that_the_browser_sent(codec: str, tmp_path: Path) -> None:
    sent = packets(codec)[:30]
    path = tmp_path / "door.mkv"
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("browser:", size=SIZE, fps=30), name="door")
    pipeline.add(ff.VideoFile(path), camera.packets)
    with pipeline.serve() as dashboard, pipeline, CameraPage(dashboard.camera_url(camera)) as page:
        Sender(page, codec, delay=0).run(len(sent))
        assert pipeline.stats().nodes["door"].processed == 0, "no consumer needs frames"
        source = source_of(pipeline)
        assert (source.undecoded, source.decoder_frames) == (len(sent), 0)
        pipeline.stop()
    with av.open(path) as file:
        written = [bytes(packet) for packet in file.demux(video=0) if packet.size]
    assert [hashlib.sha256(one).hexdigest() for one in written] == [
        hashlib.sha256(body).hexdigest() for body, _ in sent
    ]
