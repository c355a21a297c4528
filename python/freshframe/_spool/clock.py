"""The time since boot, which does not jump when the system clock is set."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import time

TOLERANCE = 1.0  # seconds: if two zeros differ by less, the clock was not set


def zero() -> float:
    """Returns the Unix time of the boot, according to the current system clock."""
    return time.time() - since_start()


def since_start() -> float:
    """Returns the seconds since boot, including suspend."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot() -> str:
    """Returns an id of the current boot, or an empty string if it is unknown."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except (OSError, ValueError):
        return ""
