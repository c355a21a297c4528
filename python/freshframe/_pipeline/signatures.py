"""The overloads of Pipeline.add() and Pipeline.reader(), for type checkers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

if TYPE_CHECKING:
    from .._graph.batch import Batch
    from .._graph.join import Join
    from .._graph.node import Node
    from .._graph.port import Port
    from .._graph.queue import Queue
    from .._graph.source import Source
    from .._native import Reader
    from .._process.process import Process

OnError = Literal["stop", "skip", "remove"]
"""What to do when a node raises an exception."""

T = TypeVar("T")
U = TypeVar("U")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
S = TypeVar("S", bound=Callable[..., Any])


def with_overloads(overloads: S) -> Callable[[Any], S]:
    """Decorates a method for type checkers, which see the overloads instead. The method is unchanged.

    Args:
        overloads: An overloaded function of this module; its body never runs.
    """
    return lambda method: method


@overload
def add(
    self: Any,
    node: Source[U],
    parent: None = None,
    *,
    name: str | None = None,
    on_error: Literal["stop", "remove"] = "stop",
) -> Port[U]: ...
@overload
def add(
    self: Any,
    node: Node[T, U],
    parent: Port[T] | Sequence[Port[T]],
    *,
    name: str | None = None,
    queue: Queue | None = None,
    on_error: OnError = "stop",
    max_age: float | None = None,
    max_rate: float | None = None,
    every: int = 1,
    process: bool | Process = False,
    batch: Batch | None = None,
    as_source: str | None = None,
) -> Port[U]: ...
@overload
def add(
    self: Any,
    node: Callable[[list[T]], Sequence[U | Exception | None]],
    parent: Port[T] | Sequence[Port[T]],
    *,
    name: str | None = None,
    queue: Queue | None = None,
    on_error: OnError = "stop",
    max_age: float | None = None,
    max_rate: float | None = None,
    every: int = 1,
    process: bool | Process = False,
    batch: Batch,
) -> Port[U]: ...
@overload
def add(
    self: Any,
    node: Callable[[T], Iterator[U | None]],
    parent: Port[T] | Sequence[Port[T]],
    *,
    name: str | None = None,
    queue: Queue | None = None,
    on_error: OnError = "stop",
    max_age: float | None = None,
    process: bool | Process = False,
) -> Port[U]: ...
@overload
def add(
    self: Any,
    node: Callable[[T], U | None],
    parent: Port[T] | Sequence[Port[T]],
    *,
    name: str | None = None,
    queue: Queue | None = None,
    on_error: OnError = "stop",
    max_age: float | None = None,
    max_rate: float | None = None,
    every: int = 1,
    process: bool | Process = False,
) -> Port[U]: ...
@overload
def add(
    self: Any,
    node: Callable[[A, B], U | None] | Node[tuple[A, B], U],
    parent: tuple[Port[A], Port[B]],
    *,
    join: Join,
    name: str | None = None,
    queue: Queue | None = None,
    on_error: OnError = "stop",
    max_age: float | None = None,
) -> Port[U]: ...
@overload
def add(
    self: Any,
    node: Callable[[A, B, C], U | None] | Node[tuple[A, B, C], U],
    parent: tuple[Port[A], Port[B], Port[C]],
    *,
    join: Join,
    name: str | None = None,
    queue: Queue | None = None,
    on_error: OnError = "stop",
    max_age: float | None = None,
) -> Port[U]: ...
@overload
def add(
    self: Any,
    node: Callable[[A, B, C, D], U | None] | Node[tuple[A, B, C, D], U],
    parent: tuple[Port[A], Port[B], Port[C], Port[D]],
    *,
    join: Join,
    name: str | None = None,
    queue: Queue | None = None,
    on_error: OnError = "stop",
    max_age: float | None = None,
) -> Port[U]: ...
@overload
def add(
    self: Any,
    node: Callable[..., U | None] | Node[Any, U],
    parent: list[Port[Any]],
    *,
    join: Join,
    name: str | None = None,
    queue: Queue | None = None,
    on_error: OnError = "stop",
    max_age: float | None = None,
) -> Port[U]: ...
def add(self: Any, *given: Any, **options: Any) -> Port[Any]:
    """Pipeline.add() as seen by type checkers."""
    raise NotImplementedError


@overload
def reader(
    self: Any,
    ports: Port[T],
    /,
    *,
    queue: Queue | None = None,
    name: str | None = None,
    frames: bool = True,
    max_rate: float | None = None,
) -> Reader[T]: ...
@overload
def reader(
    self: Any,
    ports: tuple[Port[A], Port[B]],
    /,
    *,
    join: Join,
    queue: Queue | None = None,
    name: str | None = None,
    frames: bool = True,
) -> Reader[tuple[A, B]]: ...
@overload
def reader(
    self: Any,
    ports: tuple[Port[A], Port[B], Port[C]],
    /,
    *,
    join: Join,
    queue: Queue | None = None,
    name: str | None = None,
    frames: bool = True,
) -> Reader[tuple[A, B, C]]: ...
@overload
def reader(
    self: Any,
    ports: tuple[Port[A], Port[B], Port[C], Port[D]],
    /,
    *,
    join: Join,
    queue: Queue | None = None,
    name: str | None = None,
    frames: bool = True,
) -> Reader[tuple[A, B, C, D]]: ...
@overload
def reader(
    self: Any,
    ports: Sequence[Port[T]],
    /,
    *,
    join: Join,
    queue: Queue | None = None,
    name: str | None = None,
    frames: bool = True,
) -> Reader[tuple[T, ...]]: ...
@overload
def reader(
    self: Any,
    ports: tuple[Port[A], Port[B]],
    /,
    *,
    queue: Queue | None = None,
    name: str | None = None,
    frames: bool = True,
    max_rate: float | None = None,
) -> Reader[A | B]: ...
@overload
def reader(
    self: Any,
    ports: tuple[Port[A], Port[B], Port[C]],
    /,
    *,
    queue: Queue | None = None,
    name: str | None = None,
    frames: bool = True,
    max_rate: float | None = None,
) -> Reader[A | B | C]: ...
@overload
def reader(
    self: Any,
    ports: tuple[Port[A], Port[B], Port[C], Port[D]],
    /,
    *,
    queue: Queue | None = None,
    name: str | None = None,
    frames: bool = True,
    max_rate: float | None = None,
) -> Reader[A | B | C | D]: ...
@overload
def reader(
    self: Any,
    ports: Sequence[Port[T]],
    /,
    *,
    queue: Queue | None = None,
    name: str | None = None,
    frames: bool = True,
    max_rate: float | None = None,
) -> Reader[T]: ...
def reader(self: Any, *given: Any, **options: Any) -> Reader[Any]:
    """Pipeline.reader() as seen by type checkers."""
    raise NotImplementedError
