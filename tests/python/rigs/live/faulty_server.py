"""The base of all servers: sends a clip on loopback, and misbehaves on request."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import base64
import contextlib
import dataclasses
import itertools
import pickle
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from rigs.ports import free_port

FPS = 30
RESET = b"reset"


@dataclasses.dataclass(frozen=True)
class Clip:
    """Encoded video, split at frame boundaries.

    Attributes:
        kind: FFmpeg's name of the container: "mpegts", "matroska", "flv", "mp4" (fragments), "nut", "h264"
            (NAL units with start codes) or "mjpeg".
        header: Bytes before the first frame.
        frames: Bytes of each frame.
        keys: True for each keyframe.
        fps: Frames per second.
    """

    kind: str
    header: bytes
    frames: list[bytes]
    keys: list[bool]
    fps: float = FPS

    def save(self, path: Path) -> Path:
        """Writes the clip to a file, for a server in another process."""
        path.write_bytes(pickle.dumps(dataclasses.astuple(self)))
        return path

    @classmethod
    def load(cls, path: Path) -> Clip:
        """Reads what save() wrote."""
        return cls(*pickle.loads(path.read_bytes()))


@dataclasses.dataclass
class Faults:
    """How a server misbehaves. The test may change it at any time.

    Attributes:
        silent: Accepts connections and never responds.
        stall_after: Sends this number of frames and then nothing, but keeps the connection open.
        half_after: Sends this number of frames and half of the next, then closes the connection.
        close_after: Sends this number of frames, then closes the connection.
        garbage: Sends random bytes instead of frames.
        no_keys: Omits keyframes, so that nothing can be decoded.
        no_goodbye: RTSP: never responds to TEARDOWN.
        status: Status of HTTP and RTSP responses instead of 200.
        user: "name:password" required by HTTP and RTSP (Basic).
        hates: RTSP: requests that contain this string get a 400.
        answer: HTTP: sent instead of any other response.
        answers: RTSP: sent in place of the answer to a request, by its verb, with its number for "{cseq}"
            and this server's port for "{port}". Empty means the connection is closed. RESET: with a reset.
            None means nothing is sent.
    """

    silent: bool = False
    stall_after: int | None = None
    half_after: int | None = None
    close_after: int | None = None
    garbage: bool = False
    no_keys: bool = False
    no_goodbye: bool = False
    status: str | None = None
    user: str | None = None
    hates: str | None = None
    answer: bytes | None = None
    answers: Mapping[str, bytes | None] = dataclasses.field(default_factory=dict)


_S = TypeVar("_S", bound="Server")


class Server:
    """Listens on 127.0.0.1, with a thread per connection. Subclasses implement talk()."""

    def __init__(self, clip: Clip | None = None, faults: Faults | None = None, port: int = 0) -> None:
        self.clip = clip
        self.faults = faults or Faults()
        self.connections = 0
        self.frames_sent = 0
        self.requests: list[str] = []  # RTSP: methods of the requests
        self.goodbyes = 0  # RTSP: number of TEARDOWN requests
        self.skip = 0  # frames skipped at the start of each connection
        self._ended = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []  # running threads, and some that have just ended
        self._lock = threading.Lock()  # guards _threads
        self._socket = socket.create_server(("127.0.0.1", port or free_port()), backlog=128)
        self.port: int = self._socket.getsockname()[1]
        self._run(self._accept)

    @property
    def url(self) -> str:
        """The URL of the stream."""
        raise NotImplementedError

    def __enter__(self: _S) -> _S:
        """Returns self. The server is already running."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Closes the server and joins its threads."""
        self.close()

    def close(self) -> None:
        """Refuses new connections and closes the open ones."""
        self._ended.set()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.hang_up()
        while living := [thread for thread in self._threads if thread.is_alive()]:
            for thread in living:  # each may have started another one
                thread.join()

    def hang_up(self) -> None:
        """Closes the open connections."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def talk(self, connection: socket.socket) -> None:
        """Serves one client. Returns when the connection is done."""
        raise NotImplementedError

    def paced(self) -> Iterator[tuple[int, bytes]]:
        """Yields the frames in a loop, each when it is due. Ends if a fault ends the stream."""
        assert self.clip is not None
        began, skip = time.monotonic(), self.skip
        for number in itertools.count(skip):
            if self._ended.wait(max(0.0, began + (number - skip) / self.clip.fps - time.monotonic())):
                return
            frame = self.clip.frames[number % len(self.clip.frames)]
            if self.faults.no_keys and self.clip.keys[number % len(self.clip.frames)]:
                continue
            sent = number - skip
            if sent == self.faults.stall_after:
                self._ended.wait()
                return
            if sent == self.faults.close_after:
                return
            if sent == self.faults.half_after:
                yield number, frame[: len(frame) // 2]
                return
            if self.faults.garbage:
                frame = bytes((7 * i * i + number) % 256 for i in range(len(frame)))
            self.frames_sent += 1
            yield number, frame

    def _run(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        thread.start()
        with self._lock:
            self._threads = [*(each for each in self._threads if each.is_alive()), thread]

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            self._open.add(connection)
            self._run(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                if self.faults.silent:
                    self._ended.wait()
                else:
                    self.talk(connection)
            except OSError:
                pass
            finally:
                self._open.discard(connection)


def read_request(connection: socket.socket) -> str:
    """Returns the head of a request, or "" if the client has disconnected."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            return ""
        if byte == b"$" and not head:  # RTCP from the client between two requests
            length = struct.unpack(">xH", connection.recv(3, socket.MSG_WAITALL))[0]
            connection.recv(length, socket.MSG_WAITALL)
            continue
        head += byte
    return head.decode()


def is_allowed(request: str, user: str | None) -> bool:
    """Returns True if the request has the required credentials."""
    if user is None:
        return True
    return f"Basic {base64.b64encode(user.encode()).decode()}" in request
