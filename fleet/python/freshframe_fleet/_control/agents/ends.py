"""How an agent's process has ended: its last words, and whether one of its cameras may have ended it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import fcntl
import os
import re
import signal
import struct
from dataclasses import dataclass
from pathlib import Path

# src/fleet/records.hpp has the other side of it.
_LAYOUT = struct.Struct("<IIQI4x")  # kind of message, camera, epoch, number of the signal or exit status
_FAULT, _IN_ORDER = 1, 2
# Signals from outside. A process gets all others by its own instructions.
_FROM_OUTSIDE = {
    signal.SIGKILL,
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
}
IN_ORDER = 74  # by order, or its controller has hung up; its last words report it, too
_SIGNAL = re.compile(r"killed by signal (\d+)")
_STATUS = re.compile(r"exited with status (\d+)")
_ABOVE = 10  # the descriptors that a starting process gives to others


@dataclass(frozen=True, slots=True)
class Words:
    """Holds a process's last words, which a process that was killed from outside has none of.

    Attributes:
        run: The (camera, epoch) whose thread has ended the process, or None if
            that was no camera's or is not known.
        in_order: The process had to end.
    """

    run: tuple[int, int] | None = None
    in_order: bool = False


SILENT = Words()


class LastWordsPage:
    """Shares a page with one process, which writes its last words there."""

    def __init__(self) -> None:
        """An empty page.

        Raises:
            OSError: The system has no memory or no descriptor for it.
        """
        made = os.memfd_create("last words", os.MFD_CLOEXEC)
        try:
            os.ftruncate(made, _LAYOUT.size)
            self._descriptor = fcntl.fcntl(made, fcntl.F_DUPFD_CLOEXEC, _ABOVE)
        finally:
            os.close(made)

    def fileno(self) -> int:
        """Returns the descriptor that start_fleet_child() takes."""
        return self._descriptor

    def read(self) -> Words:
        """The words of the process by now; none in a closed page."""
        if self._descriptor < 0:
            return SILENT
        said, camera, epoch, _ = _LAYOUT.unpack(os.pread(self._descriptor, _LAYOUT.size, 0))
        return Words((camera, epoch) if said == _FAULT and epoch else None, said == _IN_ORDER)

    def close(self) -> None:
        """Closes the page. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def kills_for_memory() -> int:
    """How many processes of this machine the kernel has killed for lack of memory."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return 0


def is_crash(end: str, words: Words = SILENT, *, killed: bool, out_of_memory: bool) -> bool:
    """Returns whether an agent's end was a crash, by its status and its last words.

    ``killed``: by its controller. ``out_of_memory``: the kernel has killed a process since the agent's start.
    """
    if killed:
        return False
    found = _SIGNAL.match(end)
    if found is not None:
        number = int(found[1])
        return number not in _FROM_OUTSIDE or (number == signal.SIGKILL and out_of_memory)
    return _STATUS.match(end) is not None and not words.in_order
