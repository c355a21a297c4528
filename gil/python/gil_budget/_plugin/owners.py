"""Which test answers for a thread: the one that runs, or the one in which the thread was started."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import threading


class Owners:
    """Threads by the kernel's ids, so that threads that Python did not make are known too."""

    def __init__(self) -> None:
        """Called by the thread that runs the tests."""
        self._runner = threading.get_native_id()
        self._before: set[int] = set()  # alive when the present test began
        self._starter: dict[int, str] = {}  # tests that started threads which outlived them

    def test_begins(self) -> None:
        """The threads that are alive now are not the test's."""
        self._before = _alive()
        self._starter = {thread: test for thread, test in self._starter.items() if thread in self._before}

    def test_ended(self, test: str) -> None:
        """Notes that the threads which the test has started and left stay its own."""
        for thread in _alive() - self._before:
            self._starter[thread] = test

    def find_owner(self, thread: int, test: str) -> str | None:
        """The test that answers for a thread while `test` runs. None means it was there before all tests."""
        if thread == self._runner:
            return test
        if thread in self._starter:
            return self._starter[thread]
        return None if thread in self._before else test


def _alive() -> set[int]:
    return {int(name) for name in os.listdir("/proc/self/task")}
