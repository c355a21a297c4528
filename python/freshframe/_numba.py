"""Compiles a Python function to the C signature of abi.h with numba; refuses one that would take the GIL."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any

from ._errors import OptionError, OptionTypeError

_PARAMETERS = ("pixels", "out", "pts", "seq", "source", "state")
_TAKES_GIL = ("numba_gil_ensure", "PyGILState_Ensure")

# An exception that propagates out of a cfunc would take the GIL, be printed, and return 0, which means
# success.
_WRAPPER = """
def wrapper(pixels_, width, height, stride, pts, seq, source, out_, max_rows, state_):
    try:
        h, w = intp(height), intp(width)
        pixels = as_strided(carray(pixels_, (h * intp(stride),)), {shape}, {strides})
        out = carray(out_, {out}, dtype)
        state = carray(state_, ({state},), uint8)
        {call}
    except Exception:
        return -2147483648
"""


def python_function(written: Callable[..., Any]) -> Callable[..., Any]:
    """The original function, without numba's own decorator."""
    plain: Callable[..., Any] = getattr(written, "py_func", written)
    return plain


def compiled(written: Callable[..., Any], options: dict[str, Any]) -> Any:
    """A numba CFunc; ``address`` is its entry.

    Raises:
        ImportError: numba is not installed.
        OptionError: It cannot be compiled, or would take the GIL.
        OptionTypeError: It has another parameter than those of ff.native.numba.
    """
    try:
        numba: Any = importlib.import_module("numba")
    except ImportError as error:
        raise ImportError("freshframe.native.numba needs numba: pip install numba") from error
    name = options["name"]
    jitted = written if hasattr(written, "py_func") else numba.njit(written)
    wrapper = _wrapper(jitted, _parameters(python_function(written), name), options)
    try:
        entry = numba.cfunc(_signature(numba.types), nopython=True)(wrapper)
    except numba.core.errors.NumbaError as error:
        raise OptionError(f"numba cannot compile {name!r}: {error}") from error
    code = entry._library.get_asm_str()
    if any(symbol in code for symbol in _TAKES_GIL):
        raise OptionError(
            f"{name!r} would take the GIL: print(), object mode and parallel=True do; leave them out, or "
            "add() it as a Python function"
        )
    return entry


def _parameters(written: Callable[..., Any], name: str) -> list[str]:
    parameters = list(inspect.signature(written).parameters)
    for parameter in parameters:
        if parameter not in _PARAMETERS:
            raise OptionTypeError(
                f"{name!r} has a parameter {parameter!r}; it may have {', '.join(_PARAMETERS)}, in any order"
            )
    return parameters


def _wrapper(jitted: Any, parameters: list[str], options: dict[str, Any]) -> Callable[..., Any]:
    import numpy as np  # noqa: PLC0415

    call = f"jitted({', '.join(parameters)})"
    shape: tuple[int, ...] = tuple(options["shape"])
    if not shape:
        call = f"out[0] = {call}\n        return 0"
    elif options["max_rows"] is None:
        call = f"{call}\n        return 0"
    else:
        call = f"return {call}"
    colour = options["pixels"] != "gray"
    text = _WRAPPER.format(
        shape="(h, w, 3)" if colour else "(h, w)",
        strides="(intp(stride), 3, 1)" if colour else "(intp(stride), 1)",
        out=shape or (1,),
        state=len(options["state"]),
        call=call,
    )
    names: dict[str, Any] = {
        "as_strided": np.lib.stride_tricks.as_strided,
        "carray": importlib.import_module("numba").carray,
        "dtype": np.dtype(options["dtype"]).type,
        "intp": np.intp,
        "jitted": jitted,
        "uint8": np.uint8,
    }
    exec(text, names)  # a text of our own; only numbers are inserted
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
