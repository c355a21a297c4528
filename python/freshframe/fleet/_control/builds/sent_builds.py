"""The `build` functions that a fleet's agents get: each one once, by number."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...._errors import FreshframeError, OptionTypeError
from ...._process import pickling
from ... import _specs
from .own_modules import modules_of, specs_of

_MOST_KNOWN = 64  # builds whose functions are kept
_LARGEST = 32 << 20  # bytes; an agent refuses messages above 64 MiB


@dataclass(frozen=True)
class _Known:
    build: Any
    number: int
    modules: list[str]  # that it needs
    specs: list[Any]  # a reload of one of them makes another build of it

    @property
    def is_unchanged(self) -> bool:
        return all(a is b for a, b in zip(self.specs, specs_of(self.modules), strict=True))


class ForgottenBuildError(FreshframeError):
    """The last camera of a build has gone, and its number with it."""


class SentBuilds:
    """The latest of one fleet. A number is a build's for as long as a camera has it."""

    def __init__(self, send: Callable[[bytes, bytes, Mapping[str, str], bytes], int]) -> None:
        """`send`: given the definitions before a build, the pickled build, its modules' digests and sources.

        It returns its number, or -1: the sources are needed.
        """
        self._send = send
        self._definitions = pickling.Definitions()
        self._known: dict[int, _Known] = {}  # by id()

    def number_of(self, build: Any) -> int:
        """The number of a build; a new one is pickled and sent.

        Raises:
            OptionTypeError: It cannot be called, or cannot go to another process.
        """
        known = self._known.get(id(build))
        if known is not None and known.build is build and known.is_unchanged:
            return known.number
        _specs.checked_build(build)
        try:
            before, pickled = self._definitions.pickle(build)
        except Exception as error:
            raise OptionTypeError(
                f"build cannot go to another process: {pickling.culprit(build, error)}. Create "
                "such objects inside of build"
            ) from error
        _check_size("build", len(before) + len(pickled), "Load large objects inside of build")
        modules = modules_of(build)
        digests = {name: module.digest for name, module in modules.items()}
        number = self._send(before, pickled, digests, b"")
        if number < 0:
            sources = {each.name: (each.path, each.is_package, each.source) for each in modules.values()}
            sent = pickle.dumps(dict(sorted(sources.items())), 5)
            _check_size("the source of build's modules", len(sent), "Keep large data in other files")
            number = self._send(before, pickled, digests, sent)
        while len(self._known) >= _MOST_KNOWN:
            del self._known[next(iter(self._known))]  # its next use sends it again
        self._known[id(build)] = _Known(build, number, list(modules), specs_of(modules))
        return number

    def use(self, build: Any, job: Callable[[int], None]) -> None:
        """Does something with the number of a build, which is sent again if it was forgotten meanwhile."""
        try:
            job(self.number_of(build))
        except ForgottenBuildError:
            self._known.pop(id(build), None)
            job(self.number_of(build))


def _check_size(what: str, size: int, advice: str) -> None:
    if size > _LARGEST:
        raise OptionTypeError(
            f"{what} has {size / 2**20:.0f} MiB when it is pickled, at most {_LARGEST >> 20} MiB go to an "
            f"agent. {advice}"
        )
