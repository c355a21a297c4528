"""The base classes of nodes, in Python and native."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar, Generic

from .. import _check, _native
from .._errors import OptionError, OptionTypeError, StateError
from .._interpreter import fork
from .contract import PLAIN, Contract

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from .._native import Sample, StopToken

    In = TypeVar("In", contravariant=True, default=Any)
    Out = TypeVar("Out", covariant=True, default=Any)
else:  # so that programs do not need typing_extensions
    from typing import TypeVar

    In = TypeVar("In", contravariant=True)
    Out = TypeVar("Out", covariant=True)


def unset_stop_token() -> StopToken:
    """Returns a token that is never set. Pickled and copied tokens refer to this function."""
    return _native.unset_stop_token()


class Node(Generic[In, Out]):
    """A step of the graph, written in Python: derive from it and implement process().

    A derived class need not call ``super().__init__()``. open(), process() and close() run on the node's own
    thread with the GIL held, except in Pipeline.replace(), which opens the new node and closes the old one on
    the calling thread. Native nodes derive from this class too, but the engine runs them without the GIL, and
    their process() must not be called.

    Attributes:
        records_to: The path of the file that the node writes, if it is a recorder. Downstream of a live
            source it then gets the queue RECORDING, stop() lets it process the samples still queued, and
            start() rejects a path that a source reads or another recorder writes. Replace an existing file
            with the first sample and not in open(), so that it is kept if a source cannot be opened.
        tick_every: Interval of on_tick() in seconds, at most a day; None: no on_tick(). Read by add().
        stop_token: Set when the pipeline stops or the node is removed. A node that waits, for a server for
            example, should use ``stop_token.wait(seconds)`` instead of time.sleep(), or check
            ``stop_token.stopped``, so that stop() does not have to wait for it. Never set before the node's
            thread has started, nor in a worker process.

    Example:
        >>> import freshframe as ff
        >>> class Brightness(ff.Node[ff.Frame, float]):
        ...     def process(self, sample, /):
        ...         return float(sample.value.luma.mean())
        >>> for sample in ff.stream(ff.open("demo:circles?frames=3"), Brightness()):
        ...     brightness = sample.value
    """

    records_to: str | PathLike[str] | None = None
    tick_every: float | None = None
    stop_token: StopToken = unset_stop_token()

    def _freshframe_contract(self) -> Contract:
        """Returns the declarations that the package needs in addition to the node's public methods."""
        return PLAIN

    def open(self) -> None:
        """Called once before the first sample."""

    def process(self, sample: Sample[In], /) -> Out | Iterator[Out | None] | None:
        """Called once per sample, by one thread at a time.

        A generator function may give any number of results. Each is sent when it is yielded. Use stamped()
        for a result that belongs to an earlier sample.

        Args:
            sample: A sample of a parent.

        Returns:
            The value for the children, which get it with the sample's stamp. None to emit nothing.
        """
        if type(self).process_batch is Node.process_batch:
            raise NotImplementedError(f"{type(self).__name__} needs a method process(self, sample)")
        result: Out | BaseException | None
        result = checked_results(self.process_batch([sample]), 1, "process_batch()")[0]
        if isinstance(result, BaseException):
            raise result
        return result

    def process_batch(self, samples: list[Sample[In]], /) -> Sequence[Out | Exception | None]:
        """Called instead of process() when the node was added with ``batch=``, by one thread at a time.

        A node with process_batch() does not need process(): without ``batch=`` every batch has one sample.

        Args:
            samples: At least one sample, in the order in which they were taken from the queues.
                ``sample.source`` is the name of the source.

        Returns:
            A list or tuple with one entry per sample, in the same order: the value for the children, which
            get it with the stamp of that sample. None emits nothing. An Exception as an entry fails only that
            sample; if the call raises an exception, all of its samples fail.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method process_batch(self, samples)")

    def on_tick(self, now: float, /) -> Out | Iterator[Out | None] | None:
        """Called every ``tick_every`` seconds, on the thread of process() and never at the same time.

        The times form a fixed grid that starts with the pipeline; see source_gone() for additional calls. A
        call that falls due while process() is running, or waiting for a full edge, is made late. If several
        are overdue, only the last one is made; the others are counted in ``NodeStats.ticks_missed``.

        Args:
            now: ``time.monotonic()`` of the call.

        Returns:
            A value for the children, in a stream of the node's own (``add(as_source=)``): ``seq`` 0, 1, ...,
            ``captured`` is the time on the grid, ``pts`` the seconds since the start. None emits nothing. A
            generator function may give any number of results.
        """
        return None

    def source_gone(self, name: str, /) -> None:
        """Called when a source has ended, so that the node can free what it keeps for it.

        Called on the node's own thread, between two samples; for a node with ``process=`` in each worker. A
        later source of the same name is a different source. If the node also has on_tick(), that is called
        again after this, outside the regular schedule, for its final results of the source (unless all
        parents have ended). Results that it emits with stamped() belong to this source's stream, which ends
        after them for the children.
        """

    def _freshframe_source_gone(self, number: int, name: str) -> None:
        """Called by the engine. Numbers distinguish sources of the same name."""
        self.source_gone(name)

    def finish(self) -> Out | Iterator[Out | None] | None:
        """Called once before close(), when all parents have ended or the pipeline stops.

        Not called if a node of the pipeline has failed, unless ``on_error="skip"`` skipped the failure.
        Called after a source has failed, once the samples read before are processed. At a stop, its results
        only reach recorders that are direct children of the node; other children have already stopped.

        Returns:
            The same as on_tick().
        """
        return None

    def close(self) -> None:
        """Called once after the last sample if open() succeeded, even after a failure."""


def checked_results(results: Any, count: int, what: str) -> Sequence[Any]:
    """Returns the results of a call with ``count`` samples.

    Raises:
        OptionError: There are too many or too few.
        OptionTypeError: The results are not a list or tuple.
    """
    if not isinstance(results, (list, tuple)):
        raise OptionTypeError(
            f"{what} must return a list with one result per sample, got {type(results).__name__}"
        )
    if len(results) != count:
        raise OptionError(
            f"{what} must return one result per sample, got {len(results)} for a batch of {count}"
        )
    return results


class Native:
    """The base of native nodes and sources. The engine runs them, with options fixed at construction."""

    _handle: _native.NodeHandle
    _meant: ClassVar[Mapping[str, str]] = {}  # missing attribute -> what was probably meant

    def __setattr__(self, name: str, value: Any) -> None:
        """Rejects public attributes, which would have no effect on the engine.

        Raises:
            AttributeError: The name is public.
        """
        if not name.startswith("_") and hasattr(self, "_handle") and not _is_settable(type(self), name):
            raise AttributeError(_why_fixed(type(self), name))
        super().__setattr__(name, value)

    if not TYPE_CHECKING:  # otherwise type checkers would not report misspelt attributes

        def __getattr__(self, name: str) -> Any:
            raise _check.no_attribute(self, name, self._meant)


def _is_settable(cls: type, name: str) -> bool:
    """Returns True for an option that may be set while a native node is running."""
    found = getattr(cls, name, None)
    return isinstance(found, property) and found.fset is not None


def _why_fixed(cls: type, name: str) -> str:
    """Explains why an attribute of a native node cannot be set, and what to do instead."""
    with fork.explaining(), fork.loading():
        import difflib  # noqa: PLC0415  (only needed for mistakes)
        import inspect  # noqa: PLC0415

    settable = [each for each in dir(cls) if _is_settable(cls, each)]
    known = [each for each in inspect.signature(cls).parameters if each not in settable]
    one = _check.with_article(cls.__name__)
    if name in known or hasattr(cls, name):
        others = f" but for {', '.join(map(repr, settable))}" if settable else ""
        fixed = f"{one} is native and its options are fixed at construction{others}"
        return f"cannot set {name!r}: {fixed}; make another {cls.__name__}"
    close = difflib.get_close_matches(name, [*settable, *known], 1)
    meant = f" Did you mean {close[0]!r}?" if close else ""
    may = ", ".join(map(repr, settable))
    rest = f"It may change {may} while it works" if may else "Its options are fixed at construction"
    return f"{one} has no option {name!r}.{meant} {rest}"


class NativeNode(Native, Node[In, Out]):
    """A node that the engine runs on a native thread without the GIL."""

    def process(self, sample: Sample[In], /) -> Out | Iterator[Out | None] | None:
        """Must not be called: the engine runs this node natively."""
        raise StateError(
            f"{type(self).__name__} is native: add() it to a pipeline instead of calling process()"
        )
