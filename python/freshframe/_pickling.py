"""Values between this process and its workers: pickles of protocol 5, whose large buffers travel beside them.

What lies in ``__main__`` (a script, a notebook's cell, ``python -c``) cannot be imported by another process:
values of such classes are pickled with their class, by cloudpickle.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import pickle
import types
from typing import Any

from ._errors import FreshframeError, OptionTypeError

_PROTOCOL = 5
_MOST_BUFFERS = 900  # the engine takes 1000 parts
_LEAST_BUFFER = 1024  # bytes; smaller ones are cheaper inside the pickle


class _Local(Exception):  # noqa: N818  (not an error: the other way is taken)
    """The value holds a class or function that must travel itself."""


class _Pickler(pickle.Pickler):
    """Pickles by reference, and leaves off where the other process could not follow it."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, (type, types.FunctionType)) and value.__module__ == "__main__":
            raise _Local
        return NotImplemented


class _Buffers:
    """Keeps the large buffers of one pickle."""

    def __init__(self) -> None:
        self.kept: list[memoryview] = []

    def __call__(self, buffer: pickle.PickleBuffer) -> bool:
        """True: it goes into the pickle."""
        try:
            raw = buffer.raw()
        except BufferError:  # not contiguous
            return True
        if raw.nbytes < _LEAST_BUFFER or len(self.kept) >= _MOST_BUFFERS:
            return True
        self.kept.append(raw)
        return False


def dumps(value: Any) -> tuple[bytes | memoryview, ...]:
    """The pickle of a value, then its large buffers.

    Raises:
        OptionTypeError: It cannot be pickled.
    """
    try:
        return _parts(_Pickler, value)
    except (_Local, pickle.PicklingError, AttributeError, TypeError):
        pass
    import cloudpickle  # noqa: PLC0415  (few programs need it)

    try:
        return _parts(cloudpickle.Pickler, value)
    except Exception as error:
        raise OptionTypeError(
            f"a {type(value).__qualname__} cannot go to another process: {error}"
        ) from error


def _parts(pickler: Any, value: Any) -> tuple[bytes | memoryview, ...]:
    buffers = _Buffers()
    stream = io.BytesIO()
    pickler(stream, _PROTOCOL, buffer_callback=buffers).dump(value)
    return stream.getvalue(), *buffers.kept


def loads(parts: list[bytes | bytearray]) -> Any:
    """The value; its arrays lie in the buffers given, which they may write to."""
    return pickle.loads(parts[0], buffers=parts[1:])


def opened(parts: list[bytes | bytearray], producer: str) -> Any:
    """As loads(), for a value on an edge.

    Raises:
        FreshframeError: It cannot be opened here.
    """
    try:
        return loads(parts)
    except Exception as error:
        raise FreshframeError(
            f"the result of {producer!r} cannot be opened here: {type(error).__name__}: {error}"
        ) from error


class WorkerTraceback(Exception):  # noqa: N818  (a text, as concurrent.futures has it)
    """The cause of a worker's exception: its traceback as text."""

    def __str__(self) -> str:
        """The text."""
        return "\n" + str(self.args[0]) if self.args else ""


def exception(parts: list[bytes | bytearray], text: str, traceback: str) -> BaseException:
    """The exception that a worker's node raised; a RuntimeError with its text where it cannot be opened."""
    raised: Any = None
    if parts:
        try:
            raised = loads(parts)
        except Exception:  # whatever its class does: its text is known
            raised = None
    error = raised if isinstance(raised, BaseException) else RuntimeError(text)
    error.__cause__ = WorkerTraceback(traceback)
    return error
