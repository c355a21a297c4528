"""MPEG-TS over TCP and UDP with a log of when each image was sent."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

from rigs.live.faulty_server import Server
from rigs.live.truth.log import SentLog
from rigs.live.truth.network import Network
from rigs.live.truth.pace import Due
from rigs.live.truth.pictures.film import Film
from rigs.live.truth.streams.showing import Showing
from rigs.live.truth.streams.ts import PACKET, TsStream

LOOPBACK = "127.0.0.1"
DATAGRAM = 7 * PACKET  # bytes
HOLE = 5  # packets


class TsServer(Server):
    """Sends the film from its start to each TCP client or, with `udp`, to the UDP port with the same number.

    Args:
        film: The images.
        fps: Images per second.
        stamped_fps: Images per second according to the timestamps; 0 means fps.
        udp: Sends over UDP.
        http: Sends the stream in the response to an HTTP request.
        lengths: As for TsStream.
        pairs: As for TsStream.
        hole: Packets in the middle of the first image are missing, as for a reader that joins a lossy
            network.
        stuffed_within: As for TsStream.
        waits: Seconds between the stuffing in the middle and the rest of its image.
        close_after: Number of images after which a connection is closed; None means never.
        log: The log to write to; a new one by default.
    """

    def __init__(
        self,
        film: Film,
        fps: float,
        *,
        stamped_fps: float = 0.0,
        udp: bool = False,
        http: bool = False,
        lengths: bool = False,
        pairs: bool = False,
        hole: bool = False,
        stuffed_within: int | None = None,
        waits: float = 0.0,
        close_after: int | None = None,
        log: SentLog | None = None,
    ) -> None:
        self.log = SentLog() if log is None else log
        self._showing = Showing(film, fps, self.log)
        self._showing.network = Network(close_after=close_after)
        self._stuffed_within, self._waits = stuffed_within, waits
        self._stamped_fps, self._http = stamped_fps or fps, http
        self._udp, self._lengths, self._pairs, self._hole = udp, lengths, pairs, hole
        super().__init__()
        if udp:
            self._run(self._send_datagrams)

    @property
    def url(self) -> str:
        """The URL of the stream."""
        scheme = "http" if self._http else "udp" if self._udp else "tcp"
        return f"{scheme}://{LOOPBACK}:{self.port}"

    def talk(self, connection: socket.socket) -> None:
        """Sends until the client disconnects."""
        if self._http:
            request = b""
            while b"\r\n\r\n" not in request:
                data = connection.recv(PACKET)
                if not data:
                    return
                request += data
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: video/mp2t\r\n\r\n")
        self._send(connection.sendall)

    def _send_datagrams(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:

            def send(data: bytes) -> None:
                for begin in range(0, len(data), DATAGRAM):
                    with contextlib.suppress(ConnectionError):  # no socket listens yet
                        end.sendto(data[begin : begin + DATAGRAM], (LOOPBACK, self.port))

            self._send(send)

    def _send(self, send: Callable[[bytes], None]) -> None:
        stream = TsStream(
            self._showing.film,
            self._stamped_fps,
            lengths=self._lengths,
            pairs=self._pairs,
            stuffed_within=self._stuffed_within,
        )

        def send_picture(due: Due) -> int:
            data = stream.packets(due)
            if self._hole and due.slot == 0:
                data = data[: HOLE * PACKET] + data[2 * HOLE * PACKET :]
            middle = stream.middle if self._waits else 0
            if middle:
                send(data[:middle])
                self._ended.wait(self._waits)
            send(data[middle:])
            return len(data) // PACKET

        self._showing.show(self._ended, send_picture)
