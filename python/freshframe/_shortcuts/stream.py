"""A source and a chain of nodes in one line, read as an iterator."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeVar, overload

from .. import _check
from .._errors import OptionTypeError
from .._graph import wiring
from .._graph.nodes import Node, Source
from .._graph.port import Port
from .._graph.queue import Queue
from .._pipeline import life
from .._pipeline.pipeline import Pipeline, engine_of

if TYPE_CHECKING:
    from typing_extensions import Self

    from .._native import Sample

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
T_co = TypeVar("T_co", covariant=True)


OnError = Literal["stop", "skip"]


class _Options(NamedTuple):
    queue: Queue | None
    frames: bool
    name: str
    on_error: OnError
    max_held_bytes: int


class Stream(Generic[T_co]):
    """The samples of the last node of a chain; made by freshframe.stream().

    A ``for`` loop starts the pipeline and closes it when the loop is left. A Stream is also a context manager
    and an async iterable.
    """

    def __init__(self, source: Source[Any], nodes: tuple[Any, ...], options: _Options) -> None:
        """Called by freshframe.stream()."""
        _check_order(source, nodes)
        # Checked here, because there may be no node.
        wiring.options(None, "", None, options.on_error, None)
        self.pipeline = Pipeline(options.name, max_held_bytes=options.max_held_bytes)
        port: Port[Any] = self.pipeline.add(source)
        for node in nodes:
            port = self.pipeline.add(node, port, on_error=options.on_error)
        self.reader = self.pipeline.reader(port, queue=options.queue, frames=options.frames)

    def __iter__(self) -> Iterator[Sample[T_co]]:
        """Starts the pipeline if needed."""
        return _Samples(self._started())

    def __aiter__(self) -> AsyncIterator[Sample[T_co]]:
        """Starts the pipeline if needed."""
        return _AsyncSamples(self._started())

    def _started(self) -> Self:
        self.pipeline.__enter__()
        return self

    def __enter__(self) -> Self:
        """Starts the pipeline if needed."""
        return self._started()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops the pipeline."""
        self.pipeline.__exit__(kind, error, trace)

    async def __aenter__(self) -> Self:
        """Starts the pipeline if needed."""
        await self.pipeline.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stops the pipeline."""
        await self.pipeline.__aexit__(kind, error, trace)

    def close(self) -> None:
        """Stops the pipeline and waits for its threads. GIL: released while waiting."""
        self.pipeline.stop()

    def __del__(self) -> None:
        """Requests a stop without waiting."""
        pipeline = getattr(self, "pipeline", None)
        if pipeline is not None and not engine_of(pipeline).forked:
            life.leave(engine_of(pipeline))


def _check_order(source: Any, nodes: tuple[Any, ...]) -> None:
    """Refuses a stream that begins with a node.

    Raises:
        OptionTypeError: It does.
    """
    if isinstance(source, Source) or not (isinstance(source, Node) or callable(source)):
        return  # or it is nothing that a pipeline takes, which add() explains
    form = "stream() has the source first and then its nodes, stream(freshframe.open(...), node)"
    later = (
        " and the source later: the other order" if any(isinstance(node, Source) for node in nodes) else ""
    )
    raise OptionTypeError(f"{form}: got {_check.with_article(wiring.label(source))} first{later}")


class _Samples(Generic[T_co]):
    """One ``for`` loop over a stream."""

    def __init__(self, stream: Stream[T_co]) -> None:
        self._stream = stream

    def __iter__(self) -> _Samples[T_co]:
        return self

    def __next__(self) -> Sample[T_co]:
        try:
            sample: Sample[T_co] = next(self._stream.reader)
        except StopIteration:
            self._stream.pipeline.stop()
            raise
        return sample

    def __del__(self) -> None:
        """The loop was left: later samples have nowhere to go."""
        _leave(getattr(self, "_stream", None))


class _AsyncSamples(Generic[T_co]):
    """One ``async for`` loop over a stream. Keeps the stream alive."""

    def __init__(self, stream: Stream[T_co]) -> None:
        self._stream = stream
        self._samples: AsyncIterator[Sample[T_co]] = aiter(stream.reader)

    def __aiter__(self) -> _AsyncSamples[T_co]:
        return self

    async def __anext__(self) -> Sample[T_co]:
        return await anext(self._samples)

    def __del__(self) -> None:
        """The loop was left: later samples have nowhere to go."""
        _leave(getattr(self, "_stream", None))


def _leave(stream: Stream[Any] | None) -> None:
    if stream is not None and not engine_of(stream.pipeline).forked:
        stream.reader.close()
        life.leave(engine_of(stream.pipeline))


@overload
def stream(
    source: Source[A],
    /,
    *,
    queue: Queue | None = ...,
    frames: bool = ...,
    name: str = ...,
    on_error: OnError = ...,
    max_held_bytes: int = ...,
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
    on_error: OnError = ...,
    max_held_bytes: int = ...,
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
    on_error: OnError = ...,
    max_held_bytes: int = ...,
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
    on_error: OnError = ...,
    max_held_bytes: int = ...,
) -> Stream[D]: ...
@overload
def stream(
    source: Source[Any],
    /,
    *nodes: Node[Any, Any] | Callable[[Any], Any],
    queue: Queue | None = ...,
    frames: bool = ...,
    name: str = ...,
    on_error: OnError = ...,
    max_held_bytes: int = ...,
) -> Stream[Any]: ...
def stream(
    source: Source[Any],
    /,
    *nodes: Node[Any, Any] | Callable[[Any], Any],
    queue: Queue | None = None,
    frames: bool = True,
    name: str = "stream",
    on_error: OnError = "stop",
    max_held_bytes: int = 1 << 30,
) -> Stream[Any]:
    """Reads a source through a chain of nodes.

    For example: ``for sample in ff.stream(ff.open(path), ff.CircleTracker()):``.

    Args:
        source: The source of the samples.
        *nodes: The nodes in their order. The samples of the last one are read.
        queue: Queue of the reader; default: LATEST below a live source, LOSSLESS below files.
        frames: False: samples have no frame, so results that you keep do not keep pictures in memory.
        name: Name of the pipeline, for messages.
        on_error: "skip" continues after an exception in a node and counts the sample as ``error``.
        max_held_bytes: Bytes of picture memory that Python may hold before the next sample raises
            FramesHeldError.

    Raises:
        GraphError: The nodes cannot be connected in this way.
        OptionError: An option is out of range.
        OptionTypeError: An argument is of the wrong type.

    Example:
        >>> import freshframe as ff
        >>> for sample in ff.stream(ff.open("demo:circles?frames=3"), ff.CircleTracker()):
        ...     circles = sample.value.xyr
    """
    return Stream(source, nodes, _Options(queue, frames, name, on_error, max_held_bytes))
