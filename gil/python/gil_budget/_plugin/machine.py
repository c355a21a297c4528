"""Finds out how this machine reports waits for a processor."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations


def why_not_to_fail() -> str | None:
    """Why a hold's own time is not known here: a busy machine could fail a test. None means it is known."""
    path = "/proc/thread-self/schedstat"
    try:
        with open(path, encoding="ascii") as file:
            computed = int(file.read().split()[0])
    except (OSError, ValueError, IndexError):
        return f"there is no {path} here, so waits for a processor look like holds"
    if computed == 0:
        return f"the kernel does not count waits for a processor in {path}"
    return None
