"""What add() and reader() check and refuse before the engine sees it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import inspect
from typing import Any

from ._errors import GraphError
from ._nodes import MockCamera, NativeNode, Node, Source, VideoSource
from ._queue import Queue


def label(node: Any) -> str:
    if isinstance(node, VideoSource):
        return "VideoSource"
    if isinstance(node, Node):
        return type(node).__name__
    name = getattr(node, "__name__", None)
    if name == "<lambda>":
        return "lambda"
    return name if isinstance(name, str) else type(node).__name__


def check_node(node: Any) -> None:
    if inspect.isclass(node):
        raise GraphError(f"got class {node.__name__}; did you mean {node.__name__}()?")
    if (
        isinstance(node, Source)
        and type(node).read is Source.read
        and not isinstance(node, (VideoSource, MockCamera))
    ):
        raise GraphError(f"{type(node).__name__} has no method read(self, stop): a Source needs one")
    if isinstance(node, Source) and not isinstance(node.live, bool):
        raise GraphError(f"{type(node).__name__}.live must be True or False, got {node.live!r}")
    if isinstance(node, Node) and not isinstance(node, Source) and type(node).process is Node.process:
        raise GraphError(f"{type(node).__name__} has no method process(self, sample): a Node needs one")
    if not isinstance(node, Node) and not callable(node):
        raise GraphError(f"a node must be a Source, a Node or a callable, got {node!r}")
    if inspect.iscoroutinefunction(node):
        raise GraphError(
            f"{label(node)!r} is a coroutine function: nodes run on threads. Use a plain function, or read "
            "with `async for` outside the graph"
        )


def claim(node: Any) -> None:
    """A node instance belongs to one pipeline; functions may be added as often as you like."""
    if not isinstance(node, Node) or isinstance(node, (NativeNode, VideoSource, MockCamera)):
        return
    if getattr(node, "_freshframe_added", False):
        raise GraphError(f"this {type(node).__name__} belongs to a pipeline already: make a second one")
    with contextlib.suppress(AttributeError):  # a class with __slots__ can't be marked
        node._freshframe_added = True  # type: ignore[attr-defined]


def release(node: Any) -> None:
    with contextlib.suppress(AttributeError):
        del node._freshframe_added


def queue_tuple(queue: Any, label: str) -> tuple[int, str] | None:
    if queue is None:
        return None
    if not isinstance(queue, Queue):
        raise GraphError(f"queue of {label!r} must be a Queue, LATEST, NEXT or LOSSLESS, got {queue!r}")
    return queue.depth, queue.when_full


def check_max_held_bytes(given: Any) -> None:
    if not isinstance(given, int) or not 0 <= given < 1 << 63:
        raise GraphError(f"max_held_bytes must be a number of bytes, at least 0, got {given!r}")


def checked_name(name: Any) -> str:
    if name is not None and (not isinstance(name, str) or not name):
        raise GraphError(f"name must be a text that is not empty, got {name!r}")
    return name or ""


def options(name: Any, queue: Any, on_error: str, max_age: float | None) -> dict[str, Any]:
    if on_error not in ("stop", "skip"):
        raise GraphError(f"on_error must be 'stop' or 'skip', got {on_error!r}")
    return {
        "name": checked_name(name),
        "queue": queue_tuple(queue, name or "node"),
        "on_error": on_error,
        "max_age": max_age,
    }
