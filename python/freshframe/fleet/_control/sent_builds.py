"""The `build` functions that a fleet's agents get: each one once, by number."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..._errors import FreshframeError, OptionTypeError
from ..._process import pickling
from .. import _specs

_MOST_KNOWN = 64  # builds whose functions are kept
_LARGEST = 32 << 20  # bytes; an agent refuses messages above 64 MiB


class ForgottenBuildError(FreshframeError):
    """The last camera of a build has gone, and its number with it."""


class SentBuilds:
    """The latest of one fleet. A number is a build's for as long as a camera has it."""

    def __init__(self, send: Callable[[bytes, bytes], int]) -> None:
        """`send`: given the definitions before a build and the pickled build; returns its number."""
        self._send = send
        self._definitions = pickling.Definitions()
        self._known: dict[int, tuple[Any, int]] = {}  # by id()

    def number_of(self, build: Any) -> int:
        """The number of a build; a new one is pickled and sent.

        Raises:
            OptionTypeError: It cannot be called, or cannot go to another process.
        """
        known = self._known.get(id(build))
        if known is not None and known[0] is build:
            return known[1]
        _specs.checked_build(build)
        try:
            before, pickled = self._definitions.pickle(build)
        except Exception as error:
            raise OptionTypeError(
                f"build cannot go to another process: {pickling.culprit(build, error)}. Make what it "
                "needs inside of it"
            ) from error
        if len(before) + len(pickled) > _LARGEST:
            size = (len(before) + len(pickled)) / 2**20
            raise OptionTypeError(
                f"build has {size:.0f} MiB when it is pickled, at most {_LARGEST >> 20} MiB go to an "
                "agent. Load what is large inside of it"
            )
        number = self._send(before, pickled)
        while len(self._known) >= _MOST_KNOWN:
            del self._known[next(iter(self._known))]  # it is sent again when it comes again
        self._known[id(build)] = (build, number)
        return number

    def use(self, build: Any, job: Callable[[int], None]) -> None:
        """Does something with the number of a build, which is sent again if it was forgotten meanwhile."""
        try:
            job(self.number_of(build))
        except ForgottenBuildError:
            self._known.pop(id(build), None)
            job(self.number_of(build))
