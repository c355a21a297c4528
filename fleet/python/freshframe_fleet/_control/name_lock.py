"""The lock for a fleet's name, and the folder of the lock and of the command line's socket."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import fcntl
import os
import re
import time
from pathlib import Path

from freshframe import FreshframeError, StateError

# Seconds for which another program may hold the lock while checking whether the owner of a generated name has
# ended.
_SWEPT_WITHIN = 10.0
_TRY_AGAIN = 0.01  # seconds
_ours: set[Path] = set()  # lock files of this program's fleets
_MADE_UP = re.compile(r"local-[0-9a-z]{5}")  # names generated for fleets without a name


def state_folder() -> Path:
    """Returns the folder for the state of fleets, which only this user can access."""
    home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    folder = Path(home) / "freshframe" / "fleets"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FreshframeError(
            f"cannot create the folder for the state of fleets: {error}; set XDG_STATE_HOME to a writable "
            "folder"
        ) from error
    return folder


class NameLock:
    """Reserves the name of a fleet, so that no other fleet of this user can have it at the same time."""

    def __init__(self, name: str, *, made_up: bool) -> None:
        """Reserves the name.

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
            raise StateError(f"a fleet named {name!r} is already running, in {where} program") from None
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
        """Called in a forked child, whose copy of the lock would outlive the program."""
        if self._lock >= 0:
            with contextlib.suppress(OSError):
                os.close(self._lock)
            self._lock = -1
            _ours.discard(self.path)

    def close(self) -> None:
        """Releases the name and removes the file. Idempotent."""
        lock, self._lock = self._lock, -1  # so that only one of two threads closes it
        if lock < 0:
            return
        with contextlib.suppress(OSError):
            self.path.unlink()
        os.close(lock)
        _ours.discard(self.path)


def _locked(path: Path, flags: int) -> int:
    """Locks a file. If its owner removes it in the meantime, tries again with a new file.

    Returns:
        A descriptor of the file that is at the path now.

    Raises:
        BlockingIOError: Another program has locked it.
        OSError: The file cannot be opened.
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
    """Removes the files of fleets with generated names whose programs were killed."""
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
