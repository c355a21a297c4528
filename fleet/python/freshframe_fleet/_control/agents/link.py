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
_RENEWAL = 0.5  # seconds between two: an age may be measured so long after the result
_LEAST_AGES = 3  # ages, because a single one may be a hiccup
_LOSSES_OVER = 10.0  # seconds


class AgentMeter:
    """The figures follow from the renewals of the agent."""

    def __init__(self) -> None:
        """Begins before the first renewal."""
        self.lateness = Lateness()
        self._cores = usable_cores()
        self._load = 0.0
        self._cpu: tuple[float, float] | None = None  # when, processor time
        self._gave: deque[tuple[float, int, int]] = deque()  # when, frames, lost frames

    def note(self, renewal: Renewal, now: float) -> None:
        """Notes the losses and the lateness."""
        self._note_losses(renewal.cameras, now)
        self.lateness.note(renewal.cameras, now)

    def note_cpu(self, now: float, cpu: float) -> float:
        """The agent's share of the processor time that it may use, smoothed over some seconds."""
        if self._cpu is not None and now > self._cpu[0]:
            share = (cpu - self._cpu[1]) / (now - self._cpu[0]) / self._cores
            weight = min(1.0, (now - self._cpu[0]) / 3.0)
            self._load += (min(1.0, share) - self._load) * weight
        self._cpu = (now, cpu)
        return self._load

    def _note_losses(self, cameras: Records, now: float) -> None:
        """Notes what the agent's pipelines have lost on the way to their outputs."""
        gave = now, int(cameras["frames"].sum()), int(cameras["drops"].sum())
        if self._gave and (gave[1] < self._gave[-1][1] or gave[2] < self._gave[-1][2]):
            self._gave.clear()  # a run has ended
        self._gave.append(gave)
        while len(self._gave) > 2 and now - self._gave[0][0] > _LOSSES_OVER:
            self._gave.popleft()

    @property
    def lost(self) -> float:
        """The share of the frames that was lost, over some seconds."""
        if len(self._gave) < 2:
            return 0.0
        (_, frames, lost), (_, more_frames, more_lost) = self._gave[0], self._gave[-1]
        return min(1.0, (more_lost - lost) / max(1, more_frames - frames))


class Lateness:
    """The age in a renewal grows until the next result, so only cameras with a new result count."""

    def __init__(self) -> None:
        """Makes a record without any measurement."""
        self._runs = np.empty(0)
        self._results = np.empty(0)
        self._ages: deque[tuple[float, float]] = deque()  # when, seconds

    def note(self, cameras: Records, now: float) -> None:
        """The cameras of a renewal."""
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
        """The age of its results when they are made, but for half a second; of some seconds the best."""
        if len(self._ages) < _LEAST_AGES:
            return 0.0
        return max(0.0, min(age for _, age in self._ages) - _RENEWAL)


_READ_AT_ONCE = 1 << 16  # bytes: malloc() would ask the system for more


def _no_renewal() -> Renewal:
    return Renewal(0.0, {}, np.empty(0, CAMERA), np.empty(0, OUTBOX), np.empty(0, OUTBOX))


class Pulls:
    """The pulls of an agent: one at a time for each reader."""

    def __init__(self) -> None:
        """Begins before the first pull."""
        self._numbers: dict[int, int] = {}  # of the latest pull, by reader
        self._open: set[int] = set()  # readers whose pull has no answer yet

    def is_open(self, reader: int) -> bool:
        """Whether the reader's pull has no answer yet."""
        return reader in self._open

    def ask(self, reader: int) -> int:
        """Returns the number of the reader's next pull."""
        self._open.add(reader)
        self._numbers[reader] = self._numbers.get(reader, 0) + 1
        return self._numbers[reader]

    def answered(self, reader: int) -> None:
        """Notes the batch that answers a pull."""
        self._open.discard(reader)

    def forget(self, reader: int) -> None:
        """Forgets a reader that is closed."""
        self._open.discard(reader)
        self._numbers.pop(reader, None)


class Link:
    """The thread that makes it must outlive the process."""

    def __init__(self, name: str, options: dict[str, Any]) -> None:
        """Starts the process.

        Raises:
            FreshframeError: The system refuses.
            OSError: It has no descriptor left.
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
        self.builds: set[int] = set()  # builds that it has got
        self.runs = Runs()
        self.latest = _no_renewal()  # the latest of its renewals
        self.meter = AgentMeter()
        self.pulls = Pulls()
        self._killed = False  # by the controller
        self._memory_kills = kills_for_memory()
        self._incoming = MessageReader()
        self._outgoing = bytearray()

    @property
    def has_unsent(self) -> bool:
        """Whether something waits for the socket."""
        return bool(self._outgoing)

    def send(self, message: bytes) -> None:
        """Keeps it for flush(): a thread that is interrupted in the midst never sends half of a message."""
        self._outgoing += message

    def flush(self) -> None:
        """Sends as much as the socket takes. On the controller's thread only."""
        while self._outgoing and self.socket is not None:
            try:
                sent = self.socket.send(self._outgoing)
            except BlockingIOError:
                return
            except OSError:  # it has gone, and its process ends with a status
                self._outgoing.clear()
                return
            del self._outgoing[:sent]

    def receive(self, *, last: bool = False) -> Iterator[memoryview]:
        """Messages that have come; more may be there, unless these are the ``last``.

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
        """Keeps the newest records of the agent."""
        self.latest = renewal
        self.runs.note_renewal()
        self.meter.note(renewal, now)

    # ---- the end

    def forget_in_child(self) -> None:
        """In a forked child: its copy would keep the agent alive when the program has ended."""
        if self.socket is not None:
            with contextlib.suppress(OSError):
                os.close(self.socket.detach())

    def kill(self) -> None:
        """Ends the process at once."""
        self._killed = True
        self.child.kill()

    def has_crashed(self, end: str) -> bool:
        """Whether a camera may have caused the end with this text."""
        out_of_memory = kills_for_memory() > self._memory_kills
        return is_crash(end, self.last_words(), killed=self._killed, out_of_memory=out_of_memory)

    def last_words(self) -> Words:
        """Reads what the process has said of its end."""
        return self._page.read()

    def close_page(self) -> None:
        """Closes the page of a process that has ended, after its last words were read."""
        self._page.close()

    def close_socket(self) -> None:
        """The agent ends, too, if it still runs."""
        if self.socket is not None:
            with contextlib.suppress(OSError):
                self.socket.close()
            self.socket = None


_CODE = (
    "import json, sys; given = json.loads(sys.argv.pop()); sys.path[:] = given['path']; "
    "from freshframe_fleet._agent.process import main; main(given['parent'], given['options'])"
)


def arguments(options: dict[str, Any]) -> list[str]:
    """The command line of an agent: the options are JSON."""
    path = [entry or os.getcwd() for entry in sys.path]
    given = json.dumps({"path": path, "parent": os.getpid(), "options": options})
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return [sys.executable, *flags, "-c", _CODE, given]
