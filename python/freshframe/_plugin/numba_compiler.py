"""Compiles a Python function to the C signature of abi.h with numba, if it does not take the GIL."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from .._errors import OptionError, OptionTypeError
from .._interpreter import fork, parts

_PARAMETERS = ("pixels", "out", "pts", "seq", "source", "state")
_TAKES_GIL = ("numba_gil_ensure", "PyGILState_Ensure")

# An exception that propagates out of a cfunc would take the GIL, be printed, and return 0, which means
# success.
_WRAPPER = """
def wrapper(pixels_, width, height, stride, pts, seq, source, out_, max_rows, state_):
    try:
        h, w = intp(height), intp(width)
        pixels = shown(as_strided(carray(pixels_, (h * intp(stride),)), {shape}, {strides}))
        out = carray(out_, {out}, dtype)
        state = carray(state_, ({state},), uint8)
        result = jitted({arguments})
        noted(result)
        {end}
    except Exception:
        return -2147483648
"""


class _Given(NamedTuple):
    """A user's function, its parameters, and the options of ff.native.numba."""

    jitted: Any
    parameters: list[str]
    options: dict[str, Any]


def python_function(written: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the original function, without numba's own decorator."""
    plain: Callable[..., Any] = getattr(written, "py_func", written)
    return plain


def compiled(written: Callable[..., Any], options: dict[str, Any]) -> Any:
    """Returns a numba CFunc; ``address`` is its entry point.

    Raises:
        MissingPackageError: numba is not installed.
        OptionError: The function cannot be compiled, writes to the pixels, returns an unused value, or would
            take the GIL.
        OptionTypeError: The function has a parameter that ff.native.numba does not define, or ``out`` is
            missing.
    """
    try:
        numba: Any = importlib.import_module("numba")
    except ImportError as error:
        raise parts.missing("freshframe.native.numba", "numba", error) from error
    jitted = written if hasattr(written, "py_func") else numba.njit(written)
    given = _Given(jitted, _parameters(python_function(written), options), options)
    returned: list[Any] = []
    try:
        entry = _entry(numba, given, returned)
    except Exception as error:  # any class: numba fails with an AttributeError on `pixels += 1`
        raise _refusal(error, numba, given, returned) from error
    if refused := _check_returned(given, returned, numba.types.none):
        raise refused
    code = entry._library.get_asm_str()
    if any(symbol in code for symbol in _TAKES_GIL):
        raise OptionError(
            f"{options['name']!r} would take the GIL, as print(), object mode and parallel=True do: remove "
            "them, or add() it as a Python function"
        )
    return entry


def _parameters(written: Callable[..., Any], options: dict[str, Any]) -> list[str]:
    name = options["name"]
    parameters = list(inspect.signature(written).parameters)
    for parameter in parameters:
        if parameter not in _PARAMETERS:
            raise OptionTypeError(
                f"{name!r} has the unknown parameter {parameter!r}; the known ones are "
                f"{', '.join(_PARAMETERS)}, in any order"
            )
    if options["shape"] and "out" not in parameters:
        raise OptionTypeError(
            f"{name!r} has no parameter `out`, so its result would always be zero: it must write its "
            f"result of shape {tuple(options['shape'])} into `out`; to return one number, pass out=()"
        )
    return parameters


def _entry(numba: Any, given: _Given, returned: list[Any], *, writable: bool = False) -> Any:
    """Compiles the function. Appends the numba type of its return value to `returned`."""
    intrinsic = importlib.import_module("numba.extending").intrinsic
    borrowed = importlib.import_module("numba.core.imputils").impl_ret_borrowed

    @intrinsic  # type: ignore[untyped-decorator]
    def make_read_only(_: Any, array: Any) -> Any:
        """Returns the array in a read-only type, because all users share the frame."""

        def generate(_context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return borrowed(_context, builder, signature.return_type, arguments[0])

        return array.copy(readonly=not writable)(array), generate

    @intrinsic  # type: ignore[untyped-decorator]
    def noted(_: Any, value: Any) -> Any:
        returned[:] = [value]

        def generate(context: Any, _builder: Any, _signature: Any, _arguments: Any) -> Any:
            return context.get_dummy_value()

        return numba.types.none(value), generate

    wrapper = _wrapper(given, {"jitted": given.jitted, "shown": make_read_only, "noted": noted})
    return numba.cfunc(_signature(numba.types), nopython=True)(wrapper)


def _check_returned(given: _Given, returned: list[Any], none: Any) -> OptionError | None:
    """Returns an error if the function returns an unused value, or nothing although a value is needed."""
    name, shape = given.options["name"], tuple(given.options["shape"])
    is_read = not shape or given.options["max_rows"] is not None
    if is_read and returned == [none]:
        what = "the number of rows that it has written into `out`" if shape else "its result, a number"
        return OptionError(f"{name!r} returns nothing; with this out= it must return {what}")
    if not is_read and returned and returned != [none]:
        return OptionError(
            f"{name!r} returns {returned[0]}, which nothing would read: with out={shape}, it must write its "
            "result into its parameter `out` and return nothing; to return one number, pass out=()"
        )
    return None


def _refusal(error: Exception, numba: Any, given: _Given, returned: list[Any]) -> OptionError:
    """Returns the reason why numba cannot compile it: writing to the pixels, or any other error."""
    name = given.options["name"]
    if refused := _check_returned(given, returned, numba.types.none):
        return refused
    try:
        _entry(numba, given, [], writable=True)
    except Exception:  # it fails with writable pixels, too, so they are not the cause
        return OptionError(f"numba cannot compile {name!r}: {error}")
    return OptionError(
        f"{name!r} writes into `pixels`, or its signature allows that. The pixels are read-only, because all "
        "users of the frame share them: write into `out`, or into a copy from pixels.copy()"
    )


def _wrapper(given: _Given, functions: dict[str, Any]) -> Callable[..., Any]:
    with fork.explaining(), fork.loading():
        import numpy as np  # noqa: PLC0415

    options = given.options
    shape: tuple[int, ...] = tuple(options["shape"])
    if not shape:
        end = "out[0] = result\n        return 0"
    elif options["max_rows"] is None:
        end = "return 0"
    else:
        end = "return result"
    colour = options["format"] != "gray"
    text = _WRAPPER.format(
        shape="(h, w, 3)" if colour else "(h, w)",
        strides="(intp(stride), 3, 1)" if colour else "(intp(stride), 1)",
        out=shape or (1,),
        state=len(options["state"]),
        arguments=", ".join(given.parameters),
        end=end,
    )
    names: dict[str, Any] = {
        "as_strided": np.lib.stride_tricks.as_strided,
        "carray": importlib.import_module("numba").carray,
        "dtype": np.dtype(options["dtype"]).type,
        "intp": np.intp,
        "uint8": np.uint8,
        **functions,
    }
    exec(text, names)  # our own message; only numbers are inserted
    made: Callable[..., Any] = names["wrapper"]
    return made


def _signature(types: Any) -> Any:
    return types.int32(
        types.CPointer(types.uint8),
        types.int32,
        types.int32,
        types.int64,
        types.float64,
        types.int64,
        types.int32,
        types.voidptr,
        types.int32,
        types.voidptr,
    )
