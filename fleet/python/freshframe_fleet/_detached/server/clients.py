"""Programs that are connected to a detached fleet: their requests and their readers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pickle
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from freshframe import FreshframeError, StateError, __version__
from freshframe._agent import logger

from ..._wire import MessageReader, framed
from ..client.channel import BORDER, CHANGES, FOR_ALL, LONGEST_PULL, MOST_RESULTS, refusal
from .served_reader import ServedReader

if TYPE_CHECKING:
    from ..controller import DetachedController

_ASKED = (  # methods of the controller
    "add",
    "add_build",
    "count_cameras",
    "check_open",
    "drain",
    "move",
    "remove",
    "update",
)
_MOST_BYTES = 4 << 20  # in the answer to a pull
_GRACE = 10.0  # seconds in which a program that lost its connection can go on with its readers
_LOOK_EVERY = 0.5  # seconds
_STATS_TIMEOUT = 10.0  # seconds


@dataclass
class _Seat:
    """A reader that a program has, or had until a moment ago."""

    reader: ServedReader
    connection: socket.socket | None
    turn: int = 0  # number of this connection
    lost_at: float = 0.0


@dataclass(frozen=True, slots=True)
class _WithData:
    """A result, and bytes that follow it as they are: a pickle would be two copies more."""

    result: Any
    data: list[memoryview]


def _message(error: str | None, result: Any) -> bytes:
    """An answer; Channel has the other side of it."""
    if not isinstance(result, _WithData):
        return framed(pickle.dumps((error, result), 5))
    size = sum(map(len, result.data))
    return framed(pickle.dumps((error, result.result, size), 5), *result.data)


class Clients:
    """Each connection is served by the thread that brings it."""

    def __init__(
        self, fleet: DetachedController, shut_down: Callable[[], None], *, grace: float = _GRACE
    ) -> None:
        """``shut_down`` ends the fleet for all; ``grace``: seconds for a program to come back."""
        self._fleet = fleet
        self._shut_down = shut_down
        self._grace = grace
        self._seats: dict[str, _Seat] = {}  # by the key that the program gave its reader
        self._lock = threading.Lock()
        self._closed = threading.Event()
        for key, reader in fleet.readers_of_before.items():
            self._seats[key] = _Seat(reader, None, lost_at=time.monotonic())
        self._thread = threading.Thread(target=self._look, name="clients of a fleet", daemon=True)
        self._thread.start()

    def serve(self, connection: socket.socket, hello: dict[str, Any]) -> None:
        """Answers a program until its connection ends."""
        try:
            with connection:
                other = hello["version"] if hello["version"] != __version__ else ""
                if other and hello.get("border") != BORDER:
                    text = (
                        f"the fleet has freshframe {__version__} and this program {other}; both need the same"
                    )
                    connection.sendall(framed(pickle.dumps(("StateError", text))))
                    return
                connection.sendall(framed(pickle.dumps((None, {"version": __version__}))))
                self._answer_all(connection, other)
        except (OSError, ValueError):
            pass
        except Exception:
            logger.exception("a client of fleet %r", self._fleet.name)
        finally:
            self._leave(connection)

    def _answer_all(self, connection: socket.socket, other: str) -> None:
        """``other``: the version of a program that has another one."""
        reader = MessageReader()
        while data := connection.recv(1 << 18):
            for message in reader.add(data):
                what, *arguments = pickle.loads(message)
                answer: tuple[str | None, Any]
                if other and what not in FOR_ALL:
                    answer = "StateError", refusal(__version__, other, what)
                else:
                    answer = self._answer(connection, what, *arguments)
                connection.sendall(_message(*answer))

    def _answer(self, connection: socket.socket, what: str, *arguments: Any) -> tuple[str | None, Any]:
        """The name of an error and its text, or None and a result."""
        try:
            if what in _ASKED:
                result = getattr(self._fleet.controller, what)(*arguments)
                if what in CHANGES:
                    self._fleet.write_through()
                return None, result
            return None, getattr(self, f"_do_{what}")(connection, *arguments)
        except (FreshframeError, KeyError) as error:
            return type(error).__name__, str(error)

    def _do_stats(self, _: socket.socket, acknowledged: dict[str, tuple[str, int, int]]) -> Any:
        for key, acknowledgement in acknowledged.items():
            self._acknowledge(key, *acknowledgement)
        return self._fleet.controller.stats(_STATS_TIMEOUT)

    def _do_look(self, _: socket.socket) -> dict[str, Any]:
        """For programs with another version."""
        return self._fleet.controller.stats(_STATS_TIMEOUT).to_dict()

    def _do_shut_down(self, _: socket.socket) -> None:
        self._shut_down()

    # ---- readers

    def _do_open(
        self, connection: socket.socket, key: str, output: str, name: str | None, again: bool
    ) -> tuple[str, int, int]:
        """The incarnation of the reader, the serial that was acknowledged, how many results were delivered.

        ``again``: it was open.
        """
        with self._lock:
            seat = self._seats.get(key)
            is_new = seat is None
            if seat is None:
                if again and name is None:  # the ordinals of the next one begin at 0
                    raise StateError(
                        "the controller has closed it, as its program was away for more than "
                        f"{self._grace:g} s. Open another one; with a name its results wait"
                    )
                self._vacate(name)
                seat = self._seats[key] = _Seat(self._fleet.open_for(key, output, name), connection)
                delivered = seat.reader.results.opened(again=again)
            else:
                delivered = seat.reader.results.totals().delivered
            seat.connection = connection
            seat.turn = seat.reader.rewind()
            opened = seat.reader.incarnation, seat.reader.acknowledged, delivered
        if is_new:
            self._fleet.write_through()
        return opened

    def _vacate(self, name: str | None) -> None:
        """A reader of this name whose program has gone makes room for the next."""
        for key, seat in list(self._seats.items()) if name is not None else ():
            if seat.reader.results.name == name and seat.connection is None:
                self._close_seat(key)

    def _close_seat(self, key: str) -> None:
        """Closes a reader. With the lock: nobody finds its seat gone and its name taken."""
        seat = self._seats.pop(key, None)
        if seat is not None:
            self._fleet.leave(key, seat.reader)

    def _do_pull(
        self,
        connection: socket.socket,
        key: str,
        incarnation: str,
        serial: int,
        delivered: int,
        most: int,
        wait: float,
    ) -> Any:
        """Acknowledges, then waits for results: the end, names of cameras, the first's serial, results."""
        reader = self._acknowledge(key, incarnation, serial, delivered)
        turn = self._find_turn(connection, key)
        if reader is None:
            raise StateError("the reader was closed")
        first, items = (
            reader.take(turn, min(most, MOST_RESULTS), _MOST_BYTES, min(wait, LONGEST_PULL))
            if most
            else (0, [])
        )
        names = {item.camera: self._fleet.name_of(item.camera) for item in items}
        heads = [(*item[:-1], len(item.data)) for item in items]
        end = reader.end() if not items else None
        return _WithData((end, names, first, heads), [item.data for item in items])

    def _find_turn(self, connection: socket.socket, key: str) -> int:
        """0: the reader's program has another connection by now."""
        with self._lock:
            seat = self._seats.get(key)
            return seat.turn if seat is not None and seat.connection is connection else 0

    def _do_close(self, _: socket.socket, key: str, incarnation: str, serial: int, delivered: int) -> None:
        self._acknowledge(key, incarnation, serial, delivered)
        with self._lock:
            self._close_seat(key)

    def _acknowledge(self, key: str, incarnation: str, serial: int, delivered: int) -> ServedReader | None:
        with self._lock:
            seat = self._seats.get(key)
            if seat is None:
                return None
            reader = seat.reader
            reader.acknowledge(serial if reader.incarnation == incarnation else 0, delivered)
            return reader

    def _leave(self, connection: socket.socket) -> None:
        with self._lock:
            for seat in self._seats.values():
                if seat.connection is connection:
                    seat.connection = None
                    seat.lost_at = time.monotonic()

    def _look(self) -> None:
        """Closes the readers of programs that have gone."""
        while not self._closed.wait(_LOOK_EVERY):
            with self._lock:
                now = time.monotonic()
                gone = [
                    key
                    for key, seat in self._seats.items()
                    if seat.connection is None and now - seat.lost_at > self._grace
                ]
                for key in gone:
                    self._close_lost(key)

    def _close_lost(self, key: str) -> None:
        try:
            self._close_seat(key)
        except FreshframeError:  # the fleet has ended
            pass
        except Exception:
            logger.exception("a reader of fleet %r was not closed", self._fleet.name)

    def close(self) -> None:
        """Looks after no program any more."""
        self._closed.set()
        self._thread.join()
