"""A listening socket with a thread that accepts its connections."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable

from freshframe._agent import logger

_PATIENCE = 5.0  # timeout for a single connection in seconds
_TRY_AGAIN = 0.1  # seconds


class Listener:
    """Listens for connections. The caller completes its own setup between the constructor and start()."""

    def __init__(self, listening: socket.socket, take: Callable[[socket.socket], None], name: str) -> None:
        """Calls `take` with each connection, on a thread called `name`.

        `take` then owns the connection. If it raises, the connection is closed.
        """
        self._socket = listening
        self._take = take
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.closed = False

    def start(self) -> None:
        """Starts to listen. Must be called only once."""
        self._thread.start()

    def _run(self) -> None:
        while not self.closed:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # the socket was closed, or there is no free descriptor
                if not self.closed:
                    time.sleep(_TRY_AGAIN)
                continue
            try:
                self._take(connection)
            except Exception:  # no thread can be started, or a request has failed
                connection.close()
                logger.exception("%s: a connection is lost", self._thread.name)

    def close(self) -> None:
        """Stops listening, and ends the thread. Idempotent."""
        if self.closed:
            return
        self.closed = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self._thread.join(_PATIENCE)
        self._socket.close()

    def forget_in_child(self) -> None:
        """Called in a forked child, whose copy would accept connections and never answer."""
        self.closed = True
        with contextlib.suppress(OSError):
            os.close(self._socket.detach())
