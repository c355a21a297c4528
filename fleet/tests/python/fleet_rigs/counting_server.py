"""A camera that counts its sessions."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import select
import socket
import threading

from rigs.live.camera import clip
from rigs.live.servers import TcpServer


class CountingServer(TcpServer):
    """A camera that counts its sessions, and their maximum at the same time."""

    def __init__(self) -> None:
        self.most = 0
        self.total = 0
        self._live: set[socket.socket] = set()
        self._counted = threading.Lock()
        super().__init__(clip("mpegts"))

    @property
    def sessions(self) -> int:
        """Returns the number of connections that the client has not closed.

        It sends nothing, so only a close makes one readable.
        """
        with self._counted:
            return len(self._prune())

    def _prune(self) -> set[socket.socket]:
        self._live = {each for each in self._live if not select.select([each], [], [], 0)[0]}
        return self._live

    def talk(self, connection: socket.socket) -> None:
        """Sends until the client has disconnected."""
        assert self.clip is not None
        with self._counted:
            self._prune().add(connection)
            self.most = max(self.most, len(self._live))
            self.total += 1
        try:
            connection.sendall(self.clip.header)
            while not self._ended.is_set():
                for _, frame in self.paced():
                    connection.sendall(frame)
        except OSError:
            return
        finally:
            with self._counted:
                self._live.discard(connection)
