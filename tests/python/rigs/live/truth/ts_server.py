"""MPEG-TS over TCP and UDP with a log of when each picture was sent."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
import time
from collections.abc import Callable

from rigs.live.faulty_server import Server
from rigs.live.truth.film import Film
from rigs.live.truth.log import Sent, SentLog
from rigs.live.truth.network import Network
from rigs.live.truth.pace import Pace
from rigs.live.truth.ts import PACKET, TsStream

LOOPBACK = "127.0.0.1"
DATAGRAM = 7 * PACKET  # bytes
HOLE = 5  # packets


class TsServer(Server):
    """Sends the film from its start to each client of TCP; with `udp`, to the UDP port of its own number.

    Args:
        film: Its pictures.
        fps: Pictures per second.
        udp: Over UDP.
        lengths: As for TsStream.
        pairs: As for TsStream.
        hole: The first picture lacks packets of its middle, as for a reader that joins a lossy network.
    """

    def __init__(
        self,
        film: Film,
        fps: float,
        *,
        udp: bool = False,
        lengths: bool = False,
        pairs: bool = False,
        hole: bool = False,
    ) -> None:
        self._film, self._fps, self._udp = film, fps, udp
        self._lengths, self._pairs, self._hole = lengths, pairs, hole
        self.network = Network()
        self.log = SentLog()
        self.flowing = threading.Event()
        self.flowing.set()
        self.keeps = True
        self._clients = itertools.count()
        super().__init__()
        if udp:
            self._run(self._send_datagrams)

    @property
    def url(self) -> str:
        """Of the stream."""
        return f"{'udp' if self._udp else 'tcp'}://{LOOPBACK}:{self.port}"

    def talk(self, connection: socket.socket) -> None:
        """Sends until the client goes."""
        self._send(connection.sendall)

    def _send_datagrams(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:

            def send(data: bytes) -> None:
                for begin in range(0, len(data), DATAGRAM):
                    with contextlib.suppress(ConnectionError):  # nobody listens yet
                        end.sendto(data[begin : begin + DATAGRAM], (LOOPBACK, self.port))

            self._send(send)

    def _send(self, send: Callable[[bytes], None]) -> None:
        stream = TsStream(self._film, self._fps, lengths=self._lengths, pairs=self._pairs)
        pace = Pace(self, self._film, self._fps)
        client = next(self._clients)
        for due in pace.pictures(self._ended):
            data = stream.packets(due)
            if self._hole and pace.reached == 0:
                data = data[: HOLE * PACKET] + data[2 * HOLE * PACKET :]
            first = time.monotonic()
            send(data)
            times = (due.taken, first, time.monotonic())
            self.log.note(Sent(client, due.picture.number, due.place, *times, len(data) // PACKET, 0))
