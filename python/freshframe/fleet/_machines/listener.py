"""A listening socket with a thread that takes its connections."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable

_PATIENCE = 5.0  # seconds for the connection that is being taken


class Listener:
    """Listens for connections. Its user sets itself up between the constructor and start()."""

    def __init__(self, listening: socket.socket, take: Callable[[socket.socket], None], name: str) -> None:
        """`take`: given each connection, on the thread of that name; the connection is its own then."""
        self._socket = listening
        self._take = take
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.closed = False

    def start(self) -> None:
        """Once."""
        self._thread.start()

    def _run(self) -> None:
        while not self.closed:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._take(connection)

    def close(self) -> None:
        """Listens no more. Idempotent."""
        if self.closed:
            return
        self.closed = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._thread.join(_PATIENCE)
        self._socket.close()

    def forget_in_child(self) -> None:
        """In a forked child: its copy would go on taking connections without an answer."""
        self.closed = True
        with contextlib.suppress(OSError):
            os.close(self._socket.detach())
