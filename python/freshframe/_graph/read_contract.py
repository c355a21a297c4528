"""Determines a node's contract from what it declares and from its methods, before it runs."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dis
import functools
import inspect
import itertools
import types
from dataclasses import replace
from typing import Any

from .. import _check
from .._errors import GraphError
from .contract import PLAIN, Contract
from .node import Native, Node
from .source import Source


def declared(node: Any) -> Contract:
    """Returns what a node declares, without what its methods show. Accepts any node or function."""
    return node._freshframe_contract() if isinstance(node, Node) else PLAIN


def find_contract(node: Any) -> Contract:
    """Returns the full contract of a checked node."""
    own = declared(node)
    if isinstance(node, Native | Source):
        return own
    if not isinstance(node, Node):
        several = is_generator(node)
        return Contract(gives_several=several, generates=several)
    cls = type(node)
    period = node.tick_every
    return replace(
        own,
        gives_several=is_generator(cls.process),
        tick_every=None if period is None else _check.number(f"tick_every of {cls.__name__}", period),
        finishes=_own(cls, "finish") is not None,
        generates=any(is_generator(method) for method in (cls.process, cls.on_tick, cls.finish)),
        gives_last_of_source=period is not None
        and any(_own(cls, name) for name in ("source_gone", "_freshframe_source_gone")),
    )


def check_contract(node: Any, label: str) -> None:
    """Rejects a node that could never run.

    Raises:
        GraphError: The node has tick_every without on_tick() or the reverse, a method is not callable, or one
            is a generator or coroutine where that is not possible.
    """
    if not isinstance(node, Node):
        _check_function(node, label)
        return
    cls = type(node)
    if isinstance(node, Native):
        return
    if isinstance(node, Source):
        if node.tick_every is not None or _own(cls, "on_tick") or _own(cls, "finish"):
            raise GraphError(
                f"{label!r} is a source and cannot have on_tick() or finish(): do their work in read()"
            )
        return
    for name in ("on_tick", "finish"):
        if not callable(getattr(cls, name)):
            raise GraphError(f"{name} of {label!r} must be a method, got {_check.show(getattr(cls, name))}")
    if node.tick_every is not None and not _own(cls, "on_tick"):
        raise GraphError(f"{label!r} has tick_every, but no method on_tick(self, now)")
    if node.tick_every is None and _own(cls, "on_tick"):
        raise GraphError(f"{label!r} has on_tick(), but no tick_every: set it to a number of seconds")
    for method in (cls.process, cls.process_batch, _own(cls, "on_tick"), _own(cls, "finish")):
        _check_function(method, label)
    if is_generator(cls.process_batch):
        raise GraphError(
            f"process_batch() of {label!r} is a generator function: return a list with one result per "
            "sample, or leave out batch= and yield several results in process()"
        )


def _check_function(function: Any, label: str) -> None:
    calls = _calls(function)
    if any(inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call) for call in calls):
        raise GraphError(
            f"{label!r} is a coroutine function: nodes run on threads. Use a plain function, or read "
            "with `async for` outside the graph"
        )


def is_generator(function: Any) -> bool:
    """Returns True if calling the function returns a generator."""
    return any(inspect.isgeneratorfunction(each) for each in _calls(function))


def never_gives(node: Any) -> bool:
    """Returns True for a Python node or function in which no `return` has a value."""
    if isinstance(node, Native | Source):
        return False
    if not isinstance(node, Node):
        return any(_returns_nothing(each) for each in _calls(node))
    if find_contract(node).has_own_stream:
        return False
    methods = (getattr(node, name) for name in ("process", "process_batch"))
    functions = [getattr(each, "__func__", each) for each in methods]
    own = [each for each in functions if each not in (Node.process, Node.process_batch)]
    return bool(own) and all(map(_returns_nothing, own))


def returns_its_sample(node: Any) -> bool:
    """Returns True if a Python node's process() has a `return sample`, whose value would be a Sample."""
    function = getattr(getattr(node, "process", None), "__func__", None)
    if not isinstance(node, Node) or isinstance(node, Native) or not isinstance(function, types.FunctionType):
        return False
    code = function.__code__
    if code.co_flags & _OPAQUE or code.co_argcount < 2:
        return False
    sample, steps = code.co_varnames[1], list(dis.get_instructions(function))
    if any(step.opname.startswith("STORE") and step.argval == sample for step in steps):
        return False
    return any(
        step.opname == "RETURN_VALUE" and before.opname.startswith("LOAD_FAST") and before.argval == sample
        for before, step in itertools.pairwise(steps)
    )


_OPAQUE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_CONSTANTS = ("LOAD_CONST", "LOAD_COMMON_CONSTANT", "RETURN_CONST")


def _returns_nothing(function: Any) -> bool:
    """Returns True if every return in a function's bytecode returns the constant None. False if uncertain."""
    function = getattr(function, "__func__", function)
    if not isinstance(function, types.FunctionType) or function.__code__.co_flags & _OPAQUE:
        return False
    found = False
    before: dis.Instruction | None = None
    for step in dis.get_instructions(function):
        if "RETURN" in step.opname:
            known = step.opname in ("RETURN_VALUE", "RETURN_CONST")
            value = step if step.opname == "RETURN_CONST" else before  # only in CPython 3.12 and 3.13
            is_joined = value is before and step.is_jump_target  # the value may come from another branch
            if not known or is_joined or value is None or not _is_none(value):
                return False
            found = True
        before = step
    return found


def _is_none(step: dis.Instruction) -> bool:
    return step.opname in _CONSTANTS and step.argval is None


def _calls(function: Any) -> tuple[Any, ...]:
    while isinstance(function, functools.partial):
        function = function.func
    return function, getattr(type(function), "__call__", None)  # noqa: B004


def _own(cls: type[Node[Any, Any]], name: str) -> Any:
    """Returns the method of that name if the class overrides Node's, otherwise None."""
    method = getattr(cls, name)
    return None if method is getattr(Node, name) else method
