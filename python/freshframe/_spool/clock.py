"""The time since the machine was booted, which is not affected when the system clock is set."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import time

TOLERANCE = 1.0  # seconds; if two results of zero() differ by less, the clock was not set in between


def zero() -> float:
    """Returns the Unix time of the machine's boot, by the clock as it is set now."""
    return time.time() - since_start()


def since_start() -> float:
    """Returns the seconds since the machine was booted, including suspended time."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot() -> str:
    """Returns an ID of the current boot, or "" if it cannot be determined."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except (OSError, ValueError):
        return ""
