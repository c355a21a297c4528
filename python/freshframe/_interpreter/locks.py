"""Locks that an exception of a signal's handler does not leave locked."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol


class Lock(Protocol):
    """threading.Lock or threading.RLock."""

    def acquire(self, blocking: bool = ..., /) -> bool:
        """Takes it."""

    def release(self) -> None:
        """Leaves it."""


@contextlib.contextmanager
def held(lock: Lock) -> Iterator[None]:
    """Holds the lock within the block, whatever a signal's handler raises.

    From Python 3.12 on ``with lock:`` leaves it locked if the handler raises while that call returns.
    """
    taken: list[bool] = []
    try:
        taken += map(
            lock.acquire, (True,)
        )  # one step of the interpreter: the handler comes before or after it
        yield
    finally:
        if taken:
            lock.release()
