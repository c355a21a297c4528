"""Streams that end, break, restart or change while they are read, for each protocol."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import functools
import socket

import pytest
from rigs.live.camera import Camera
from rigs.live.faulty_server import Clip, Faults, Server
from rigs.live.media import encode
from rigs.live.packager import flat, read_number
from rigs.live.rtsp import RtspServer
from rigs.live.servers import HttpServer, TcpServer


class Relay(TcpServer):
    """Sends to each client after the first the header of the second encoder."""

    later: Clip | None = None

    def talk(self, connection: socket.socket) -> None:
        """Sends."""
        if self.connections > 1 and self.later is not None:
            self.clip = self.later
        super().talk(connection)


PROTOCOLS: dict[str, tuple[type[Server], str]] = {
    "http-ts": (HttpServer, "mpegts"),
    "http-jpeg": (HttpServer, "mjpeg"),
    "rtsp": (RtspServer, "h264"),
    "tcp-ts": (TcpServer, "mpegts"),
    "tcp-h264": (TcpServer, "h264"),
    "tcp-jpeg": (TcpServer, "mjpeg"),
    "tcp-mkv": (Relay, "matroska"),
    "tcp-mp4": (Relay, "mp4"),
}
SMALL, LARGE = (64, 48), (96, 80)
FIRST, COUNT = 30, 10  # the second part has frame numbers from FIRST on
WANTED = 4


@functools.cache
def part(kind: str, size: tuple[int, int], number: int, start: float) -> Clip:
    """Returns COUNT frames, starting with this number."""

    def draw(n: int, width: int, height: int) -> object:
        return flat(number + n, width, height)

    clip = encode(kind, COUNT + (kind == "mp4"), size=size, start=start, draw=draw)
    return dataclasses.replace(clip, frames=clip.frames[1:]) if kind == "mp4" else clip


def joined(kind: str, size: tuple[int, int]) -> Clip:
    """A stream that starts at 20 s, then one that starts at 0, as a restarted encoder sends."""
    early, late = part(kind, SMALL, 0, 20.0), part(kind, size, FIRST, 0.0)
    frames = [late.header + late.frames[0], *late.frames[1:]]
    return dataclasses.replace(
        early, frames=early.frames + frames, keys=early.keys[:COUNT] + late.keys[:COUNT]
    )


CHANGES = {"begins-again": SMALL, "begins-again-with-another-size": LARGE}


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_pictures_after_a_change_come_and_none_is_garbage(protocol: str, change: str) -> None:
    size = CHANGES[change]
    make, kind = PROTOCOLS[protocol]
    server = make(joined(kind, size))
    if isinstance(server, RtspServer):
        server.restarts_at = COUNT
    if isinstance(server, Relay):
        server.later = part(kind, size, FIRST, 0.0)
    later = 0
    pts: list[float] = []
    with server, Camera(server.url, read_timeout=2.0) as camera:
        while later < WANTED:
            assert len(pts) < 20 * COUNT, "no picture after the change has come"
            (sample,) = camera.read()
            pts.append(sample.pts)
            if sample.damaged:
                continue
            number, width = read_number(sample.value), sample.value.width
            later += number >= FIRST
            assert number in (range(FIRST, FIRST + COUNT) if number >= FIRST else range(COUNT))
            assert width == (size[0] if number >= FIRST else SMALL[0])
    assert pts == sorted(pts)


@pytest.mark.table(cases=1)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_stream_that_breaks_in_a_picture_is_connected_again_and_none_is_garbage(protocol: str) -> None:
    make, kind = PROTOCOLS[protocol]
    server = make(part(kind, SMALL, 0, 20.0), Faults(half_after=COUNT - 2))
    seen: list[int] = []
    with server, Camera(server.url) as camera:
        while camera.stats.reconnects == 0 or len(seen) < WANTED:
            (sample,) = camera.read()
            if not sample.damaged:
                seen.append(read_number(sample.value))
    assert set(seen) <= set(range(COUNT))
    assert server.connections >= 2
