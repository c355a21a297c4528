"""The time since the machine was started, which goes on while the system's clock is set."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import time

TOLERANCE = 1.0  # seconds: a smaller difference of two zeros is no change of the clock


def zero() -> float:
    """The Unix time at which the machine was started, by the clock as it is set now."""
    return time.time() - since_start()


def since_start() -> float:
    """Seconds since the machine was started, its sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot() -> str:
    """Names this start of the machine; "" where that cannot be known."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except (OSError, ValueError):
        return ""
