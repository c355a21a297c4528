"""RTSP servers with unexpected responses: the client sends few requests and reports the reason."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import concurrent.futures
import contextlib
import errno
import itertools
import re
import socket
from typing import Any

import pytest
from rigs.live.camera import Camera, clip
from rigs.live.faulty_server import RESET, Faults
from rigs.live.rtsp import RtspServer
from rigs.live.servers import HttpServer
from support import WATCHDOG, until

import freshframe as ff

VERBS = ("OPTIONS", "DESCRIBE", "SETUP", "PLAY")
QUICK = {"open_timeout": 1.0, "read_timeout": 1.0}
MOST_REQUESTS = (
    12  # per attempt, each of the two clients follows five redirects, or repeats each request once
)


def told(status: str, headers: str = "", body: str = "") -> bytes:
    """Returns an RTSP response."""
    return f"RTSP/1.0 {status}\r\nCSeq: {{cseq}}\r\n{headers}\r\n{body}".encode()


REFUSED = ["400", "403", "404", "405", "406", "407", "408", "410", "413", "414", "415", "451", "453", "454"]
REFUSED += ["455", "456", "457", "459", "460", "461", "462", "500", "501", "502", "503", "504", "505", "551"]
AGAIN = "Location: rtsp://127.0.0.1:{port}/live\r\n"
BASIC = 'WWW-Authenticate: Basic realm="x"\r\n'
ANSWERS: dict[str, bytes | None] = {
    "silence": None,
    "close": b"",
    "reset": RESET,
    "only-100": told("100 Continue"),
    "bare-200": told("200 OK"),
    "201": told("201 Created"),
    "300-elsewhere": told("300 Choices", AGAIN),
    "301-itself": told("301 Moved", AGAIN),
    "302-itself": told("302 Found", AGAIN),
    "302-without-a-place": told("302 Found"),
    "302-to-nothing": told("302 Found", "Location: \r\n"),
    "302-to-http": told("302 Found", "Location: http://127.0.0.1:{port}/live\r\n"),
    "302-to-a-file": told("302 Found", "Location: file:///etc/passwd\r\n"),
    "302-to-rtsps": told("302 Found", "Location: rtsps://127.0.0.1:{port}/live\r\n"),
    "302-to-garbage": told("302 Found", "Location: rtsp://[::1\r\n"),
    "304": told("304 Not Modified"),
    "305-itself": told("305 Use Proxy", AGAIN),
    "401-without-a-challenge": told("401 Unauthorized"),
    "401-always": told("401 Unauthorized", BASIC),
    "401-unknown": told("401 Unauthorized", "WWW-Authenticate: Negotiate\r\n"),
    **{status: told(f"{status} No") for status in REFUSED},
    "600": told("600 What"),
    "status-of-letters": told("abc OK"),
    "status-huge": told("99999999999999999999 OK"),
    "an-older-number": b"RTSP/1.0 200 OK\r\nCSeq: 0\r\n\r\n",
    "a-number-of-letters": b"RTSP/1.0 404 No\r\nCSeq: x\r\n\r\n",
    "no-number": b"RTSP/1.0 404 No\r\n\r\n",
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "garbage": bytes(range(256)) * 16,
    "text": b"220 mail.example.com ESMTP\r\n",
    "half-a-head": b"RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nContent-",
    "half-a-body": told("200 OK", "Content-Type: application/sdp\r\nContent-Length: 500\r\n", "v=0\r\n"),
    "a-huge-body": told("200 OK", "Content-Length: 2000000000\r\n", "v=0\r\n"),
    "a-negative-body": told("200 OK", "Content-Length: -1\r\n", "v=0\r\n"),
    "many-headers": told("200 OK", "".join(f"X-{n}: {n}\r\n" for n in range(2000))),
    "a-long-line": told("200 OK", f"X: {'x' * 200_000}\r\n"),
    "a-long-status": told("404 " + "x" * 200_000),
    "a-request": b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n",
    "empty-lines": b"\r\n" * 1000,
}
PLAYS = "a stream"
# A server without OPTIONS may still support the other methods.
PLAYING = {"OPTIONS": {*REFUSED, "bare-200", "201", "302-without-a-place", "302-to-nothing", "304", "600"}}
PLAYING["OPTIONS"] |= {"an-older-number", "a-number-of-letters", "no-number", "many-headers", "a-request"}
# freshframe's own client rejects it; FFmpeg's, which is tried next, plays since version 7.
MAY_PLAY = {"OPTIONS": {"a-long-line"}}


def attempt(verb: str, answer: bytes | None, limits: dict[str, float]) -> tuple[str, int]:
    """Returns the error of one attempt, or PLAYS, and the number of its requests."""
    with RtspServer(clip("h264"), Faults(answers={verb: answer})) as server:
        try:
            with Camera(server.url, reconnect=False, **limits) as camera:
                until(lambda: camera.stats.state in ("reading", "closed"), "frames or an end")
                if camera.stats.state == "reading":
                    return PLAYS, len(server.requests)
                camera.pipeline.wait(WATCHDOG)
        except ff.SourceError as error:
            return str(error), len(server.requests)
    raise AssertionError


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_plays_nothing_ends_the_attempt_with_a_sentence_after_few_requests(name: str) -> None:
    def result(verb: str) -> tuple[str, int]:
        return attempt(verb, ANSWERS[name], {} if name in PLAYING.get(verb, ()) else QUICK)

    with concurrent.futures.ThreadPoolExecutor(len(VERBS)) as pool:
        ends = dict(zip(VERBS, pool.map(result, VERBS), strict=True))
    for verb, (said, requests) in ends.items():
        assert requests <= MOST_REQUESTS
        if name in PLAYING.get(verb, ()):
            assert said == PLAYS
        elif name not in MAY_PLAY.get(verb, ()) or said != PLAYS:
            assert "127.0.0.1" in said


LOOP = "the server redirects again and again"
FFMPEG = {"rtsp": "ffmpeg"}


@pytest.mark.parametrize("options", [{}, FFMPEG], ids=["own", "ffmpeg"])
@pytest.mark.parametrize("verb", ["OPTIONS", "DESCRIBE"])
@pytest.mark.parametrize("servers", [1, 2, 3])
def test_a_loop_of_redirects_ends_after_six_connections(
    servers: int, verb: str, options: dict[str, str]
) -> None:
    with contextlib.ExitStack() as stack:
        ring = [stack.enter_context(RtspServer(clip("h264"))) for _ in range(servers)]
        for server, following in zip(ring, [*ring[1:], ring[0]], strict=True):
            server.faults = Faults(answers={verb: told("302 Found", f"Location: {following.url}\r\n")})
        with pytest.raises(ff.SourceError, match=LOOP) as caught:
            Camera(ring[0].url, reconnect=False, options=options).pipeline.start()
        assert caught.value.errno == errno.ELOOP
        assert sum(server.requests.count(verb) for server in ring) == 6


@pytest.mark.parametrize("servers", [1, 2])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_loop_of_redirects_over_http_ends_after_six_requests(status: int, servers: int) -> None:
    with contextlib.ExitStack() as stack:
        ring = [stack.enter_context(HttpServer(clip("mjpeg"))) for _ in range(servers)]
        for server, following in zip(ring, [*ring[1:], ring[0]], strict=True):
            head = f"HTTP/1.1 {status} Found\r\nLocation: {following.url}\r\nContent-Length: 0\r\n"
            server.faults = Faults(answer=f"{head}Connection: close\r\n\r\n".encode())
        with pytest.raises(ff.SourceError, match=LOOP):
            Camera(ring[0].url, reconnect=False).pipeline.start()
        assert sum(server.connections for server in ring) <= 7  # no request goes to the last one


@pytest.mark.parametrize("listed", ["live.m3u8", "low/live.m3u8"])
def test_playlists_that_name_playlists_end_after_few_requests(listed: str) -> None:
    with HttpServer(clip("mjpeg")) as server:
        body = f"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{listed}\n"
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
        server.faults = Faults(answer=f"{head}\r\n{body}".encode())
        # FFmpeg reports the second since version 9.
        loop = "its playlists name playlists again and again|Master Playlist tag found in a Media Playlist"
        with pytest.raises(ff.SourceError, match=loop):
            Camera(server.playlist, reconnect=False).pipeline.start()
        assert server.connections <= MOST_REQUESTS


def test_a_redirect_to_a_name_that_cannot_be_resolved_is_no_loop() -> None:
    with HttpServer(clip("mjpeg")) as server:
        head = "HTTP/1.1 302 Found\r\nLocation: http://no..name/live\r\nContent-Length: 0\r\n"
        server.faults = Faults(answer=f"{head}Connection: close\r\n\r\n".encode())
        with pytest.raises(ff.SourceError, match=r"no\.\.name") as caught:
            Camera(server.url, reconnect=False, **QUICK).pipeline.start()
        assert LOOP not in str(caught.value)


@pytest.mark.parametrize("ends", ["at-once", "behind-the-hello", "in-the-answer"])
def test_a_redirect_to_a_server_whose_handshake_ends_early_is_no_loop(ends: str) -> None:
    class Broken(HttpServer):
        def talk(self, connection: socket.socket) -> None:
            if ends != "at-once":
                connection.recv(1 << 16)
            if ends == "in-the-answer":
                connection.sendall(b"\x16\x03\x03\x00\x7a\x02")  # the start of a ServerHello

    with HttpServer(clip("mjpeg")) as server, Broken(clip("mjpeg")) as broken:
        place = f"https://127.0.0.1:{broken.port}/live"
        head = f"HTTP/1.1 302 Found\r\nLocation: {place}\r\nContent-Length: 0\r\n"
        server.faults = Faults(answer=f"{head}Connection: close\r\n\r\n".encode())
        with pytest.raises(ff.SourceError, match=r"127\.0\.0\.1") as caught:
            Camera(server.url, reconnect=False, **QUICK).pipeline.start()
        assert broken.connections > 0
        assert LOOP not in str(caught.value)


@pytest.mark.parametrize(("first", "last"), [("rtsp", "http"), ("http", "rtsp"), ("http", "rtsps")])
def test_a_redirect_to_another_protocol_and_back_is_followed_a_few_times_at_most(
    first: str, last: str
) -> None:
    with HttpServer(clip("mjpeg")) as web, RtspServer(clip("h264")) as camera:
        elsewhere = f"{last}://127.0.0.1:{camera.port if last.startswith('rtsp') else web.port}/live"
        back = elsewhere if first == "http" else camera.url
        web.faults = Faults(answer=f"HTTP/1.0 302 Found\r\nLocation: {back}\r\n\r\n".encode())
        camera.faults = Faults(answers={"OPTIONS": told("302 Found", f"Location: {web.url}\r\n")})
        with pytest.raises(ff.SourceError, match=r"127\.0\.0\.1"):
            Camera(web.url if first == "http" else camera.url, reconnect=False, **QUICK).pipeline.start()
        assert web.connections + camera.connections <= 7


def test_five_redirects_in_a_row_are_followed() -> None:
    with contextlib.ExitStack() as stack:
        chain = [stack.enter_context(RtspServer(clip("h264"))) for _ in range(6)]
        for server, following in itertools.pairwise(chain):
            server.faults = Faults(answers={"OPTIONS": told("301 Moved", f"Location: {following.url}\r\n")})
        with Camera(chain[0].url) as camera:
            camera.read(2)


def test_a_server_that_says_first_that_the_answer_will_come_is_waited_for() -> None:
    class Slow(RtspServer):
        def talk(self, connection: socket.socket) -> None:
            super().talk(Announced(connection))  # type: ignore[arg-type]

    with Slow(clip("h264")) as server, Camera(server.url, options={"rtsp": "own"}) as camera:
        camera.read(2)
        assert camera.stats.outages == 0


@pytest.mark.parametrize("number", [b"CSeq: 0\r\n", b"CSeq: 1\r\n", b"CSeq: 999\r\n", b"CSeq: x\r\n", b""])
def test_a_camera_that_numbers_its_answers_wrongly_is_read(number: bytes) -> None:
    class Wrong(RtspServer):
        def talk(self, connection: socket.socket) -> None:
            super().talk(Renumbered(connection, number))  # type: ignore[arg-type]

    with Wrong(clip("h264")) as server, Camera(server.url, options={"rtsp": "own"}) as camera:
        camera.read(2)
        assert camera.stats.outages == 0


@pytest.mark.parametrize("presentation", ["*", "", "video"])
def test_a_camera_that_does_not_know_its_answers_address_is_asked_for_its_own(
    presentation: str,
) -> None:
    class Doubled(RtspServer):
        setups: list[str]

        @property
        def url(self) -> str:  # in the response to DESCRIBE
            return "rtsp://" + super().url

        def _sdp(self) -> str:
            return super()._sdp().replace("a=control:*", f"a=control:{presentation}")

        def _next(self, connection: socket.socket) -> str:
            while request := super()._next(connection):
                self.setups += [request.split()[1]] if request.startswith("SETUP") else []
                if "rtsp://rtsp://" not in request:
                    break
                number = request.split("CSeq: ")[1].split("\r")[0]
                connection.sendall(f"RTSP/1.0 404 Not Found\r\nCSeq: {number}\r\n\r\n".encode())
            return request

    Doubled.setups = []
    with Doubled(clip("h264")) as server:
        url = f"rtsp://127.0.0.1:{server.port}/live"
        with Camera(url, options={"rtsp": "own"}) as camera:
            camera.read(2)
    assert server.setups == [f"rtsp://{url}/track1", f"{url}/track1"]
    assert server.goodbyes == 1


class Renumbered:
    """A connection whose responses have this instead of their CSeq."""

    def __init__(self, connection: socket.socket, number: bytes) -> None:
        self._connection, self._number = connection, number

    def sendall(self, data: bytes) -> None:
        if data.startswith(b"RTSP/1.0 "):
            data = re.sub(rb"CSeq: \d+\r\n", self._number, data, count=1)
        self._connection.sendall(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class Announced:
    """A connection with "100 Continue" before each response."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def sendall(self, data: bytes) -> None:
        if data.startswith(b"RTSP/1.0 200 OK\r\n"):
            number = next(line for line in data.split(b"\r\n") if line.startswith(b"CSeq"))
            self._connection.sendall(b"RTSP/1.0 100 Continue\r\n" + number + b"\r\n\r\n")
        self._connection.sendall(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)
