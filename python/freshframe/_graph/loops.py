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

_lock = threading.RLock()  # a signal's handler may begin a loop, too
_make: Callable[[Any], Any]


def make_streams_by(make: Callable[[Any], Any]) -> None:
    """Sets the maker of a source's stream, which is in a room above this one."""
    global _make  # noqa: PLW0603
    _make = make


class Looped(Generic[Out]):
    """A source as a program uses it that wants the samples and needs no graph.

    A loop over it is a loop over ``freshframe.stream(source)``, a pipeline with nothing but this source. The
    first attempt to open the source must succeed, unless ``reconnect=True``. Later outages are waited for.

    ``with source:`` opens it and closes it at the end. Every loop inside continues where the loop before was
    left. Without ``with`` a source has one loop, whose end closes it.
    """

    _handle: NodeHandle
    _stream: Any = None  # stream of its loops

    def _looped(self) -> Any:
        """The stream of the loops over it, made by the first one.

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
        """Opens the source if needed.

        Raises:
            SourceError: It could not be opened.
            StateError: It was added to a pipeline, or read by a loop or closed before, or another thread
                loops over it.
        """
        return iter(self._looped())

    def __aiter__(self) -> AsyncIterator[Sample[Out]]:
        """As __iter__. The first step opens the source, without blocking the event loop."""
        return aiter(self._looped())

    def __enter__(self) -> Self:
        """Opens the source.

        Raises:
            SourceError: It could not be opened.
            StateError: It was added to a pipeline, or read by a loop or closed before.
        """
        self._looped().__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the source."""
        self._looped().__exit__(kind, error, trace)

    async def __aenter__(self) -> Self:
        """As __enter__, without blocking the event loop."""
        await self._looped().__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """As __exit__, without blocking the event loop."""
        await self._looped().__aexit__(kind, error, trace)

    def close(self) -> None:
        """Closes the source and ends the loops over it. From any thread. GIL: released while waiting.

        Raises:
            StateError: It was added to a pipeline.
        """
        self._looped().close()


def expect_unlooped(node: Any) -> None:
    """Checks a node that is about to be added.

    Raises:
        StateError: It is a source that a loop reads or has read.
    """
    if isinstance(node, Looped) and node._stream is not None:
        raise StateError(
            f"this {type(node).__name__} is read by a loop over it: to use it in a pipeline, make another "
            "one, add() it, and loop over pipeline.reader(port)"
        )
