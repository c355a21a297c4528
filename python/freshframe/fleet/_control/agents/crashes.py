"""Whether one of its cameras may have ended an agent."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import re
import signal
from pathlib import Path

from .last_words import SILENT, Words

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
IN_ORDER = 74  # by order, or its controller has hung up; its last words say so, too
_SIGNAL = re.compile(r"killed by signal (\d+)")
_STATUS = re.compile(r"exited with status (\d+)")


def kills_for_memory() -> int:
    """How many processes of this machine the kernel has killed for lack of memory."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return 0


def is_crash(end: str, words: Words = SILENT, *, killed: bool, out_of_memory: bool) -> bool:
    """Returns whether an agent's end was a crash, by the words of its guard and of the process itself.

    ``killed``: by its controller. ``out_of_memory``: the kernel has killed a process since the agent's start.
    """
    if killed:
        return False
    found = _SIGNAL.match(end)
    if found is not None:
        number = int(found[1])
        return number not in _FROM_OUTSIDE or (number == signal.SIGKILL and out_of_memory)
    return _STATUS.match(end) is not None and not words.in_order
