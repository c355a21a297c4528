"""This process: its memory and threads, as the kernel counts them, and freshframe's log."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import ctypes
import logging
from collections.abc import Iterator
from pathlib import Path


def memory() -> int:
    """Resident bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def threads() -> int:
    """Also those that Python does not know."""
    return len(list(Path("/proc/self/task").iterdir()))


class _Mallinfo(ctypes.Structure):
    """glibc's ``struct mallinfo2``."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    ]


def heap() -> int:
    """Allocated bytes in all of glibc's arenas, in which Python's small objects are not."""
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = _Mallinfo
    return int(mallinfo2().uordblks)


def mappings() -> int:
    """Of memory: the stack of a thread that has ended and was not joined is one, too."""
    return len(Path("/proc/self/maps").read_text().splitlines())


def descriptors() -> int:
    """Open ones."""
    return len(list(Path("/proc/self/fd").iterdir()))


@contextlib.contextmanager
def log_to(handler: logging.Handler) -> Iterator[None]:
    """freshframe's log goes to this handler alone."""
    log = logging.getLogger("freshframe")
    log.addHandler(handler)
    log.propagate, passes_on = False, log.propagate
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.propagate = passes_on
