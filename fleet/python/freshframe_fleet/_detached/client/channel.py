"""A program's connection to the controller of a detached fleet, which comes back when it is lost."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import pickle
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import freshframe
from freshframe import FreshframeError, StateError, __version__

from ..._control.builds.builds import ForgottenBuildError
from ..._machines.handshake import StrangerError, introduce, tune
from ..._wire import MessageReader, framed

_CONNECT_TIMEOUT = 5.0  # seconds
_TRY_AGAIN = 0.2  # seconds

# Requests that are not asked twice.
CHANGES = frozenset({"add", "add_build", "drain", "move", "remove", "update"})
# Requests of programs with another version of freshframe: their arguments and answers are texts, numbers,
# lists and mappings. BORDER changes when one of them does.
FOR_ALL = frozenset({"count_cameras", "check_open", "drain", "look", "move", "remove", "shut_down"})
BORDER = 1
_NEEDS_THE_SAME = {
    "open": "read results",
    "pull": "read results",
    "add_build": "add or update cameras",
    "update": "change the build of a camera",
}
MOST_RESULTS = 500  # in the answer to a pull
LONGEST_PULL = 1.0  # seconds that the controller waits for results


def _error(name: str) -> type[FreshframeError]:
    """Returns the class of an error that the controller has named."""
    if name == ForgottenBuildError.__name__:  # no program gets it
        return ForgottenBuildError
    found = getattr(freshframe, name, None) if name in freshframe.__all__ else None
    return found if isinstance(found, type) and issubclass(found, FreshframeError) else FreshframeError


@dataclass(frozen=True)
class Endpoint:
    """Holds the address of a controller and the fleet's token."""

    host: str
    port: int
    token: bytes = field(repr=False)


class Unreachable(Exception):  # noqa: N818  (it is tried again)
    """The address of the controller cannot be found now."""


def refusal(fleet: str, program: str, what: str) -> str:
    """Returns why a request is refused. ``fleet`` and ``program`` are their versions."""
    not_this = _NEEDS_THE_SAME.get(what, "add cameras")
    return (
        f"the fleet has freshframe {fleet} and this program {program}: it can look (stats(), serve()), "
        f"drain, move, remove and shut the fleet down, and not {not_this}: for that "
        "both need the same version"
    )


class Channel:
    """One request at a time."""

    def __init__(self, name: str, find: Callable[[], Endpoint]) -> None:
        """Connects with the first request.

        Args:
            name: Of the fleet.
            find: Says where the controller is; raises Unreachable when that may change, and StateError when
                there is no such fleet.
        """
        self._name = name
        self._find = find
        self._endpoint: Endpoint | None = None
        self._socket: socket.socket | None = None
        self._incoming = MessageReader()
        self._other_version = ""  # the fleet's version, if it is another
        self._closed = threading.Event()
        self._asking = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether this end has seen no end of the connection."""
        return self._socket is not None

    def ask(self, what: str, *arguments: Any, timeout: float, patience: float, again: bool = True) -> Any:
        """The controller's answer.

        Args:
            what: Is asked.
            arguments: Of it.
            timeout: Seconds for the answer.
            patience: Seconds in which it tries to connect again.
            again: Whether it is asked again when the connection is lost before the answer has come.

        Returns:
            The controller's answer. To "pull": also the bytes of the results one after the other.

        Raises:
            FreshframeError: As the controller says.
            StateError: The same, or the controller does not answer, or there is no such fleet.
        """
        with self._asking:
            try:
                return self._ask(what, arguments, timeout, time.monotonic() + patience, again)
            finally:
                if self._closed.is_set():
                    self._drop()

    def _ask(
        self, what: str, arguments: tuple[Any, ...], timeout: float, deadline: float, again: bool
    ) -> Any:
        while True:
            error = self._connect()
            if error is None:
                assert self._socket is not None
                if self._other_version:
                    what, arguments = self._for_all(what, arguments)
                try:
                    self._socket.settimeout(timeout)
                    self._socket.sendall(framed(pickle.dumps((what, *arguments), 5)))
                    return self._result()
                except (OSError, ValueError) as problem:
                    self._drop()
                    error = problem
                    if not again:
                        raise StateError(
                            f"the connection to the controller of fleet {self._name!r} was lost while it was "
                            f"asked to {what}; stats() shows whether it has: {error}"
                        ) from error
            if time.monotonic() > deadline or self._closed.wait(_TRY_AGAIN):
                raise StateError(
                    f"the controller of fleet {self._name!r} does not answer: {error}"
                ) from error

    def _for_all(self, what: str, arguments: tuple[Any, ...]) -> tuple[str, tuple[Any, ...]]:
        """The request as another version understands it."""
        if what == "stats":
            return "look", ()
        if what not in FOR_ALL:
            raise StateError(refusal(self._other_version, __version__, what))
        return what, arguments

    def _connect(self) -> Exception | None:
        """The obstacle, if it may pass."""
        if self._socket is not None:
            return None
        if self._closed.is_set():
            raise StateError("the fleet was closed")
        try:
            if self._endpoint is None:
                self._endpoint = self._find()
            connection = socket.create_connection(
                (self._endpoint.host, self._endpoint.port), _CONNECT_TIMEOUT
            )
            try:
                tune(connection)
                hello = {
                    "what": "client",
                    "node": "",
                    "pid": os.getpid(),
                    "version": __version__,
                    "border": BORDER,
                }
                introduce(connection, self._endpoint.token, hello)
                connection.settimeout(_CONNECT_TIMEOUT)
            except BaseException:
                connection.close()
                raise
        except (OSError, StrangerError, Unreachable) as error:
            self._endpoint = None  # it may be elsewhere now
            return error
        self._socket = connection
        self._incoming = MessageReader()
        if self._closed.is_set():  # close() may have come before the connection was here
            self._drop()
            raise StateError("the fleet was closed")
        try:
            fleet: dict[str, Any] = self._result() or {}
            version = fleet.get("version", __version__)
            self._other_version = version if version != __version__ else ""
        except OSError as error:
            self._drop()
            return error
        return None

    def _result(self) -> Any:
        while True:
            assert self._socket is not None
            data = self._socket.recv(1 << 18)
            if not data:
                raise ConnectionError("the controller has closed the connection")
            for message in list(self._incoming.add(data)):
                error, result, *size = pickle.loads(message)
                if size:
                    return result, message[len(message) - size[0] :]
                if error is not None:
                    raise _error(error)(result)
                return result

    def _drop(self) -> None:
        connection, self._socket = self._socket, None
        self._endpoint = None
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """A request that waits ends. Any thread."""
        self._closed.set()
        connection = self._socket
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        if self._asking.acquire(blocking=False):  # otherwise the asking thread does it
            self._drop()
            self._asking.release()

    def forget_in_child(self) -> None:
        """Closes the connection in a forked child."""
        connection, self._socket = self._socket, None
        if connection is not None:
            os.close(connection.detach())
