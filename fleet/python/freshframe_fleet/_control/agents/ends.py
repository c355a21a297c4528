"""How an agent's process ended: its last words, and whether one of its cameras may be the cause."""

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

# src/fleet/records.hpp defines the same layout.
_LAYOUT = struct.Struct("<IIQI4x")  # kind of message, camera, epoch, signal number or exit status
_FAULT, _IN_ORDER = 1, 2
# Signals sent by others. All other signals are caused by the process itself.
_FROM_OUTSIDE = {
    signal.SIGKILL,
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
}
# Exit status of an agent that was told to end or has lost its controller. Also part of its last words.
IN_ORDER = 74
_SIGNAL = re.compile(r"killed by signal (\d+)")
_STATUS = re.compile(r"exited with status (\d+)")
_ABOVE = 10  # lowest descriptor number for copies, above those passed to a new process


@dataclass(frozen=True, slots=True)
class Words:
    """A process's last words. A process that was killed from outside does not leave any.

    Attributes:
        run: The (camera, epoch) whose thread ended the process, or None if it is unknown or was not a
            camera's thread.
        in_order: Whether the process was told to end.
    """

    run: tuple[int, int] | None = None
    in_order: bool = False


SILENT = Words()


class LastWordsPage:
    """A memory page shared with one process, which writes its last words there."""

    def __init__(self) -> None:
        """Creates an empty page.

        Raises:
            OSError: There is not enough memory, or no free descriptor.
        """
        made = os.memfd_create("last words", os.MFD_CLOEXEC)
        try:
            os.ftruncate(made, _LAYOUT.size)
            self._descriptor = fcntl.fcntl(made, fcntl.F_DUPFD_CLOEXEC, _ABOVE)
        finally:
            os.close(made)

    def fileno(self) -> int:
        """Returns the descriptor to pass to start_fleet_child()."""
        return self._descriptor

    def read(self) -> Words:
        """Returns the last words written so far; none if the page is closed."""
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
    """Returns how many processes of this machine the kernel has killed for lack of memory."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return 0


def is_crash(end: str, words: Words = SILENT, *, killed: bool, out_of_memory: bool) -> bool:
    """Returns True if an agent crashed, judging by its exit status and its last words.

    ``killed``: its controller killed it. ``out_of_memory``: the kernel has killed a process since the agent's
    start.
    """
    if killed:
        return False
    found = _SIGNAL.match(end)
    if found is not None:
        number = int(found[1])
        return number not in _FROM_OUTSIDE or (number == signal.SIGKILL and out_of_memory)
    return _STATUS.match(end) is not None and not words.in_order
