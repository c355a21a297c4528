"""A call that one thread makes and another one executes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar, cast

_T = TypeVar("_T")


class Request(Generic[_T]):
    """The caller waits for ``done``, and then takes the outcome."""

    def __init__(self, job: Callable[[], _T], catches: type[BaseException] = Exception) -> None:
        """Not executed yet. ``catches``: errors that are the caller's, and do not end the other thread."""
        self._job = job
        self._catches = catches
        self._result: _T | None = None
        self._error: BaseException | None = None
        self.done = threading.Event()
        self.abandoned = False  # its caller waits no longer

    def do(self) -> None:
        """Executes it."""
        try:
            self._result = self._job()
        except self._catches as error:
            self._error = error
        self.done.set()

    def outcome(self) -> _T:
        """Returns or raises as the job did. When it is done."""
        if self._error is not None:
            raise self._error
        return cast("_T", self._result)
