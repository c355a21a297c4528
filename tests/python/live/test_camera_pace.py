"""Cameras whose timestamps are faster than real time, with a server that logs when it sent each image."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import logging
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from rigs.live.truth.log import SentLog
from rigs.live.truth.pictures.encode import Shape, film
from rigs.live.truth.reading.watch import Seen, Watch, matched
from rigs.live.truth.relay import Relay
from rigs.live.truth.rtsp.lies import Lies
from rigs.live.truth.rtsp.manners import Manners
from rigs.live.truth.rtsp.server import TruthServer
from rigs.live.truth.streams.ts_server import TsServer
from rigs.web_client import request
from support import until

import freshframe as ff

# A busy machine sends images unevenly, so the pace is found later.
pytestmark = pytest.mark.repeats

STAMPED = 25.0  # frames per second according to the timestamps
FILM = Shape("h264", count=480)  # longer than any latency
SILENT = Manners(report_interval=0)
CLOSE = 0.1  # seconds; without the correction ages were off by whole seconds
ONWARD = 30  # number of images that are compared
# Without FFmpeg's RTSP: the film's frames have nearly equal sizes, and their transmission time is hidden.
TRANSPORTS = ("rtsp-tcp", "rtsp-udp", "tcp", "udp", "http")


@contextmanager
def camera(transport: str, sent: float, manners: Manners = SILENT) -> Iterator[tuple[Watch, SentLog]]:
    """Yields a camera that sends this number of frames per second, with timestamps of STAMPED."""
    with ExitStack() as open_until:
        options: dict[str, str] = {}
        server: TruthServer | TsServer
        if transport.startswith("rtsp"):
            lies = Lies(stamped_fps=STAMPED)
            server = open_until.enter_context(TruthServer(film(FILM), fps=sent, lies=lies, manners=manners))
            options = {"rtsp_transport": transport.removeprefix("rtsp-")}
        else:
            server = open_until.enter_context(
                TsServer(
                    film(FILM), sent, stamped_fps=STAMPED, udp=transport == "udp", http=transport == "http"
                )
            )
        yield open_until.enter_context(Watch(server.url, options=options)), server.log


def read_until_known(watch: Watch, pace: float) -> None:
    """Reads images until the source knows the pace."""

    def known() -> bool:
        watch.read(1)
        return abs(watch.stats.pace - pace) < 0.01

    until(known, lambda: f"a pace of {pace}; it is {watch.stats.pace}")


def hidden(seen: list[Seen], log: SentLog) -> float:
    """Returns the seconds from the sending of the image to `captured`; negative if it is earlier."""
    return statistics.median(one.captured - sent.first for one, sent in matched(seen, log))


@pytest.mark.table(cases=5)
@pytest.mark.parametrize("sent", [20.0, 21.0, 24.0])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_ages_follow_the_arrivals_and_pts_the_timestamps(transport: str, sent: float) -> None:
    with camera(transport, sent) as (watch, log):
        read_until_known(watch, sent / STAMPED)
        seen = watch.read(ONWARD)
        stats = watch.stats
    assert abs(hidden(seen, log)) <= CLOSE
    steps = [after.pts - before.pts for before, after in itertools.pairwise(seen)]
    assert statistics.median(steps) == pytest.approx(1 / STAMPED, abs=0.001)
    assert stats.behind is not None
    assert abs(stats.behind) <= CLOSE


def test_the_newest_picture_of_such_a_camera_is_fresh() -> None:
    with camera("rtsp-tcp", 20.0) as (watch, _):
        read_until_known(watch, 0.8)
        empty = 0
        for _ in range(ONWARD):
            watch.read(1)
            empty += watch.reader.latest(max_age=0.5) is None
    assert empty <= ONWARD / 3


def test_the_pace_is_reported_once_in_each_place(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="freshframe"), camera("rtsp-tcp", 20.0) as (watch, _):
        address = watch.pipeline.serve(port=0).url
        assert watch.stats.pace == 1.0
        read_until_known(watch, 0.8)
        watch.read(ONWARD)
        found = [one for one in watch.pipeline.why().findings if one.kind == "pace"]
        problems = request(address, "/api/state").json()["problems"]
        metrics = request(address, "/metrics").text
    assert [one.subject for one in found] == ["camera"]
    assert found[0].text.startswith("its timestamps advance at 0.80 times real time")
    assert found[0].evidence["pace"] == pytest.approx(0.8, abs=0.01)
    assert "pace" in [one["kind"] for one in problems]
    assert 'freshframe_source_pace{pipeline="' in metrics
    told = [one.getMessage() for one in caplog.records if "timestamps advance at" in one.getMessage()]
    assert len(told) == 1
    assert told[0].endswith("its timestamps advance at 0.80 times real time; ages follow the arrivals")


def test_reports_of_such_a_camera_give_its_wall_time() -> None:
    with camera("rtsp-tcp", 20.0, Manners(report_interval=1.0)) as (watch, log):
        read_until_known(watch, 0.8)

        def steps() -> int:
            watch.read(1)
            clock = watch.stats.clock
            return 0 if clock is None else round(clock.drift_ppm / 1e4)

        until(lambda: steps() == 25, "a wall time that runs 25 % faster than the timestamps")
        seen = watch.read(ONWARD)
        clock = watch.stats.clock
    ahead = time.time() - time.monotonic()
    errors = [
        one.utc - sent.due - ahead
        for one, sent in matched(seen, log)
        if one.utc is not None and one.utc_from == "camera"
    ]
    assert len(errors) > ONWARD / 2
    assert abs(statistics.median(errors)) <= CLOSE
    assert clock is not None
    assert clock.steps == 0, "a pace is not a clock that was set"


@pytest.mark.slow
@pytest.mark.parametrize("packets", [False, True], ids=["frames", "packets"])
def test_segments_of_such_a_camera_last_as_long_as_they_should(tmp_path: Path, packets: bool) -> None:
    segments: list[ff.types.Segment] = []
    with camera("rtsp-tcp", 20.0) as (watch, _):
        read_until_known(watch, 0.8)
        recorder = ff.VideoFile(tmp_path / "door_%d.mp4", segment_every=5, on_segment=segments.append)
        watch.pipeline.add(recorder, watch.port.packets if packets else watch.port)

        def recorded() -> bool:
            watch.read(1)
            return len(segments) >= 2

        until(recorded, lambda: f"two segments; there are {segments}")
    for segment in segments[:2]:
        assert segment.first_utc is not None
        assert segment.last_utc is not None
        assert 4.5 <= segment.last_utc - segment.first_utc <= 5.7
        assert segment.last_pts - segment.first_pts == pytest.approx(
            0.8 * (segment.last_utc - segment.first_utc), abs=0.2
        )


@pytest.mark.slow
@pytest.mark.parametrize("transport", ["rtsp-tcp", "tcp"])
def test_a_link_that_carries_four_fifths_makes_pictures_old(transport: str) -> None:
    shape = film(FILM)
    rate = 20 * statistics.mean(sum(map(len, picture.units)) for picture in shape.pictures)
    with ExitStack() as open_until:
        server: TruthServer | TsServer
        if transport == "tcp":
            server = open_until.enter_context(TsServer(shape, 20.0))
            rate *= 1.1  # includes the packet headers
        else:
            server = open_until.enter_context(TruthServer(shape, fps=20.0, manners=SILENT))
        relay = open_until.enter_context(Relay(server.port))
        url = server.url.replace(str(server.port), str(relay.port))
        relay.rate = 0.8 * rate
        watch = open_until.enter_context(
            Watch(url, options={"rtsp_transport": "tcp"} if "rtsp" in url else {})
        )

        def age() -> float:
            return statistics.median(one.now - sent.first for one, sent in matched(watch.read(5), server.log))

        until(lambda: age() > 4, "pictures that are four seconds old")
        seen = watch.read(ONWARD)
        pace = watch.stats.pace
    assert pace == 1.0
    assert hidden(seen, server.log) <= 0.25, "a picture is older than it seems"
