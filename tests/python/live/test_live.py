"""Network sources without faults: RTSP, MJPEG and TS over HTTP, Matroska and TS over TCP, HLS."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import itertools
import logging
import time
from collections.abc import Iterator

import numpy as np
import pytest
from rigs.live.camera import Camera, clip
from rigs.live.faulty_server import Faults, Server
from rigs.live.media import encode, lying
from rigs.live.rtsp import RtspServer
from rigs.live.servers import HttpServer, TcpServer, UdpServer
from support import until

import freshframe as ff

SERVERS = {
    "rtsp-tcp": (RtspServer, "h264", {}),
    "rtsp-udp": (RtspServer, "h264", {"rtsp_transport": "udp"}),
    "http-mjpeg": (HttpServer, "mjpeg", {}),
    "http-ts": (HttpServer, "mpegts", {}),
    "tcp-ts": (TcpServer, "mpegts", {}),
    "tcp-matroska": (TcpServer, "matroska", {}),
    "udp-ts": (UdpServer, "mpegts", {}),
}


@pytest.fixture(params=SERVERS)
def served(request: pytest.FixtureRequest) -> Iterator[tuple[Server, str, dict[str, str]]]:
    kind, media, options = SERVERS[request.param]
    with kind(clip(media)) as server:
        yield server, server.url, options


@pytest.mark.table(cases=2)
@pytest.mark.repeats  # suspending the machine shifts the arrivals, and `captured` with them
def test_a_stream_gives_frames_with_growing_numbers_and_times(
    served: tuple[Server, str, dict[str, str]],
) -> None:
    server, url, options = served
    with Camera(url, options=options) as camera:
        assert camera.source.live
        samples = camera.read(12)
        camera.wait(lambda stats: stats.state == "reading", "frames")  # a busy machine may have stalled
        stats = camera.stats
    assert {(s.value.width, s.value.height) for s in samples} == {(160, 120)}
    assert all(a.seq < b.seq for a, b in itertools.pairwise(samples))
    assert all(a.pts <= b.pts for a, b in itertools.pairwise(samples))
    assert all(a.captured <= b.captured for a, b in itertools.pairwise(samples))
    assert samples[-1].captured <= time.monotonic()
    if camera.source.info.codec != "mjpeg":
        # A dropped frame leaves a gap in pts. MJPEG, and the first frame of RTSP, only have arrival times,
        # which are equal for images of one read.
        steps = [(b.pts - a.pts) / (b.seq - a.seq) for a, b in itertools.pairwise(samples[1:])]
        assert steps == pytest.approx([1 / 30] * 10, abs=0.002)
    assert (stats.outages, stats.size_changes, stats.last_error) == (0, 0, None)
    assert stats.decoder_frames == 0
    assert server.connections <= 2  # FFmpeg may open HTTP again after probing


def test_a_matroska_stream_gives_its_first_frame_before_seven_more_have_come() -> None:
    media = encode("matroska", 10, size=(1280, 720))
    with TcpServer(media, Faults(stall_after=3)) as server, Camera(server.url) as camera:
        (sample,) = camera.read()
        info = camera.source.info
    assert (sample.value.width, sample.value.height) == (1280, 720)
    assert (info.codec, info.width, info.height, info.pixel_format) == ("h264", 1280, 720, "yuv420p")
    assert info.fps == pytest.approx(30, abs=0.01)


def test_the_frames_are_the_servers_pictures() -> None:
    with TcpServer(clip("mpegts")) as server, Camera(server.url) as camera:
        (sample,) = camera.read()
        info = camera.source.info
    rgb = sample.value.rgb
    assert rgb.shape == (120, 160, 3)
    assert int(rgb.max()) > 230  # the bar
    assert info.codec == "h264"
    assert (info.width, info.height, info.container, info.frame_count) == (160, 120, "mpegts", None)


@pytest.mark.slow
@pytest.mark.repeats
def test_a_live_playlist_is_shown_at_its_own_pace() -> None:
    with HttpServer(clip("mpegts")) as server, Camera(server.playlist) as camera:
        (first,) = camera.read()
        began = time.monotonic()
        last = camera.read(40)[-1]
        took = time.monotonic() - began
        assert camera.source.info.container == "hls"
    # Segments of one second arrive as a whole.
    assert took >= 0.8 * (last.pts - first.pts)


def test_a_stop_ends_the_session_at_the_server() -> None:
    with RtspServer(clip("h264")) as server:
        with Camera(server.url) as camera:
            camera.read()
        until(lambda: server.goodbyes == 1, "TEARDOWN")


def test_joining_in_the_middle_of_a_picture_is_no_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    whole = clip("h264")
    half = b"\0\0\0\1\x06\x05\xff\xff\x80" + bytes(range(1, 60))  # a NAL unit that claims to be longer
    joined = dataclasses.replace(whole, frames=[half, half, *whole.frames], keys=[False, False, *whole.keys])
    with (
        caplog.at_level(logging.DEBUG, logger="freshframe"),
        RtspServer(joined) as server,
        Camera(server.url, options={"rtsp": "ffmpeg"}) as camera,  # freshframe's own client has no parser
    ):
        camera.read(3)
    logged = [record for record in caplog.records if "truncated" in record.getMessage()]
    assert logged[0].levelname == "DEBUG"  # from the parser; the decoder may warn about the keyframe


def test_pictures_are_scaled_to_the_wanted_size() -> None:
    with TcpServer(clip("mpegts")) as server, Camera(server.url, size=(80, 60)) as camera:
        (sample,) = camera.read()
    assert (sample.value.width, sample.value.height) == (80, 60)


def test_a_stream_that_says_that_its_pictures_lie_on_their_side_is_turned_upright() -> None:
    with TcpServer(lying(encode("mp4", 60))) as server, Camera(server.url) as camera:
        assert (camera.source.info.width, camera.source.info.height) == (120, 160)
        (sample,) = camera.read()
    luma = sample.value.rgb[..., 1].astype(int)
    assert luma.shape == (160, 120)
    rows = luma.mean(axis=1)
    # The bar is vertical in the stored image, and horizontal in the delivered one.
    assert rows.max() - rows.min() > 50
    assert np.ptp(luma.mean(axis=0)) < 20


@pytest.mark.parametrize(("options", "interlaced"), [({}, False), ({"x264-params": "tff=1"}, True)])
def test_the_first_frame_shows_whether_two_fields_are_woven_together(
    options: dict[str, str], interlaced: bool
) -> None:
    media = encode("mpegts", 60, options=options)
    with TcpServer(media) as server, Camera(server.url) as camera:
        camera.read()
        assert camera.source.info.interlaced is interlaced


def test_credentials_in_the_url_open_the_door_and_are_seen_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="freshframe")
    for kind, media in ((RtspServer, "h264"), (HttpServer, "mjpeg")):
        with kind(clip(media), Faults(user="joe:s3cr3t")) as server:
            url = server.url.replace("://", "://joe:s3cr3t@") + "?token=t0p"
            with Camera(url) as camera:
                camera.read()
                server.hang_up()
                camera.wait(lambda stats: stats.outages == 1, "the outage")
                text = f"{camera.stats} {camera.source.url} {camera.pipeline}"
            assert "joe:***@" in camera.source.url
            assert "s3cr3t" not in text
            assert "t0p" not in text
    assert "s3cr3t" not in caplog.text
    assert "t0p" not in caplog.text


def test_secrets_among_the_options_are_seen_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="freshframe")
    secrets = {
        "headers": "Authorization: Bearer s3cr3t\r\n",
        "cookies": "id=s3cr3t; path=/; domain=127.0.0.1;",
    }
    with HttpServer(clip("mjpeg")) as server:
        with Camera(server.url, options=secrets) as camera:
            camera.read()
            server.hang_up()
            camera.wait(lambda stats: stats.outages == 1, "the outage")
            text = f"{camera.stats} {camera.source} {camera.source.url} {camera.pipeline}"
        server.faults = Faults(status="403 Forbidden")
        with pytest.raises(ff.SourceError) as caught, Camera(server.url, options=secrets, reconnect=False):
            pass
        with (
            pytest.raises(ff.SourceError) as unknown,
            Camera(server.url, options=secrets | {"pass": "s3cr3t"}, reconnect=False),
        ):
            pass
    assert "s3cr3t" not in text + repr(caught.value) + repr(unknown.value) + caplog.text


@pytest.mark.parametrize("kind", [RtspServer, HttpServer])
def test_wrong_credentials_are_an_error_that_says_so(kind: type[RtspServer] | type[HttpServer]) -> None:
    media = "h264" if kind is RtspServer else "mjpeg"
    with kind(clip(media), Faults(user="joe:s3cr3t")) as server:
        url = server.url.replace("://", "://joe:wrong-one@")
        with (
            pytest.raises(ff.SourceError, match=r"401|authorization") as caught,
            Camera(url, reconnect=False),
        ):
            pass
    assert "wrong-one" not in str(caught.value)
    assert caught.value.url.endswith("/live")


def test_an_unknown_option_is_an_error_even_when_it_could_be_tried_again() -> None:
    with (
        TcpServer(clip("mpegts")) as server,
        pytest.raises(ff.SourceError, match="have no option 'no_such_thing'"),
        Camera(server.url, options={"no_such_thing": "1"}),
    ):
        pass


@pytest.mark.parametrize(
    ("url", "options", "message"),
    [
        ("rtsp://host/a", {"start": 1.0}, "is a live source"),
        ("http://host/a", {"end": 1.0}, "is a live source"),
        ("tcp://host:1", {"fps": 5.0}, "is a live source"),
        ("rtsp:///a", {}, 'has no host; write it as "rtsp://host:port/path"'),
        ("http:///a", {}, 'has no host; write it as "http://host:port/path"'),
        ("gopher://host/a", {}, "'gopher' is not supported"),
        ("clip.mp4", {"reconnect": True}, "reconnect is for live sources"),
        ("rtsp://host/a", {"reconnect": "yes"}, "reconnect"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_opened(
    url: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises((ff.OptionError, ff.OptionTypeError), match=message):
        ff.open(url, **options)  # type: ignore[arg-type]


def test_a_lossless_edge_below_a_live_source_is_refused() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("rtsp://host/a"))
    with pytest.raises(ff.GraphError, match="live"):
        pipeline.reader(camera, queue=ff.LOSSLESS)
