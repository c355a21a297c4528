"""The state that a controller keeps for the next one, receipts for it, and adoption of what was before."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from freshframe import FreshframeError, StateError

from .. import _wire
from .._decide.model import Action, Camera, Run
from .._messages import Event
from .agents.link import Link

if TYPE_CHECKING:
    from .parts import Parts


class Adoption(Protocol):
    """Adopts agents that an earlier controller has started. The caller holds the controller's lock."""

    def begin(self, parts: Parts) -> None:
        """Begins with the parts of this controller."""

    def why_held(self, camera: Camera, at: float) -> str:
        """Returns why a camera must not start now, or returns an empty text if it may."""

    def answered(self, runs: list[Run]) -> list[Run]:
        """Returns the runs of an agent for which this controller can answer."""

    def may_launch(self, name: str) -> bool:
        """Whether an agent may be started now. If not, it is asked again."""

    def launched(self, name: str) -> None:
        """Notes that an agent was started."""

    def hears(self, link: Link, event: Event) -> bool:
        """Whether an event concerns the adoption alone."""

    def report(self, link: Link, renewal: _wire.Renewal, now: float) -> list[Action] | None:
        """Returns what follows from a renewal's list of runs, or None before the agent is adopted."""

    def changed(self, number: int) -> None:
        """A camera is new, or gets another build."""

    def ended(self, link: Link) -> None:
        """The end of an agent was seen."""


class NothingBefore:
    """The agents of a local fleet end with their controller."""

    def begin(self, parts: Parts) -> None:
        """Does nothing: a local fleet adopts no agents."""

    def why_held(self, camera: Camera, at: float) -> str:
        """Allows every camera to start."""
        return ""

    def answered(self, runs: list[Run]) -> list[Run]:
        """Returns all runs."""
        return runs

    def may_launch(self, name: str) -> bool:
        """Returns True: nothing has to be kept before."""
        return True

    def launched(self, name: str) -> None:
        """Does nothing: a start needs no adoption."""

    def hears(self, link: Link, event: Event) -> bool:
        """Returns False: no agent is of an earlier controller."""
        return False

    def report(self, link: Link, renewal: _wire.Renewal, now: float) -> list[Action] | None:
        """Returns None: no agent is of an earlier controller."""
        return []

    def changed(self, number: int) -> None:
        """Does nothing: no later controller would ask."""

    def ended(self, link: Link) -> None:
        """Does nothing: no agent is of an earlier controller."""


class Kept(Protocol):
    """The kept state of a controller. Changes have numbers; an older change is kept before a newer one."""

    @property
    def term(self) -> int:
        """Above the terms of all earlier controllers."""

    def change(self) -> int:
        """The state has changed: the number of this change."""

    def is_written(self, change: int) -> bool:
        """Whether the next controller would know of a change."""

    def wait(self, change: int) -> None:
        """Waits until the next controller would know of a change.

        Raises:
            StateError: That takes too long. It is tried again.
        """

    def close(self) -> None:
        """Ends the keeping, because the controller has ended."""

    def forget_in_child(self) -> None:
        """Forgets what a forked child must not keep."""


class Receipts:
    """Receipts for what agents repeat until the next controller, too, would know of it.

    By the controller's thread, with its lock.
    """

    def __init__(self, kept: Kept) -> None:
        """Makes a list without receipts."""
        self._kept = kept
        self._owed: dict[tuple[Link, bytes], int] = {}  # messages, and the changes that they confirm

    def owe(self, link: Link, message: bytes) -> None:
        """Sends a message to an agent once the present state is kept."""
        self._owed[link, message] = self._kept.change()

    def repeat(self, link: Link, message: bytes) -> None:
        """Sends the receipt of a state that was kept before, unless the agent was too early."""
        if (link, message) not in self._owed:
            link.send(message)

    def send(self) -> None:
        """Sends the receipts whose changes are kept by now."""
        for (link, message), change in list(self._owed.items()):
            if self._kept.is_written(change):
                del self._owed[link, message]
                link.send(message)

    def forget(self, link: Link) -> None:
        """Forgets an agent whose process has ended."""
        self._owed = {owed: change for owed, change in self._owed.items() if owed[0] is not link}


