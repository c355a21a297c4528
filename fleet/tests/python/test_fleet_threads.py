"""The thread that accepts connections of the command line survives all errors."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from freshframe_fleet._listener import Listener

ERRORS = [MemoryError("no room"), KeyError(17), RuntimeError("can't start new thread")]
PASSING = [OSError("passes"), *ERRORS]


class Listening:
    """A listening socket that returns the given items, and then waits until it is closed."""

    def __init__(self, *given: Any) -> None:
        self._given = list(given)
        self._ended = threading.Event()

    def accept(self) -> tuple[Any, None]:
        if not self._given:
            self._ended.wait()
            raise OSError("invalid argument")
        given = self._given.pop(0)
        if isinstance(given, BaseException):
            raise given
        return given, None

    def shutdown(self, _: int) -> None:
        self._ended.set()

    def close(self) -> None:
        pass


def test_a_listener_takes_connections_whatever_failed_before(caplog: pytest.LogCaptureFixture) -> None:
    closed: list[BaseException | None] = []
    came = threading.Event()

    def take(connection: Any) -> None:
        if connection.error is not None:
            raise connection.error
        came.set()

    def connection(error: BaseException | None) -> Any:
        return SimpleNamespace(error=error, close=lambda: closed.append(error))

    listening: Any = Listening(
        OSError(24, "Too many open files"), *map(connection, PASSING), OSError(12, "no"), connection(None)
    )
    listener = Listener(listening, take, "desk of a test")
    listener.start()
    assert came.wait(100)
    listener.close()
    assert not listener._thread.is_alive()
    assert closed == PASSING
    assert caplog.text.count("desk of a test: a connection is lost") == len(PASSING)
