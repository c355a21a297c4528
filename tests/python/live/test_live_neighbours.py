"""A camera next to a faulty one: it loses nothing, never reconnects, and its ages stay small.

No duration is limited: ages are compared with the frame interval, which is long.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import itertools
import socket
import statistics
from collections.abc import Callable, Iterator

import pytest
from rigs.live.camera import clip
from rigs.live.faulty_server import RESET, Faults, Server, read_request
from rigs.live.rtsp import RtspServer
from rigs.live.servers import HttpServer, TcpServer
from rigs.live.truth.pictures.encode import Shape, film
from rigs.live.truth.reading.watch import Watch, matched
from rigs.live.truth.rtsp.server import TruthServer
from rigs.ports import free_port
from support import until

import freshframe as ff

FPS = 4.0
COUNT = 8  # images read while another camera is faulty
HONEST = 0.5  # share of the frame interval
AGAIN = b"RTSP/1.0 302 Found\r\nCSeq: {cseq}\r\nLocation: rtsp://127.0.0.1:{port}/live\r\n\r\n"
MULTIPART = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"
PART = b"--b\r\nContent-Type: image/jpeg\r\n"


class RawServer(Server):
    """Sends these bytes to each client, again and again after a pause."""

    def __init__(self, pieces: Callable[[], Iterator[bytes]], pause: float = 0) -> None:
        self._pieces, self._pause = pieces, pause
        super().__init__()

    @property
    def url(self) -> str:
        """The URL."""
        return f"http://127.0.0.1:{self.port}/live"

    def talk(self, connection: socket.socket) -> None:
        """Sends until the client has disconnected."""
        read_request(connection)
        for piece in self._pieces():
            connection.sendall(piece)
            if self._ended.wait(self._pause):
                return


def flood() -> Iterator[bytes]:
    """Announces a part of 2 GB."""
    return itertools.chain(
        [MULTIPART, PART, b"Content-Length: 2000000000\r\n\r\n"], itertools.repeat(b"\x55" * 65536)
    )


def endless_picture() -> Iterator[bytes]:
    """Sends a JPEG without an end."""
    begin = clip("mjpeg").frames[0].removesuffix(b"\xff\xd9")
    return itertools.chain([MULTIPART, PART, b"\r\n", begin], itertools.repeat(b"\x55" * 65536))


def drops() -> Iterator[bytes]:
    """Sends one byte at a time."""
    return (bytes([byte]) for byte in MULTIPART + PART * 1000)


def huge_picture() -> bytes:
    """Sends a JPEG that claims to be 65500 x 65500."""
    jpeg = bytearray(clip("mjpeg").frames[0])
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = b"\xff\xdc\xff\xdc"
    return MULTIPART + PART + b"\r\n" + bytes(jpeg) + b"\r\n--b\r\n"


ILL: dict[str, Callable[[], Server]] = {
    "is-silent": lambda: RtspServer(clip("h264"), Faults(silent=True)),
    "falls-silent": lambda: RtspServer(clip("h264"), Faults(stall_after=3)),
    "goes-away": lambda: RtspServer(clip("h264"), Faults(close_after=2)),
    "cuts-pictures": lambda: RtspServer(clip("h264"), Faults(half_after=2)),
    "resets": lambda: RtspServer(clip("h264"), Faults(answers={"PLAY": RESET})),
    "sends-garbage": lambda: RtspServer(clip("h264"), Faults(garbage=True)),
    "sends-garbage-over-tcp": lambda: TcpServer(clip("mpegts"), Faults(garbage=True)),
    "sends-no-keyframe": lambda: TcpServer(clip("mpegts"), Faults(no_keys=True)),
    "redirects-to-itself": lambda: RtspServer(clip("h264"), Faults(answers={"OPTIONS": AGAIN})),
    "refuses": lambda: RtspServer(clip("h264"), Faults(status="403 Forbidden")),
    "is-slow": lambda: RawServer(drops, 0.01),
    "announces-two-gigabytes": lambda: RawServer(flood),
    "sends-a-picture-without-an-end": lambda: RawServer(endless_picture),
    "says-that-its-picture-is-huge": lambda: HttpServer(clip("mjpeg"), Faults(answer=huge_picture())),
}


@contextlib.contextmanager
def unreachable() -> Iterator[str]:
    """Yields the URL of a camera that is switched off."""
    yield f"rtsp://127.0.0.1:{free_port()}/live"


@contextlib.contextmanager
def ill_camera(name: str) -> Iterator[str]:
    if name == "is-off":
        with unreachable() as url:
            yield url
    else:
        with ILL[name]() as server:
            yield server.url


@pytest.mark.table(cases=1)
@pytest.mark.repeats
@pytest.mark.parametrize("name", ["is-off", *ILL])
def test_a_camera_beside_one_that_is_ill_loses_nothing_and_its_pictures_stay_fresh(name: str) -> None:
    with TruthServer(film(Shape("h264")), fps=FPS) as server, ill_camera(name) as url:
        camera = Watch(server.url)
        ill = camera.pipeline.add(ff.open(url, open_timeout=1, read_timeout=1), name="ill")
        camera.pipeline.reader(ill)
        with camera:

            def is_ill() -> bool:
                node = camera.pipeline.stats().nodes["ill"]
                return node.source is not None and (node.source.outages > 0 or sum(node.drops.values()) > 0)

            until(is_ill, "the trouble of the other camera")
            sent = server.log.all()  # nothing yet, if the faulty camera was first
            before = camera.read(sent[-1].place if sent else 0)
            seen = camera.read(COUNT)
            stats, lost = camera.stats, camera.drops
        pairs = matched(seen, server.log)
    everything = [*before, *seen]
    assert [one.seq for one in everything] == list(range(len(everything)))
    assert [one.number for one in everything] == list(range(len(everything)))
    assert (stats.outages, stats.damaged, stats.last_error, lost) == (0, 0, None, {})
    late = statistics.median((one.now - sent.last) * FPS for one, sent in pairs)
    assert late <= HONEST, f"pictures are {late:.2f} frame intervals old"
