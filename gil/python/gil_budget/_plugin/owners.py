"""Finds the test that is responsible for a thread: the running one, or the one that started the thread."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import threading


class Owners:
    """The threads of this process, by kernel thread id, which threads not created by Python have, too."""

    def __init__(self) -> None:
        """Must be called on the thread that runs the tests."""
        self._runner = threading.get_native_id()
        self._before: set[int] = set()  # threads that were alive when the current test began
        self._starter: dict[int, str] = {}  # tests that started threads which outlived them

    def test_begins(self) -> None:
        """Records the threads that are alive now: the test that begins is not responsible for them."""
        self._before = _alive()
        self._starter = {thread: test for thread, test in self._starter.items() if thread in self._before}

    def test_ended(self, test: str) -> None:
        """Records that the threads started by this test and still running belong to it."""
        for thread in _alive() - self._before:
            self._starter[thread] = test

    def find_owner(self, thread: int, test: str) -> str | None:
        """Returns the test responsible for a thread while `test` runs; None if it is older than all tests."""
        if thread == self._runner:
            return test
        if thread in self._starter:
            return self._starter[thread]
        return None if thread in self._before else test


def _alive() -> set[int]:
    return {int(name) for name in os.listdir("/proc/self/task")}
