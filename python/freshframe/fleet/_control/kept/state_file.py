"""The file of a local fleet's controller: its term, under a lock."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import time
from pathlib import Path

from ...._errors import FreshframeError, StateError

_FORMAT = 1  # of the file
_MADE_UP = re.compile(r"local-\d+-\d+")  # names of fleets that got none


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
            self._lock = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise FreshframeError(f"cannot keep the state of fleet {name!r}: {error}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise StateError(f"a fleet of the name {name!r} runs already, in another program") from None
        # Without the file the term still rises: it is at least the time of the start.
        self.term = max(self._term_before() + 1, int(time.time()))
        try:
            self._write()
        except OSError as error:
            os.close(self._lock)
            raise FreshframeError(f"cannot keep the state of fleet {name!r}: {error}") from error

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
        """Waits for nothing."""

    def forget_in_child(self) -> None:
        """In a forked child: its copy of the lock would outlive the program."""
        if self._lock >= 0:
            with contextlib.suppress(OSError):
                os.close(self._lock)
            self._lock = -1

    def close(self) -> None:
        """Releases the lock. Idempotent."""
        if self._lock < 0:
            return
        if not self._keep:
            for path in (self.path, self._lock_path):
                with contextlib.suppress(OSError):
                    path.unlink()
        os.close(self._lock)
        self._lock = -1


def _sweep(folder: Path) -> None:
    """Removes what fleets without a name have left whose programs were killed."""
    for lock in folder.glob("*.lock"):
        if not _MADE_UP.fullmatch(lock.stem):
            continue
        with contextlib.suppress(OSError):
            descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                for suffix in (".json", ".new", ".sock", ".lock"):
                    lock.with_suffix(suffix).unlink(missing_ok=True)
            finally:
                os.close(descriptor)


def _private(path: str, flags: int) -> int:
    file = os.open(path, flags | os.O_CLOEXEC, 0o600)
    os.fchmod(file, 0o600)
    return file
