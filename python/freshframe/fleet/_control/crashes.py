"""Whether an agent's end may be the deed of one of its cameras."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import re
import signal
from pathlib import Path

# Signals that somebody sends. All others come from what the process does.
_FROM_OUTSIDE = {
    signal.SIGKILL,
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
}
_LEASE_IS_OVER = 75  # the agent ends itself; src/fleet/agent_end.cpp
IN_ORDER = 74  # it was told to, or its controller has hung up; no user code ends a process with that
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


def is_crash(end: str, *, killed: bool, out_of_memory: bool) -> bool:
    """Of an agent's end, as its guard tells it.

    ``killed``: by its controller. ``out_of_memory``: the kernel has killed a process since the agent's start.
    """
    if killed:
        return False
    found = _SIGNAL.match(end)
    if found is not None:
        number = int(found[1])
        return number not in _FROM_OUTSIDE or (number == signal.SIGKILL and out_of_memory)
    found = _STATUS.match(end)
    return found is not None and int(found[1]) not in (_LEASE_IS_OVER, IN_ORDER)
