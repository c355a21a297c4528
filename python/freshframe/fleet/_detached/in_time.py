"""Calls that end in time, also when the called function does not."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from .._control.thread.request import Request

_T = TypeVar("_T")


class InTime:
    """Calls one after the other, on a thread that may hang. It lasts for as long as there are calls."""

    def __init__(self, timeout: float, name: str) -> None:
        """``timeout``: seconds for a call, and for those before it."""
        self._timeout = timeout
        self._name = name
        self._jobs: deque[Request[Any]] = deque()
        self._lock = threading.Lock()
        self._works = False

    def call(self, function: Callable[[], _T]) -> _T:
        """Returns or raises as the function does. One that has not begun in time is never called.

        Raises:
            TimeoutError: It has not returned in time, and may do its work still, before any later call.
        """
        job = Request(function, catches=BaseException)
        with self._lock:
            self._jobs.append(job)
            if not self._works:
                self._works = True
                threading.Thread(target=self._work, name=self._name, daemon=True).start()
        if not job.done.wait(self._timeout):
            with self._lock:
                if job in self._jobs:
                    self._jobs.remove(job)
            raise TimeoutError(f"no answer within {self._timeout:g} s")
        return job.outcome()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._jobs:
                    self._works = False
                    return
                job = self._jobs.popleft()
            job.do()
