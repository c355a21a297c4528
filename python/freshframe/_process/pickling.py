"""Serializes values between this process and its workers: pickle protocol 5 with out-of-band buffers.

Another process cannot import the definitions in ``__main__`` (a script, a notebook's cell, ``python -c``) or
in a module that was registered with ``cloudpickle.register_pickle_by_value``. If a node refers to such a
class, the class is sent with the node, once per worker, and gets a number. Values refer to it by number, in
both directions, so a class stays the same class and keeps its state. Other classes, and functions, are
pickled with each value, by cloudpickle. A class with a number is sent to the workers of all downstream nodes,
with all objects that it refers to. That is why functions do not have numbers: a node's function, and the
functions that it calls, would send its model to all these workers. The class of the node itself does not have
one for the same reason.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import functools
import importlib
import inspect
import io
import itertools
import os
import pickle
import sys
import threading
import types
import weakref
from collections.abc import Sequence
from typing import Any

from .. import _check
from .._errors import FreshframeError, OptionTypeError
from .._graph.node import Node
from .._interpreter import fork
from .._interpreter.locks import held
from .error_text import describe_error, named

_PROTOCOL = 5
_MOST_BUFFERS = 900  # the engine accepts up to 1000 parts
_LEAST_BUFFER = 1024  # bytes; smaller ones are cheaper inside the pickle


_lock = threading.Lock()  # held while numbers are assigned


def _forked() -> None:
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()


fork.in_child(_forked)

# Definitions with numbers, for as long as they have an owner: in a worker, its process; otherwise the
# Definitions of a pipeline, which the pipeline, its threads and the results of its workers refer to.
_by_number: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
_numbers: dict[int, int] = {}  # by id()
_learned: list[Any] = []
# Classes that a fleet's results refer to by module and name, whose modules are not in sys.modules.
by_name: weakref.WeakKeyDictionary[type, tuple[str, str]] = weakref.WeakKeyDictionary()
# The numbers that each receiver knows: key 0 is a worker's parent, 1 a worker that knows none.
_known: dict[int, set[int]] = {0: set(), 1: set()}
_next_side = itertools.count(2)


def _dropped_with(owner: Any, book: dict[int, Any], entry: int) -> None:
    weakref.finalize(owner, book.pop, entry, None).atexit = False


def _definition(number: int) -> Any:
    return _by_number[number]


def _keep(number: int, definition: Any) -> None:
    _by_number[number] = definition
    _numbers[id(definition)] = number
    _dropped_with(definition, _numbers, id(definition))


def _number(definition: Any) -> int:
    """Returns the number of a class, which it gets now if it has none."""
    with held(_lock):
        if id(definition) not in _numbers:
            _keep(int.from_bytes(os.urandom(7), "little"), definition)
        return _numbers[id(definition)]


def learn(definitions: dict[int, Any]) -> None:
    """Called in a worker. Stores the numbers that the parent has given these definitions."""
    for number, definition in definitions.items():
        _keep(number, definition)
        _learned.append(definition)
        _known[0].add(number)


def _travels(definition: Any) -> bool:
    """Returns True if another process cannot or must not import it."""
    module = getattr(definition, "__module__", None)
    if module == "__main__":
        return True
    cloudpickle = sys.modules.get("cloudpickle")  # without cloudpickle, nothing can be registered
    if cloudpickle is None or not isinstance(module, str):
        return False
    registered = cloudpickle.list_registry_pickle_by_value()
    return any(module == name or module.startswith(name + ".") for name in registered)


class _Local(Exception):  # noqa: N818  (not an error: the other way is taken)
    """Raised if the value contains a class or function that must be pickled by value."""


class _Pickler(pickle.Pickler):
    """Pickles by reference and by number. Stops at an object that the other process cannot resolve."""

    known: set[int] = set()  # noqa: RUF012  (set for each pickle)
    names = False  # classes in by_name are pickled by name

    def reducer_override(self, value: Any) -> Any:
        if self.names and isinstance(value, type) and value in by_name:
            return _named_class, by_name[value]
        if isinstance(value, type) and _numbers.get(id(value)) in self.known:
            return _definition, (_numbers[id(value)],)
        if isinstance(value, (type, types.FunctionType)) and _travels(value):
            raise _Local
        return NotImplemented


def _make_code(kind: Any, arguments: tuple[Any, ...], filename: str) -> types.CodeType:
    """Creates code with its file name, for tracebacks with source lines: cloudpickle 3.1.3 drops it."""
    code: types.CodeType = kind(*arguments)
    return code.replace(co_filename=filename)


@functools.cache
def _by_value() -> Any:
    """Returns the pickler by value, which imports cloudpickle on first use."""
    with fork.explaining(), fork.loading():
        import cloudpickle  # noqa: PLC0415

    class ByValue(cloudpickle.Pickler):  # type: ignore[misc,name-defined,unused-ignore]
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.known: set[int] = set()
            self.found: list[type] = []  # classes pickled by value

        def reducer_override(self, value: Any) -> Any:
            if isinstance(value, types.CodeType):
                kind, arguments = self.dispatch_table[types.CodeType](value)
                return _make_code, (kind, arguments, value.co_filename)
            if not isinstance(value, type):
                return super().reducer_override(value)
            number = _numbers.get(id(value))
            if number in self.known:
                return _definition, (number,)
            reduced = super().reducer_override(value)
            if reduced is not NotImplemented:
                self.found.append(value)
            return reduced

    return ByValue


class Definitions:
    """The classes that the workers of a pipeline's nodes have.

    A node's workers also have the classes of the nodes upstream, because a result may be passed from worker
    to worker without unpickling.
    """

    def __init__(self) -> None:
        """Starts without classes."""
        self._all: dict[int, Any] = {}
        self.knows = 1  # key in _known

    def pickle(self, node: Any) -> tuple[bytes, bytes]:
        """Returns the pickles of the known definitions, and of the node with those that only it refers to."""
        known = _known[self.knows]
        before, _ = _dumped(self._all, set())
        data, found = _dumped(({}, node), known)
        if isinstance(node, Node):
            found = [each for each in found if each is not type(node)]
        new = {_number(each): each for each in found}
        if new:
            data, _ = _dumped((new, node), known)
            self._all.update(new)
            self.knows = next(_next_side)
            _known[self.knows] = known | new.keys()
            _dropped_with(self, _known, self.knows)
        return before, data


def _dumped(value: Any, known: set[int]) -> tuple[bytes, list[Any]]:
    stream = io.BytesIO()
    pickler = _by_value()(stream, _PROTOCOL)
    pickler.known = known
    pickler.dump(value)
    return stream.getvalue(), pickler.found


class _Buffers:
    """Collects the large buffers of one pickle."""

    def __init__(self) -> None:
        self.kept: list[memoryview] = []

    def __call__(self, buffer: pickle.PickleBuffer) -> bool:
        """Returns True if the buffer should be part of the pickle."""
        try:
            raw = buffer.raw()
        except BufferError:  # not contiguous
            return True
        if raw.nbytes < _LEAST_BUFFER or len(self.kept) >= _MOST_BUFFERS:
            return True
        self.kept.append(raw)
        return False


def _named_class(module: str, name: str) -> Any:
    """Imports an object by name. Called by the receiver when it unpickles a class of ``by_name``."""
    value: Any = importlib.import_module(module)
    for part in name.split("."):
        value = getattr(value, part)
    return value


def dumps(value: Any, knows: int = 0, *, names: bool = False) -> tuple[bytes | memoryview, ...]:
    """Returns the pickle of a value, then its large buffers.

    Args:
        value: The value.
        knows: ``Definitions.knows`` of the receiver, whose classes are pickled by number; 0 for the parent.
        names: If True, classes in ``by_name`` are pickled by module and name.

    Raises:
        OptionTypeError: The value cannot be pickled.
    """
    known = _known[knows]
    try:
        return _parts(_Pickler, value, known, names)
    except (_Local, pickle.PicklingError, AttributeError, TypeError):
        pass
    try:
        return _parts(_by_value(), value, known)
    except Exception as error:
        raise OptionTypeError(
            f"{_check.with_article(type(value).__qualname__)} cannot be sent to another process: "
            f"{describe_error(error)}. Return arrays, numbers, strings, or classes of these"
        ) from error


def _parts(kind: Any, value: Any, known: set[int], names: bool = False) -> tuple[bytes | memoryview, ...]:
    buffers = _Buffers()
    stream = io.BytesIO()
    pickler = kind(stream, _PROTOCOL, buffer_callback=buffers)
    pickler.known, pickler.names = known, names
    pickler.dump(value)
    return stream.getvalue(), *buffers.kept


def culprit(value: Any, error: Exception) -> str:
    """Describes the part of a value that cannot be pickled; the error itself if it is not found."""
    with fork.explaining(), fork.loading():
        import cloudpickle  # noqa: PLC0415

    for what, part in _attributes(value):
        try:
            cloudpickle.dumps(part)
        except Exception as reason:  # noqa: PERF203  (once per message)
            return f"{what}, {_check.with_article(type(part).__name__)}, cannot be pickled ({reason})"
    return str(error)


def _attributes(value: Any) -> list[tuple[str, Any]]:
    if not inspect.isroutine(value):
        slots = [name for cls in type(value).__mro__ for name in getattr(cls, "__slots__", ())]
        named = {name: getattr(value, name) for name in slots if hasattr(value, name)}
        return [
            (f"its attribute {name!r}", part)
            for name, part in {**getattr(value, "__dict__", {}), **named}.items()
        ]
    bound = getattr(value, "__self__", None)
    if bound is not None and not inspect.ismodule(bound):
        return _attributes(bound)
    try:
        variables = inspect.getclosurevars(value)
    except TypeError:  # a builtin
        return []
    return [
        (f"its variable {name!r}", part)
        for name, part in {**variables.nonlocals, **variables.globals}.items()
    ]


def loads(parts: Sequence[bytes | bytearray | memoryview]) -> Any:
    """Returns the value. Its arrays use the given buffers, and may write to them."""
    return pickle.loads(parts[0], buffers=parts[1:])


def opened(parts: Sequence[bytes | bytearray | memoryview], producer: str) -> Any:
    """Loads like loads(). Used for a value on an edge.

    Raises:
        FreshframeError: The value cannot be unpickled here.
    """
    try:
        return loads(parts)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a user's class that exits the program while it is unpickled
        raise FreshframeError(
            f"the result of {producer!r} cannot be unpickled here: {named(error)}"
        ) from error


class WorkerTraceback(Exception):  # noqa: N818  (a text, as concurrent.futures has it)
    """The cause of a worker's exception: its traceback as a string."""

    def __str__(self) -> str:
        """The text."""
        return "\n" + str(self.args[0]) if self.args else ""


def exception(parts: list[bytes | bytearray], text: str, traceback: str) -> BaseException:
    """Returns the exception that a worker's node raised; if it cannot be unpickled, a RuntimeError."""
    raised: Any = None
    if parts:
        try:
            raised = loads(parts)
        except BaseException:  # unpickling a user's exception may raise anything; `text` describes it
            raised = None
    error = raised if isinstance(raised, BaseException) else RuntimeError(text)
    # An assignment would not work: a user's frozen class rejects it.
    vars(BaseException)["__cause__"].__set__(error, WorkerTraceback(traceback))
    return error
