"""Locks that are released even if a signal handler raises."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol


class Lock(Protocol):
    """threading.Lock or threading.RLock."""

    def acquire(self, blocking: bool = ..., /) -> bool:
        """Acquires the lock."""

    def release(self) -> None:
        """Releases the lock."""


@contextlib.contextmanager
def held(lock: Lock) -> Iterator[None]:
    """Holds the lock within the block, and releases it even if a signal handler raises.

    Since Python 3.12, ``with lock:`` leaves it locked if a handler raises just after it was acquired.
    """
    taken: list[bool] = []
    try:
        taken += map(lock.acquire, (True,))  # atomic with respect to signal handlers
        yield
    finally:
        if taken:
            lock.release()
