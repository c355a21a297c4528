"""Reads node types from annotations, so that incorrect wiring is rejected before any thread runs."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Sequence
from typing import Any

from .. import _native
from .._errors import GraphError
from .._results.circles import Circles
from .node import Native, Node
from .read_contract import declared, find_contract, is_generator
from .source import Source

_SURELY_NAMES = 2  # this many arguments named like parents are not a coincidence


def node_types(node: Any, *, batched: bool = False) -> tuple[Any, Any]:
    """Returns (input, output) types of a node or callable: Any if not annotated, None for a sink's output.

    With ``batched``, a callable takes and returns lists of these types.
    """
    if (declared_types := declared(node).types) is not None:
        return declared_types
    if isinstance(node, Source):
        return None, _generic_arguments(type(node), Source, 1)[0]
    if isinstance(node, Node):
        given = _generic_arguments(type(node), Node, 2)
        in_batches = type(node).process is Node.process
        hints = _hints(type(node).process_batch if in_batches else type(node).process)
        first, result = next(iter(_without_return(hints).values()), Any), hints.get("return", Any)
        if in_batches:
            first, result = _entry(first), _entry(result)
        elif is_generator(type(node).process):
            result = _entry(result)
        if given[0] is Any:
            given = (_sample_value(first), given[1])
        if given[1] is Any and not (result is type(None) and _has_own_results(node)):
            given = (given[0], _without_none(result))
        return given[0], given[1]
    wanted, given_by = _callable_types(node)
    if batched:
        return _entry(wanted), _without_none(_entry(given_by))
    return wanted, _without_none(_entry(given_by)) if is_generator(node) else given_by


def check_calls(node: Any, parents: int, *, batched: bool) -> None:
    """Checks that the engine can call a node or callable without a join.

    Raises:
        GraphError: The node requires a different number of arguments.
    """
    if isinstance(node, Native | Source):
        return
    if not isinstance(node, Node):
        _check_call(node, getattr(node, "__name__", type(node).__name__), _name_one(parents, batched))
        return
    name = "process_batch" if batched else "process"
    if batched or type(node).process is not Node.process:
        what = "a list of samples" if batched else "a Sample"
        _check_call(getattr(node, name), f"{type(node).__name__}.{name}()", what)


def _name_one(parents: int, batched: bool) -> str:
    if batched:
        return "a list of values"
    if parents < 2:
        return "one value"
    return (
        f"one value of one of its {parents} parents. With join=freshframe.Join(...) it receives one from each"
    )


def _check_call(function: Any, name: str, what: str) -> None:
    try:
        signature = _own_signature(function)
    except (TypeError, ValueError):  # a builtin without a signature
        return
    try:
        signature.bind(None)
    except TypeError as error:
        advice = "" if "join=" in what else f". {_show_call(function, name, signature)}"
        raise GraphError(f"{name!r} cannot be called with {what}: {error}{advice}") from None


def _show_call(function: Any, name: str, signature: inspect.Signature) -> str:
    """Suggests how to write a function or method that can be called."""
    taken = ", ".join(signature.parameters) or "nothing"
    if name.endswith("()"):
        method, given = name.rsplit(".", maxsplit=1)[-1], "samples" if "batch" in name else "sample"
        joined = "" if "batch" in name else ", or add() it with a list of parents and join=freshframe.Join()"
        return f"Write def {method.removesuffix('()')}(self, {given}):{joined}"
    form = "lambda value: ..." if name == "<lambda>" else f"def {name}(value):"
    return f"It takes {taken}: write {form}"


def _own_signature(function: Any) -> inspect.Signature:
    """Returns a function's own signature. One made with functools.wraps() may differ from what it wraps."""
    return inspect.signature(function, follow_wrapped=False)


def set_types(node: Any, parents: Sequence[str]) -> tuple[tuple[Any, ...], Any]:
    """Returns (inputs, output) of a node or callable that receives the sets of a join with these parents.

    Raises:
        GraphError: A callable does not accept that many values, or names the parents in a different order.
    """
    count = len(parents)
    if isinstance(node, Node):
        if not isinstance(node, Native):
            call = f"{type(node).__name__}.process()"
            _check_call(node.process, call, "a Sample, whose value is the tuple of all values of a set")
        whole, given = node_types(node)
        members = typing.get_args(whole) if typing.get_origin(whole) is tuple else ()
        return (tuple(map(_without_none, members)) if len(members) == count else (Any,) * count), given
    target = node if inspect.isroutine(node) else getattr(node, "__call__", node)  # noqa: B004
    hints = _hints(target)
    try:
        signature = inspect.signature(node)
    except (TypeError, ValueError):  # a builtin without a signature
        return (Any,) * count, Any
    try:
        _own_signature(node).bind(*range(count))
    except TypeError as error:
        name = getattr(node, "__name__", type(node).__name__)
        raise GraphError(
            f"{name!r} cannot be called with {count} values, one from each parent of its join: {error}"
        ) from None
    names = [
        each.name
        for each in signature.parameters.values()
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]
    _check_order(getattr(node, "__name__", type(node).__name__), names[:count], parents)
    wanted = [_without_none(hints.get(name, Any)) for name in names[:count]]
    return (*wanted, *[Any] * (count - len(wanted))), _without_none(hints.get("return", Any))


