"""HTTP servers whose parts never end, or are announced larger than any memory: an error, and no growth."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rigs.live.camera import Camera, clip
from rigs.live.faulty_server import Server, read_request
from support import WATCHDOG

import freshframe as ff

MOST = 64 << 20  # maximum memory of a connection in bytes
QUICK = {"open_timeout": 1.0, "read_timeout": 1.0}
OK = "HTTP/1.1 200 OK\r\n"
MULTIPART = f"{OK}Content-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"
CHUNKED = MULTIPART.replace("\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n")
PART = "--b\r\nContent-Type: image/jpeg\r\n"
FILLING = b"\x55" * 65536


class EndlessServer(Server):
    """Sends valid images, then a head, and then data without end: `more(n)` returns the n-th chunk."""

    def __init__(self, head: bytes, more: Callable[[int], bytes], *, good: int = 0) -> None:
        self._head, self._more, self._good = head, more, good
        super().__init__(clip("mjpeg"))

    @property
    def url(self) -> str:
        """The URL."""
        return f"http://127.0.0.1:{self.port}/live"

    def talk(self, connection: socket.socket) -> None:
        """Sends until the client has disconnected."""
        read_request(connection)
        assert self.clip is not None
        if self._good:
            connection.sendall(MULTIPART.encode())
        for frame in itertools.islice(itertools.cycle(self.clip.frames), self._good):
            connection.sendall(f"{PART}Content-Length: {len(frame)}\r\n\r\n".encode() + frame + b"\r\n")
        connection.sendall(self._head)
        for number in itertools.count():
            if self._ended.is_set():
                return
            connection.sendall(self._more(number))


def jpeg() -> bytes:
    """Returns the start of a JPEG without its end."""
    return clip("mjpeg").frames[0].removesuffix(b"\xff\xd9")


def filling(_: int) -> bytes:
    return FILLING


def lines(line: str) -> Callable[[int], bytes]:
    """Returns a thousand lines, each with its number for {}."""
    return lambda number: "".join(line.format(1000 * number + n) for n in range(1000)).encode()


Head = Callable[[], bytes]
PARTS: dict[str, tuple[Head, Callable[[int], bytes], str]] = {
    "picture": (lambda: f"{PART}\r\n".encode() + jpeg(), filling, "sends an image without an end"),
    "length": (
        lambda: f"{PART}Content-Length: 2000000000\r\n\r\n".encode() + jpeg(),
        filling,
        "sends an image without an end",
    ),
    "length-beyond-numbers": (
        lambda: f"{PART}Content-Length: 99999999999999999999999\r\n\r\n".encode() + jpeg(),
        filling,
        "",
    ),
    "length-below-nothing": (lambda: f"{PART}Content-Length: -5\r\n\r\n".encode() + jpeg(), filling, ""),
    "no-picture": (f"{PART}\r\nhello".encode, filling, "sends a part without an end"),
    "head": (PART.encode, lines("X-{}: y\r\n"), "sends a part without an end"),
    "line-of-a-head": (f"{PART}X: ".encode, filling, "sends a part without an end"),
    "no-boundary": (lambda: b"", filling, "sends a part without an end"),
}
ANSWERS: dict[str, tuple[bytes, Callable[[int], bytes]]] = {
    "status-line": (b"HTTP/1.1 200 ", filling),
    "line-without-a-status": (b"", filling),
    "header-line": (f"{OK}X: ".encode(), filling),
    "location-line": (b"HTTP/1.1 302 Found\r\nLocation: http://", filling),
    "headers": (OK.encode(), lines("X-{}: y\r\n")),
    "cookies": (OK.encode(), lines("Set-Cookie: a{}=" + "x" * 1000 + "\r\n")),
    "icy-headers": (OK.encode(), lines("icy-a{}: " + "x" * 1000 + "\r\n")),
    "empty-lines": (b"", lines("\r\n")),
    "continue": (b"", lines("HTTP/1.1 100 Continue\r\n\r\n")),
    "chunk-size": (CHUNKED.encode() + b"f", lambda _: b"f" * 65536),
    "chunk": (CHUNKED.encode() + f"7fffffffffffffff\r\n{PART}\r\n".encode(), filling),
    "body-of-text": (f"{OK}Content-Type: text/plain\r\n\r\n".encode(), filling),
    "body-with-a-length": (f"{OK}Content-Length: 99999999999999\r\n\r\n".encode(), filling),
    "playlist": (f"{OK}\r\n#EXTM3U\n#EXT-X-TARGETDURATION:1\n".encode(), lines("#EXTINF:1,\n{}.ts\n")),
    "line-of-a-playlist": (f"{OK}\r\n#EXTM3U\n".encode(), filling),
}


@contextlib.contextmanager
def growth() -> Iterator[Callable[[], int]]:
    """Returns by how many bytes the peak memory of this process has grown."""
    page = 4096
    ended = threading.Event()

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * page

    before = resident()
    most = [before]

    def look() -> None:
        while not ended.wait(0.005):
            most[0] = max(most[0], resident())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield lambda: max(most[0], resident()) - before
    finally:
        ended.set()
        thread.join()


@pytest.mark.slow
@pytest.mark.table(cases=4)
@pytest.mark.parametrize("name", PARTS)
def test_a_part_without_an_end_is_an_error_that_says_so_and_is_counted(name: str) -> None:
    head, more, said = PARTS[name]
    limits = {} if said else QUICK  # a busy machine needs more than a second for 16 MiB
    with (
        EndlessServer(head(), more, good=5) as server,
        growth() as grown,
        Camera(server.url, **limits) as camera,
    ):
        camera.read(3)
        camera.wait(lambda stats: stats.outages >= 1, "the error")
        error, lost = str(camera.stats.last_error), camera.drops("decode")
        assert grown() < MOST
    assert said in error
    if said:
        assert "16 MiB" in error
        assert lost >= 1


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_without_an_end_is_an_error_and_needs_little_memory(name: str) -> None:
    head, more = ANSWERS[name]
    with (
        EndlessServer(head, more) as server,
        growth() as grown,
        pytest.raises(ff.SourceError),
        Camera(server.url, reconnect=False, **QUICK) as camera,
    ):
        camera.pipeline.wait(WATCHDOG)
    assert grown() < MOST
