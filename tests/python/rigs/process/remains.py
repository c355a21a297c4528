"""The open files and child processes of a program, and a fixture that fails when workers leave any."""
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
    """The descriptors of this process by kind: sockets and memory files have no other names."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(f"{entry.name} {os.readlink(entry)}")
    return found


def children() -> set[int]:
    """The processes whose parent this one is."""
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
    """After each test there is no new descriptor and no new child process.

    /dev/shm is every program's: test_process_limits.py looks at a separate one.
    """
    run_node(process_nodes.double, [1], process=True)  # descriptors that are opened once
    before = descriptors(), children()
    yield
    until(
        lambda: descriptors() <= before[0] and children() <= before[1],
        lambda: f"the end of {descriptors() - before[0]}, {children() - before[1]}",
    )
