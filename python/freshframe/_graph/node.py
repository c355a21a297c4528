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
else:  # programs need no typing_extensions
    from typing import TypeVar

    In = TypeVar("In", contravariant=True)
    Out = TypeVar("Out", covariant=True)


def unset_stop_token() -> StopToken:
    """Returns a token that is never set. Copies and pickles of a token name this function."""
    return _native.unset_stop_token()


class Node(Generic[In, Out]):
    """A step of the graph, written in Python: derive from it and implement process().

    A derived class need not call ``super().__init__()``. open(), process() and close() run on the node's own
    thread with the GIL held. Only Pipeline.replace() opens the new node on the calling thread, and closes the
    old one there. Native nodes derive from this class too, but the engine runs them without the
    GIL, and their process() must not be called.

    Attributes:
        records_to: The path of the file that the node writes, if it is a recorder. Below a live source it
            then gets the queue RECORDING, stop() lets it write the waiting samples, and start() refuses a
            path that a source reads or another recorder writes. A recorder should replace an existing file
            with its first sample and not in open(). If a source cannot be opened, the file is then still
            there.
        tick_every: Seconds between two calls of on_tick(), at most a day; None means it has no clock. Read by
            add().
        stop_token: The stop signal of the node, set when the pipeline stops and when the node is removed. A
            node that waits, such as for a server, calls ``stop_token.wait(seconds)`` instead of
            time.sleep(), or looks at ``stop_token.stopped``, so that stop() need not wait for it. Before its
            thread has started, and in a worker process, it is never set.

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
        """Returns all that the package asks of it besides its methods."""
        return PLAIN

    def open(self) -> None:
        """Called once before the first sample."""

    def process(self, sample: Sample[In], /) -> Out | Iterator[Out | None] | None:
        """Called once per sample, by one thread at a time.

        A generator function gives any number of results: each yielded value is on its way when the generator
        goes on. See stamped() for a result of an earlier sample.

        Args:
            sample: The parent's sample.

        Returns:
            The value for the children, which get it with the sample's stamp. None emits nothing.
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

        A node that has process_batch() does not need process(): without ``batch=`` it gets batches of one.

        Args:
            samples: At least one sample, in the order in which the node took them. ``sample.source`` is the
                name of its source.

        Returns:
            A list or tuple with one entry per sample, in their order: the value for the children, which get
            it with the stamp of that sample. None emits nothing. An Exception as an entry fails that sample
            alone. If the call raises an exception, all of its samples fail.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method process_batch(self, samples)")

    def on_tick(self, now: float, /) -> Out | Iterator[Out | None] | None:
        """Called every ``tick_every`` seconds, by the thread of process() and never beside it.

        The times are a grid that begins with the pipeline; see source_gone() for further calls. A call that
        comes due while process() works or waits for a full edge is late. Of several late ones only the last
        takes place. The others are counted as ``NodeStats.ticks_missed``.

        Args:
            now: ``time.monotonic()`` of the call.

        Returns:
            A value for the children, in a stream of the node's own (``add(as_source=)``): ``seq`` 0, 1, ...,
            ``captured`` is the time of the grid, ``pts`` the seconds from the start to it. None emits
            nothing. A generator function gives any number.
        """
        return None

    def source_gone(self, name: str, /) -> None:
        """This source gives nothing more: the node can drop what it keeps for it.

        Called on the node's own thread, between two samples; of a node with ``process=`` in each worker. A
        later source of the same name is another one. A node that also has on_tick() is asked for its last
        results of this source: on_tick() is called again after this, beside its grid, unless all parents have
        ended. Its results by stamped() are in the stream of this source, which ends after them for the nodes
        below.
        """

    def _freshframe_source_gone(self, number: int, name: str) -> None:
        """Called by the engine. The numbers distinguish sources of one name."""
        self.source_gone(name)

    def finish(self) -> Out | Iterator[Out | None] | None:
        """Called once before close(), when all parents have ended or the pipeline stops.

        Not after a failure of a node of the pipeline, unless ``on_error="skip"`` has skipped it. After the
        failure of a source it is called, after the samples that were read. At a stop its results reach the
        recorders directly below the node. Other children have stopped by then.

        Returns:
            As on_tick().
        """
        return None

    def close(self) -> None:
        """Called once after the last sample if open() succeeded, even after a failure."""


def checked_results(results: Any, count: int, what: str) -> Sequence[Any]:
    """The entries of a call with ``count`` samples.

    Raises:
        OptionError: There are more or fewer.
        OptionTypeError: It is neither a list nor a tuple.
    """
    if not isinstance(results, (list, tuple)):
        raise OptionTypeError(
            f"{what} must return a list with one result per sample, got {type(results).__name__}"
        )
    if len(results) != count:
        raise OptionError(f"{what} must return one result per sample: it returned {len(results)} for {count}")
    return results


class Native:
    """The base of native nodes and sources: a node of the engine, whose options are fixed at construction."""

    _handle: _native.NodeHandle
    _meant: ClassVar[Mapping[str, str]] = {}  # names that a missing attribute may be meant for

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuses an attribute that would have no effect on the engine.

        Raises:
            AttributeError: The name is public.
        """
        if not name.startswith("_") and hasattr(self, "_handle") and not _is_settable(type(self), name):
            raise AttributeError(_why_fixed(type(self), name))
        super().__setattr__(name, value)

    if not TYPE_CHECKING:  # type checkers could not find a misspelt attribute

        def __getattr__(self, name: str) -> Any:
            raise _check.no_attribute(self, name, self._meant)


def _is_settable(cls: type, name: str) -> bool:
    """Whether an option may be set while a native node works."""
    found = getattr(cls, name, None)
    return isinstance(found, property) and found.fset is not None


def _why_fixed(cls: type, name: str) -> str:
    """Why an attribute of a native node cannot be set, and what to do."""
    with fork.loading():
        import difflib  # noqa: PLC0415  (only mistakes need it)
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
