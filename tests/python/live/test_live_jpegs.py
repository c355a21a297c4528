"""JPEG in every form in which servers send it: multipart, unusual multipart, single images."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import dataclasses
import functools
import socket
from collections.abc import Callable

import pytest
from rigs.live.camera import Camera
from rigs.live.faulty_server import Clip
from rigs.live.media import encode
from rigs.live.packager import flat, read_number
from rigs.live.servers import HttpServer, TcpServer

import freshframe as ff

TYPE = b"Content-Type: image/jpeg\r\n"
PARTS = b"Content-Type: multipart/x-mixed-replace; boundary=edge\r\n"


# Returns the bytes before each image, given its number and the JPEG.
Before = Callable[[int, bytes], bytes]


def announced(length: object) -> bytes:
    return f"Content-Length: {length}\r\n".encode()


def length(picture: bytes) -> bytes:
    return announced(len(picture))


def with_length(of: Callable[[int], object]) -> Before:
    """Returns a part header with a length computed from the correct one."""
    return lambda _, jpeg: b"--edge\r\n" + TYPE + announced(of(len(jpeg))) + b"\r\n"


# Name -> function from the correct length to a wrong one.
LENGTHS: dict[str, Callable[[int], object]] = {
    "too-small": lambda size: size // 2,
    "one-less": lambda size: size - 1,
    "one-more": lambda size: size + 1,
    "too-large": lambda size: 3 * size,
    "huge": lambda _: 10**20,
    "nought": lambda _: 0,
    "negative": lambda size: -size,
    "letters": lambda _: "all",
    "digits-and-letters": lambda _: "12abc",
    "nothing": lambda _: "",
}


MANNERS: dict[str, tuple[Before, bytes]] = {
    "usual": (lambda _, jpeg: b"--edge\r\n" + TYPE + length(jpeg) + b"\r\n", PARTS),
    "no-first-boundary": (
        lambda n, jpeg: (b"--edge\r\n" if n else b"") + TYPE + length(jpeg) + b"\r\n",
        PARTS,
    ),
    "no-first-boundary-nor-length": (lambda n, _: (b"--edge\r\n" if n else b"") + TYPE + b"\r\n", PARTS),
    "no-dashes": (lambda _, jpeg: b"edge\r\n" + TYPE + length(jpeg) + b"\r\n", PARTS),
    "a-preamble": (lambda n, _: (b"" if n else b"A stream.\r\n\r\n") + b"--edge\r\n" + TYPE + b"\r\n", PARTS),
    "no-type": (lambda _, jpeg: b"--edge\r\n" + length(jpeg) + b"\r\n", PARTS),
    "no-head": (lambda *_: b"--edge\r\n\r\n", PARTS),
    "a-boundary-alone": (lambda *_: b"edge\r\n\r\n", PARTS),
    "pictures-in-name-of-parts": (lambda *_: b"", PARTS),
    **{f"length-{name}": (with_length(of), PARTS) for name, of in LENGTHS.items()},
    "pictures": (lambda *_: b"", b"Content-Type: image/jpeg\r\n"),
    "pictures-without-a-type": (lambda *_: b"", b""),
}


@functools.cache
def pictures() -> Clip:
    return encode("mjpeg", 50, size=(64, 48), draw=flat)


class JpegServer(HttpServer):
    """Sends JPEGs in the form with this name."""

    manner: tuple[Before, bytes]

    def _multipart(self, connection: socket.socket) -> None:
        before, head = self.manner
        connection.sendall(b"HTTP/1.0 200 OK\r\n" + head + b"\r\n")
        with contextlib.suppress(OSError):
            for number, frame in self.paced():
                end = b"\r\n" if before(number, frame) else b""
                connection.sendall(before(number, frame) + frame + end)


@pytest.mark.table(cases=5)
@pytest.mark.parametrize("name", MANNERS)
def test_pictures_are_read_in_every_manner(name: str) -> None:
    server = JpegServer(pictures())
    server.manner = MANNERS[name]
    with server, Camera(server.url, reconnect=False, queue=ff.Queue(60)) as camera:
        samples = camera.read(5)
    assert [read_number(sample.value) for sample in samples] == list(range(5))


@pytest.mark.parametrize(
    "name", ["usual", "a-preamble", "length-too-small", "length-too-large", "length-letters"]
)
def test_a_picture_that_was_cut_off_is_counted_and_the_others_are_shown(name: str) -> None:
    clip = pictures()
    frames = [*clip.frames]
    frames[2] = frames[2][: len(frames[2]) * 3 // 4]
    server = JpegServer(dataclasses.replace(clip, frames=frames))
    server.manner = MANNERS[name]
    with server, Camera(server.url, reconnect=False, queue=ff.Queue(60)) as camera:
        samples = camera.read(6)
        stats = camera.stats
        lost = camera.drops("lost") + camera.drops("decode")
    whole = [read_number(sample.value) for sample in samples if not sample.value.damaged]
    assert whole[:4] == [0, 1, 3, 4]
    assert stats.damaged + lost == 1


def test_pictures_alone_over_tcp_are_read_from_the_first_one_on() -> None:
    all_of_them = ff.Queue(60)
    with TcpServer(pictures()) as server, Camera(server.url, reconnect=False, queue=all_of_them) as camera:
        samples = camera.read(5)
    assert [read_number(sample.value) for sample in samples] == list(range(5))
