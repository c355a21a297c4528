"""A controller's link to one agent: its process, its socket, its runs, its latest renewal and its load."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from freshframe._agent import native

from ..._wire import CAMERA, OUTBOX, MessageReader, Records, Renewal
from .cores import usable_cores
from .ends import LastWordsPage, Words, is_crash, kills_for_memory
from .runs import Runs

_LATE_OVER = 10.0  # seconds
_RENEWAL = 0.5  # seconds between renewals, so that a measured age may be too high by this much
_LEAST_AGES = 3  # minimum number of ages, because a single one may be an outlier
_LOSSES_OVER = 10.0  # seconds


class AgentMeter:
    """Computes load, losses and lateness from the renewals of an agent."""

    def __init__(self) -> None:
        """Starts without any renewals."""
        self.lateness = Lateness()
        self._cores = usable_cores()
        self._load = 0.0
        self._cpu: tuple[float, float] | None = None  # when, CPU time
        self._gave: deque[tuple[float, int, int]] = deque()  # time, frames, lost frames

    def note(self, renewal: Renewal, now: float) -> None:
        """Updates losses and lateness."""
        self._note_losses(renewal.cameras, now)
        self.lateness.note(renewal.cameras, now)

    def note_cpu(self, now: float, cpu: float) -> float:
        """Returns the fraction of its CPU time that the agent uses, smoothed over some seconds."""
        if self._cpu is not None and now > self._cpu[0]:
            share = (cpu - self._cpu[1]) / (now - self._cpu[0]) / self._cores
            weight = min(1.0, (now - self._cpu[0]) / 3.0)
            self._load += (min(1.0, share) - self._load) * weight
        self._cpu = (now, cpu)
        return self._load

    def _note_losses(self, cameras: Records, now: float) -> None:
        """Records what the agent's pipelines have lost upstream of their outputs."""
        gave = now, int(cameras["frames"].sum()), int(cameras["drops"].sum())
        if self._gave and (gave[1] < self._gave[-1][1] or gave[2] < self._gave[-1][2]):
            self._gave.clear()  # a run has ended
        self._gave.append(gave)
        while len(self._gave) > 2 and now - self._gave[0][0] > _LOSSES_OVER:
            self._gave.popleft()

    @property
    def lost(self) -> float:
        """The fraction of frames lost over the last seconds."""
        if len(self._gave) < 2:
            return 0.0
        (_, frames, lost), (_, more_frames, more_lost) = self._gave[0], self._gave[-1]
        return min(1.0, (more_lost - lost) / max(1, more_frames - frames))


class Lateness:
    """How late an agent's results are.

    The age in a renewal grows until the next result, so only new results count.
    """

    def __init__(self) -> None:
        """Starts without any measurement."""
        self._runs = np.empty(0)
        self._results = np.empty(0)
        self._ages: deque[tuple[float, float]] = deque()  # when, seconds

    def note(self, cameras: Records, now: float) -> None:
        """Records the ages of cameras with a new result since the last renewal."""
        runs, results = cameras["epoch"], cameras["results"]
        if np.array_equal(runs, self._runs):
            fresh = cameras["age_ns"][results > self._results]
            if len(fresh):
                self._ages.append((now, float(np.median(fresh)) / 1e9))
        self._runs, self._results = runs, results
        while self._ages and now - self._ages[0][0] > _LATE_OVER:
            self._ages.popleft()

    @property
    def seconds(self) -> float:
        """The lowest age of recent results, minus the interval between renewals; 0 if not known."""
        if len(self._ages) < _LEAST_AGES:
            return 0.0
        return max(0.0, min(age for _, age in self._ages) - _RENEWAL)


_READ_AT_ONCE = 1 << 16  # bytes; more would make malloc() ask the kernel for memory each time


def _no_renewal() -> Renewal:
    return Renewal(0.0, {}, np.empty(0, CAMERA), np.empty(0, OUTBOX), np.empty(0, OUTBOX))


