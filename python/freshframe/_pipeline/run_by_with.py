"""`with` and `async with` for pipelines: start at the beginning, stop at the end."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from abc import abstractmethod
from types import TracebackType
from typing import TYPE_CHECKING

from .. import _native
from .._errors import FreshframeError, StateError, StopTimeoutError
from .._interpreter import fork
from .._interpreter.log import logger
from . import life

if TYPE_CHECKING:
    from typing_extensions import Self


_PATIENCE = 5.0  # if no sample moves for this many seconds, __exit__() drops those still queued


def _add_hint(error: BaseException) -> None:
    if not isinstance(error, Exception) or isinstance(error, FreshframeError):
        return
    if not hasattr(error, "add_note"):  # Python 3.10
        return
    try:
        with fork.explaining(), fork.loading():
            from .._graph import hints  # noqa: PLC0415  (most programs need none)
    except (FreshframeError, ImportError):  # the exception of the `with` body takes precedence
        return
    if text := hints.for_reader(error):
        error.add_note(text)


class RunByWith:
    """Implements the context managers of Pipeline.

    It is not an ABC: with that metaclass, a class could not derive from both Pipeline and QObject.
    """

    _engine: _native.Engine
    _has_run = False
    # Set when the pipeline was started or stopped by another `with`, run() or stop(), so that a loop would
    # see nothing. Not set when it has ended by itself, since readers still have its samples.
    _was_left = False

    @abstractmethod
    def start(self) -> None:
        """Starts the pipeline."""

    @abstractmethod
    def stop(self, timeout: float | None = 5.0) -> None:
        """Stops the pipeline."""

    def _stop_quietly(self) -> None:
        try:
            self.stop()
        except StopTimeoutError as error:
            logger.warning("%s", error)

    def __enter__(self) -> Self:
        """Starts the pipeline if necessary.

        Raises:
            StateError: The pipeline has already run.
        """
        if not self._engine.started or self._was_left:
            self.start()
        return self

    def _begin_run(self) -> None:
        if self._engine.on_node_thread:
            raise StateError("run() on a node's own thread would wait for itself: use stop()")
        again, self._has_run = self._has_run, True
        if again and self._engine.started:
            self.start()  # raises

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops the pipeline; if all sources have ended, first lets the nodes process their queues.

        So after a loop over a reader of a file, other branches are complete, too, such as a recorder's.
        Samples left in readers are dropped as ``stop``. So are all queued samples if a source is still
        running, with ``keep_running``, if no sample has moved for five seconds, and after an exception.

        An exception of the body is never replaced. Without one, a failure that no call has raised yet is
        raised.

        Raises:
            NodeError: A node failed, perhaps while closing, such as a sink that could not write all data.
            SourceError: A source was lost.
        """
        if self._engine.forked:
            return
        self._was_left = True
        if error is not None:
            self._stop_quietly()
            _add_hint(error)
            return
        try:
            self._engine.finish(_PATIENCE)
        except BaseException:  # raised by a signal handler
            self._stop_quietly()
            raise
        self.stop()
        try:
            self._engine.raise_unraised()
        finally:
            life.forget_ended()

    async def __aenter__(self) -> Self:
        """Like __enter__, without blocking the event loop."""
        with fork.explaining(), fork.loading():
            import asyncio  # noqa: PLC0415  (programs without an event loop need not load it)

        if not self._engine.started or self._was_left:
            try:
                await asyncio.to_thread(self.start)
            except asyncio.CancelledError:
                self._engine.request_stop()  # the thread is still starting the pipeline
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Like __exit__, without blocking the event loop."""
        with fork.explaining(), fork.loading():
            import asyncio  # noqa: PLC0415  (programs without an event loop need not load it)

        await asyncio.to_thread(self.__exit__, kind, error, trace)
