"""HLS: a playlist whose encoder dies and returns."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from rigs.live.camera import Camera, clip
from rigs.live.servers import HttpServer
from support import until


class Encoder(HttpServer):
    """Makes a segment when the test says so."""

    newest = 3

    def _newest(self, seconds: float) -> int:
        return self.newest


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
            lambda: camera.pipeline.stats().nodes["camera"].processed > delivered + server.SEGMENT,
            "the frames of the new segments",
        )