_FORMAT = 1  # version of the file's format
_SWEPT_WITHIN = 10.0  # seconds: another program may look whether the owner of a made up name has ended
_TRY_AGAIN = 0.01  # seconds
_ours: set[Path] = set()  # files of this program's fleets
_MADE_UP = re.compile(r"(local|ray)-[0-9a-z]{5}")  # names of fleets that got none


def state_folder() -> Path:
    """Where fleets keep their state; made for this user alone."""
    home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    folder = Path(home) / "freshframe" / "fleets"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FreshframeError(
            f"cannot make the folder for the state of fleets: {error}; XDG_STATE_HOME names another place"
        ) from error
    return folder


class StateFile:
    """The lock and the term of a local fleet. A start of a fleet has a higher term than all earlier ones.

    An epoch is the term and a count. Since the term rises, the count needs no disk.
    ``keep=False`` removes the file with close().
    """

    def __init__(self, name: str, *, keep: bool) -> None:
        """Takes the lock and writes the next term.

        Raises:
            StateError: Another program has a fleet of this name.
            FreshframeError: The file cannot be written.
        """
        folder = state_folder()
        _sweep(folder)
        self.path = folder / f"{name}.json"
        self._lock_path = folder / f"{name}.lock"
        self._keep = keep
        try:
            self._lock = self._locked()
        except BlockingIOError:
            where = "this" if self.path in _ours else "another"
            raise StateError(f"a fleet of the name {name!r} runs already, in {where} program") from None
        except OSError as error:
            raise FreshframeError(f"cannot keep the state of fleet {name!r}: {error}") from error
        # Without the file the term still rises: it is at least the time of the start.
        self.term = max(self._term_before() + 1, int(time.time()))
        try:
            self._write()
        except OSError as error:
            os.close(self._lock)
            raise FreshframeError(f"cannot keep the state of fleet {name!r}: {error}") from error
        _ours.add(self.path)

    def _locked(self) -> int:
        deadline = time.monotonic() + (0 if self._keep else _SWEPT_WITHIN)
        while True:
            try:
                return _locked(self._lock_path, os.O_CREAT)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(_TRY_AGAIN)

    def _term_before(self) -> int:
        try:
            return int(json.loads(self.path.read_text())["term"])
        except (OSError, ValueError, TypeError, KeyError):
            return 0

    def _write(self) -> None:
        fresh = self.path.with_suffix(".new")
        with open(fresh, "wb", opener=_private) as file:
            file.write(json.dumps({"format": _FORMAT, "term": self.term}).encode())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)

    def change(self) -> int:
        """The agents of a local fleet end with it: the next one needs the term alone."""
        return 0

    def is_written(self, change: int) -> bool:
        """Returns True: a state file is written at once."""
        return True

    def wait(self, change: int) -> None:
        """Returns at once: a state file is written at once."""

    def forget_in_child(self) -> None:
        """In a forked child: its copy of the lock would outlive the program."""
        if self._lock >= 0:
            with contextlib.suppress(OSError):
                os.close(self._lock)
            self._lock = -1
            _ours.discard(self.path)

    def close(self) -> None:
        """Removes the files unless they are to be kept, and releases the lock. Idempotent."""
        lock, self._lock = self._lock, -1  # only one of two threads gets it
        if lock < 0:
            return
        if not self._keep:
            for path in (self.path, self._lock_path):
                with contextlib.suppress(OSError):
                    path.unlink()
        os.close(lock)
        _ours.discard(self.path)


def _locked(path: Path, flags: int) -> int:
    """Locks a file. The program that had it may remove it before it is locked: then the next one counts.

    Returns:
        A descriptor of the file that is at the path.

    Raises:
        BlockingIOError: Another program has locked it.
        OSError: It cannot be opened.
    """
    while True:
        descriptor = os.open(path, flags | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(path.stat(), os.fstat(descriptor)):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _sweep(folder: Path) -> None:
    """Removes what fleets without a name have left whose programs were killed."""
    for lock in folder.glob("*.lock"):
        if not _MADE_UP.fullmatch(lock.stem):
            continue
        with contextlib.suppress(OSError):
            descriptor = _locked(lock, 0)
            try:
                for suffix in (".json", ".new", ".sock", ".lock"):
                    lock.with_suffix(suffix).unlink(missing_ok=True)
            finally:
                os.close(descriptor)


def _private(path: str, flags: int) -> int:
    file = os.open(path, flags | os.O_CLOEXEC, 0o600)
    os.fchmod(file, 0o600)
    return file
