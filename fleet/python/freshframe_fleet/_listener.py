"""A listening socket with a thread that takes its connections."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable

from freshframe._agent import logger

_PATIENCE = 5.0  # seconds for the connection that is being taken
_TRY_AGAIN = 0.1  # seconds


class Listener:
    """Listens for connections. The user sets itself up between the constructor and start()."""

    def __init__(self, listening: socket.socket, take: Callable[[socket.socket], None], name: str) -> None:
        """`take`: given each connection, on the thread of that name; the connection is its own then."""
        self._socket = listening
        self._take = take
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.closed = False

    def start(self) -> None:
        """Begins to listen. To be called once."""
        self._thread.start()

    def _run(self) -> None:
        while not self.closed:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # closed, or no descriptor is free now
                if not self.closed:
                    time.sleep(_TRY_AGAIN)
                continue
            try:
                self._take(connection)
            except Exception:  # no thread can be started, or a request has failed
                connection.close()
                logger.exception("%s: a connection is lost", self._thread.name)

    def close(self) -> None:
        """Ends the listening and its thread. Idempotent."""
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
