"""Checks for open files and child processes that workers leave behind."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import run_node, until

from rigs.process import nodes as process_nodes


def descriptors() -> set[str]:
    """Returns the descriptors of this process by kind, because sockets and memory files are not named."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(f"{entry.name} {os.readlink(entry)}")
    return found


def children() -> set[int]:
    """Returns the PIDs of this process's children."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[1]) == os.getpid():
                found.add(int(stat.parent.name))
    return found


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Fails a test that leaves a new descriptor or child process behind.

    Does not look at /dev/shm, which all programs share: test_process_limits.py checks a separate one.
    """
    run_node(process_nodes.double, [1], process=True)  # opens descriptors that are opened once per process
    before = descriptors(), children()
    yield
    until(
        lambda: descriptors() <= before[0] and children() <= before[1],
        lambda: f"the end of {descriptors() - before[0]}, {children() - before[1]}",
    )
