"""stop() during a start() that waits for a server that does not respond."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading

import pytest
from rigs.live.camera import Camera, clip
from rigs.live.faulty_server import Faults, Server
from rigs.live.rtsp import RtspServer
from rigs.live.servers import HttpServer, TcpServer
from support import WATCHDOG, until

import freshframe as ff

PATIENCE = 10 * WATCHDOG  # timeout of the source, long enough that a stop which waits for it would be noticed
SERVERS: dict[str, tuple[type[Server], str]] = {
    "rtsp": (RtspServer, "h264"),
    "http": (HttpServer, "mjpeg"),
    "hls": (HttpServer, "mpegts"),
    "tcp": (TcpServer, "mpegts"),
}


@pytest.mark.parametrize("reconnect", [None, False])
@pytest.mark.parametrize("name", SERVERS)
def test_a_stop_ends_the_opening_of_a_source(name: str, reconnect: bool | None) -> None:
    kind, media = SERVERS[name]
    raised: list[BaseException] = []
    with kind(clip(media), Faults(silent=True)) as server:
        url = server.playlist if name == "hls" and isinstance(server, HttpServer) else server.url
        camera = Camera(url, open_timeout=PATIENCE, read_timeout=PATIENCE, reconnect=reconnect)

        def start() -> None:
            try:
                camera.pipeline.start()
            except BaseException as error:
                raised.append(error)

        starter = threading.Thread(target=start)
        starter.start()
        until(lambda: server.connections >= 1, "the connection")
        states = [camera.stats.state]
        camera.pipeline.stop(timeout=WATCHDOG)
        states.append(camera.stats.state)
        starter.join(WATCHDOG)
        assert not starter.is_alive()
    assert states == ["connecting", "closed"]
    assert [str(error) for error in raised] == ["stop() was called while the pipeline was starting"]
    assert isinstance(raised[0], ff.StateError)