def _check_order(function: str, arguments: Sequence[str], parents: Sequence[str]) -> None:
    """Rejects arguments named like parents but in a different order, which would silently swap values.

    A single such name may be a coincidence, such as "other".

    Raises:
        GraphError: At least two arguments are named like parents, and one would get another parent's values.
    """
    if len({*arguments} & {*parents}) < _SURELY_NAMES:
        return
    for argument, parent in zip(arguments, parents, strict=False):
        if argument != parent and argument in parents:
            raise GraphError(
                f"{function!r} takes ({', '.join(arguments)}), but its parents are in the order "
                f"({', '.join(parents)}): a function receives the values in the order of the parents, so "
                f"{argument!r} would be the value of {parent!r}"
            )


def _has_own_results(node: Any) -> bool:
    return find_contract(node).has_own_stream


def _entry(hint: Any) -> Any:
    """Returns the entry type of an annotated list; otherwise Any. Exceptions in a union are ignored."""
    arguments = typing.get_args(hint)
    entry = arguments[0] if arguments and isinstance(typing.get_origin(hint), type) else Any
    if typing.get_origin(entry) not in (typing.Union, types.UnionType):
        return entry
    kept = [a for a in typing.get_args(entry) if not (isinstance(a, type) and issubclass(a, BaseException))]
    return typing.Union[tuple(kept)] if kept else Any  # noqa: UP007  (of a tuple)


def _callable_types(function: Any) -> tuple[Any, Any]:
    target = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004
    hints = _hints(target)
    first = None
    if hints.keys() - {"return"}:  # inspect.signature() takes an eighth of the time of add()
        try:
            first = next(iter(inspect.signature(function).parameters), None)
        except (TypeError, ValueError):  # a builtin without a signature
            first = None
    return hints.get(first, Any) if first else Any, _without_none(hints.get("return", Any))


def _hints(function: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function)
    except Exception:  # an annotation that cannot be resolved may raise anything; treat it as Any
        return {}


def _without_return(hints: dict[str, Any]) -> dict[str, Any]:
    return {name: hint for name, hint in hints.items() if name != "return"}


def _sample_value(hint: Any) -> Any:
    if typing.get_origin(hint) is _native.Sample:
        return typing.get_args(hint)[0]
    return Any


def _without_none(hint: Any) -> Any:
    if hint is type(None):
        return None
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        kept = [argument for argument in typing.get_args(hint) if argument is not type(None)]
        return kept[0] if len(kept) == 1 else Any
    return hint


def _generic_arguments(cls: type, base: type, count: int) -> tuple[Any, ...]:
    """Returns the arguments of a class for the type parameters of `base`; Any where they are open."""
    for ancestor in cls.__mro__:
        for written in getattr(ancestor, "__orig_bases__", ()):
            if typing.get_origin(written) is base:
                arguments = tuple(_resolve(argument, ancestor) for argument in typing.get_args(written))
                return tuple(None if a is type(None) else a for a in arguments)
    return (Any,) * count


def _resolve(argument: Any, cls: type) -> Any:
    if isinstance(argument, typing.TypeVar):
        return Any
    if isinstance(argument, typing.ForwardRef):
        argument = argument.__forward_arg__
    if isinstance(argument, str):
        if argument in ("Frame", "ff.Frame", "freshframe.Frame"):
            return _native.Frame
        module = inspect.getmodule(cls)
        return getattr(module, argument, Any) if module else Any
    return argument


def fits(given: Any, wanted: Any) -> bool:
    """Returns False only if both are plain classes and neither can be the other."""
    if given is Any or wanted is Any or given is object or wanted is object:
        return True
    if isinstance(wanted, types.UnionType):
        return any(fits(given, each) for each in typing.get_args(wanted))
    if not isinstance(given, type) or not isinstance(wanted, type):
        return True
    return issubclass(given, wanted) or issubclass(wanted, given) or (given is int and wanted is float)


def kind(hint: Any) -> str:
    """Returns the engine's name for a type: "Frame", "Circles", "Packet", "nothing" or "any"."""
    if hint is _native.Frame:
        return "Frame"
    if hint is Circles:
        return "Circles"
    if hint is _native.Packet:
        return "Packet"
    return "nothing" if hint is None else "any"


def name(hint: Any) -> str:
    """Returns the name of a type for messages."""
    if isinstance(hint, types.UnionType):
        return " or ".join(name(each) for each in typing.get_args(hint))
    return getattr(hint, "__name__", None) or str(hint)
