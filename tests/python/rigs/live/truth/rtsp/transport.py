"""Where a client's packets are sent: its RTSP connection, or UDP."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from typing import Protocol

from rigs.live.truth.rtsp.lies import Lies
from rigs.live.truth.rtsp.manners import Manners

LOOPBACK = "127.0.0.1"
RTP, RTCP = 0, 1


class Transport(Protocol):
    """How packets reach one client."""

    described: str  # value of the Transport header in the response to SETUP

    def send(self, channel: int, packets: list[bytes]) -> None:
        """Sends RTP or RTCP packets. Raises OSError if the client has disconnected."""

    def heard(self) -> list[bytes]:
        """Returns the RTCP packets that arrived over UDP since the last call."""

    def close(self) -> None:
        """Closes its sockets."""


class Interleaved:
    """RFC 2326 10.12."""

    def __init__(self, connection: socket.socket, lock: threading.Lock, asked: str, lies: Lies) -> None:
        wanted = re.search(r"interleaved=(\d+)-(\d+)", asked)
        self._channels = lies.channels or ((int(wanted[1]), int(wanted[2])) if wanted else (0, 1))
        self._connection, self._lock, self._lies = connection, lock, lies
        self._count = 0
        named = f";interleaved={self._channels[RTP]}-{self._channels[RTCP]}" if lies.names_channels else ""
        self.described = f"RTP/AVP/TCP;unicast{named}"

    def send(self, channel: int, packets: list[bytes]) -> None:
        """Sends the packets in one piece, so that no response gets in between."""
        data = b""
        for packet in packets:
            self._count += 1
            data += self._lies.between(self._count)
            data += struct.pack(">cBH", b"$", self._channels[channel], len(packet)) + packet
        with self._lock:
            self._connection.sendall(data)

    def heard(self) -> list[bytes]:
        """Returns nothing: RTCP arrives between the requests."""
        return []

    def close(self) -> None:
        """Does nothing: the session owns the connection."""


class Udp:
    """A pair of sockets, each on a port that the system chose."""

    def __init__(self, asked: str, manners: Manners) -> None:
        wanted = re.search(r"client_port=(\d+)(?:-(\d+))?", asked)
        if wanted is None:
            raise ValueError("no client_port")
        first = int(wanted[1])
        self._to = ((LOOPBACK, first), (LOOPBACK, int(wanted[2] or first + 1)))
        self._deaf = manners.deaf_udp
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in self._to]
        for end in self._sockets:
            end.bind((LOOPBACK, 0))
        own = [end.getsockname()[1] for end in self._sockets]
        named = f";server_port={own[RTP]}-{own[RTCP]}" if manners.names_ports else ""
        self.described = f"RTP/AVP;unicast;client_port={first}-{self._to[RTCP][1]}{named}"

    def send(self, channel: int, packets: list[bytes]) -> None:
        """Sends each packet as a datagram. Ignores a port that the client has closed."""
        for packet in packets:
            if not self._deaf:
                with contextlib.suppress(ConnectionError):
                    self._sockets[channel].sendto(packet, self._to[channel])

    def heard(self) -> list[bytes]:
        """Receiver reports."""
        found = []
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while report := self._sockets[RTCP].recv(1 << 16, socket.MSG_DONTWAIT):
                found.append(report)
        return found

    def close(self) -> None:
        """Both sockets."""
        for end in self._sockets:
            end.close()
