"""Checks the arguments of add() and reader() before they go to the engine."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from .. import _check, _native
from .._errors import GraphError, OptionError, OptionTypeError
from .._interpreter import fork
from .contract import Marks
from .node import Native, Node
from .queue import Queue
from .read_contract import check_contract, declared, find_contract, is_generator
from .source import Source

if TYPE_CHECKING:
    from .batch import Batch
    from .join import Join


def label(node: Any) -> str:
    if isinstance(node, Node):
        return declared(node).label or type(node).__name__
    name = getattr(node, "__name__", None)
    if name == "<lambda>":
        return "lambda"
    return name if isinstance(name, str) else type(node).__name__


def check_node(node: Any, batch: Any = None) -> None:
    if inspect.isclass(node):
        raise OptionTypeError(f"got class {node.__name__}; did you mean {node.__name__}()?")
    if isinstance(node, Source) and type(node).read is Source.read and not isinstance(node, Native):
        raise GraphError(f"{type(node).__name__} has no method read(self): a Source needs one")
    if isinstance(node, Source) and not isinstance(node, Native):
        _check_read(node)
    if isinstance(node, Source) and not isinstance(node.live, bool):
        raise OptionTypeError(
            f"{type(node).__name__}.live must be True or False, got {_check.show(node.live)}"
        )
    if isinstance(node, Node) and not isinstance(node, (Source, Native)):
        _check_methods(type(node), batch)
    if batch is not None:
        _check_batch(node, batch)
    if isinstance(node, (str, os.PathLike)):
        wanted = "a node must be a Source, a Node or a callable"
        raise OptionTypeError(
            f"{wanted}, got {_check.with_article(type(node).__name__)}; use freshframe.open(...)"
        )
    if not isinstance(node, Node) and not callable(node):
        raise OptionTypeError(
            f"a node must be a Source, a Node or a callable, got {_check.show(node)}{_way_to_a_node(node)}"
        )
    check_contract(node, label(node))


def _check_read(source: Any) -> None:
    """Rejects a source whose read() requires an argument, before a thread calls it."""
    try:
        wanted = inspect.signature(source.read)
    except (TypeError, ValueError):  # a callable without a signature
        return
    try:
        wanted.bind()
    except TypeError:
        raise GraphError(
            f"{type(source).__name__}.read{wanted} needs an argument, but read() is called without any: "
            "write read(self), and use self.stop_token, whose wait(seconds) returns True when the pipeline "
            "stops"
        ) from None


def _way_to_a_node(thing: Any) -> str:
    """Suggests what to do with something that is not a node."""
    kind = type(thing).__name__
    if kind in ("Batch", "Join", "Process", "Queue") and type(thing).__module__.startswith("freshframe."):
        return f": it is an option, add(node, parents, {kind.lower()}=freshframe.{kind}(...))"
    if isinstance(thing, (list, tuple)):
        return ": stream(source, a, b) takes the nodes one after the other, and add() takes one"
    if type(thing).__module__.partition(".")[0] == "cv2" and callable(getattr(thing, "read", None)):
        return (
            ": let freshframe open the camera, as freshframe.open(0), or the file, as freshframe.open(path)"
        )
    if inspect.isgenerator(thing) or isinstance(thing, Iterator):
        return (
            ": to make a source of it, derive a class from freshframe.Source, whose read(self) yields "
            "(value, pts)"
        )
    for method, base in (("process", "Node"), ("read", "Source")):
        if callable(getattr(thing, method, None)):
            return f": derive its class from freshframe.{base}, class {kind}(freshframe.{base})"
    return ""


def check_parent_of_source(node: Any, parent: Any) -> None:
    """Rejects a parent for a source: the string was most likely meant as its name."""
    if isinstance(node, Source) and isinstance(parent, str):
        raise OptionTypeError(
            f"a source has no parent, got {_check.show(parent)}: to give it this name, write name={parent!r}"
        )


def _check_batch(node: Any, batch: Any) -> None:
    with fork.explaining(), fork.loading():
        from .batch import Batch  # noqa: PLC0415  (few programs use batches)

    if not isinstance(batch, Batch):
        raise OptionTypeError(
            f"batch must be a Batch, such as freshframe.Batch(8), or None; got {_check.show(batch)}"
        )
    if isinstance(node, Source):
        raise GraphError(
            f"{label(node)!r} is a source and cannot have batch=: pass batch= to the node downstream of it"
        )
    if not isinstance(node, Node) and is_generator(node):
        raise GraphError(
            f"{label(node)!r} is a generator function, which batch= does not allow: return a list with one "
            "result per sample, or leave out batch= to yield several"
        )


def _check_methods(cls: type[Node[Any, Any]], batch: Any) -> None:
    in_batches = cls.process_batch is not Node.process_batch
    if batch is not None and not in_batches:
        raise GraphError(
            f"{cls.__name__} has no method process_batch(self, samples), which batch= needs: add one that "
            "takes a list of samples and returns a list of results"
        )
    if cls.process is Node.process and not in_batches:
        raise GraphError(f"{cls.__name__} has no method process(self, sample): a Node needs one")


def check_join(node: Any, join: Any, batch: Any, process: Any) -> None:
    """Checks ``join=`` for a node.

    Raises:
        GraphError: This node cannot have a join.
        OptionTypeError: The value is not a Join.
    """
    checked_join(join)
    if isinstance(node, Source):
        raise GraphError(
            f"{label(node)!r} is a source and cannot have join=: pass join= to the node downstream of it"
        )
    if batch is not None:
        raise GraphError(f"{label(node)!r} cannot have both join= and batch=: leave one out")
    if process is not False:
        raise GraphError(
            f"{label(node)!r} has join= and process=: a worker process cannot receive sets yet. Leave "
            "process= out, or join in a function that returns what the worker needs, and add the node with "
            "process= downstream of it"
        )


def checked_join(join: Any) -> Join | None:
    with fork.explaining(), fork.loading():
        from .join import Join as Known  # noqa: PLC0415  (few programs use joins)

    if join is not None and not isinstance(join, Known):
        raise OptionTypeError(
            f"join must be a Join, such as freshframe.Join(within=0.01, max_wait=0.1), or None; "
            f"got {_check.show(join)}"
        )
    return join


def claim(node: Any, mark: object) -> None:
    """Marks a node as used by a pipeline: an instance belongs to one only. Functions may be added repeatedly.

    Args:
        node: The node.
        mark: Identifies this claim, so that release() after an exception cannot undo another claim.
    """
    if not isinstance(node, Node) or isinstance(node, Native):
        return
    try:
        found = vars(node).setdefault("_freshframe_added", mark)  # atomic: only one thread finds its mark
    except TypeError:  # a class with __slots__ cannot be marked
        return
    if found is not mark:
        raise GraphError(f"this {type(node).__name__} already belongs to a pipeline: create a second one")


def is_claimed(node: Any) -> bool:
    return hasattr(node, "_freshframe_added")


def release(node: Any, mark: object = None) -> None:
    """Undoes claim(), so that the node may be added again. With a mark: only if the claim has this mark."""
    with contextlib.suppress(AttributeError):
        if mark is None or node._freshframe_added is mark:
            del node._freshframe_added


def policy(queue: Any, label: str) -> _native.QueuePolicy | None:
    if queue is None:
        return None
    if not isinstance(queue, Queue):
        raise OptionTypeError(
            f"queue of {label!r} must be LATEST, NEXT, LOSSLESS, RECORDING, or a Queue such as "
            f"freshframe.Queue(8), got {_check.show(queue)}"
        )
    return queue._policy()


def records_to(node: Any) -> str | None:
    path = getattr(node, "records_to", None) if isinstance(node, Node) else None
    try:
        found = None if path is None else os.fspath(path)
    except TypeError:
        found = b""
    if isinstance(found, bytes):
        raise OptionTypeError(
            f"{label(node)}.records_to must be the path of a file, or None, got {_check.show(path)}"
        )
    return found


def note_marks(node: Any, others: Iterable[Any], *, is_merged: bool) -> None:
    """Sets which columns a recorder of results needs to distinguish the pipeline's samples.

    The columns are `damaged`, `part`, and `source` if there may be several sources.

    Args:
        node: The recorder; other nodes are ignored.
        others: The nodes of the pipeline.
        is_merged: Whether upstream cameras may be added or replaced.
    """
    if (note := declared(node).note_marks) is not None:
        contracts = [find_contract(other) for other in others]
        note(
            Marks(
                damaged=any(contract.marks_damage for contract in contracts),
                part=any(contract.generates for contract in contracts),
                source=is_merged or any(contract.has_own_stream for contract in contracts),
            )
        )


def prepare_batches(node: Any, batch: Batch | None) -> None:
    """Prepares a native node for batches of several samples."""
    if batch is not None and batch.size > 1 and (prepare := declared(node).prepare_batches) is not None:
        prepare()


def note_name(node: Any, name: str) -> None:
    """Passes a node its name in the pipeline, if it includes that in its results."""
    if (note := declared(node).note_name) is not None:
        note(name)


def note_in_worker(node: Any, name: str, *, live: bool) -> None:
    """Passes a node its name, and whether all sources are live, before it is copied to a worker process."""
    if is_claimed(node):
        return
    note_name(node, name)
    if (note := declared(node).note_live) is not None:
        note(live)


def pipeline_name(name: Any) -> str:
    if not isinstance(name, str):
        raise OptionTypeError(f"the name of a pipeline must be a string, got {_check.show(name)}")
    if not _check.is_utf8(name):
        raise OptionError(f"the name of a pipeline must be UTF-8, got {_check.show(name)}")
    return name


def max_held_bytes(given: Any) -> int:
    size = _check.size_bytes("max_held_bytes", given)
    if size < 0:
        raise OptionError(f"max_held_bytes must be at least 0, got {_check.show(given)}")
    return size


def max_device_bytes(given: Any) -> int | None:
    size = None if given is None else _check.size_bytes("max_device_bytes", given)
    if size is not None and size < 1:
        raise OptionError(f"max_device_bytes must be at least 1, got {_check.show(given)}")
    return size


def checked_name(name: Any) -> str:
    return "" if name is None else _check.text("name", name)


def edge(queue: Any, child: str, max_age: Any, max_rate: Any, every: Any) -> _native.EdgeOptions:
    """Checks the options of an edge. `child`: the node's name, for messages."""
    return _native.EdgeOptions(
        policy(queue, child),
        None if max_age is None else _check.few_seconds("max_age", max_age),
        None if max_rate is None else _check.number("max_rate", max_rate),
        _check.integer("every", every),
    )


def options(
    name: Any,
    edge: _native.EdgeOptions,
    on_error: Any,
    batch: Batch | None = None,
    as_source: Any = None,
    join: Join | None = None,
    *,
    merge: bool = False,
) -> _native.AddOptions:
    return _native.AddOptions(
        checked_name(name),
        edge,
        _check.text("on_error", on_error),
        None if batch is None else batch._policy(),
        "" if as_source is None else _check.line("as_source", as_source),
        None if join is None else join._policy(),
        merge,
    )
