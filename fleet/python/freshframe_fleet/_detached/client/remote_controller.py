"""The controller of a detached fleet, as a program that is connected to it sees it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from freshframe import FreshframeError, StateError

from ..._control.loop import boot_time, settle
from ..._read.reader import FleetReader
from ..._read.results import Results
from ..._stats import AgentStats, CameraStats, FleetEvent, FleetReaderStats, FleetStats
from .channel import CHANGES, Channel, Endpoint
from .remote_reader import RemoteReader

_TIMEOUT = 60.0  # seconds for an answer
_PATIENCE = 20.0  # seconds for a controller that restarts
_FAREWELL = 10.0  # seconds for a controller to hear that a reader is closed; it notices by itself
_LOOK_EVERY = 0.1  # seconds: for signals

_NOTHING = {"str": "", "int": 0, "float": 0.0, "bool": False, "dict[str, str]": {}}  # by annotation

_T = TypeVar("_T")


class RemoteController:
    """Stands for the controller in a program. Another thread sends the requests: Ctrl-C breaks none off."""

    def __init__(
        self,
        name: str,
        find: Callable[[], Endpoint],
        wait_until_gone: Callable[[], None] = lambda: None,
        disconnect: Callable[[], None] = lambda: None,
    ) -> None:
        """Connects.

        Args:
            name: Of the fleet.
            find: Returns where its controller is.
            wait_until_gone: Called when it was ended for all.
            disconnect: Called when it was closed.

        Raises:
            StateError: The controller does not answer, or there is no such fleet.
        """
        self.name = name
        self._find = find
        self._wait_until_gone = wait_until_gone
        self._disconnect = disconnect
        self._channel = Channel(name, find)
        self._readers: list[RemoteReader] = []
        self._lock = threading.Lock()
        self._closing = False  # no reader is added any longer
        self._closed = False
        self._over = False  # the fleet has ended
        self._stats: FleetStats | None = None
        self._requests: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=f"fleet {name}", daemon=True)
        self._thread.start()
        try:
            self._ask("check_open")
        except BaseException:
            self.close()
            raise

    def _run(self) -> None:
        while (request := self._requests.get()) is not None:
            request()

    def _ask(
        self, what: str, *arguments: Any, limit: float = float("inf"), patience: float = _PATIENCE
    ) -> Any:
        if self._closed:
            raise StateError("this program has closed its connection to the fleet")
        answer: Future[Any] = Future()

        def ask() -> Any:
            again = what not in CHANGES
            return self._channel.ask(what, *arguments, timeout=_TIMEOUT, patience=patience, again=again)

        self._requests.put(lambda: settle(answer, ask))
        end = boot_time() + limit
        while not wait((answer,), min(_LOOK_EVERY, max(0.0, end - boot_time()))).done:
            if boot_time() >= end:
                answer.cancel()  # a page asks again and again: these would wait for each other
                raise StateError(f"the controller has not answered within {limit:g} s")
            if not self._thread.is_alive():
                raise StateError("this program has closed its connection to the fleet")
        return answer.result()

    # ---- as Controller

    @property
    def ticked(self) -> float:
        """The controller says in time whether it works: stats() fails then."""
        return boot_time()

    def add_build(
        self, known: bytes, pickled: bytes, modules: Mapping[str, str] | None = None, sources: bytes = b""
    ) -> int:
        """A function that agents get once."""
        return int(self._ask("add_build", known, pickled, dict(modules or {}), sources))

    def add(self, cameras: Sequence[tuple[str, str, Mapping[str, str]]], build: int, exclusive: bool) -> None:
        """Adds cameras (name, address, needs)."""
        self._ask("add", [(name, url, dict(needs)) for name, url, needs in cameras], build, exclusive)

    def update(self, name: str, build: int | None, url: str | None) -> None:
        """Gives a camera another build, another address, or both."""
        self._ask("update", name, build, url)

    def remove(self, name: str) -> None:
        """Removes a camera: its run ends, and its results are read for a second."""
        self._ask("remove", name)

    def move(self, name: str, to: str) -> None:
        """Moves a camera to that agent."""
        self._ask("move", name, to)

    def drain(self, name: str, draining: bool) -> None:
        """Moves all cameras away from an agent, or lets it have some again."""
        self._ask("drain", name, draining)

    def count_cameras(self, name: str) -> int:
        """How many cameras an agent has."""
        return int(self._ask("count_cameras", name))

    def check_open(self) -> None:
        """Raises StateError once the fleet was closed or its controller has failed."""
        self._ask("check_open")

    def stats(self, timeout: float = -1) -> FleetStats:
        """Takes a snapshot; returns the last one after close()."""
        if self._closed and self._stats is not None:
            return self._stats
        with self._lock:
            given = {reader.key: reader.acknowledgement() for reader in self._readers}
        told = self._ask("stats", given, limit=float("inf") if timeout < 0 else timeout)
        stats = told if isinstance(told, FleetStats) else restore_stats(told)  # the fleet has another version
        self._stats = stats
        return stats

    def open_reader(self, output: str, name: str | None = None) -> FleetReader:
        """A reader of an output; one of this name that was closed goes on."""
        if self._closed:
            raise StateError("this program has closed its connection to the fleet")
        reader = RemoteReader(Channel(self.name, self._find), output, name, self._close_reader)
        with self._lock:
            self._readers.append(reader)
            is_late = self._closing
        if is_late:  # another thread has closed the connection since
            reader.close()
            raise StateError("this program has closed its connection to the fleet")
        return reader

    def _close_reader(self, results: Results) -> None:
        with self._lock:
            reader = next((each for each in self._readers if each.results is results), None)
            if reader is None:
                return
            self._readers.remove(reader)
        if self._over:
            return
        with contextlib.suppress(FreshframeError):
            self._ask("close", reader.key, *reader.acknowledgement(), limit=_FAREWELL, patience=0)

    # ---- the end

    def shut_down(self) -> None:
        """Ends the fleet for all."""
        self.stats()  # the last one, for stats() after the end
        self._ask("shut_down")
        self._over = True
        self._wait_until_gone()

    def close(self) -> None:
        """Ends the connection; the fleet goes on. Idempotent."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
            readers = list(self._readers)
        for reader in readers:
            reader.close()
        if self._channel.is_open and not self._over:
            with contextlib.suppress(FreshframeError):
                self.stats(_LOOK_EVERY * 20)
        self._closed = True
        self._requests.put(None)
        self._channel.close()
        self._thread.join(1.0)
        self._disconnect()

    def forget_in_child(self) -> None:
        """In a forked child: its copies would keep connections open."""
        self._closed = True
        self._channel.forget_in_child()
        for reader in self._readers:
            reader.forget_in_child()


def restore_stats(plain: Mapping[str, Any]) -> FleetStats:
    """The statistics of a fleet with another version of freshframe, which travel as plain values with names.

    ``plain``: what FleetStats.to_dict() of the other version has told. Names that are not known here are
    left out.
    """
    return _made(
        FleetStats,
        {
            **plain,
            "agents": {name: _made(AgentStats, each) for name, each in plain.get("agents", {}).items()},
            "cameras": {name: _made(CameraStats, each) for name, each in plain.get("cameras", {}).items()},
            "readers": [_made(FleetReaderStats, each) for each in plain.get("readers", ())],
            "events": [_made(FleetEvent, each) for each in plain.get("events", ())],
        },
    )


def _made(kind: type[_T], plain: Mapping[str, Any]) -> _T:
    """Makes a dataclass. A field that the other version does not send gets its default, or nothing."""
    values = {}
    for field in fields(kind):  # type: ignore[arg-type]
        if field.name in plain:
            values[field.name] = plain[field.name]
        elif field.default is MISSING and field.default_factory is MISSING:
            values[field.name] = _NOTHING.get(str(field.type))
    return kind(**values)
