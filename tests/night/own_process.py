"""This process: what it uses, as the kernel and malloc count it, its kind of Python, and freshframe's log."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import ctypes
import functools
import logging
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

IS_FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def memory() -> int:
    """Returns the resident bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def threads() -> int:
    """Returns the number of threads, with those that Python does not know."""
    return len(list(Path("/proc/self/task").iterdir()))


@functools.cache
def _count_of_blocks() -> Any:
    count = ctypes.CDLL(None).freshframe_test_blocks
    count.restype = ctypes.c_long
    return count


def blocks() -> int:
    """Returns the number of blocks that were allocated and not freed; ``blocks.c`` must be preloaded."""
    return int(_count_of_blocks()())


def mappings() -> int:
    """Returns the number of memory mappings, such as the stack of a thread that was not joined."""
    return len(Path("/proc/self/maps").read_text().splitlines())


def descriptors() -> int:
    """Returns the number of open descriptors."""
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
