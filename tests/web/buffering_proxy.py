"""A TCP proxy that reads from the server as fast as it can, as nginx does, before a link of limited rate."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

PIECE = 4096  # bytes
ROOM = 8 << 20  # bytes that it buffers
SEND_BUFFER = 8192  # bytes, of the socket to the browser


class BufferingProxy:
    """Forwards connections to a port of 127.0.0.1, and buffers what the server sends.

    Attributes:
        port: Its own port.
        rate: Bytes per second of each connection to the browser; None means unlimited. May be changed.
        held: Bytes that it has read from the server and not written yet.
    """

    def __init__(self, target: int) -> None:
        self.rate: float | None = None
        self.held = 0
        self.over = threading.Event()
        self.target = target
        self.changed = threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self.ends: list[socket.socket] = [self.listener]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
                far = socket.create_connection(("127.0.0.1", self.target))
                self.ends += [near, far]
                pieces: list[bytes] = []
                for work in (self.to_server, self.from_server, self.to_browser):
                    threading.Thread(target=work, args=(near, far, pieces), daemon=True).start()

    def to_server(self, near: socket.socket, far: socket.socket, _: list[bytes]) -> None:
        with contextlib.suppress(OSError):
            while piece := near.recv(PIECE):
                far.sendall(piece)
        self.end(near, far)

    def from_server(self, near: socket.socket, far: socket.socket, pieces: list[bytes]) -> None:
        with contextlib.suppress(OSError):
            while piece := far.recv(PIECE):
                with self.changed:
                    self.changed.wait_for(lambda: self.held < ROOM or self.over.is_set())
                    pieces.append(piece)
                    self.held += len(piece)
                    self.changed.notify_all()
        with self.changed:
            pieces.append(b"")
            self.changed.notify_all()

    def to_browser(self, near: socket.socket, far: socket.socket, pieces: list[bytes]) -> None:
        free = 0.0  # when the link has sent everything so far
        with contextlib.suppress(OSError):
            while not self.over.is_set():
                with self.changed:
                    self.changed.wait_for(lambda: pieces or self.over.is_set())
                    piece = pieces.pop(0) if pieces else b""
                if not piece:
                    break
                if self.rate is not None:
                    free = max(free, time.monotonic()) + len(piece) / self.rate
                    self.over.wait(max(0.0, free - time.monotonic()))
                near.sendall(piece)
                with self.changed:
                    self.held -= len(piece)
                    self.changed.notify_all()
        self.end(near, far)

    @staticmethod
    def end(*sockets: socket.socket) -> None:
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def cut(self) -> None:
        """Ends all connections, and drops what it holds."""
        self.end(*self.ends[1:])

    def close(self) -> None:
        self.over.set()
        with self.changed:
            self.changed.notify_all()
        self.end(*self.ends)
        for one in self.ends:
            one.close()


@contextlib.contextmanager
def buffering_proxy(target: int) -> Iterator[BufferingProxy]:
    """Runs a proxy until the block ends."""
    proxy = BufferingProxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
