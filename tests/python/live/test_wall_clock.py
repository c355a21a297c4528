"""`sample.utc` of network cameras, compared with a server that logs when it captured each image. Its clock
may be wrong.

The wall time is computed from the stream's timestamps, so a busy machine does not affect it.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import datetime
import itertools
import json
import logging
import math
import statistics
import time
import urllib.request
from dataclasses import replace
from typing import Any

import pytest
from rigs.live.truth.pictures.encode import Shape, film
from rigs.live.truth.pictures.units import Codec
from rigs.live.truth.reading.watch import Seen, Watch, matched
from rigs.live.truth.rtsp.lies import Lies
from rigs.live.truth.rtsp.manners import Manners
from rigs.live.truth.rtsp.server import TruthServer
from support import until

import freshframe as ff

# A busy machine skips images that arrive too late.
pytestmark = pytest.mark.repeats

FPS = 40.0
CLOSE = 0.002  # seconds: error of a correct clock
FFMPEG = {"rtsp": "ffmpeg", "rtsp_transport": "tcp"}
OFTEN = Manners(report_interval=0.25)


def unix() -> float:
    """Returns by how much time.time() is ahead of time.monotonic()."""
    return time.time() - time.monotonic()


def errors(seen: list[Seen], server: TruthServer, lies: Lies | None = None) -> list[float]:
    """Returns how far `utc` is from the camera's own time, for the images that have its clock."""
    lies, ahead = lies or server.lies, unix()
    return [
        one.utc - lies.utc(sent.due + ahead, sent.place / FPS)
        for one, sent in matched(seen, server.log)
        if one.utc_from == "camera" and one.utc is not None
    ]


def worst(found: list[float]) -> float:
    assert found
    return max(map(abs, found))


@pytest.mark.slow
@pytest.mark.table
@pytest.mark.parametrize("shape", [Shape("h264"), Shape("h264", b_frames=2), Shape("h265")], ids=repr)
@pytest.mark.parametrize(
    "options", [{"rtsp_transport": "tcp"}, {"rtsp_transport": "udp"}], ids=["tcp", "udp"]
)
def test_utc_is_when_the_camera_took_the_picture(shape: Shape, options: dict[str, str]) -> None:
    with TruthServer(film(shape), fps=FPS) as server, Watch(server.url, options=options) as camera:
        seen = camera.read(round(3.5 * FPS))  # RTP timestamps wrap after 2 s
        clock = camera.stats.clock
    found = errors(seen, server)
    assert len(found) == len(seen), "the first report came before the first picture"
    assert worst(found) <= CLOSE
    assert all(one.utc_error < math.inf for one in seen)
    assert clock is not None
    assert clock.reports >= 3
    assert clock.residual <= CLOSE


@pytest.mark.slow
@pytest.mark.table(cases=1)
@pytest.mark.parametrize("shape", [Shape("h264"), Shape("h265")], ids=repr)
def test_through_ffmpegs_rtsp_it_is_the_same_also_where_rtps_times_wrap(shape: Shape) -> None:
    with (
        TruthServer(film(shape), fps=FPS, manners=OFTEN) as server,
        Watch(server.url, options=FFMPEG) as camera,
    ):
        seen = camera.read(round(4 * FPS))
        assert camera.source.info.client == "ffmpeg"
    found = errors(seen, server)
    assert len(found) >= len(seen) / 2
    assert worst(found) <= 0.005


