"""What a controller keeps on disk: its term and epochs, and where its cameras are."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from .._errors import FreshframeError, StateError

_BLOCK = 1000  # epochs that one write makes durable


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
        self._count = 0
        self._durable = 0
        self._cameras: list[dict[str, Any]] = []
        self._reserve()

    def _read(self) -> dict[str, Any]:
        try:
            state = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}

    def next_epoch(self) -> int:
        """An epoch above all before it, which is on disk."""
        self._count += 1
        if self._count > self._durable:
            self._reserve()
        return self.term << 32 | self._count

    def _reserve(self) -> None:
        self._durable += _BLOCK
        self._write()

    def write_cameras(self, cameras: list[dict[str, Any]]) -> None:
        """Keeps what is known of the cameras."""
        self._cameras = cameras
        self._write()

    def _write(self) -> None:
        state = {"format": 1, "term": self.term, "epochs": self._durable, "cameras": self._cameras}
        fresh = self.path.with_suffix(".new")
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(file, 0o600)
            os.write(file, json.dumps(state).encode())
            os.fsync(file)
        finally:
            os.close(file)
        fresh.replace(self.path)

    def close(self) -> None:
        """Unlocks it."""
        if self._lock < 0:
            return
        if not self._keep:
            for path in (self.path, self._lock_path):
                with contextlib.suppress(OSError):
                    path.unlink()
        os.close(self._lock)
        self._lock = -1
