"""Checks whether this machine reports how long a thread waited for a CPU."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations


def why_not_to_fail() -> str | None:
    """Returns the reason why tests must not fail on this machine, or None.

    Without the kernel's figures, a wait for a CPU looks like a hold, so a busy machine could fail a test.
    """
    path = "/proc/thread-self/schedstat"
    try:
        with open(path, encoding="ascii") as file:
            computed = int(file.read().split()[0])
    except (OSError, ValueError, IndexError):
        return f"there is no {path} here, so waits for a processor look like holds"
    if computed == 0:
        return f"the kernel does not count waits for a processor in {path}"
    return None
