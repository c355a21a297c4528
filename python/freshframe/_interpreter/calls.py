"""Improves the TypeErrors of public functions called with wrong arguments: they suggest what was meant."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import functools
import re
import sys
from collections.abc import Callable, Iterable, MutableMapping
from types import FunctionType
from typing import Any

from .._errors import FreshframeError
from . import fork

_MOST_NAMES = 12  # maximum options listed in a message
_PACKAGES = ("freshframe.", "freshframe_fleet.")
_WRITTEN_BY_USERS = ("Node", "Source")  # programs implement their methods instead of calling them
# Functions whose result would be leaked if a signal handler raised after the call, and how to undo them.
_UNDONE_BY: dict[str, Callable[[Any], object]] = {
    "Pipeline.add": lambda pipeline: pipeline._changes.undo_add()
}
_FORMS = {  # spellings that users of other libraries try
    "Pipeline.add": "pass several parents as a list, options by name: add(node, [left, right], name='pair')",
    "Pipeline.reader": "pass several ports as a list, options by name: reader([left, right], name='pair')",
    "LineCounter": "a line is two points: LineCounter((0, 180), (640, 180))",
    "VideoFile": "size and frame rate are those of the frames: VideoFile('out.mp4')",
}


def explain(names: Iterable[str], namespace: MutableMapping[str, Any]) -> None:
    """Wraps the public names of a module so that they explain wrong calls."""
    for name in names:
        if name in namespace:
            namespace[name] = explained(namespace[name])


def explained(value: Any) -> Any:
    """Wraps a public class or function so that its TypeError for a wrong argument suggests what was meant.

    For a class, its constructor and public methods are wrapped. Native ones are returned unchanged.
    """
    if isinstance(value, FunctionType):
        wrapped = _explained_function(value)
        module = sys.modules[value.__module__]
        name = value.__name__
        if wrapped is not value and getattr(module, name, None) is value:
            setattr(module, name, wrapped)  # pickle looks it up there
        return wrapped
    if isinstance(value, type) and not issubclass(value, BaseException):
        for owner in value.__mro__:
            if owner.__module__.startswith(_PACKAGES) and owner.__name__ not in _WRITTEN_BY_USERS:
                _explain_methods(owner)
    return value


def _explain_methods(owner: type) -> None:
    called_by_engine = {  # process() and others: a wrapper would only add to their tracebacks
        name for base in owner.__mro__ if base.__name__ in _WRITTEN_BY_USERS for name in vars(base)
    } - {"__init__"}
    for name, member in list(vars(owner).items()):
        if name in called_by_engine:
            continue
        function = member.__func__ if isinstance(member, classmethod) else member
        if isinstance(function, FunctionType) and (name == "__init__" or not name.startswith("_")):
            wrapped = _explained_function(function)
            if wrapped is not function:
                setattr(owner, name, wrapped if function is member else classmethod(wrapped))


def _explained_function(function: Callable[..., Any]) -> Callable[..., Any]:
    code = function.__code__
    names = code.co_argcount - max(1, code.co_posonlyargcount) + code.co_kwonlyargcount  # without self
    if not (names > 0 or _owner(function) in _FORMS) or hasattr(function, "__wrapped__"):
        return function

    undo = _UNDONE_BY.get(_owner(function))

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except TypeError as error:
            # Do not assign the traceback to a local variable: the cycle would keep the arguments alive.
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:  # from within the call
                raise
            text = None
            owner = type(arguments[0]).__name__ if function.__name__ == "__init__" else function.__qualname__
            with contextlib.suppress(FreshframeError):  # an import may fail for lack of descriptors
                text = _advice(function, owner, str(error))
            if text is None:
                raise
        except BaseException as error:
            if undo is not None and _is_raised_after_call(error, function):
                undo(arguments[0])
            raise
        raise TypeError(text)

    return call


def _is_raised_after_call(error: BaseException, function: Callable[..., Any]) -> bool:
    """Returns True if a signal handler raised in the wrapper after the function had returned."""
    inner = None if error.__traceback__ is None else error.__traceback__.tb_next
    return inner is not None and inner.tb_frame.f_code is not function.__code__


def _advice(function: Callable[..., Any], owner: str, text: str) -> str | None:
    """Returns a better message than the interpreter's, or None if there is nothing to add."""
    with fork.explaining(), fork.loading():
        import inspect  # noqa: PLC0415  (only mistakes need it)

    parameters = [
        each for each in inspect.signature(function).parameters.values() if each.name not in ("self", "cls")
    ]
    by_position = [
        each.name for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]
    by_name = [
        each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
    ]
    if given := re.search(r"unexpected keyword argument '(\w+)'", text):
        return f"{owner}() got an unexpected keyword argument {given[1]!r}. {_meant(given[1], by_name)}"
    form = _FORMS.get(owner)
    if "missing" in text and "positional argument" in text and form is not None:
        return f"{owner}() needs {_listed(by_position)}: {form}"
    if "positional argument" in text and "given" in text:
        options = [name for name in by_name if name not in by_position]
        rest = f"; by name: {_listed(options)}" if options else ""
        taken = f"{len(by_position)} ({', '.join(by_position)})" if by_position else "none"
        return f"{owner}() got too many arguments by position, it takes {taken}" + (
            f": {form}" if form else rest
        )
    return None


def _meant(given: str, by_name: list[str]) -> str:
    """Returns a sentence with the keyword argument that was probably meant, or else with all of them."""
    with fork.explaining(), fork.loading():
        import difflib  # noqa: PLC0415  (only mistakes need it)

    if close := difflib.get_close_matches(given, by_name, 1):
        return f"Did you mean {close[0]!r}?"
    return f"It takes {_listed(by_name)}" if by_name else "It has no keyword arguments"


def _owner(function: Callable[..., Any]) -> str:
    """Returns the name under which a program calls the function."""
    return function.__qualname__.removesuffix(".__init__")


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_MOST_NAMES])
    return f"{shown}, ..." if len(names) > _MOST_NAMES else shown
