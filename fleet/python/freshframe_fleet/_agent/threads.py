"""A thread pool for jobs that may hang: a hung thread is written off and replaced."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

Job = Callable[[], object]


class Crew:
    """Runs jobs in order, a limited number of them at the same time."""

    def __init__(self, most: int, name: str) -> None:
        """Creates a pool. Threads start when there are jobs and end when there are none left."""
        self._name = name
        self._free = most
        self._jobs: deque[Job] = deque()
        self._written_off: set[int] = set()
        self._changed = threading.Condition()
        self._busy = 0  # number of running threads, without those written off

    def submit(self, job: Job) -> None:
        """Queues a job, which must not raise."""
        with self._changed:
            self._jobs.append(job)
            self._begin()

    def _begin(self) -> None:
        if self._free > 0 and self._jobs:
            self._free -= 1
            self._busy += 1
            threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def _work(self) -> None:
        me = threading.get_ident()
        while True:
            with self._changed:
                if me in self._written_off:
                    self._written_off.discard(me)
                    return
                if not self._jobs:
                    self._free += 1
                    self._busy -= 1
                    self._changed.notify_all()
                    return
                job = self._jobs.popleft()
            job()

    def write_off(self, thread: int) -> None:
        """Replaces a thread that hangs, given by its identifier. It ends if its job ever returns."""
        with self._changed:
            if thread in self._written_off:
                return
            self._written_off.add(thread)
            self._free += 1
            self._busy -= 1
            self._begin()
            self._changed.notify_all()

    def wait(self) -> None:
        """Waits until all jobs are done, except those of written-off threads."""
        with self._changed:
            self._changed.wait_for(lambda: not self._jobs and self._busy == 0)