@pytest.mark.slow
@pytest.mark.table
@pytest.mark.parametrize("codec", ["vp8", "mjpeg"])
@pytest.mark.parametrize("options", [{}, FFMPEG], ids=["default", "tcp"])
def test_vp8_and_mjpeg_have_the_cameras_clock_too(codec: Codec, options: dict[str, str]) -> None:
    shape = Shape(codec, size=(320, 176))
    with (
        TruthServer(film(shape), fps=FPS, manners=OFTEN) as server,
        Watch(server.url, options=options) as camera,
    ):
        seen = camera.read(round(3.5 * FPS))  # beyond the wrap of the RTP timestamps
        assert camera.source.info.client == ("ffmpeg" if options else "freshframe")
    found = errors(seen, server)
    assert len(found) >= len(seen) / 2
    assert worst(found) <= CLOSE


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"rtsp_transport": "tcp"}, FFMPEG], ids=["own", "ffmpeg"])
def test_a_session_with_sound_has_the_clock_of_its_pictures(options: dict[str, str]) -> None:
    manners = replace(OFTEN, describes_audio=True)
    with (
        TruthServer(film(Shape()), fps=FPS, manners=manners) as server,
        Watch(server.url, options=options) as camera,
    ):
        seen = camera.read(round(2 * FPS))
    assert worst(errors(seen[-20:], server)) <= 0.005
    steps = [after.pts - before.pts for before, after in itertools.pairwise(seen)]
    assert worst([step - 1 / FPS for step in steps]) <= 0.5 / FPS  # even at the first report


@pytest.mark.slow
def test_reports_of_when_packets_were_sent_are_late_by_the_servers_constant() -> None:
    """GStreamer's server is late by default: 20.3 ms, with 20.08 to 20.39 measured."""
    lies = Lies(clock_ahead=0.0203, report_noise=0.00015)
    with (
        TruthServer(film(Shape()), fps=FPS, lies=lies, manners=OFTEN) as server,
        Watch(server.url) as camera,
    ):
        seen = camera.read(round(3 * FPS))
    found = sorted(errors(seen, server, Lies()))
    assert statistics.median(found) == pytest.approx(0.0203, abs=CLOSE)
    assert found[-1] - found[0] <= CLOSE


def test_without_reports_it_is_the_time_of_the_arrival() -> None:
    with (
        TruthServer(film(Shape()), fps=FPS, manners=Manners(report_interval=0)) as server,
        Watch(server.url) as camera,
    ):
        seen = camera.read(10)
        assert camera.stats.clock is None
    ahead = unix()
    for one in seen:
        assert (one.utc_from, one.utc_error) == ("arrival", math.inf)
        assert one.utc == pytest.approx(one.captured + ahead, abs=CLOSE)


@pytest.mark.slow
def test_one_report_that_is_half_a_second_off_changes_nothing() -> None:
    with TruthServer(film(Shape()), fps=FPS, manners=OFTEN) as server, Watch(server.url) as camera:
        seen = camera.read(60)
        true = server.lies
        for ahead in (0.5, 0, -0.5, 0):
            server.lies = Lies(clock_ahead=ahead)
            server.manners = replace(OFTEN, report_interval=0.25 if ahead == 0 else 10)
            seen += camera.read(20)
        clock = camera.stats.clock
    assert worst(errors(seen, server, true)) <= 0.005
    assert clock is not None
    assert clock.steps == 0


@pytest.mark.slow
def test_a_camera_that_is_an_hour_off_is_followed_and_named(caplog: pytest.LogCaptureFixture) -> None:
    lies = Lies(clock_ahead=-3612, clock_drift=200e-6)
    with TruthServer(film(Shape()), fps=FPS, lies=lies, manners=OFTEN) as server, Watch(server.url) as camera:
        seen = camera.read(100)
        assert worst(errors(seen, server)) <= CLOSE
        clock = camera.stats.clock
        assert clock is not None
        assert clock.offset == pytest.approx(-3612, abs=1)
        with camera.pipeline.serve() as dashboard:

            def problem() -> str | None:
                return next(
                    (one["text"] for one in state(dashboard.url)["problems"] if one["kind"] == "clock"), None
                )

            until(problem, "the finding")
            assert str(problem()).startswith("its clock is 3,612 s behind this machine's")
        assert "clock of 'camera': 3612.0 s behind this machine's" in str(camera.pipeline.stats())