class Link:
    """A controller's connection to one agent. The thread that creates it must outlive the agent's process."""

    def __init__(self, name: str, options: dict[str, Any]) -> None:
        """Starts the process.

        Raises:
            FreshframeError: The process cannot be started.
            OSError: There is no free descriptor.
        """
        self._page = LastWordsPage()
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        except BaseException:
            self._page.close()
            raise
        try:
            with theirs:
                child = native.start_fleet_child(
                    [os.fsencode(each) for each in arguments(options)],
                    [os.fsencode(f"{name}={value}") for name, value in os.environ.items()],
                    theirs.fileno(),
                    self._page.fileno(),
                )
        except BaseException:
            self._page.close()
            ours.close()
            raise
        ours.setblocking(False)
        self.name = name
        self.child = child
        self.socket: socket.socket | None = ours
        self.builds: set[int] = set()  # builds sent to it
        self.runs = Runs()
        self.latest = _no_renewal()  # the latest renewal
        self.meter = AgentMeter()
        self.pulled: set[int] = set()  # readers whose pull has no answer yet
        self._killed = False  # True after kill()
        self._memory_kills = kills_for_memory()
        self._incoming = MessageReader()
        self._outgoing = bytearray()

    @property
    def has_unsent(self) -> bool:
        """True if there is data left to send."""
        return bool(self._outgoing)

    def send(self, message: bytes) -> None:
        """Queues a message for flush(), so that an interrupted thread never sends only part of one."""
        self._outgoing += message

    def flush(self) -> None:
        """Sends as much as the socket accepts. Called only on the controller's thread."""
        while self._outgoing and self.socket is not None:
            try:
                sent = self.socket.send(self._outgoing)
            except BlockingIOError:
                return
            except OSError:  # the agent is gone, and the end of its process is reported separately
                self._outgoing.clear()
                return
            del self._outgoing[:sent]

    def receive(self, *, last: bool = False) -> Iterator[memoryview]:
        """Yields the messages that have arrived. There may be more, unless called with ``last``.

        Raises:
            EOFError: The agent has closed its end.
        """
        size = _READ_AT_ONCE
        while self.socket is not None and (last or size == _READ_AT_ONCE):
            data, room = b"", self._incoming.room(_READ_AT_ONCE)
            try:
                if room is None:
                    data = self.socket.recv(_READ_AT_ONCE)
                    size = len(data)
                else:
                    size = self.socket.recv_into(room)
            except BlockingIOError:
                return
            except OSError:
                size = 0
            if not size:
                raise EOFError
            yield from self._incoming.add(data) if room is None else self._incoming.filled(size)

    # ---- renewals

    def note_renewal(self, renewal: Renewal, now: float) -> None:
        """Stores the newest records of the agent."""
        self.latest = renewal
        self.runs.note_renewal()
        self.meter.note(renewal, now)

    # ---- the end

    def forget_in_child(self) -> None:
        """Called in a forked child, whose copy of the socket would keep the agent alive after the program."""
        if self.socket is not None:
            with contextlib.suppress(OSError):
                os.close(self.socket.detach())

    def kill(self) -> None:
        """Kills the process."""
        self._killed = True
        self.child.kill()

    def has_crashed(self, end: str) -> bool:
        """Returns True if a camera may have caused this end."""
        out_of_memory = kills_for_memory() > self._memory_kills
        return is_crash(end, self.last_words(), killed=self._killed, out_of_memory=out_of_memory)

    def last_words(self) -> Words:
        """Reads the last words of the process."""
        return self._page.read()

    def close_page(self) -> None:
        """Closes the page of a process that has ended, after its last words have been read."""
        self._page.close()

    def close_socket(self) -> None:
        """Closes the socket, which also ends the agent if it is still running."""
        if self.socket is not None:
            with contextlib.suppress(OSError):
                self.socket.close()
            self.socket = None


_CODE = (
    "import json, sys; given = json.loads(sys.argv.pop()); sys.path[:] = given['path']; "
    "from freshframe_fleet._agent.process import main; main(given['parent'], given['options'])"
)


def arguments(options: dict[str, Any]) -> list[str]:
    """Returns the command line of an agent, with the options as JSON."""
    path = [entry or os.getcwd() for entry in sys.path]
    given = json.dumps({"path": path, "parent": os.getpid(), "options": options})
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return [sys.executable, *flags, "-c", _CODE, given]
