"""stream(): reads a source through a chain of nodes, as an iterator."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, overload

from .. import _native
from .._errors import FreshframeError, GraphError, NodeError, OptionTypeError, SourceError, StateError
from .._graph import wiring
from .._graph.node import Node
from .._graph.port import Port
from .._graph.queue import Queue, blocks
from .._graph.read_contract import declared
from .._graph.source import NativeSource, Source
from .._interpreter import fork
from .._interpreter.locks import held
from .._pipeline import life, unstarted
from .._pipeline.pipeline import Pipeline, find_engine

if TYPE_CHECKING:
    from typing_extensions import Self, TypeVar

    from .._native import Sample

    T_co = TypeVar("T_co", covariant=True, default=Any)
else:  # so that programs do not need typing_extensions
    from typing import TypeVar

    T_co = TypeVar("T_co", covariant=True)

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")


_MOST_HELD = 1 << 30  # default, in bytes


class _Options(NamedTuple):
    queue: Queue | None
    frames: bool
    name: str
    on_error: Literal["stop", "skip"]
    max_held_bytes: float


class Stream(Generic[T_co]):
    """Iterates over the samples of the last node of a chain; created by freshframe.stream().

    A ``for`` or ``async for`` loop starts the pipeline, and closes it when the loop is left. ``with stream:``
    starts it and closes it at the end; each loop inside continues where the previous one stopped.
    """

    def __init__(
        self, source: Source[Any], nodes: tuple[Any, ...], options: _Options, what: str = "this Stream"
    ) -> None:
        """Called by freshframe.stream(), and by the first loop over a source.

        Args:
            source: The source.
            nodes: The nodes, in order.
            options: Options of stream().
            what: The object that the program loops over, for messages.
        """
        _check_order(source, nodes)
        _check_queue(source, nodes, options.queue)
        # Checked here, because without nodes add() would not check it.
        wiring.options(None, _native.EdgeOptions(), options.on_error)
        self.pipeline = Pipeline(options.name, max_held_bytes=options.max_held_bytes)
        self._what = what
        self._lock = threading.RLock()  # reentrant, since a signal handler may start a loop, too
        self._is_held = False  # by a `with` block
        self._is_over = False
        self._failure = ""  # the error that ended a loop, or prevented its start
        self._loop: weakref.ref[_Loop] | None = None  # the latest loop
        if (
            must_open := declared(source).must_open
        ) is not None:  # else start() may succeed without a connection
            must_open()
        port: Port[Any] = self.pipeline.add(source)
        for node in nodes:
            port = self.pipeline.add(node, port, on_error=options.on_error)
        self.reader = self.pipeline.reader(port, queue=options.queue, frames=options.frames)

    def __iter__(self) -> Iterator[Sample[T_co]]:
        """Starts the pipeline if needed.

        Raises:
            SourceError: The source could not be opened.
            StateError: An earlier loop has closed it, or another thread loops over it.
        """
        samples: _Samples[T_co] = _Samples(self)
        if not samples.is_within:
            unstarted.warn_of_blocking_loop(self._what)
            with self._noting_failure():
                self.pipeline.__enter__()
        return samples

    def __aiter__(self) -> AsyncIterator[Sample[T_co]]:
        """Like __iter__. The first step starts the pipeline without blocking the event loop."""
        return _AsyncSamples(self)

    def _begin(self, loop: _Loop) -> bool:
        """Registers a new loop. Returns whether it is inside a `with` block, which then closes the stream.

        Raises:
            StateError: An earlier loop has closed the stream, or another thread loops over it.
        """
        with held(self._lock):
            before = None if self._loop is None else self._loop()
            if before is not None and before.runs_on_another_thread():
                raise StateError(
                    f"another thread is looping over {self._what}: for two threads, build a pipeline with a "
                    "reader for each"
                )
            if self._is_over or (self._loop is not None and not self._is_held):
                raise StateError(
                    self._describe_failure()
                    or f"{self._what} was closed by a loop over it or by close(): create another one, or put "
                    "all loops into one `with`"
                )
            self._loop = weakref.ref(loop)
            return self._is_held

    def _hold(self) -> None:
        with held(self._lock):
            if self._is_over or (self._loop is not None and not self._is_held):
                raise StateError(
                    self._describe_failure()
                    or f"{self._what} was already read by a loop or closed: create another one for `with`"
                )
            self._is_held = True

    def _describe_failure(self) -> str:
        if not self._failure:
            return ""
        return f"an earlier loop over {self._what} failed ({self._failure}): create another one to try again"

    @contextlib.contextmanager
    def _noting_failure(self) -> Iterator[None]:
        try:
            yield
        except FreshframeError as error:
            self._failure = str(error)
            raise

    def __enter__(self) -> Self:
        """Starts the pipeline.

        Raises:
            SourceError: The source could not be opened.
            StateError: The stream was read by a loop or closed before.
        """
        self._hold()
        try:
            with self._noting_failure():
                self.pipeline.__enter__()
        except BaseException:
            self._is_over = True
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops the pipeline."""
        self._is_over = True
        self.pipeline.__exit__(kind, error, trace)

    async def __aenter__(self) -> Self:
        """Like __enter__, without blocking the event loop."""
        self._hold()
        try:
            with self._noting_failure():
                await self.pipeline.__aenter__()
        except BaseException:
            self._is_over = True
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Like __exit__, without blocking the event loop."""
        self._is_over = True
        await self.pipeline.__aexit__(kind, error, trace)

    def close(self) -> None:
        """Stops the pipeline, waits for its threads and ends loops over it. GIL: released while waiting."""
        self._is_over = True
        self.pipeline.stop()

    def _leave(self) -> None:
        """Requests a stop without waiting."""
        self._is_over = True
        engine = find_engine(self.pipeline)
        if not engine.forked:
            life.leave(engine)

    def __del__(self) -> None:
        """Requests a stop without waiting."""
        if hasattr(self, "pipeline"):
            self._leave()


def _check_order(source: Any, nodes: tuple[Any, ...]) -> None:
    """Rejects a stream whose first argument is not a source.

    Raises:
        OptionTypeError: The first argument is not a source.
    """
    if isinstance(source, Source) or not (isinstance(source, Node) or callable(source)):
        return  # add() explains what is wrong with other objects
    form = "pass the source first and then its nodes, as in stream(freshframe.open(...), node)"
    later = ", and a source comes after it" if any(isinstance(node, Source) for node in nodes) else ""
    raise OptionTypeError(
        f"{form}; the first argument is {wiring.label(source)!r}, which is not a source{later}"
    )


def _check_queue(source: Any, nodes: tuple[Any, ...], queue: Any) -> None:
    """Rejects a blocking queue with a live source, which would drop samples before the first node instead.

    Raises:
        GraphError: The queue blocks and the source is live.
    """
    if nodes and isinstance(queue, Queue) and blocks(queue) and getattr(source, "live", False):
        raise GraphError(
            f"stream() has a blocking queue downstream of the live source {wiring.label(source)!r}, which "
            f"cannot wait, so samples would be dropped before they reach {wiring.label(nodes[0])!r}: use "
            "LATEST, or Queue(n) to ride out short delays. In a Pipeline, a reader downstream of a node may "
            "have such a queue"
        )


class _Loop:
    """One loop over a stream, which it keeps alive."""

    def __init__(self, stream: Stream[Any]) -> None:
        self._thread = threading.current_thread()
        self._ended = False
        self.is_within = stream._begin(self)  # in a `with` block
        self._stream = stream

    def runs_on_another_thread(self) -> bool:
        """Returns True if the loop is still running, on another thread."""
        return not self._ended and self._thread.is_alive() and self._thread is not threading.current_thread()

    def _end(self) -> None:
        """Called at the end of the stream."""
        self._ended = True
        if not self.is_within:
            self._stream.close()

    def __del__(self) -> None:
        """Called when the loop was left: nobody reads later samples."""
        stream = getattr(self, "_stream", None)
        if stream is not None and not self.is_within:
            stream._leave()


class _Samples(_Loop, Generic[T_co]):
    """A ``for`` loop."""

    def __iter__(self) -> _Samples[T_co]:
        return self

    def __next__(self) -> Sample[T_co]:
        try:
            sample: Sample[T_co] = next(self._stream.reader)
        except StopIteration:
            self._end()
            raise
        except (NodeError, SourceError) as error:
            self._stream._failure = str(error)
            raise
        return sample


class _AsyncSamples(_Loop, Generic[T_co]):
    """An ``async for`` loop."""

    _samples: AsyncIterator[Sample[T_co]] | None = None

    def __aiter__(self) -> _AsyncSamples[T_co]:
        return self

    async def __anext__(self) -> Sample[T_co]:
        if self._samples is None:
            if not self.is_within:
                with self._stream._noting_failure():
                    await self._stream.pipeline.__aenter__()
            self._samples = aiter(self._stream.reader)
        try:
            return await anext(self._samples)
        except StopAsyncIteration:
            with fork.explaining(), fork.loading():
                import asyncio  # noqa: PLC0415  (programs without an event loop need not load it)

            await asyncio.to_thread(self._end)
            raise
        except (NodeError, SourceError) as error:
            self._stream._failure = str(error)
            raise


def over(source: NativeSource[A]) -> Stream[A]:
    """Creates the stream for loops over a source. Its pipeline has the source's name."""
    kind = type(source).__name__
    name = life.free_name(getattr(source, "url", wiring.label(source)))
    return Stream(source, (), _Options(None, True, name, "stop", _MOST_HELD), f"this {kind}")


