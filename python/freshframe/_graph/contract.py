"""What a node gives besides one result per sample, read from its class before it runs."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dis
import functools
import inspect
import opcode
import types
from dataclasses import dataclass
from typing import Any

from .. import _check
from .._errors import GraphError
from .nodes import Native, Node, Source


@dataclass(frozen=True, slots=True)
class Contract:
    """The contract of one node.

    Attributes:
        gives_several: process() is a generator function, so the default queue of its children blocks.
        wake_every: Seconds between two calls of on_time(); None: it has none.
        finishes: It has finish().
        generates: process(), on_time() or finish() is a generator function, so its results may have parts.
        gives_last_of_source: on_time() is called once more behind source_gone().
    """

    gives_several: bool = False
    wake_every: float | None = None
    finishes: bool = False
    generates: bool = False
    gives_last_of_source: bool = False

    @property
    def has_own_stream(self) -> bool:
        """Whether it gives results that belong to no sample."""
        return self.finishes or self.wake_every is not None


_PLAIN = Contract()
_RETURN_VALUE, _LOAD_CONST = opcode.opmap["RETURN_VALUE"], opcode.opmap["LOAD_CONST"]
_RETURN_CONST = opcode.opmap.get("RETURN_CONST", -1)  # of CPython 3.12 and 3.13


def contract_of(node: Any) -> Contract:
    """The contract of a checked node."""
    if isinstance(node, Native | Source):
        return getattr(node, "_freshframe_contract", _PLAIN)
    if not isinstance(node, Node):
        several = is_generator(node)
        return Contract(gives_several=several, generates=several)
    cls = type(node)
    period = node.wake_every
    return Contract(
        is_generator(cls.process),
        None if period is None else _check.number(f"wake_every of {cls.__name__}", period),
        _own(cls, "finish") is not None,
        any(is_generator(method) for method in (cls.process, cls.on_time, cls.finish)),
        period is not None and any(_own(cls, name) for name in ("source_gone", "_freshframe_source_gone")),
    )


def check_contract(node: Any, label: str) -> None:
    """Refuses what could never run.

    Raises:
        GraphError: A clock without on_time(), on_time() without a clock, one of the methods is none, or a
            generator where none can be.
    """
    if not isinstance(node, Node):
        _check_function(node, label)
        return
    cls = type(node)
    if isinstance(node, Native):
        return
    if isinstance(node, Source):
        if node.wake_every is not None or _own(cls, "on_time") or _own(cls, "finish"):
            raise GraphError(f"{label!r} is a source: read() does what on_time() and finish() would do")
        return
    for name in ("on_time", "finish"):
        if not callable(getattr(cls, name)):
            raise GraphError(f"{name} of {label!r} must be a method, got {_check.shown(getattr(cls, name))}")
    if node.wake_every is not None and not _own(cls, "on_time"):
        raise GraphError(f"{label!r} has wake_every, but no method on_time(self, now)")
    if node.wake_every is None and _own(cls, "on_time"):
        raise GraphError(f"{label!r} has on_time(), but no wake_every: set it to a number of seconds")
    for method in (cls.process, cls.process_batch, _own(cls, "on_time"), _own(cls, "finish")):
        _check_function(method, label)
    if is_generator(cls.process_batch):
        raise GraphError(
            f"process_batch() of {label!r} is a generator function: it returns a list with one result per "
            "sample. Several results per sample need process(), without batch="
        )


def _check_function(function: Any, label: str) -> None:
    calls = _calls(function)
    if any(inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call) for call in calls):
        raise GraphError(
            f"{label!r} is a coroutine function: nodes run on threads. Use a plain function, or read "
            "with `async for` outside the graph"
        )


def is_generator(function: Any) -> bool:
    """Whether a call of it returns a generator."""
    return any(inspect.isgeneratorfunction(each) for each in _calls(function))


def never_gives(node: Any) -> bool:
    """Whether no call of a node or function in Python can give a result: no `return` of it has a value."""
    if isinstance(node, Native | Source):
        return False
    if isinstance(node, Node):
        if contract_of(node).has_own_stream:
            return False
        cls = type(node)
        return _returns_nothing(cls.process if cls.process is not Node.process else cls.process_batch)
    return any(_returns_nothing(each) for each in _calls(node))


_OPAQUE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def _returns_nothing(function: Any) -> bool:
    code = getattr(function, "__code__", None)
    if not isinstance(code, types.CodeType) or code.co_flags & _OPAQUE:
        return False
    steps = code.co_code
    joined = set(dis.findlabels(steps))  # type: ignore[arg-type]  # where other branches bring their values
    found = False
    for at in range(0, len(steps), 2):
        if steps[at] == _RETURN_CONST:
            index = steps[at + 1]
        elif steps[at] == _RETURN_VALUE and steps[at - 2] == _LOAD_CONST and at not in joined:
            index = steps[at - 1]
        elif steps[at] == _RETURN_VALUE:
            return False
        else:
            continue
        if code.co_consts[index] is not None:
            return False
        found = True
    return found


def _calls(function: Any) -> tuple[Any, ...]:
    while isinstance(function, functools.partial):
        function = function.func
    return function, getattr(type(function), "__call__", None)  # noqa: B004


def _own(cls: type[Node[Any, Any]], name: str) -> Any:
    """The method of that name, unless it is the one of Node."""
    method = getattr(cls, name)
    return None if method is getattr(Node, name) else method
