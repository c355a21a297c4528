"""MPEG-TS, MJPEG and HLS, against a server that logs when its camera captured each image: latency, live edge,
death.

No duration is limited: times are compared with the frame interval or a segment.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import statistics
import time
from typing import Any

import pytest
from rigs.live.truth.log import Sent
from rigs.live.truth.pictures.encode import Shape, film
from rigs.live.truth.reading.watch import Seen, Watch, matched
from rigs.live.truth.streams.hls_server import HlsServer
from rigs.live.truth.streams.mjpeg_server import MjpegServer
from rigs.live.truth.streams.ts_server import TsServer
from support import until

# A busy machine skips images that arrive too late.
pytestmark = pytest.mark.repeats

QUICK, SLOW = 40.0, 5.0  # pictures per second
HONEST = 0.25  # fraction of the frame interval
SHAPES = {
    "h264": Shape("h264"),
    "h264-b": Shape("h264", b_frames=2),
    "h265": Shape("h265"),
    "h265-slices": Shape("h265", slices=4),
    "mjpeg": Shape("mjpeg", count=60),
}
SEGMENT = 24  # pictures: one second
HLS_FPS = 24.0
# Longer than any latency, so that no number is ambiguous.
LONG = Shape("h264", count=480, key_interval=SEGMENT)
EDGE = 2.0  # in segments: the last complete one is shown while the next is being made


@pytest.fixture(params=[name for name in SHAPES if name != "mjpeg"])
def shape(request: pytest.FixtureRequest) -> Shape:
    return SHAPES[request.param]


@pytest.fixture(params=["tcp", "udp"])
def udp(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "udp")


def steps(seen: list[Seen], count: int) -> set[int]:
    """Returns the steps between consecutive image numbers, in a film of this length. -1 stands for a torn
    image.
    """
    whole = [-1 if one.number is None else one.number for one in seen]
    return {(b - a) % count if min(a, b) >= 0 else -1 for a, b in itertools.pairwise(whole)}


@pytest.mark.slow
@pytest.mark.table
def test_every_picture_of_a_transport_stream_comes_once_whole_and_in_order(shape: Shape, udp: bool) -> None:
    with TsServer(film(shape), QUICK, udp=udp) as server, Watch(server.url) as camera:
        seen = camera.read(30)
    assert seen[0].number is not None
    assert seen[0].number % shape.key_interval == 0
    assert steps(seen, shape.count) == {1}
    assert not any(one.damaged for one in seen)


@pytest.mark.slow
def test_two_pictures_behind_one_head_are_both_shown() -> None:
    shape = SHAPES["h264"]
    with TsServer(film(shape), QUICK, pairs=True) as server, Watch(server.url) as camera:
        seen = camera.read(30)
    assert steps(seen, shape.count) == {1}


def test_a_first_picture_with_a_hole_is_not_shown(udp: bool) -> None:
    with TsServer(film(SHAPES["h264"]), QUICK, udp=udp, hole=True) as server, Watch(server.url) as camera:
        seen = camera.read(5)
    assert None not in [one.number for one in seen]


def shown_in_time(pairs: list[tuple[Seen, Sent]], log: list[Sent]) -> list[bool]:
    """Returns for each image whether it was shown before the next one was sent."""
    sent = {(one.client, one.place): one.first for one in log}
    return [one.now < sent.get((its.client, its.place + 1), one.now + 1) for one, its in pairs]


@pytest.mark.slow
@pytest.mark.table(cases=1)
@pytest.mark.repeats
def test_a_picture_of_a_transport_stream_is_shown_before_the_next_one_is_sent(udp: bool) -> None:
    with TsServer(film(SHAPES["h264"]), SLOW, udp=udp) as server:
        with Watch(server.url) as camera:
            seen = camera.read(12)
        in_time = shown_in_time(matched(seen, server.log), server.log.all())
    assert statistics.mean(in_time) > 0.5


@pytest.mark.slow
@pytest.mark.table(cases=2)
@pytest.mark.repeats
@pytest.mark.parametrize("kind", ["", "lengths", "heads_early", "line_before"])
def test_the_age_of_jpeg_pictures_over_http_is_true(kind: str) -> None:
    options: dict[str, Any] = {kind: True} if kind else {}
    with MjpegServer(film(SHAPES["mjpeg"]), SLOW, **options) as server:
        with Watch(server.url) as camera:
            seen = camera.read(12)
        pairs = matched(seen, server.log)
        in_time = shown_in_time(pairs, server.log.all())
    assert steps(seen, SHAPES["mjpeg"].count) == {1}
    assert statistics.mean(in_time) > 0.5
    hidden = statistics.median((one.captured - sent.first) * SLOW for one, sent in pairs)
    assert abs(hidden) <= HONEST, f"the age hides {hidden:.2f} frame intervals"


@pytest.mark.slow
@pytest.mark.table
@pytest.mark.repeats
@pytest.mark.parametrize("lengths", [False, True], ids=["", "lengths"])
def test_the_age_of_a_transport_stream_is_true(udp: bool, lengths: bool) -> None:
    with TsServer(film(SHAPES["h264"]), SLOW, udp=udp, lengths=lengths) as server:
        with Watch(server.url) as camera:
            seen = camera.read(8)
        pairs = matched(seen, server.log)
    hidden = statistics.median((one.captured - sent.first) * SLOW for one, sent in pairs)
    assert hidden <= HONEST, f"the age hides {hidden:.2f} frame intervals"


@pytest.mark.slow
def test_a_stream_of_which_more_comes_behind_stuffing_shows_no_torn_picture_unmarked(udp: bool) -> None:
    shape = SHAPES["h264"]
    options: dict[str, Any] = {"stuffed_within": 8, "waits": 0.1}
    with TsServer(film(shape), QUICK, udp=udp, **options) as server, Watch(server.url) as camera:
        seen = camera.read(30)
    torn = [one for one in seen if one.number is None]
    assert all(one.damaged for one in torn)
    assert len(torn) < len(seen) / 2


@pytest.mark.slow
def test_stuffing_in_the_middle_of_a_picture_that_comes_at_once_harms_none() -> None:
    shape = SHAPES["h264"]
    with TsServer(film(shape), QUICK, stuffed_within=8) as server, Watch(server.url) as camera:
        seen = camera.read(30)
    assert steps(seen, shape.count) == {1}


@pytest.mark.slow
@pytest.mark.repeats
def test_the_pictures_of_a_second_connection_end_early_from_the_first_on() -> None:
    with TsServer(film(SHAPES["h264"]), SLOW, close_after=9) as server:
        with Watch(server.url) as camera:
            seen = camera.read(9 + 6)
        log = server.log.all()
        second = [pair for pair in matched(seen, server.log) if pair[1].client == 1]
    assert statistics.mean(shown_in_time(second[:4], log)) > 0.5


def segments_old(pairs: list[tuple[Seen, Sent]]) -> float:
    """Returns the true latency in segments."""
    return statistics.median((seen.now - sent.due) * HLS_FPS / SEGMENT for seen, sent in pairs)


@pytest.mark.slow
def test_every_picture_of_hls_comes_once_whole_and_in_order() -> None:
    with HlsServer(film(LONG), HLS_FPS, pictures=SEGMENT) as server, Watch(server.url) as camera:
        seen = camera.read(60)
    assert steps(seen, LONG.count) == {1}
    assert not any(one.damaged for one in seen)


@pytest.mark.slow
@pytest.mark.repeats
def test_hls_is_read_at_its_live_edge() -> None:
    with HlsServer(film(LONG), HLS_FPS, pictures=SEGMENT) as server:
        with Watch(server.url) as camera:
            seen = camera.read(3 * SEGMENT)[SEGMENT:]
        assert segments_old(matched(seen, server.log)) <= EDGE


@pytest.mark.slow
@pytest.mark.repeats
def test_a_reader_that_joins_hls_late_in_a_segment_has_the_later_ones_in_time() -> None:
    with HlsServer(film(LONG), HLS_FPS, pictures=2 * SEGMENT) as server:
        until(lambda: 0.8 < server.phase < 0.9, "the end of a segment")
        with Watch(server.url) as camera:
            seen = camera.read(6 * SEGMENT)[4 * SEGMENT :]
        assert segments_old(matched(seen, server.log)) / 2 <= 1.6
        assert server.playlists <= 30


def test_a_playlist_that_another_lists_three_times_is_not_waited_for() -> None:
    with HlsServer(film(LONG), HLS_FPS, pictures=SEGMENT) as server:
        server.stop_encoder()  # a wait for the next segment would never end
        with Watch(server.master) as camera:
            seen = camera.read(SEGMENT // 2)
    assert steps(seen, LONG.count) == {1}


@pytest.mark.slow
@pytest.mark.repeats
@pytest.mark.parametrize("options", [{}, {"http_persistent": "1"}], ids=["", "persistent"])
def test_hls_says_when_its_pictures_were_taken_and_how_far_behind_they_are(options: dict[str, str]) -> None:
    with (
        HlsServer(film(LONG), HLS_FPS, pictures=SEGMENT) as server,
        Watch(server.url, options=options) as camera,
    ):
        seen = camera.read(2 * SEGMENT)
        stats = camera.stats
        (newest,) = matched(seen[-1:], server.log)
    assert stats.behind is not None
    one, sent = newest
    unix = time.time() - time.monotonic()
    interval = 1 / HLS_FPS
    assert one.utc_from == "camera"
    assert one.utc == pytest.approx(unix + sent.due, abs=interval)
    # It is the latency of an image on delivery, and the reader may have received it later.
    assert 0 < stats.behind < one.now - sent.due + interval
    assert stats.behind * HLS_FPS / SEGMENT > 0.5


@pytest.mark.slow
@pytest.mark.repeats
def test_after_a_pause_of_its_server_hls_is_back_at_the_age_that_it_had() -> None:
    with HlsServer(film(LONG), HLS_FPS, pictures=SEGMENT) as server:
        with Watch(server.url) as camera:
            before = camera.read(2 * SEGMENT)[SEGMENT:]
            server.pause()
            began = time.monotonic()
            until(lambda: camera.stats.state == "stalled", "the end of what had come before")
            time.sleep(2 * SEGMENT / HLS_FPS)
            server.resume()
            paused = (time.monotonic() - began) * HLS_FPS / SEGMENT
            camera.read(5 * SEGMENT)
            after = camera.read(SEGMENT)
        grown = segments_old(matched(after, server.log)) - segments_old(matched(before, server.log))
    assert grown <= 0.4 * paused


@pytest.mark.slow
def test_a_camera_that_is_dead_behind_hls_shows_no_picture_twice() -> None:
    with (
        HlsServer(film(LONG), HLS_FPS, pictures=SEGMENT) as server,
        Watch(server.url, read_timeout=2.0) as camera,
    ):
        camera.read(SEGMENT)
        server.stop_encoder()
        until(lambda: camera.stats.outages == 1, "the outage")
        attempts = server.playlists
        until(lambda: server.playlists >= attempts + 3, "more attempts")
        assert camera.stats.reconnects == 0
