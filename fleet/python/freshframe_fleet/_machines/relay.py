"""A guard's relay: an agent's channel that outlives the connection to a controller."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import select
import socket
from collections import deque

from .. import _wire
from .._wire import MessageReader

_MOST_WAITING = 4 << 20  # bytes; beyond it nothing more is read
_READ_AT_ONCE = 1 << 18  # bytes
_LAST_WORDS = 2.0  # seconds in which a controller takes the last messages of an agent


class Relay:
    """Forwards whole messages, so that a connection that breaks leaves no half of one.

    While there is no controller nothing is read from the agent, which then keeps its messages.
    """

    def __init__(self) -> None:
        """``theirs`` is for the agent. The agent's starter closes it."""
        self._agent, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._agent.setblocking(False)
        self._controller: socket.socket | None = None
        self._from_agent = MessageReader()
        self._from_controller = MessageReader()
        self._up: deque[memoryview] = deque()
        self._up_bytes = 0
        self._sent = 0  # bytes of the first of them
        self._ended = False  # the agent has closed its end
        self._down = bytearray()
        self.pulls: dict[int, int] = {}  # number of the latest pull, by reader

    @property
    def attached(self) -> bool:
        """Whether there is a controller."""
        return self._controller is not None

    def attach(self, connection: socket.socket) -> None:
        """A controller's connection, which is the relay's from now on."""
        connection.setblocking(False)
        self._controller = connection
        self._from_controller = MessageReader()
        # Batches are pulled again: each is the answer to the latest pull of its reader.
        self._up = deque(message for message in self._up if not _wire.is_batch(message))
        self._up_bytes = sum(map(len, self._up))
        self._sent = 0

    def detach(self) -> None:
        """Closes the connection of a controller that has gone."""
        if self._controller is not None:
            self._controller.close()
            self._controller = None

    def register(self, poller: select.poll) -> None:
        """Registers the sockets that it waits for."""
        if self._controller is None:
            return
        wants_agent = select.POLLIN if self._up_bytes < _MOST_WAITING else 0
        wants_controller = select.POLLIN if len(self._down) < _MOST_WAITING else 0
        if not self._ended:
            poller.register(self._agent, wants_agent | (select.POLLOUT if self._down else 0))
        poller.register(self._controller, wants_controller | (select.POLLOUT if self._up else 0))

    def work(self) -> None:
        """Forwards what can be forwarded now.

        Raises:
            OSError: The connection to the controller is lost.
            ValueError: It has sent what cannot be.
        """
        if self._controller is None:
            return
        if len(self._down) < _MOST_WAITING:
            self._read_controller(self._controller)
        with contextlib.suppress(OSError):  # an agent that has gone: another message reports its end
            if self._up_bytes < _MOST_WAITING:
                self._read_agent()
            if self._down:
                del self._down[: self._agent.send(self._down)]
        self._write_controller(self._controller)

    def _read_controller(self, controller: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            data = controller.recv(_READ_AT_ONCE)
            if not data:
                raise ConnectionError("the controller has closed the agent's connection")
            for whole in self._from_controller.add_framed(data):
                message = _wire.unframed(whole)
                if (pull := _wire.read_pull(message)) is not None:
                    self.pulls[pull[0]] = pull[1]
                elif (closed := _wire.read_closed_reader(message)) is not None:
                    self.pulls.pop(closed, None)
                self._down += whole

    def _read_agent(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = self._agent.recv(_READ_AT_ONCE)
            self._ended = not data
            for whole in self._from_agent.add_framed(data):
                self._up.append(whole)
                self._up_bytes += len(whole)

    def _write_controller(self, controller: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._up:
                first = self._up[0]
                self._sent += controller.send(first[self._sent :])
                if self._sent == len(first):
                    self._up.popleft()
                    self._up_bytes -= len(first)
                    self._sent = 0

    def finish(self) -> None:
        """The agent has ended: its last messages are forwarded."""
        if self._controller is None:
            return
        with contextlib.suppress(OSError):
            while not self._ended:
                before = len(self._up)
                self._read_agent()
                if len(self._up) == before:
                    break
            self._controller.settimeout(_LAST_WORDS)
            self._write_controller(self._controller)

    def close(self) -> None:
        """The agent has ended, or ends with it."""
        self.detach()
        self._agent.close()
