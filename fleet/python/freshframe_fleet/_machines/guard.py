"""The guard of a machine's agent: starts it as its child, watches its end, kills it on the program's order.

It runs no code of the user's. The agent's own channel to the program is a connection that the guard opens and
hands over, so that renewals and results never pass through the guard. In a detached fleet they do: its relay
keeps the agent's channel while the controller restarts. The guard's channel carries orders
(launch, kill, look for an earlier agent, leave) and their results.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import json
import os
import platform
import select
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from freshframe import FreshframeError, __version__
from freshframe._agent import logger, start_fleet_child

from .._control.agents.cores import usable_cores
from .._control.agents.ends import SILENT, LastWordsPage, Words
from .._control.agents.link import arguments
from .._wire import MessageReader
from .handshake import StrangerError, introduce, message, tune
from .relay import Relay

MARK = "FRESHFRAME_FLEET_AGENT"  # in the environment of an agent and of its children
_LOOK_EVERY = 0.5  # seconds
_CONNECT_TIMEOUT = 5.0
_TRY_AGAIN = 0.5  # seconds between two attempts to connect
_END_TIMEOUT = 10.0  # seconds in which a killed process has to be gone
ORPHAN_AFTER = 30.0  # seconds without a renewed lease after which the agent is killed


class _Leave(Exception):  # noqa: N818  (not an error: the program has ended the fleet)
    pass


class Guard:
    """Guards the agents of one machine. The thread that calls run() must live as long as the process."""

    def __init__(
        self,
        address: tuple[str, int],
        token: bytes,
        node: str,
        *,
        orphan_after: float = ORPHAN_AFTER,
        outlives: bool = False,
    ) -> None:
        """`address`: the program's. `node`: the program's name for this machine.

        `outlives`: the agent goes on when the connection is lost, as of a detached fleet's controller.
        """
        self._outlives = outlives
        self._relay: Relay | None = None
        self._channel: socket.socket | None = None
        self._connected = time.monotonic()
        self._address = address
        self._token = token
        self._node = node
        self._orphan_after = orphan_after
        self._child: Any = None
        self._number = 0  # number of the child
        self._mark = ""
        self._page = LastWordsPage()  # the page of the child
        self._renewed = 0.0
        self._spare: socket.socket | None = None  # the next agent's connection
        self._known = False  # to the program, which then takes the spare

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Serves the program; connects again whenever the connection is lost. Ends when the fleet does."""
        try:
            while not until():
                try:
                    with self._open("guard") as channel:
                        self._channel = channel
                        self._serve(channel)
                except _Leave:
                    return
                except (OSError, ValueError, StrangerError):
                    pass
                except Exception:  # its machine would have no agents any longer
                    logger.exception("the guard of %s connects again", self._node)
                self._lose()
                time.sleep(_TRY_AGAIN)
        finally:
            self._end_child()
            self._close_spare()

    def _lose(self) -> None:
        """Notes that the connection is lost, and ends an agent that may not go on."""
        if self._channel is not None:
            self._connected = time.monotonic()
        self._channel = None
        self._close_spare()
        if self._relay is not None:
            self._relay.detach()
        if not self._outlives or time.monotonic() - self._renewed > self._orphan_after:
            self._end_child()

    @property
    def alone(self) -> float:
        """Returns the seconds without a connection."""
        return 0.0 if self._channel is not None else time.monotonic() - self._connected

    def go_to(self, address: tuple[str, int]) -> None:
        """The program is there now. Any thread."""
        if address == self._address:
            return
        self._address = address
        channel = self._channel
        if channel is not None:
            with contextlib.suppress(OSError):
                channel.shutdown(socket.SHUT_RDWR)

    def _open(self, what: str) -> socket.socket:
        connection = socket.create_connection(self._address, _CONNECT_TIMEOUT)
        try:
            tune(connection)
            hello = {
                "what": what,
                "node": self._node,
                "pid": os.getpid(),
                "version": __version__,
                "python": platform.python_version(),
                "cores": usable_cores(),
            }
            if self._child is not None:
                hello["child"] = {"number": self._number, "mark": self._mark, "pid": self._child.pid}
            if self._relay is not None:
                hello["pulls"] = {str(reader): number for reader, number in self._relay.pulls.items()}
            introduce(connection, self._token, hello)
            connection.settimeout(None)
        except BaseException:
            connection.close()
            raise
        return connection

    def _serve(self, channel: socket.socket) -> None:
        reader = MessageReader()
        self._known = False
        while True:
            self._keep_spare()
            poller = select.poll()
            poller.register(channel, select.POLLIN)
            if self._child is not None:
                poller.register(self._child, select.POLLIN)
            if self._relay is not None:
                self._relay.register(poller)
            ready = {descriptor for descriptor, _ in poller.poll(_LOOK_EVERY * 1000)}
            if self._child is not None and self._child.fileno() in ready:
                why = str(self._child.reap() or "ended")
                self._tell_end(channel, why, self._page.read())
            if channel.fileno() in ready:
                data = channel.recv(1 << 16)
                if not data:
                    return
                for each in reader.add(data):
                    self._obey(channel, json.loads(bytes(each)))
            if self._relay is not None:
                self._relay.work()
            if self._child is not None and time.monotonic() - self._renewed > self._orphan_after:
                self._child.kill()

    def _keep_spare(self) -> None:
        """Opens the next agent's connection, once the program has this guard; another if it was closed."""
        if self._spare is not None and _is_closed(self._spare):
            self._close_spare()
        if not self._known or self._spare is not None:
            return
        with contextlib.suppress(OSError, StrangerError):  # it is tried again
            if self._child is None:
                self._spare = self._open("agent")
            elif self._relay is not None and not self._relay.attached:
                self._relay.attach(self._open("agent"))

    def _tell_end(self, channel: socket.socket, why: str, words: Words = SILENT) -> None:
        self._child = None
        self._page.close()
        if self._relay is not None:
            self._relay.finish()
        self._close_relay()
        channel.sendall(message(self._end(self._number, why, words)))

    @staticmethod
    def _end(number: int, why: str, words: Words = SILENT) -> dict[str, Any]:
        return {"what": "ended", "number": number, "why": why, "words": words.as_list()}

    def _obey(self, channel: socket.socket, order: dict[str, Any]) -> None:
        what = order["what"]
        if what == "known":
            self._known = True
        elif what == "launch":
            self._launch(channel, order)
        elif what == "kill":
            if self._child is not None:
                self._child.kill()
        elif what == "renewed":
            self._renewed = time.monotonic()
        elif what == "look for":
            self._end_child()
            if not end_marked(order["mark"]):
                raise ConnectionError("the agent does not end")  # it is looked for again
            why = "ended with its guard"
            channel.sendall(message(self._end(order["number"], why)))
        elif what == "leave":
            raise _Leave

    def _launch(self, channel: socket.socket, order: dict[str, Any]) -> None:
        self._number, self._mark = order["number"], order["mark"]
        self._renewed = time.monotonic()
        environment = {**os.environ, MARK: order["mark"]}
        if self._spare is None:
            raise ConnectionError("the agent's connection is lost")
        if self._outlives:
            self._relay = Relay()
        self._page.close()
        self._page = LastWordsPage()
        try:
            self._child = start_fleet_child(
                [os.fsencode(each) for each in arguments(order["options"])],
                [os.fsencode(f"{name}={value}") for name, value in environment.items()],
                (self._spare if self._relay is None else self._relay.theirs).fileno(),
                self._page.fileno(),
            )
        except (OSError, FreshframeError) as error:
            self._tell_end(channel, f"cannot be started: {error}")
        else:
            channel.sendall(message({"what": "launched", "number": self._number, "pid": self._child.pid}))
            if self._relay is not None:
                self._relay.attach(self._spare)
                self._spare = None
        if self._relay is not None:
            self._relay.theirs.close()
        self._close_spare()

    def _close_spare(self) -> None:
        if self._spare is not None:
            self._spare.close()
            self._spare = None

    def _close_relay(self) -> None:
        if self._relay is not None:
            self._relay.close()
            self._relay = None

    def _end_child(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        poller = select.poll()
        poller.register(child, select.POLLIN)
        poller.poll(_END_TIMEOUT * 1000)
        child.reap()
        self._close_relay()


def _is_closed(connection: socket.socket) -> bool:
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


def end_marked(mark: str) -> bool:
    """Kills the processes of an agent whose guard has gone. Returns whether all have ended."""
    deadline = time.monotonic() + _END_TIMEOUT
    while pids := _marked(f"{MARK}={mark}".encode()):
        for pid in pids:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _marked(entry: bytes) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal() or int(folder.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            if entry in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found
