"""The state of a fleet's controller: agents, cameras, readers and events."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import logging
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

from ..._errors import StateError
from .. import _wire
from .._decide.decisions import Decisions, Times
from .._read.reader import FleetReader
from .._stats import FleetEvent, FleetStats
from .._url import masked
from . import snapshot
from .agent_logs import AgentLogs
from .counts import CameraCounts
from .link import Link
from .state_file import KeptState, StateFile

_MOST_EVENTS = 1000
_AT_A_PULL = (500, 1 << 20)  # results, bytes


def boot_time() -> float:
    """Seconds that go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True)
class Setup:
    """The options of a fleet's controller."""

    name: str
    keep: bool  # the state file after the end
    times: Times
    options: dict[str, Any]  # of its agents


class ControllerState:
    """Its user holds the lock around each call, or is the controller's thread."""

    def __init__(self, setup: Setup) -> None:
        """No agents yet.

        Raises:
            FreshframeError: The state cannot be written.
            StateError: A fleet of this name runs already.
        """
        self.name = setup.name
        self._state = self._make_state(setup.keep)
        self._lock = threading.RLock()
        epochs = itertools.count(self._state.term << 32 | 1)
        self._decisions = Decisions(epochs.__next__, self._is_flushed, setup.times)
        self._links: dict[str, Link] = {}
        self._builds: list[tuple[bytes, bytes] | None] = []  # None: no camera has it any more
        self._urls: dict[int, tuple[str, int]] = {}  # address and build, by camera number
        self._numbers: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._counts: dict[int, CameraCounts] = {}
        self._readers: dict[int, FleetReader] = {}
        self._named: dict[str, FleetReader] = {}
        self._next_reader = 1
        self._next_camera = 0
        self._outputs: dict[str, set[int]] = {}  # builds, by the output that they give
        self._known_builds: set[int] = set()  # whose outputs are known
        self._events: deque[FleetEvent] = deque(maxlen=_MOST_EVENTS)
        self._unsaved = False
        self._cpu = 0.0
        self._closing = False
        self._hurried = False  # something is to be decided now
        self._logs = AgentLogs(setup.name)
        self.ticked = boot_time()  # when the thread was last seen to work
        self._ended = threading.Event()
        self._failure: str | None = None  # of the thread
        self._cluster_trouble = ""

    def _make_state(self, keep: bool) -> KeptState:
        return StateFile(self.name, keep=keep)

    # ---- for its parts, with the lock

    @property
    def lock(self) -> threading.RLock:
        """Guards its state and that of its parts."""
        return self._lock

    @property
    def decisions(self) -> Decisions:
        """The decisions."""
        return self._decisions

    @property
    def links(self) -> dict[str, Link]:
        """To agents that have a process, by name."""
        return self._links

    @property
    def is_closing(self) -> bool:
        """Whether the fleet was closed."""
        return self._closing

    def note(self, about: str, text: str) -> None:
        """Adds an event."""
        self._decisions.events.append((boot_time(), about, text))

    def _check_open(self) -> None:
        if self._failure is not None:
            raise StateError(f"the fleet's controller has failed and its agents were ended: {self._failure}")
        if self._closing:
            raise StateError("the fleet was closed")

    def _pull_all(self) -> None:
        for reader in self._readers.values():
            if reader._makes_room():
                for link in self._links.values():
                    self._pull(link, reader)

    def _pull(self, link: Link, reader: FleetReader) -> None:
        number = reader._number
        if number in link.pending or not reader._has_room:
            return
        link.pending.add(number)
        link.pulls[number] = link.pulls.get(number, 0) + 1
        link.send(_wire.pull(self._state.term, number, link.pulls[number], _AT_A_PULL))

    def _check_output(self, reader: FleetReader) -> None:
        """Ends a reader of something that no build gives, once the outputs of all builds in use are known."""
        used = {build for _, build in self._urls.values()}
        given = sorted(output for output, builds in self._outputs.items() if builds & used)
        if reader.output in given or not used or used - self._known_builds:
            return
        known = ", ".join(map(repr, given)) or "none"
        reader._finish(f"no camera has an output {reader.output!r}; there are: {known}")

    def _is_flushed(self, run: tuple[int, int]) -> bool:
        for link in self._links.values():
            if run not in link.runs:
                continue
            records = link.cameras
            if ((records["camera"] == run[0]) & (records["epoch"] == run[1])).any():
                return False  # its last records have not come
            records = link.outboxes
            records = records[(records["camera"] == run[0]) & (records["epoch"] == run[1])]
            for record in records:
                reader = self._readers.get(int(record["reader"]))
                if reader is not None:
                    reader._note(record.reshape(1))
        return all(reader._is_flushed(run) for reader in self._readers.values())

    def _fold(self, link: Link) -> None:
        """Brings a link's latest records into the readers' books."""
        records = link.outboxes
        for number, reader in self._readers.items():
            mine = records[records["reader"] == number]
            if len(mine):
                reader._note(mine)

    # ---- notes and state

    def _take_notes(self) -> None:
        offset = time.time() - boot_time()
        for when, about, text in self._decisions.events:
            self._events.append(FleetEvent(when + offset, about, masked(text)))
        self._decisions.events.clear()
        warnings, self._decisions.warnings = self._decisions.warnings, []
        for text in warnings:
            self._logs.put(logging.WARNING, "freshframe", masked(f"fleet {self.name!r}: {text}"))

    def _save(self) -> None:
        """Called often. A local fleet keeps nothing but its term."""

    # ---- stats

    def stats(self, timeout: float = -1) -> FleetStats:
        """A snapshot.

        Raises:
            StateError: The controller is busy for longer than ``timeout`` seconds; negative: no limit.
        """
        if timeout < 0:
            with self._lock:  # no Ctrl-C comes between the lock and the snapshot
                return self._snapshot()
        if not self._lock.acquire(timeout=timeout):
            raise StateError(f"the controller has not answered within {timeout:g} s")
        try:
            return self._snapshot()
        finally:
            self._lock.release()

    def _snapshot(self) -> FleetStats:
        now = boot_time()
        self._take_notes()
        for link in self._links.values():
            self._fold(link)
        details = {
            (int(each["camera"]), int(each["epoch"])): each
            for link in self._links.values()
            for each in link.cameras
        }
        answers: dict[tuple[int, int], str] = {}
        for link in self._links.values():
            answers.update(link.answers)
        return FleetStats(
            name=self.name,
            term=self._state.term,
            agents={
                name: snapshot.agent_stats(
                    agent, self._links.get(name), self._decisions.cameras_of(name), now
                )
                for name, agent in self._decisions.agents.items()
            },
            cameras={
                camera.name: snapshot.camera_stats(
                    camera,
                    self._urls[camera.number][0],
                    details.get(snapshot.shown_run(camera)),
                    self._counts[camera.number],
                    now,
                    answers.get(snapshot.shown_run(camera), ""),
                )
                for camera in self._decisions.cameras.values()
                if camera.number in self._urls
            },
            readers=[snapshot.reader_stats(reader) for reader in self._readers.values()],
            events=list(self._events),
            outputs=sorted(self._outputs),
            controller_cpu=self._cpu,
            failure=self._failure,
            cluster=self._cluster_trouble,
        )
