"""An error of any kind ends no thread of a fleet without a word: it goes on, or those who wait hear of it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import logging
import pickle
import socket
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from fleet_rigs.yard import Memory, Yard, yard_fixture
from support import until

import freshframe as ff
from freshframe_fleet._detached.client import channel, remote_reader
from freshframe_fleet._detached.client.remote_controller import RemoteController
from freshframe_fleet._machines.guard import Guard
from freshframe_fleet._machines.listener import Listener
from freshframe_fleet._machines.relay import Relay

yard = yard_fixture()

ERRORS = [
    MemoryError("no room"),
    pickle.UnpicklingError("damaged"),
    KeyError(17),
    RuntimeError("can't start new thread"),
    SystemExit(3),
]


@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_a_program_that_waits_for_a_result_hears_of_an_error_in_the_thread_that_brings_it(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(remote_reader, "LONGEST_PULL", 0.02)
    remote = RemoteController("yard", yard.find)
    reader = remote.open_reader("ticks")

    def fail(data: Any) -> Any:
        raise error

    monkeypatch.setattr(channel, "pickle", SimpleNamespace(loads=fail, dumps=pickle.dumps))
    with pytest.raises(ff.StateError, match=f"the reader of 'ticks' has ended: {type(error).__name__}: "):
        reader.get(100)
    monkeypatch.undo()
    with pytest.raises(ff.StateError, match="has ended"):
        reader.get(100)
    remote.close()


class Failing:
    """Raises one error of each kind, one after the other, then does its work."""

    def __init__(self, work: Callable[..., Any], *errors: BaseException) -> None:
        self._work = work
        self._left = list(errors)

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        if self._left:
            raise self._left.pop(0)
        return self._work(*arguments, **options)


PASSING = [OSError("passes"), *ERRORS[:-1]]


def test_readers_of_programs_that_have_gone_are_closed_whatever_failed_before(
    yard: Yard, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients, readers = yard.clients, yard.parts.readers
    gone: Any = SimpleNamespace()
    monkeypatch.setattr(yard.controller, "leave", Failing(yard.controller.leave, *PASSING))
    for each in range(len(PASSING) + 1):
        clients._do_open(gone, f"key {each}", "ticks", None, False)
    clients._leave(gone)
    until(lambda: len(list(readers)) == len(PASSING), lambda: str(list(readers)))
    until(lambda: not clients._seats, "no seat")
    assert clients._thread.is_alive()
    assert caplog.text.count("a reader of fleet 'yard' was not closed") == len(PASSING)


def test_the_state_is_kept_whatever_failed_before(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = yard.controller.kept._writer
    monkeypatch.setattr("freshframe_fleet._detached.server.cluster_kept._LOOK_EVERY", 0.01)
    monkeypatch.setattr(writer, "_write", Failing(writer._write, *PASSING))
    monkeypatch.setattr(writer, "on_written", Failing(writer.on_written, *PASSING))
    for _ in range(len(PASSING) + 1):
        yard.controller.write_through()
    thread = writer._thread
    assert thread is not None
    assert thread.is_alive()


class Listening:
    """A listening socket, which gives what it is made of and then waits for its end."""

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


def test_a_guard_connects_again_whatever_failed_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freshframe_fleet._machines.guard._TRY_AGAIN", 0.01)
    guard = Guard(("127.0.0.1", 1), bytes(32), "node")
    served = 0

    def serve(_: socket.socket) -> None:
        nonlocal served
        served += 1
        if served <= len(PASSING):
            raise PASSING[served - 1]

    monkeypatch.setattr(guard, "_open", lambda what: socket.socket())
    monkeypatch.setattr(guard, "_serve", serve)
    guard.run(lambda: served > len(PASSING))
    assert served == len(PASSING) + 1


def test_a_guard_keeps_its_own_channel_when_the_connection_of_its_agent_cannot_be_opened(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An agent that outlives its controller does it, too."""
    guard = Guard(("127.0.0.1", 1), bytes(32), "node", outlives=True)
    guard._known, guard._relay = True, Relay()
    child: Any = SimpleNamespace()
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(guard, "_open", Failing(lambda what: ours, OSError("no answer"), OSError("again")))
    for child_of_this in (None, child):
        guard._child = child_of_this
        guard._keep_spare()  # fails
    assert not guard._relay.attached
    guard._keep_spare()
    assert guard._relay.attached
    guard._child = None
    guard._relay.theirs.close()
    guard._close_relay()
    theirs.close()


def test_a_guard_whose_message_is_not_understood_is_not_counted_as_here(
    yard: Yard, caplog: pytest.LogCaptureFixture
) -> None:
    guards = yard.place.guards
    ours, theirs = socket.socketpair()
    post: Any = SimpleNamespace(
        node="node",
        version=ff.__version__,
        open=True,
        spare=None,
        send=lambda **order: None,
        hear=lambda: iter([{"what": "ended", "number": "x", "why": ""}]),
        close=theirs.close,
    )
    with caplog.at_level(logging.ERROR), ours:
        guards._serve(post)
    assert guards._posts == {}
    assert "the guard of node has to connect again" in caplog.text


def test_a_store_that_was_lost_ends_no_controller() -> None:
    yard = Yard(Memory())
    yard.store.values.clear()
    yard.controller.write_through()
    assert any("/state/" in key for key in yard.store.values)
    yard.end()
