"""A viewer without a browser: plain HTTP requests and the WebSocket protocol (RFC 6455) over a socket."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import struct
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from rigs.watchdog import WATCHDOG

_S = TypeVar("_S", bound="WebSocket")


class Answer:
    """Status, headers (names in lower case) and body of an HTTP response."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


def connect(url: str) -> socket.socket:
    where = urlsplit(url)
    assert where.hostname
    assert where.port
    return socket.create_connection((where.hostname, where.port), timeout=WATCHDOG)


def _read_head(stream: Any) -> tuple[int, dict[str, str]]:
    status = int(stream.readline().split()[1])
    headers = {}
    while line := stream.readline().strip():
        name, _, value = line.partition(b":")
        headers[name.decode().lower()] = value.strip().decode()
    return status, headers


def request(url: str, path: str = "/", *, method: str = "GET", **headers: str) -> Answer:
    """Sends one request on a new connection. `Host` is the server's unless given."""
    with connect(url) as sock:
        fields = {"Host": urlsplit(url).netloc, "Connection": "close", **headers}
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
        sock.sendall(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode())
        with sock.makefile("rb") as stream:
            status, found = _read_head(stream)
            return Answer(status, found, stream.read())


class WebSocket:
    """A WebSocket of a server."""

    def __init__(self, url: str, path: str, **headers: str) -> None:
        self._socket = connect(url)
        self._stream = self._socket.makefile("rb")
        fields = {
            "Host": urlsplit(url).netloc,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            **headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self._socket.sendall(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
        self.status, self.headers = _read_head(self._stream)

    def __enter__(self: _S) -> _S:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()
        self._socket.close()

    def send(self, message: Any, opcode: int = 1) -> None:
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
        if len(data) < 126:
            size = struct.pack("!B", 0x80 | len(data))
        elif len(data) < 1 << 16:
            size = struct.pack("!BH", 0xFE, len(data))
        else:
            size = struct.pack("!BQ", 0xFF, len(data))
        self._socket.sendall(bytes([0x80 | opcode]) + size + mask + masked)

    def read_some(self, count: int) -> bytes:
        """Reads at most `count` raw bytes, like a slow viewer."""
        return self._socket.recv(count)

    def wait_at_most(self, seconds: float) -> None:
        """Sets a timeout for messages. After a TimeoutError, nothing can be read any more."""
        self._socket.settimeout(seconds)

    def cut(self) -> None:
        """Closes the connection, even while another thread reads. Thread-safe."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def receive(self) -> tuple[int, bytes]:
        """Returns opcode and payload of the next message: (8, reason) when the server closes, (0, b"") at the
        end.
        """
        head = self._stream.read(2)
        if len(head) < 2:
            return 0, b""
        size = head[1] & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self._stream.read(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._stream.read(8))
        return head[0] & 0x0F, self._stream.read(size)


class Live(WebSocket):
    """A connection to /api/live."""

    def __init__(self, url: str, **headers: str) -> None:
        super().__init__(url, "/api/live", **headers)

    def next(self, kind: str) -> Any:
        """Returns the next message of type "state" or "history". Acknowledges states."""
        while True:
            opcode, data = self.receive()
            assert opcode == 1, (opcode, data)
            message = json.loads(data)
            if message["type"] == "state":
                self.send({"ack": "state"})
            if message["type"] == kind:
                return message


@dataclass(frozen=True)
class VideoMessage:
    """A binary message of /api/video; docs/reference/video-messages.md describes the fields of its header."""

    kind: str
    flags: int
    view: int
    left_out: int
    sample_size: int
    elapsed: float  # seconds
    pts: float
    captured: float
    body: bytes

    KINDS = ("", "start", "picture", "results", "jpeg", "gone")
    KEY, DAMAGED, GAP, LATE = 1, 2, 4, 8

    @classmethod
    def of(cls, data: bytes) -> VideoMessage:
        kind, flags, view, left_out, size, elapsed, pts, captured = struct.unpack_from("<BBHIIIdd", data)
        assert elapsed == 0 or cls.KINDS[kind] in ("picture", "jpeg")
        return cls(cls.KINDS[kind], flags, view, left_out, size, elapsed / 1e6, pts, captured, data[32:])

    def json(self) -> Any:
        """The JSON of the body, without the segment at its end."""
        return json.loads(self.body[: len(self.body) - self.sample_size])


class Video(WebSocket):
    """A connection to /api/video."""

    def __init__(self, url: str, token: str | None = None, **headers: str) -> None:
        super().__init__(url, "/api/video", **headers)
        if token is not None:
            self.send({"token": token})

    def watch(self, *ports: str, mode: str = "auto") -> None:
        """Requests one view of each port, with the IDs 0, 1, ..."""
        self.send({"watch": [{"id": i, "port": port, "mode": mode} for i, port in enumerate(ports)]})

    def text(self, kind: str) -> Any:
        """Returns the next text message of this type, and acknowledges the images before it."""
        while True:
            opcode, data = self.receive()
            assert opcode in (1, 2), (opcode, data)
            if opcode == 2:
                self.acknowledge(VideoMessage.of(data))
            elif (message := json.loads(data))["type"] == kind:
                return message

    def message(self) -> VideoMessage:
        """Returns the next binary message, without acknowledging it."""
        while True:
            opcode, data = self.receive()
            assert opcode in (1, 2), (opcode, data)
            if opcode == 2:
                return VideoMessage.of(data)

    def acknowledge(self, message: VideoMessage) -> None:
        """Acknowledges a message that contains an image."""
        if message.kind in ("picture", "jpeg"):
            self.send({"ack": {str(message.view): message.pts}})

    def next(self, kind: str) -> VideoMessage:
        """Returns the next message of this kind, and acknowledges all of them."""
        while True:
            message = self.message()
            self.acknowledge(message)
            if message.kind == kind:
                return message


class CameraPage(WebSocket):
    """A page that sends a camera: a connection to /api/camera, opened by the link of its page."""

    def __init__(self, link: str, **headers: str) -> None:
        super().__init__(link, "/api/camera", **headers)
        asked = dict(parse_qsl(urlsplit(link).fragment))
        self.camera = asked["camera"]
        self.send({"token": asked["token"]})

    def ask(self, *, client: str = "", take: bool = False) -> Any:
        """Asks for permission to send the camera, and returns the response."""
        self.send({"send": {"camera": self.camera, "client": client, "take": take}})
        return self.text("yours", "busy", "ended")

    def receive(self) -> tuple[int, bytes]:
        """Like WebSocket.receive(), but responds to pings."""
        while (message := super().receive())[0] == 9:
            self.send(message[1], opcode=10)
        return message

    def text(self, *kinds: str) -> Any:
        """Returns the next message of one of these types."""
        while True:
            opcode, data = self.receive()
            assert opcode == 1, (opcode, data)
            if (message := json.loads(data))["type"] in kinds:
                return message

    def declare(self, codec: str, size: tuple[int, int], fps: float = 30) -> None:
        width, height = size
        self.send({"camera": {"codec": codec, "width": width, "height": height, "fps": fps}})

    def send_frame(
        self,
        number: int,
        body: bytes,
        *,
        key: bool,
        captured: float,
        pts: float | None = None,
        skipped: int = 0,
        error: float = 0.0,
    ) -> None:
        """Sends a frame. `captured` is a Unix time; `error` is in seconds."""
        seconds = number / 30 if pts is None else pts
        head = struct.pack("<BBHIIIdd", 16, key, 0, number, skipped, round(error * 1e6), seconds, captured)
        self.send(head + body, opcode=2)

    def close_code(self) -> int:
        """Returns the code with which the server closes, ignoring messages before it."""
        while True:
            opcode, data = self.receive()
            if opcode in (0, 8):
                return int(struct.unpack_from("!H", data)[0]) if len(data) > 1 else 0
