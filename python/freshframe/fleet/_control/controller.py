"""A fleet's controller, as the program sees it: it adds and removes agents, cameras and readers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..._errors import StateError
from .. import _wire
from .._decide.decisions import Camera
from .._read.reader import FleetReader
from .controller_state import Setup, boot_time
from .controller_thread import ControllerThread
from .counts import CameraCounts
from .place import Place
from .sent_builds import ForgottenBuildError

__all__ = ["Controller", "boot_time"]


class Controller(ControllerThread):
    """Of a fleet. Its methods may be called from any thread."""

    _reader_kind: type[FleetReader] = FleetReader

    def __init__(self, setup: Setup, place: Place) -> None:
        """Starts the thread; there are no agents yet.

        Raises:
            FreshframeError: The state cannot be written, or the place cannot begin.
            StateError: A fleet of this name runs already.
        """
        super().__init__(setup, place)
        try:
            place.begin(self)
        except BaseException:
            self.close()
            raise

    def tell_trouble(self, why: str) -> None:
        """Why nothing is heard of the machines; empty: they are heard of."""

        def tell() -> None:
            if why != self._cluster_trouble:
                self._cluster_trouble = why
                self.note("cluster", why or "answers again")

        self.call(tell)

    def add_agent(self, name: str, labels: Mapping[str, str]) -> None:
        """Adds an agent."""

        def add() -> None:
            self._decisions.can_add_agents = True  # all that it takes is a process
            self._decisions.add_agent(name, labels, boot_time())

        self.call(add)

    def add_build(self, known: bytes, pickled: bytes) -> int:
        """A function that agents get once."""

        def add() -> int:
            self._builds.append((known, pickled))
            return len(self._builds) - 1

        return self.call(add)

    def add(self, cameras: Sequence[tuple[str, str, Mapping[str, str]]], build: int, exclusive: bool) -> None:
        """Adds cameras (name, address, needs).

        Raises:
            StateError: One of them is there already, or the fleet was closed.
        """
        self.call(lambda: self._add(cameras, build, exclusive))

    def _add(
        self, cameras: Sequence[tuple[str, str, Mapping[str, str]]], build: int, exclusive: bool
    ) -> None:
        self._check_open()
        for name, _, _ in cameras:
            if name in self._numbers:
                self._refuse_leaving(name)
                raise StateError(f"there is a camera {name!r} already; remove it first")
        self._check_build(build)
        now = boot_time()
        for name, url, needs in cameras:
            number = self._next_camera
            self._next_camera += 1
            self._numbers[name] = number
            self._names[number] = name
            self._urls[number] = (url, build)
            self._counts[number] = CameraCounts()
            self._decisions.add(Camera(number, name, dict(needs), exclusive), now)
        for reader in self._readers.values():
            self._check_output(reader)
        self._unsaved = True

    def update(self, name: str, build: int, url: str | None) -> None:
        """Gives a camera another build, and perhaps another address."""
        self.call(lambda: self._update(name, build, url))

    def _update(self, name: str, build: int, url: str | None) -> None:
        number = self._number(name)
        self._check_build(build)
        known, before = self._urls[number]
        self._urls[number] = (known if url is None else url, build)
        self._forget_build(before)
        self._unsaved = True
        self._do(self._decisions.renew(number, boot_time()))
        for reader in self._readers.values():
            self._check_output(reader)

    def _check_build(self, build: int) -> None:
        if self._builds[build] is None:
            raise ForgottenBuildError(f"build {build} was forgotten with its last camera")

    def remove(self, name: str) -> None:
        """Removes a camera."""
        self.call(lambda: self._do(self._decisions.remove(self._number(name), boot_time())))

    def move(self, name: str, to: str) -> None:
        """Moves a camera to that agent."""
        self.call(lambda: self._move(name, to))

    def _move(self, name: str, to: str) -> None:
        camera = self._decisions.cameras[self._number(name)]
        agent = self._decisions.agents[self._agent(to)]
        unmet = {key: value for key, value in camera.needs.items() if agent.labels.get(key) != value}
        if unmet:
            raise StateError(f"camera {name!r} needs {unmet}, and agent {to!r} has {dict(agent.labels)}")
        if agent.state != "up" or agent.draining:
            state = "draining" if agent.draining else agent.state
            raise StateError(f"agent {to!r} takes no cameras now: it is {state}")
        self._do(self._decisions.move(camera.number, to, boot_time()))

    def drain(self, name: str, draining: bool) -> None:
        """Moves all cameras away from an agent, or lets it have some again."""

        def drain() -> None:
            self._check_open()
            self._decisions.drain(self._agent(name), draining)
            self.note(name, "draining" if draining else "takes cameras again")

        self.call(drain)

    def cameras_of(self, name: str) -> int:
        """How many cameras an agent has."""
        with self._lock:
            return self._decisions.cameras_of(self._agent(name))

    def open_reader(self, output: str, name: str | None = None) -> FleetReader:
        """A reader of an output; one of this name that was closed goes on.

        Raises:
            StateError: The fleet was closed, or there is a reader of this name.
        """
        return self.call(lambda: self._open_reader(output, name))

    def _open_reader(self, output: str, name: str | None) -> FleetReader:
        self._check_open()
        known = self._named.get(name) if name is not None else None
        if known is not None:
            if known.output != output:
                raise StateError(f"the reader {name!r} reads {known.output!r}, not {output!r}")
            if not known._closed:
                raise StateError(f"the reader {name!r} is open; close it first")
            known._reopen()
            self._check_output(known)
            return known
        number = self._next_reader
        self._next_reader += 1
        reader = self._make_reader(number, output, name)
        self._readers[number] = reader
        if name is not None:
            self._named[name] = reader
        for link in self._links.values():
            link.send(_wire.reader(self._state.term, number, output))
        self._check_output(reader)
        return reader

    def _make_reader(self, number: int, output: str, name: str | None) -> FleetReader:
        return self._reader_kind(
            number, output, self._names.__getitem__, self._wake_to_pull, self._close_reader, name
        )

    def _number(self, name: str) -> int:
        self._check_open()
        if name not in self._numbers:
            raise StateError(f"there is no camera {name!r}")
        self._refuse_leaving(name)
        return self._numbers[name]

    def _refuse_leaving(self, name: str) -> None:
        """Its name is free once its run has ended: a camera never has two runs."""
        if self._decisions.cameras[self._numbers[name]].removed:
            raise StateError(
                f"camera {name!r} was removed and is still closing; stats().cameras has it until then"
            )

    def _agent(self, name: str) -> str:
        if name not in self._decisions.agents:
            known = ", ".join(map(repr, self._decisions.agents))
            raise StateError(f"there is no agent {name!r}; there are {known}")
        return name

    def check_open(self) -> None:
        """Raises StateError once the fleet was closed or its controller has failed."""
        with self._lock:
            self._check_open()

    # ---- readers

    def _close_reader(self, reader: FleetReader) -> None:
        if reader.name is None:
            self.call(lambda: self._forget_reader(reader))

    def _forget_reader(self, reader: FleetReader) -> None:
        self._readers.pop(reader._number, None)
        for link in self._links.values():
            link.pending.discard(reader._number)
            link.send(_wire.reader_gone(self._state.term, reader._number))

    def _wake_to_pull(self) -> None:
        """A reader has room again."""
        self._wake(b"0")
