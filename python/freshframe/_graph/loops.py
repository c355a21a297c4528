"""Loops over a native source: ``for sample in source`` and ``with source``."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .._errors import StateError
from .._interpreter.locks import held

if TYPE_CHECKING:
    from typing_extensions import Self

    from .._native import NodeHandle, Sample

Out = TypeVar("Out", covariant=True)

_lock = threading.RLock()  # reentrant, since a signal handler may start a loop
_make: Callable[[Any], Any]


def make_streams_by(make: Callable[[Any], Any]) -> None:
    """Sets the function that makes a source's stream. It is injected because it lives in a higher layer."""
    global _make  # noqa: PLW0603
    _make = make


class Looped(Generic[Out]):
    """Lets a program use a source directly, without building a graph.

    A loop over it is a loop over ``freshframe.stream(source)``, a pipeline with only this source. The first
    attempt to open the source must succeed, unless ``reconnect=True``; later outages are waited out.

    ``with source:`` opens it, and closes it at the end. Each loop inside continues where the previous one
    stopped. Without ``with``, a source can be looped over once; the end of the loop closes it.
    """

    _handle: NodeHandle
    _stream: Any = None

    def _looped(self) -> Any:
        """Returns the stream for loops over this source. The first call creates it.

        Raises:
            StateError: The source was added to a pipeline.
        """
        with held(_lock):
            if self._stream is None:
                if self._handle.added:
                    raise StateError(
                        f"this {type(self).__name__} was added to a pipeline, which reads and closes it: "
                        "loop over pipeline.reader(port) of the port that add() returned"
                    )
                self._stream = _make(self)
            return self._stream

    def __iter__(self) -> Iterator[Sample[Out]]:
        """Opens the source if needed, and iterates over its samples.

        Raises:
            SourceError: The source could not be opened.
            StateError: The source was added to a pipeline, was already looped over or closed, or another
                thread is looping over it.
        """
        return iter(self._looped())

    if not TYPE_CHECKING:  # otherwise type checkers would accept next(source)

        def __next__(self) -> Any:
            raise TypeError(f"a {type(self).__name__} is not an iterator: write next(iter(source))")

    def __aiter__(self) -> AsyncIterator[Sample[Out]]:
        """Like __iter__. The first step opens the source without blocking the event loop."""
        return aiter(self._looped())

    def __enter__(self) -> Self:
        """Opens the source.

        Raises:
            SourceError: The source could not be opened.
            StateError: The source was added to a pipeline, or was already looped over or closed.
        """
        self._looped().__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._looped().__exit__(kind, error, trace)

    async def __aenter__(self) -> Self:
        """Like __enter__, without blocking the event loop."""
        await self._looped().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Like __exit__, without blocking the event loop."""
        await self._looped().__aexit__(kind, error, trace)

    def close(self) -> None:
        """Closes the source and ends loops over it. Thread-safe. GIL: released while waiting.

        Raises:
            StateError: The source was added to a pipeline.
        """
        self._looped().close()


def expect_unlooped(node: Any) -> None:
    """Rejects a source that a loop already uses; called before a node is added.

    Raises:
        StateError: A loop is using, or has used, the source.
    """
    if isinstance(node, Looped) and node._stream is not None:
        raise StateError(
            f"this {type(node).__name__} is read by a loop over it: to use it in a pipeline, create another "
            "one, add() it, and loop over pipeline.reader(port)"
        )