def state(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url.rstrip('/')}/api/state", timeout=30) as answer:
        return json.load(answer)  # type: ignore[no-any-return]


@pytest.mark.slow
@pytest.mark.table(cases=1)
@pytest.mark.parametrize("by", [60.0, -60.0, 0.2])
def test_a_clock_that_is_set_is_followed_and_is_an_event(by: float, caplog: pytest.LogCaptureFixture) -> None:
    with (
        caplog.at_level(logging.WARNING, "freshframe"),
        TruthServer(film(Shape()), fps=FPS, manners=OFTEN) as server,
        Watch(server.url) as camera,
    ):
        camera.read(60)
        server.lies = Lies(clock_ahead=by)
        until(lambda: camera.read(1) and (clock := camera.stats.clock) and clock.steps, "the step")
        seen = camera.read(100)[-20:]  # the reader's queue has older images
        until(lambda: "has set its clock" in caplog.text, "the log")
    assert worst(errors(seen, server)) <= CLOSE
    word = "forward" if by > 0 else "back"
    assert f"has set its clock {word} by {abs(by):.3f} s" in caplog.text


@pytest.mark.table(cases=2)
@pytest.mark.parametrize(
    "date", ["1970-01-01", "1980-01-06", "1999-12-31", "2000-01-01", "2012-01-01", "2019-12-31"]
)
def test_a_clock_that_was_never_set_is_not_used_and_is_named_once(
    date: str, caplog: pytest.LogCaptureFixture
) -> None:
    begin = datetime.datetime.fromisoformat(f"{date}T12:00:00+00:00").timestamp()
    lies = Lies(clock_ahead=begin - time.time())
    with (
        caplog.at_level(logging.WARNING, "freshframe"),
        TruthServer(film(Shape()), fps=FPS, lies=lies, manners=OFTEN) as server,
        Watch(server.url) as camera,
    ):
        until(lambda: camera.read(1) and "which is ignored" in caplog.text, "the log")
        seen = camera.read(60)
        assert camera.stats.clock is None
        server.lies = Lies()
        until(lambda: camera.read(1)[0].utc_from == "camera", "the clock after it was set")
    assert {one.utc_from for one in seen} == {"arrival"}
    named = [each.getMessage() for each in caplog.records if "which is ignored" in each.getMessage()]
    assert len(named) == 1
    assert f"reports the time {date} 12:" in named[0]


@pytest.mark.slow
def test_after_a_return_to_a_camera_with_another_clock_nothing_of_the_old_one_is_left() -> None:
    shape = film(Shape())
    first = TruthServer(shape, fps=FPS)
    with first, Watch(first.url) as camera:
        camera.read(40)
        port = first.port
        first.close()
        until(lambda: camera.stats.state == "backing_off", "the outage")
        lies = Lies(clock_ahead=3600)
        with TruthServer(shape, fps=FPS, lies=lies, port=port, manners=Manners(report_interval=0)) as server:
            until(lambda: camera.stats.reconnects, "the return")
            seen = camera.read(20)[-5:]
            assert {one.utc_from for one in seen} == {"arrival"}
            server.manners = OFTEN
            until(lambda: camera.read(1)[0].utc_from == "camera", "a report of the new clock")
            assert worst(errors(camera.read(20), server, lies)) <= CLOSE


def test_a_known_delay_is_taken_out() -> None:
    with (
        TruthServer(film(Shape()), fps=FPS, manners=OFTEN) as server,
        Watch(server.url, clock_offset=-0.25) as camera,
    ):
        seen = camera.read(20)
    assert worst([error + 0.25 for error in errors(seen, server)]) <= CLOSE


@pytest.mark.parametrize("wrong", [math.inf, math.nan])
def test_an_offset_that_is_no_number_of_seconds_is_refused(wrong: float) -> None:
    with pytest.raises(ff.OptionError, match="clock_offset must be a finite number"):
        ff.open("rtsp://127.0.0.1/x", clock_offset=wrong)