@overload
def stream(
    source: Source[A],
    /,
    *,
    queue: Queue | None = ...,
    frames: bool = ...,
    name: str = ...,
    on_error: Literal["stop", "skip"] = ...,
    max_held_bytes: float = ...,
) -> Stream[A]: ...
@overload
def stream(
    source: Source[A],
    node1: Node[A, B] | Callable[[A], B | None],
    /,
    *,
    queue: Queue | None = ...,
    frames: bool = ...,
    name: str = ...,
    on_error: Literal["stop", "skip"] = ...,
    max_held_bytes: float = ...,
) -> Stream[B]: ...
@overload
def stream(
    source: Source[A],
    node1: Node[A, B] | Callable[[A], B | None],
    node2: Node[B, C] | Callable[[B], C | None],
    /,
    *,
    queue: Queue | None = ...,
    frames: bool = ...,
    name: str = ...,
    on_error: Literal["stop", "skip"] = ...,
    max_held_bytes: float = ...,
) -> Stream[C]: ...
@overload
def stream(
    source: Source[A],
    node1: Node[A, B] | Callable[[A], B | None],
    node2: Node[B, C] | Callable[[B], C | None],
    node3: Node[C, D] | Callable[[C], D | None],
    /,
    *,
    queue: Queue | None = ...,
    frames: bool = ...,
    name: str = ...,
    on_error: Literal["stop", "skip"] = ...,
    max_held_bytes: float = ...,
) -> Stream[D]: ...
@overload
def stream(
    source: Source[Any],
    /,
    *nodes: Node[Any, Any] | Callable[[Any], Any],
    queue: Queue | None = ...,
    frames: bool = ...,
    name: str = ...,
    on_error: Literal["stop", "skip"] = ...,
    max_held_bytes: float = ...,
) -> Stream[Any]: ...
def stream(
    source: Source[Any],
    /,
    *nodes: Node[Any, Any] | Callable[[Any], Any],
    queue: Queue | None = None,
    frames: bool = True,
    name: str = "stream",
    on_error: Literal["stop", "skip"] = "stop",
    max_held_bytes: float = _MOST_HELD,
) -> Stream[Any]:
    """Reads a source through a chain of nodes.

    For example: ``for sample in ff.stream(ff.open(path), ff.CircleTracker()):``. The first attempt to open
    the source must succeed, unless it has ``reconnect=True``. Later outages are waited out.

    Args:
        source: The source of the samples.
        *nodes: The nodes, in order. The samples of the last one are read.
        queue: Queue of the reader. Default: LATEST with a live source, LOSSLESS with files. A blocking queue
            is rejected with a live source.
        frames: False: samples have no frame, so that keeping results does not keep frames in memory.
        name: Name of the pipeline, for messages.
        on_error: "skip" continues after an exception in a node and counts the sample as ``error``.
        max_held_bytes: Bytes of frame memory that Python may hold; reading another sample then raises
            FramesHeldError.

    Raises:
        GraphError: The nodes cannot be connected like this.
        OptionError: An option is out of range.
        OptionTypeError: An argument is of the wrong type.

    Example:
        >>> import freshframe as ff
        >>> for sample in ff.stream(ff.open("demo:circles?frames=3"), ff.CircleTracker()):
        ...     circles = sample.value.xyr
    """
    return Stream(source, nodes, _Options(queue, frames, name, on_error, max_held_bytes))
