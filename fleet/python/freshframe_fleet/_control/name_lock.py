"""The lock of a fleet's name, and the folder for it and for the socket of the command line."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from pathlib import Path

from freshframe import FreshframeError, StateError

_SWEPT_WITHIN = 10.0  # seconds: another program may look whether the owner of a made up name has ended
_TRY_AGAIN = 0.01  # seconds
_ours: set[Path] = set()  # files of this program's fleets
_MADE_UP = re.compile(r"local-[0-9a-z]{5}")  # names of fleets that got none


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


class NameLock:
    """Holds the name of a fleet, which no other fleet of this user can have meanwhile."""

    def __init__(self, name: str, *, made_up: bool) -> None:
        """Takes the name.

        Raises:
            StateError: Another program has a fleet of this name.
            FreshframeError: The file cannot be written.
        """
        folder = state_folder()
        _sweep(folder)
        self.path = folder / f"{name}.lock"
        self._made_up = made_up
        try:
            self._lock = self._locked()
        except BlockingIOError:
            where = "this" if self.path in _ours else "another"
            raise StateError(f"a fleet of the name {name!r} runs already, in {where} program") from None
        except OSError as error:
            raise FreshframeError(f"cannot lock the name of fleet {name!r}: {error}") from error
        _ours.add(self.path)

    def _locked(self) -> int:
        deadline = time.monotonic() + (_SWEPT_WITHIN if self._made_up else 0)
        while True:
            try:
                return _locked(self.path, os.O_CREAT)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(_TRY_AGAIN)

    def forget_in_child(self) -> None:
        """In a forked child: its copy of the lock would outlive the program."""
        if self._lock >= 0:
            with contextlib.suppress(OSError):
                os.close(self._lock)
            self._lock = -1
            _ours.discard(self.path)

    def close(self) -> None:
        """Releases the name and removes the file. Idempotent."""
        lock, self._lock = self._lock, -1  # only one of two threads gets it
        if lock < 0:
            return
        with contextlib.suppress(OSError):
            self.path.unlink()
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
                for suffix in (".sock", ".lock"):
                    lock.with_suffix(suffix).unlink(missing_ok=True)
            finally:
                os.close(descriptor)
