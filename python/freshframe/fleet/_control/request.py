"""A call that one thread makes and another one executes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Request:
    """The caller waits for ``done``, and then reads the result or the error."""

    def __init__(self, job: Callable[[], Any]) -> None:
        """Not executed yet."""
        self._job = job
        self.done = threading.Event()
        self.abandoned = False  # its caller waits no longer
        self.result: Any = None
        self.error: BaseException | None = None

    def do(self) -> None:
        """Executes it."""
        try:
            self.result = self._job()
        except Exception as error:
            self.error = error
        self.done.set()
