"""Nodes whose exceptions, results and log lines are hard to report, importable by workers."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

import freshframe as ff

NAME = os.fsdecode(b"/data/caf\xe9.jpg")


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):  # noqa: N818
    code: int


class Sealed(Exception):  # noqa: N818
    """Rejects every assignment, but can be pickled."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name)


class Mute(Exception):  # noqa: N818
    def __str__(self) -> str:
        raise ValueError("cannot be printed")


def raise_it(kind: str) -> None:
    if kind == "frozen":
        raise Frozen(7)
    if kind == "sealed":
        raise Sealed("for the test")
    if kind == "mute":
        raise Mute("x")
    if kind == "not_utf_8":
        raise ValueError(f"cannot read {NAME}")
    if kind == "nul":
        raise ValueError("cannot read a\0b")
    if kind == "cancelled":
        raise asyncio.CancelledError("for the test")
    if kind == "interrupt":
        raise KeyboardInterrupt("for the test")
    sys.exit("no model")


class Raises(ff.Node[Any, Any]):
    """Raises in one hook; in process() on the value 3."""

    def __init__(self, kind: str, hook: str) -> None:
        self.kind = kind
        self.hook = hook

    def open(self) -> None:
        if self.hook == "open":
            raise_it(self.kind)

    def process(self, sample: ff.Sample[Any]) -> Any:
        if self.hook == "sample" and sample.value == 3:
            raise_it(self.kind)
        return sample.value

    def close(self) -> None:
        if self.hook == "close":
            raise_it(self.kind)


class RaisesABatch(ff.Node[Any, Any]):
    """Raises on a whole call."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def process_batch(self, samples: Sequence[ff.Sample[Any]]) -> list[Any]:
        raise_it(self.kind)
        return []


def _made_in(pid: int, text: str) -> Any:
    if os.getpid() != pid:
        sys.exit("not here")
    return ExitsHere(text)


class ExitsHere(Exception):  # noqa: N818
    """Exits any process that unpickles it, except its own."""

    def __reduce__(self) -> Any:
        return _made_in, (os.getpid(), str(self))


def raise_one_that_exits(value: Any) -> Any:
    raise ExitsHere("of the worker")


def result_that_exits(value: Any) -> Any:
    return ExitsHere("a result")


def log_a_name(value: Any) -> Any:
    logging.getLogger("detector").warning("cannot read %s", NAME)
    return value
