"""freshframe's RTSP client: it counts packets, keeps sessions alive, and falls back to FFmpeg's."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import logging
import random

import pytest
from rigs.live.camera import Camera, clip
from rigs.live.faulty_server import Faults
from rigs.live.rtsp import RtspServer
from rigs.live.truth.network import Network
from rigs.live.truth.pictures.encode import Shape, film
from rigs.live.truth.reading.watch import Watch
from rigs.live.truth.rtsp.manners import Manners
from rigs.live.truth.rtsp.server import TruthServer
from support import until

import freshframe as ff

QUICK = 40.0  # frames per second
H264 = Shape("h264")


@pytest.mark.parametrize(
    ("options", "client"),
    [
        ({}, "freshframe"),
        ({"rtsp": "own"}, "freshframe"),
        ({"rtsp": "own", "rtsp_transport": "udp", "buffer_size": "400000"}, "freshframe"),
        ({"rtsp": "ffmpeg"}, "ffmpeg"),
        ({"max_delay": "200000"}, "ffmpeg"),  # an option that freshframe's client does not have
    ],
)
def test_the_client_is_chosen_by_the_options(options: dict[str, str], client: str) -> None:
    with RtspServer(clip("h264")) as server, Camera(server.url, options=options) as camera:
        camera.read(3)
        stats = camera.stats
        assert camera.source.info.client == client
        assert (camera.source.info.codec, camera.source.info.container) == ("h264", "rtsp")
    assert (stats.packets > 0) == (client == "freshframe")


def test_another_client_is_refused() -> None:
    with pytest.raises(ff.OptionError, match='must be "own" or "ffmpeg", got "both"'):
        ff.open("rtsp://host/a", options={"rtsp": "both"})


def test_an_option_of_ffmpegs_rtsp_is_an_error_for_the_own_client() -> None:
    options = {"rtsp": "own", "max_delay": "200000"}
    with (
        RtspServer(clip("h264")) as server,
        pytest.raises(ff.SourceError, match="have no option 'max_delay'"),
        Camera(server.url, options=options),
    ):
        pass


@pytest.mark.parametrize("reconnect", [None, False])
def test_a_server_that_only_ffmpeg_understands_is_read_by_ffmpeg(
    reconnect: bool | None, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        RtspServer(clip("h264"), Faults(hates="User-Agent: freshframe")) as server,
        Camera(server.url, reconnect=reconnect) as camera,
    ):
        camera.read(3)
        assert camera.source.info.client == "ffmpeg"
        assert camera.stats.outages == 0
        server.hang_up()
        if reconnect is None:
            connections = server.connections
            camera.wait(lambda stats: stats.reconnects == 1, "the reconnection")
            assert server.connections == connections + 1  # it stays with the client that works
    told = [record for record in caplog.records if "please report this camera" in record.getMessage()]
    assert [record.levelname for record in told] == ["WARNING"]
    assert "400 Bad Request to DESCRIBE" in told[0].getMessage()


def test_a_client_that_was_asked_for_has_no_substitute() -> None:
    with (
        RtspServer(clip("h264"), Faults(hates="User-Agent: freshframe")) as server,
        pytest.raises(ff.SourceError, match="400 Bad Request to DESCRIBE"),
        Camera(server.url, options={"rtsp": "own"}, reconnect=False),
    ):
        pass


@pytest.mark.slow
def test_every_lost_packet_is_counted(transport: dict[str, str]) -> None:
    lose = 0.05
    network = Network(lose=lose, lose_after=1)
    with (
        TruthServer(film(H264), fps=QUICK, network=network) as server,
        Watch(server.url, options=transport) as camera,
    ):
        camera.read(60)
        stats = camera.stats
    sent = stats.packets + stats.packets_lost
    first = next(count for count in range(1, sent) if random.Random(count).random() < lose)
    lost = sum(random.Random(place).random() < lose for place in range(sent))
    assert stats.packets_lost > 0
    # The packets of the first image, which are never lost, do not count.
    assert (
        lost - sum(random.Random(place).random() < lose for place in range(first + 40))
        <= stats.packets_lost
        <= lost
    )
    assert stats.packets_late == 0


def test_packets_of_a_good_network_are_all_counted_as_such(transport: dict[str, str]) -> None:
    with TruthServer(film(H264), fps=QUICK) as server, Watch(server.url, options=transport) as camera:
        camera.read(20)
        stats = camera.stats
    assert stats.packets >= 20
    assert (stats.packets_lost, stats.packets_late) == (0, 0)
    assert 0 < stats.jitter < 1


@pytest.mark.slow
def test_where_no_packet_comes_over_udp_the_next_attempt_is_over_tcp() -> None:
    with (
        TruthServer(film(H264), fps=QUICK, manners=Manners(deaf_udp=True)) as server,
        Watch(server.url, options={"rtsp_transport": "udp"}) as camera,
    ):
        camera.read(3)
        stats = camera.stats
    assert stats.outages == 1
    assert "no packet arrived over UDP; the next attempt will use TCP" in str(stats.last_error)


@pytest.mark.slow
def test_a_camera_that_does_not_count_the_request_that_it_names_gets_the_other_one() -> None:
    manners = Manners(timeout=2.0, alive=("OPTIONS",))  # its OPTIONS response names GET_PARAMETER
    with TruthServer(film(H264), fps=QUICK, manners=manners) as server, Watch(server.url) as camera:
        until(lambda: camera.stats.reconnects == 2, "the third session")
        camera.read(round(6 * QUICK))
        assert camera.stats.outages == 2


@pytest.mark.slow
@pytest.mark.table(cases=1)
def test_a_server_gets_receiver_reports(transport: dict[str, str]) -> None:
    with TruthServer(film(H264), fps=QUICK) as server, Watch(server.url, options=transport) as camera:
        camera.read(round(6 * QUICK))
        assert camera.stats.outages == 0
    until(lambda: server.receiver_reports > 0, "a report")


def test_a_password_in_a_redirect_or_an_answer_is_seen_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    away = Manners(location="rtsp://joe:s3cr3t@/nowhere")
    with (
        caplog.at_level(logging.DEBUG, logger="freshframe"),
        TruthServer(film(H264), manners=away) as server,
        pytest.raises(ff.SourceError) as caught,
        Watch(server.url, options={"rtsp": "own"}, reconnect=False),
    ):
        pass
    assert "s3cr3t" not in str(caught.value) + caplog.text
