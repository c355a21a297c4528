"""What a controller keeps on disk: its term and epochs, and where its cameras are."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import threading
import time
from pathlib import Path
from typing import Any, Protocol

from ..._errors import FreshframeError, StateError

_BLOCK = 1000  # epochs that one write makes durable
_MADE_UP = re.compile(r"local-\d+-\d+")  # names of fleets that got none
_PATIENCE = 5.0  # seconds that the last write has when the fleet is closed


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


class KeptState(Protocol):
    """What a controller needs of where it keeps its state."""

    term: int

    def next_epoch(self) -> int:
        """An epoch above all before it."""

    def write_cameras(self, cameras: list[dict[str, Any]]) -> None:
        """Keeps what is known of the cameras. Waits for nothing."""

    def close(self) -> None:
        """There will be no more."""

    def forget_in_child(self) -> None:
        """In a forked child."""


class StateFile:
    """One fleet's state: epochs that never fall, and the cameras as they were last written.

    ``keep=False`` removes it with close().
    """

    def __init__(self, name: str, *, keep: bool) -> None:
        """Locks it.

        Raises:
            StateError: Another program has a fleet of this name.
            FreshframeError: It cannot be written.
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
        self.before = self._read()
        # Losing the file never makes epochs fall: a term is at least the time at which it began.
        self.term = max(int(self.before.get("term", 0)) + 1, int(time.time()))
        self._changed = threading.Condition()
        self._count = 0
        self._durable = 0
        self._cameras: list[dict[str, Any]] = []
        self._unwritten = False
        self._closing = False
        self._error: OSError | None = None  # of the latest write
        try:
            self._write(_BLOCK, [])
        except OSError as error:
            os.close(self._lock)
            raise FreshframeError(f"cannot keep the state of fleet {name!r}: {error}") from error
        self._durable = _BLOCK
        self._thread = threading.Thread(target=self._run, name=f"state of fleet {name}", daemon=True)
        self._thread.start()

    def _read(self) -> dict[str, Any]:
        try:
            state = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}

    def next_epoch(self) -> int:
        """An epoch above all before it, which is on disk. Waits for the disk only when it is far behind.

        Raises:
            OSError: It cannot be written.
        """
        with self._changed:
            if self._durable - self._count <= _BLOCK // 2:
                self._unwritten = True
                self._changed.notify_all()
            while self._count >= self._durable:
                if self._error is not None:
                    error, self._error = self._error, None  # the next call tries again
                    raise error
                self._changed.wait()
            self._count += 1
            return self.term << 32 | self._count

    def write_cameras(self, cameras: list[dict[str, Any]]) -> None:
        """Keeps what is known of the cameras. Waits for nothing."""
        with self._changed:
            self._cameras = cameras
            self._unwritten = True
            self._changed.notify_all()

    def _run(self) -> None:
        """Writes what has changed: renewals never wait for the disk."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._unwritten or self._closing)
                if not self._unwritten:
                    return
                self._unwritten = False
                epochs, cameras = self._count + _BLOCK, self._cameras
            error = None
            try:
                self._write(epochs, cameras)
            except OSError as problem:
                error = problem
            with self._changed:
                self._error = error
                if error is None:
                    self._durable = max(self._durable, epochs)
                self._changed.notify_all()

    def _write(self, epochs: int, cameras: list[dict[str, Any]]) -> None:
        state = {"format": 1, "term": self.term, "epochs": epochs, "cameras": cameras}
        fresh = self.path.with_suffix(".new")
        with open(fresh, "wb", opener=_private) as file:
            file.write(json.dumps(state).encode())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path)

    def forget_in_child(self) -> None:
        """In a forked child: its copy of the lock would outlive the program."""
        if self._lock >= 0:
            with contextlib.suppress(OSError):
                os.close(self._lock)
            self._lock = -1

    def close(self) -> None:
        """Writes that there are no cameras any more, and unlocks it. Idempotent."""
        if self._lock < 0:
            return
        with self._changed:
            self._closing = True
            self._cameras, self._unwritten = [], self._keep
            self._changed.notify_all()
        self._thread.join(_PATIENCE)
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
