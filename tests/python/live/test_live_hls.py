"""HLS: the newest segment, the age of its frames, and a playlist whose encoder dies and returns."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import socket
from typing import Any

import pytest
from rigs.live.camera import Camera, clip
from rigs.live.servers import HttpServer
from support import until


class Encoder(HttpServer):
    """Makes a segment when the test says so."""

    newest = 3

    def __init__(self, *arguments: Any) -> None:
        self.asked: list[str] = []
        super().__init__(*arguments)

    def _newest(self, seconds: float) -> int:
        return self.newest

    def _hls(self, connection: socket.socket, name: str) -> None:
        self.asked.append(name)
        super()._hls(connection, name)


def test_a_playlist_is_read_from_its_newest_segment_on() -> None:
    with Encoder(clip("mpegts")) as server, Camera(server.playlist) as camera:
        camera.read()
        segments = [name for name in server.asked if name.endswith(".ts")]
    assert segments[0] == f"{server.newest}.ts"


@pytest.mark.repeats
def test_the_frames_of_a_segment_are_as_old_as_its_arrival() -> None:
    with Encoder(clip("mpegts")) as server, Camera(server.playlist) as camera:
        samples = camera.read(server.SEGMENT // 2)
    took = samples[-1].pts - samples[0].pts
    assert took > 0.3
    # They came at once, and are delivered at their own pace.
    assert samples[-1].captured - samples[0].captured < 0.5 * took


def test_the_last_segments_of_a_dead_encoder_are_not_new_and_end_no_outage() -> None:
    with Encoder(clip("mpegts")) as server, Camera(server.playlist, read_timeout=0.5) as camera:
        camera.read(10)
        until(lambda: camera.drops("repeated") >= 10, "the segment that is sent again")
        until(lambda: server.connections >= 12, "further attempts")
        stats = camera.stats
        assert (stats.outages, stats.reconnects) == (1, 0)
        assert stats.state != "reading"
        delivered = camera.pipeline.stats().nodes["camera"].processed
        assert delivered <= 4 * server.SEGMENT  # each frame once
        server.newest = 5
        camera.wait(lambda stats: stats.reconnects == 1, "the new segments")
        until(
            lambda: camera.pipeline.stats().nodes["camera"].processed > delivered + server.SEGMENT // 2,
            "the frames of the newest segment",
        )
