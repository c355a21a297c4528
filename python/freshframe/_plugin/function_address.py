"""The address of a C function from the pointer of any supported library."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ctypes
import importlib
import re
from typing import Any

from .. import _check
from .._errors import OptionError, OptionTypeError

_POINTER = ctypes.CFUNCTYPE(None).__mro__[1]  # the base of all function pointers of ctypes
_NEEDS_GIL = ctypes.PYFUNCTYPE(None)._flags_ & ~ctypes.CFUNCTYPE(None)._flags_  # FUNCFLAG_PYTHONAPI
_SIGNATURE = (
    "int32_t (const uint8_t* pixels, int32_t width, int32_t height, int64_t stride, double pts, int64_t seq, "
    "int32_t source, void* out, int32_t max_rows, void* state)"
)
_TYPES = "int32_t(uint8_t*,int32_t,int32_t,int64_t,double,int64_t,int32_t,void*,int32_t,void*)"


def address_of(pointer: Any) -> int:
    """The address behind a pointer of ctypes or cffi, or a capsule of Cython.

    Raises:
        OptionTypeError: It is of another type, null, a callback into Python, or needs the GIL.
        OptionError: The capsule has another signature.
    """
    if isinstance(pointer, _POINTER):
        address = _of_ctypes(pointer)
    elif type(pointer).__name__ == "PyCapsule":
        address = _of_capsule(pointer)
    elif type(pointer).__module__ == "_cffi_backend":
        address = _of_cffi(pointer)
    elif hasattr(pointer, "py_func") or hasattr(pointer, "native_name"):
        raise OptionTypeError("a function of numba needs @freshframe.native.numba on the Python function")
    else:
        raise OptionTypeError(
            "a function must be a pointer of ctypes or cffi, or a capsule of a Cython module's __pyx_capi__, "
            f"got {_check.shown(pointer)}"
        )
    if not address:
        raise OptionTypeError("a function must not be a null pointer")
    return address


def _of_ctypes(pointer: Any) -> int:
    kept = (pointer._objects or {}).values()
    if any(type(each).__name__ == "CThunkObject" for each in kept):
        raise OptionTypeError(
            "this ctypes function calls Python and would take the GIL for every frame: add() the Python "
            "function itself"
        )
    if type(pointer)._flags_ & _NEEDS_GIL:
        raise OptionTypeError(
            "ctypes calls this function with the GIL held (PyDLL, pythonapi or PYFUNCTYPE), and a native "
            "node runs without it: add() a Python function that calls it, or, if it uses nothing of "
            "Python, take it from ctypes.CDLL"
        )
    return ctypes.cast(pointer, ctypes.c_void_p).value or 0


def _of_cffi(pointer: Any) -> int:
    ffi: Any = importlib.import_module("_cffi_backend").FFI()
    kind = ffi.typeof(pointer)
    if kind.kind != "function":
        raise OptionTypeError(f"a function must be a pointer to a function, got {_check.shown(pointer)}")
    if type(pointer).__name__ == "__CDataOwnGC":  # of ffi.callback()
        raise OptionTypeError(
            "this cffi function calls Python and would take the GIL for every frame: add() the Python "
            "function itself"
        )
    return int(ffi.cast("uintptr_t", pointer))


def _of_capsule(capsule: Any) -> int:
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype = ctypes.c_char_p
    api.PyCapsule_GetName.argtypes = [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    name = api.PyCapsule_GetName(capsule)
    text = name.decode(errors="replace") if name else ""
    if _types_in(text) != _TYPES:
        raise OptionError(f"the capsule's function is {text!r}; it must be {_SIGNATURE}")
    return int(api.PyCapsule_GetPointer(capsule, name) or 0)


def _types_in(signature: str) -> str:
    """A C signature without the names of parameters, const, and Cython's additions."""
    text = re.sub(r"\b(const|noexcept|nogil|__pyx_t_\d+\w*_)\b", "", signature)
    text = re.sub(r"\bint\b", "int32_t", text)
    text = re.sub(r"(\w+\s*\**)\s+\w+(?=\s*[,)])", r"\1", re.sub(r"\s*\*\s*", "* ", text))
    return re.sub(r"\s", "", text)
