"""A fleet's Unix socket, through which ``freshframe fleet`` reads its state and drains agents."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from freshframe import FreshframeError, OptionError

from ._control.name_lock import state_folder
from ._listener import Listener

_MOST = 1 << 16  # maximum size of a request in bytes
_PATIENCE = 5.0  # seconds
_MOST_PATH = 107  # maximum length of a Unix socket's path in bytes


class Desk:
    """Answers one request per connection of this user's processes, with a line of JSON in each direction."""

    def __init__(self, name: str, answers: dict[str, Callable[..., Any]]) -> None:
        """Starts to listen.

        Raises:
            FreshframeError: The socket cannot be created.
        """
        self.path = state_folder() / f"{name}.sock"
        self._answers = answers
        self._closing = threading.Lock()
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            if len(os.fsencode(self.path)) > _MOST_PATH:
                raise FreshframeError(
                    f"the path of the fleet's socket is longer than {_MOST_PATH} bytes: {self.path}; "
                    "set XDG_STATE_HOME to a shorter path"
                )
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()  # left by a killed program, as this one holds the lock
            listening.bind(os.fspath(self.path))
            self.path.chmod(0o600)
            listening.listen(8)
        except BaseException:
            listening.close()
            raise
        self._listener = Listener(listening, self._take, f"desk of fleet {name}")
        self._listener.start()

    def _take(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, ValueError):
            connection.settimeout(_PATIENCE)
            if _find_user(connection) in (0, os.getuid()):
                self._serve(connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection.makefile("rb") as file:
            line = file.readline(_MOST)
        try:
            request = json.loads(line)
            answer = self._answers.get(request.pop("do")) if isinstance(request, dict) else None
            if answer is None:
                raise OptionError("unknown request")
            reply = {"ok": answer(**request)}
        except (FreshframeError, TypeError, KeyError, ValueError) as error:
            reply = {"error": str(error)}
        connection.sendall(json.dumps(reply).encode() + b"\n")

    def forget_in_child(self) -> None:
        """Closes the listening socket in a forked child."""
        self._listener.forget_in_child()

    def close(self) -> None:
        """Stops listening and removes the socket's file. Idempotent."""
        # A concurrent close() waits for unlink(), because a fleet started after it may reuse the path.
        with self._closing:
            if self._listener.closed:
                return
            self._listener.close()
            with contextlib.suppress(OSError):
                self.path.unlink()


def _find_user(connection: socket.socket) -> int:
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", data)
    return int(user)


def running() -> list[str]:
    """Returns the names of this user's running fleets."""
    return sorted(path.stem for path in state_folder().glob("*.sock") if _answers(path))


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PATIENCE)
        with contextlib.suppress(OSError):
            probe.connect(os.fspath(path))
            return True
    return False


def ask(name: str, what: str, **arguments: Any) -> Any:
    """Sends a request to a fleet of this user, and returns the answer.

    Raises:
        FreshframeError: There is no fleet of this name, it does not answer, or it rejects the request.
    """
    path = state_folder() / f"{name}.sock"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(2 * _PATIENCE)
            connection.connect(os.fspath(path))
            connection.sendall(json.dumps({"do": what, **arguments}).encode() + b"\n")
            with connection.makefile("rb") as file:
                reply = json.loads(file.readline())
    except (OSError, ValueError) as error:
        raise FreshframeError(f"the fleet {name!r} does not answer and may have ended: {error}") from error
    if "error" in reply:
        raise FreshframeError(str(reply["error"]))
    return reply["ok"]
