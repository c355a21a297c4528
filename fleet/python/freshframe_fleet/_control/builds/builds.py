"""The `build` functions of a fleet, which agents receive once, their cameras and their outputs."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from freshframe import FreshframeError, OptionTypeError
from freshframe._agent import pickling

from ... import _specs

_MOST_KNOWN = 64  # maximum number of builds whose functions are kept
_LARGEST = 32 << 20  # maximum size of a build in bytes, far below the 64 MiB of a whole message (_wire.py)


@dataclass(frozen=True)
class _Known:
    build: Any
    number: int


class ForgottenBuildError(FreshframeError):
    """The build was dropped with its last camera, so its number is not valid any more."""


class SentBuilds:
    """The latest builds of one fleet. A build keeps its number while a camera uses it."""

    def __init__(self, send: Callable[[bytes, bytes], int]) -> None:
        """`send` gets the definitions before a build and the pickled build, and returns its number."""
        self._send = send
        self._lock = threading.RLock()  # guards the rest
        self._definitions = pickling.Definitions()
        self._known: dict[int, _Known] = {}  # by id()

    def number_build(self, build: Any) -> int:
        """Returns the number of a build. A new build is pickled and sent.

        Raises:
            OptionTypeError: The build cannot be called, or cannot be sent to another process.
        """
        with self._lock:
            known = self._known.get(id(build))
            if known is None or known.build is not build:
                known = _Known(build, self._send(*pickle_build(build, self._definitions)))
                while len(self._known) >= _MOST_KNOWN:
                    del self._known[next(iter(self._known))]  # its next use sends it again
                self._known[id(build)] = known
            return known.number

    def use(self, build: Any, job: Callable[[int], None]) -> None:
        """Calls ``job`` with the number of a build, which is sent again if it was dropped."""
        try:
            job(self.number_build(build))
        except ForgottenBuildError:
            with self._lock:
                self._known.pop(id(build), None)
            job(self.number_build(build))


def pickle_build(build: Any, definitions: pickling.Definitions | None = None) -> tuple[bytes, bytes]:
    """Returns the pickles of the known definitions and of a build function.

    Raises:
        OptionTypeError: The function cannot be called, or cannot be sent to another process.
    """
    _specs.checked_build(build)
    try:
        before, pickled = (definitions or pickling.Definitions()).pickle(build)
    except Exception as error:
        raise OptionTypeError(
            f"build cannot be sent to another process: {pickling.culprit(build, error)}. Create such "
            "objects inside build"
        ) from error
    _check_size("build", len(before) + len(pickled), "Load large objects inside build")
    return before, pickled


def _check_size(what: str, size: int, advice: str) -> None:
    if size > _LARGEST:
        raise OptionTypeError(
            f"{what} is {size / 2**20:.0f} MiB when pickled, but an agent accepts at most "
            f"{_LARGEST >> 20} MiB. {advice}"
        )


_MOST_UNUSED = 64  # maximum number of functions that no camera has used yet
# Maximum number of dropped builds whose outputs are kept, because the former run of a camera continues for a
# while.
_MOST_PAST = 64

Pickles = tuple[bytes, bytes]  # the preceding definitions, and the function


class Builds:
    """The builds of a fleet.

    A build is dropped when its last camera is removed, because a long-running program may create many.
    """

    def __init__(self) -> None:
        """Starts without any builds."""
        self._functions: dict[int, Pickles] = {}
        self._next = 0
        self._users: Counter[int] = Counter()  # cameras
        self._unused: dict[int, None] = {}  # numbers, oldest first
        self._outputs: dict[int, list[str]] = {}  # outputs of builds that have been started
        self._past_outputs: dict[int, list[str]] = {}  # outputs of the most recently dropped builds

    def add(self, known: bytes, pickled: bytes) -> int:
        """Adds a function and the definitions before it. Returns its number, which is never reused."""
        number = self._next
        self._next += 1
        self._functions[number] = known, pickled
        self._unused[number] = None
        while len(self._unused) > _MOST_UNUSED:
            self._forget(next(iter(self._unused)))
        return number

    def function(self, number: int) -> Pickles:
        """Returns the pickles to send to an agent."""
        return self._functions[number]

    def check(self, number: int) -> None:
        """Raises ForgottenBuildError if there is no build with this number."""
        if number not in self._functions:
            raise ForgottenBuildError(f"build {number} was deleted when its last camera was removed")

    def use(self, number: int) -> None:
        """Called when another camera uses the build."""
        self._users[number] += 1
        self._unused.pop(number, None)

    def release(self, number: int) -> bool:
        """Called when a camera no longer uses the build.

        Returns True if this was its last camera, so that the build was dropped.
        """
        self._users[number] -= 1
        if self._users[number] > 0:
            return False
        self._forget(number)
        return True

    def _forget(self, number: int) -> None:
        self._functions.pop(number, None)
        self._users.pop(number, None)
        self._unused.pop(number, None)
        if number in self._outputs:
            self._past_outputs[number] = self._outputs.pop(number)
        while len(self._past_outputs) > _MOST_PAST:
            del self._past_outputs[next(iter(self._past_outputs))]

    # ---- outputs

    def learn(self, number: int, outputs: Iterable[str]) -> bool:
        """Records the outputs that an agent reported at a start. Returns True if they were not known."""
        if number in self._outputs or number not in self._functions:
            return False
        self._outputs[number] = list(outputs)
        return True

    def outputs(self) -> list[str]:
        """Returns the known outputs of all functions."""
        return sorted({output for outputs in self._outputs.values() for output in outputs})

    def why_not(self, output: str) -> str | None:
        """Returns why no camera can have an output, or None if one has it or its outputs are unknown."""
        if not self._users or any(number not in self._outputs for number in self._users):
            return None
        given = sorted({each for number in self._users for each in self._outputs[number]})
        if output in given:
            return None
        known = ", ".join(map(repr, given)) or "none"
        return f"no camera has an output {output!r}; the outputs are: {known}"

    def may_give(self, number: int, output: str) -> bool:
        """Returns True if a run of the build may have produced results for an output."""
        outputs = self._outputs.get(number, self._past_outputs.get(number))
        return outputs is None or output in outputs
