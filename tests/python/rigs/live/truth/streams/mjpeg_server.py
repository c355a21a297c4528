"""An MJPEG server over HTTP (multipart/x-mixed-replace) that logs when each image was sent."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import socket

from rigs.live.faulty_server import Server, read_request
from rigs.live.truth.log import SentLog
from rigs.live.truth.pace import Due
from rigs.live.truth.pictures.film import Film
from rigs.live.truth.streams.showing import Showing

HEAD = "--edge\r\nContent-Type: image/jpeg\r\n"


class MjpegServer(Server):
    """Sends the film from its start to each client.

    Args:
        film: The images.
        fps: Images per second.
        lengths: The header of each image contains its length.
        heads_early: Each image is followed immediately by the header of the next one.
        line_before: An empty line precedes the first image's header.
        log: The log to write to; a new one by default.
    """

    def __init__(
        self,
        film: Film,
        fps: float,
        *,
        lengths: bool = False,
        heads_early: bool = False,
        line_before: bool = False,
        log: SentLog | None = None,
    ) -> None:
        self.log = SentLog() if log is None else log
        self._showing = Showing(film, fps, self.log)
        self._lengths, self._heads_early, self._line_before = lengths, heads_early, line_before
        super().__init__()

    @property
    def url(self) -> str:
        """The URL of the stream."""
        return f"http://127.0.0.1:{self.port}/live"

    def talk(self, connection: socket.socket) -> None:
        """Sends until the client disconnects."""
        read_request(connection)
        kind = "multipart/x-mixed-replace; boundary=edge"
        connection.sendall(f"HTTP/1.0 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode())
        if self._line_before:
            connection.sendall(b"\r\n")

        def send_picture(due: Due) -> int:
            connection.sendall(self._part(due))
            return 1

        self._showing.show(self._ended, send_picture)

    def _part(self, due: Due) -> bytes:
        (picture,) = due.picture.units
        length = f"Content-Length: {len(picture)}\r\n" if self._lengths else ""
        head = f"{HEAD}{length}\r\n".encode()
        before = head if not self._heads_early or due.slot == 0 else b""
        after = head if self._heads_early else b""
        return before + picture + b"\r\n" + after
