"""MJPEG over HTTP (multipart/x-mixed-replace) with a log of when each picture was sent."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import socket
import threading
import time

from rigs.live.faulty_server import Server, read_request
from rigs.live.truth.film import Film
from rigs.live.truth.log import Sent, SentLog
from rigs.live.truth.network import Network
from rigs.live.truth.pace import Pace

HEAD = "--edge\r\nContent-Type: image/jpeg\r\n"


class MjpegServer(Server):
    """Sends the film from its start to each client.

    Args:
        film: Its pictures.
        fps: Pictures per second.
        lengths: The head of each picture says its length.
        heads_early: The head of the next picture follows each picture at once.
        line_before: An empty line is before the first picture's head.
    """

    def __init__(
        self,
        film: Film,
        fps: float,
        *,
        lengths: bool = False,
        heads_early: bool = False,
        line_before: bool = False,
    ) -> None:
        self._film, self._fps, self._lengths, self._heads_early = film, fps, lengths, heads_early
        self._line_before = line_before
        self.network = Network()
        self.log = SentLog()
        self.flowing = threading.Event()
        self.flowing.set()
        self.keeps = True
        self._clients = itertools.count()
        super().__init__()

    @property
    def url(self) -> str:
        """Of the stream."""
        return f"http://127.0.0.1:{self.port}/live"

    def talk(self, connection: socket.socket) -> None:
        """Sends until the client goes."""
        read_request(connection)
        kind = "multipart/x-mixed-replace; boundary=edge"
        connection.sendall(f"HTTP/1.0 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode())
        if self._line_before:
            connection.sendall(b"\r\n")
        client = next(self._clients)
        for due in Pace(self, self._film, self._fps).pictures(self._ended):
            (picture,) = due.picture.units
            length = f"Content-Length: {len(picture)}\r\n" if self._lengths else ""
            head = f"{HEAD}{length}\r\n".encode()
            before = head if not self._heads_early or due.slot == 0 else b""
            after = head if self._heads_early else b""
            first = time.monotonic()
            connection.sendall(before + picture + b"\r\n" + after)
            times = (due.taken, first, time.monotonic())
            self.log.note(Sent(client, due.picture.number, due.place, *times, 1, 0))
