"""A node in a worker process whose results are rejected or fail, one after the other."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import logging
import mmap
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any

import numpy as np

import freshframe as ff

MEBIBYTE = 1 << 20


class Unopenable:
    """An object that cannot be unpickled."""

    def __reduce__(self) -> Any:
        return _refuse, ()


class MuteError(Exception):
    def __str__(self) -> str:
        raise ValueError("for the test")


class UnpicklableError(Exception):
    def __reduce__(self) -> Any:
        raise TypeError("for the test")


def _refuse() -> None:
    raise ValueError("for the test")


def _raise(error: BaseException) -> Any:
    raise error


def _with_a_return() -> Generator[int, None, int]:
    yield 1
    return 2


def zeros(mebibytes: int) -> Any:
    """Returns an array in shared memory, which does not count towards the worker's max_bytes=."""
    return np.frombuffer(mmap.mmap(-1, mebibytes * MEBIBYTE), np.uint8)


CJK = "\u3042" * 20_000
FAULTS: dict[str, Callable[[], Any]] = {
    "too large": lambda: zeros(400),
    "no pickle": threading.Lock,
    "error in its pickle": lambda: UnpicklableError("for the test"),
    "too many results": lambda: (number for number in range(1001)),
    "a generator that returns": _with_a_return,
    "raises": lambda: _raise(ValueError("for the test")),
    "raises a long text": lambda: _raise(ValueError(CJK)),
    "raises a long text without a pickle": lambda: _raise(UnpicklableError(CJK)),
    "raises Latin-1": lambda: _raise(ValueError(os.fsdecode(b"caf\xe9"))),
    "raises a NUL": lambda: _raise(ValueError("a\0b")),
    "raises without a message": lambda: _raise(MuteError()),
    "exits": lambda: _raise(SystemExit("for the test")),
}
DEATHS: dict[str, Callable[[], Any]] = {
    "dies": lambda: os._exit(3),
    "is killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
}


def answer(wanted: Any) -> Any:
    """Returns an array of this many mebibytes, the named fault, or the value itself."""
    made = {**FAULTS, **DEATHS}.get(wanted)
    if made is not None:
        return made()
    return zeros(wanted) if isinstance(wanted, int) else wanted


def several(wanted: Any) -> Generator[Any, None, Any]:
    """Like answer(), as a generator."""
    result = answer(wanted)
    if isinstance(result, Iterator):
        return (yield from result)
    yield result
    return None


def in_batches(wanted: list[Any]) -> list[Any]:
    """Like answer(), for a batch."""
    return [answer(each) for each in wanted]


def boxes(wanted: Any) -> Any:
    """Returns this many boxes, or something that a tracker does not accept."""
    if wanted == "unopenable":
        return Unopenable()
    if wanted == "wrong type":
        return "no boxes"
    return ff.Detections(
        xyxy=np.array([[1, 2, 30, 40]], np.float32) + 50 * np.arange(wanted)[:, None],
        confidence=np.ones(wanted, np.float32),
        class_id=np.zeros(wanted, np.int64),
    )


def say(text: str) -> None:
    """Logs, prints and raises a string."""
    logging.getLogger("freshframe").warning("%s", text)
    with contextlib.suppress(UnicodeError):
        print(text)
    raise ValueError(text)
