"""A TCP network between a camera and its client that can stop, fill up or be slow."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time

from rigs.live.faulty_server import Server

PIECE = 1 << 16  # bytes
PACKET = 1400  # bytes per piece on a slow network
# Bytes of the receive buffer towards the camera; everything else waits in the camera's send buffer.
WINDOW = 1 << 16


class Relay(Server):
    """Relays data between its clients and a port on loopback.

    Attributes:
        reads: While cleared, nothing is read from the camera, whose socket fills up.
        flows: While cleared, the relay holds back the data that it has read.
        delay: Seconds by which each piece is delayed.
        rate: Bytes per second that are passed on to each client; the rest waits. 0 means unlimited.
        heard: Collects the data that the camera sends, unless None.
    """

    def __init__(self, behind: int) -> None:
        self._behind = behind
        self.reads, self.flows = threading.Event(), threading.Event()
        self.reads.set()
        self.flows.set()
        self.delay = 0.0
        self.rate = 0.0
        self.heard: bytearray | None = None
        super().__init__()

    def close(self) -> None:
        """Ends the waits of its threads first."""
        self._ended.set()
        self.reads.set()
        self.flows.set()
        super().close()

    def talk(self, connection: socket.socket) -> None:
        """One client."""
        with socket.socket() as camera:
            camera.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
            camera.connect(("127.0.0.1", self._behind))
            pieces: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
            ways = [
                threading.Thread(target=self._up, args=(connection, camera)),
                threading.Thread(target=self._down, args=(pieces, connection)),
            ]
            for way in ways:
                way.start()
            with contextlib.suppress(OSError):
                self._take(camera, pieces)
            pieces.put((0.0, b""))
            for end in (connection, camera):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            for way in ways:
                way.join()

    def _take(self, camera: socket.socket, pieces: queue.SimpleQueue[tuple[float, bytes]]) -> None:
        while self.reads.wait() and (data := camera.recv(PIECE)):
            pieces.put((time.monotonic(), data))
            if self.heard is not None:
                self.heard += data

    def _down(self, pieces: queue.SimpleQueue[tuple[float, bytes]], client: socket.socket) -> None:
        free = 0.0  # time at which a slow network has passed on all pieces so far
        with contextlib.suppress(OSError):
            while (piece := pieces.get())[1]:
                self._ended.wait(max(0.0, piece[0] + self.delay - time.monotonic()))
                self.flows.wait()
                if not self.rate:
                    client.sendall(piece[1])
                    continue
                for begin in range(0, len(piece[1]), PACKET):
                    data = piece[1][begin : begin + PACKET]
                    free = max(free, time.monotonic()) + len(data) / self.rate
                    client.sendall(data)
                    if self._ended.wait(max(0.0, free - time.monotonic())):
                        return

    def _up(self, client: socket.socket, camera: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(PIECE):
                camera.sendall(data)
        with contextlib.suppress(OSError):
            camera.shutdown(socket.SHUT_RDWR)
