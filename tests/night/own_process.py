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


def blocks() -> int:
    """Allocated by malloc and not freed, where ``blocks.c`` is preloaded, else 0."""
    count = getattr(ctypes.CDLL(None), "freshframe_test_blocks", None)
    return 0 if count is None else int(count())


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
