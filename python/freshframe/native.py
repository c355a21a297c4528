"""Your native code as nodes: C functions, numba functions, and C or C++ classes (abi.h, plugin.hpp).

Such nodes run on native threads and never wait for the GIL.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ctypes
import importlib
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from . import _check, _native
from ._errors import OptionError, OptionTypeError
from ._interpreter import calls as _calls
from ._interpreter import fork
from ._plugin.function import Function
from ._plugin.plugin import Plugin, plugin
from ._plugin.plugin_source import PluginSource

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

_POINTER = ctypes.CFUNCTYPE(None).__mro__[1]  # base class of all ctypes function pointers
_NEEDS_GIL = ctypes.PYFUNCTYPE(None)._flags_ & ~ctypes.CFUNCTYPE(None)._flags_  # FUNCFLAG_PYTHONAPI
_SIGNATURE = (
    "int32_t (const uint8_t* pixels, int32_t width, int32_t height, int64_t stride, double pts, int64_t seq, "
    "int32_t source, void* out, int32_t max_rows, void* state)"
)
_TYPES = "int32_t(uint8_t*,int32_t,int32_t,int64_t,double,int64_t,int32_t,void*,int32_t,void*)"


def _find_address(pointer: Any) -> int:
    """Returns the address in a ctypes or cffi pointer or a Cython capsule.

    Raises:
        OptionTypeError: The pointer has another type, is null, is a callback into Python, or needs the GIL.
        OptionError: The capsule has another signature.
    """
    if isinstance(pointer, _POINTER):
        address = _read_ctypes(pointer)
    elif type(pointer).__name__ == "PyCapsule":
        address = _read_capsule(pointer)
    elif type(pointer).__module__ == "_cffi_backend":
        address = _read_cffi(pointer)
    elif hasattr(pointer, "py_func") or hasattr(pointer, "native_name"):
        raise OptionTypeError("a numba function needs @freshframe.native.numba on the Python function")
    else:
        raise OptionTypeError(
            "a function must be a ctypes or cffi pointer, or a capsule of a Cython module's __pyx_capi__, "
            f"got {_check.show(pointer)}"
        )
    if not address:
        raise OptionTypeError("a function must not be a null pointer")
    return address


def _read_ctypes(pointer: Any) -> int:
    kept = (pointer._objects or {}).values()
    if any(type(each).__name__ == "CThunkObject" for each in kept):
        raise OptionTypeError(
            "this ctypes function calls Python and would take the GIL for every frame: add() the Python "
            "function itself"
        )
    if type(pointer)._flags_ & _NEEDS_GIL:
        raise OptionTypeError(
            "ctypes calls this function with the GIL held (PyDLL, pythonapi or PYFUNCTYPE), and a native "
            "node runs without it: add() a Python function that calls it, or, if it does not use Python, "
            "load it with ctypes.CDLL"
        )
    return ctypes.cast(pointer, ctypes.c_void_p).value or 0


def _read_cffi(pointer: Any) -> int:
    ffi: Any = importlib.import_module("_cffi_backend").FFI()
    kind = ffi.typeof(pointer)
    if kind.kind != "function":
        raise OptionTypeError(f"a function must be a pointer to a function, got {_check.show(pointer)}")
    if type(pointer).__name__ == "__CDataOwnGC":  # created by ffi.callback()
        raise OptionTypeError(
            "this cffi function calls Python and would take the GIL for every frame: add() the Python "
            "function itself"
        )
    return int(ffi.cast("uintptr_t", pointer))


def _read_capsule(capsule: Any) -> int:
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
    """Returns a C signature without parameter names, const, and Cython's additions."""
    text = re.sub(r"\b(const|noexcept|nogil|__pyx_t_\d+\w*_)\b", "", signature)
    text = re.sub(r"\bint\b", "int32_t", text)
    text = re.sub(r"(\w+\s*\**)\s+\w+(?=\s*[,)])", r"\1", re.sub(r"\s*\*\s*", "* ", text))
    return re.sub(r"\s", "", text)


_PACKAGE = os.path.dirname(os.path.abspath(__file__))
_CHECKOUT = os.path.dirname(os.path.dirname(_PACKAGE))


def _find(folder: str, file: str) -> str:
    """Returns the package's own `folder`, or in a checkout the one of the source tree."""
    for root in (_PACKAGE, _CHECKOUT):
        if os.path.isfile(os.path.join(root, folder, file)):
            return os.path.join(root, folder)
    raise FileNotFoundError(
        f"{file} was not installed with freshframe, which is in {_PACKAGE}; reinstall it with pip"
    )


def get_include() -> str:
    """Returns the folder for the compiler's ``-I``, with headers for extensions and native nodes.

    ``freshframe/gil.hpp`` (C++20) is for any extension module: nanobind, pybind11 or plain C API.
    ``freshframe/plugin.hpp`` (C++17) and ``freshframe/abi.h`` (C11) are for native nodes and need no library.

    Raises:
        FileNotFoundError: This installation has no headers.
    """
    return _find("include", os.path.join("freshframe", "gil.hpp"))


def get_cmake_dir() -> str:
    """Returns the folder with ``freshframe-config.cmake``, for ``-Dfreshframe_DIR=...``.

    ``find_package(freshframe CONFIG REQUIRED)`` then defines the targets ``freshframe::gil``, for extension
    modules, and ``freshframe::plugin_api``, for libraries of native nodes.

    Raises:
        FileNotFoundError: This installation has no CMake package.
    """
    return _find("cmake", "freshframe-config.cmake")


__all__ = [
    "Function",
    "Plugin",
    "PluginSource",
    "function",
    "get_cmake_dir",
    "get_include",
    "load",
    "node",
    "numba",
]

Format = Literal["gray", "bgr", "rgb"]


def load(
    path: str | os.PathLike[str],
    symbol: str,
    *,
    out: tuple[int | None, ...],
    format: Format = "gray",  # noqa: A002  (the word for it, as of Frame)
    dtype: DTypeLike = "float32",
    max_rows: int | None = None,
    state: bytes | None = None,
    signature: int = 1,
) -> Function:
    """Creates a node from a C function in a shared library, called once per frame.

    ``int32_t symbol(const uint8_t* pixels, int32_t width, int32_t height, int64_t stride, double pts, int64_t
    seq, int32_t source, void* out, int32_t max_rows, void* state)`` returns 0 or the number of rows, or a
    negative error code. The optional ``const char* symbol_error(int32_t code)`` returns a message for an
    error. The arguments are documented at ``freshframe_function`` in ``freshframe/abi.h``.

    Args:
        path: The shared library, which stays loaded. A relative path is looked up in the working directory,
            then in the system's library path.
        symbol: The function's name.
        out: Shape of the result, at most 4 dimensions; ``()`` is one number. ``(None, 5)``: the function
            returns the number of rows, each with 5 numbers.
        format: "gray" is the decoded luma plane in the video's range, without a copy; "bgr" and "rgb" are 0
            to 255, converted once per frame and shared.
        dtype: Type of the result: bool, int8 to int64, uint8 to uint64, float32 or float64.
        max_rows: With ``out=(None, ...)``: the maximum number of rows in ``out``.
        state: Initial bytes of the node's own state, which the function may change.
        signature: Version of the function's signature; only 1 exists.

    Returns:
        A node of frames. The values are read-only arrays of shape ``out``, or floats for ``out=()``.

    Raises:
        OptionError: There is no such library or function, or an option is out of range.
        OptionTypeError: An option is of the wrong type.
    GIL: released while loading; the function never holds it.
    """
    _check_signature(signature)
    library = _library(path)
    name = _name("symbol", symbol)
    options = _options(name, out, format, dtype, max_rows, state)
    return Function(
        lambda: _native.load_function_node(library, name, options), (load, (library, name), _given(options))
    )


def function(
    pointer: Any,
    *,
    out: tuple[int | None, ...],
    format: Format = "gray",  # noqa: A002  (the word for it, as of Frame)
    dtype: DTypeLike = "float32",
    max_rows: int | None = None,
    state: bytes | None = None,
    name: str = "function",
    signature: int = 1,
) -> Function:
    """Creates a node from a C function that is already loaded in this process, called once per frame.

    Args:
        pointer: A ctypes or cffi function pointer, or a capsule of a Cython module's ``__pyx_capi__``, whose
            signature is checked. The function must have the signature described at load().
        out: As for load().
        format: As for load().
        dtype: As for load().
        max_rows: As for load().
        state: As for load().
        name: The node's name if add() gets none.
        signature: As for load().

    Returns:
        A node of frames, as for load(). It keeps ``pointer`` alive, and cannot run in a worker process.

    Raises:
        OptionError: An option is out of range, or the capsule has another signature.
        OptionTypeError: An option or the pointer is of the wrong type, or the pointer calls Python or needs
            the GIL, as pointers of ``ctypes.PyDLL`` do.
    GIL: held; the function never holds it.
    """
    _check_signature(signature)
    address = _find_address(pointer)
    options = _options(_name("name", name), out, format, dtype, max_rows, state)
    return Function(lambda: _native.make_function_node(address, pointer, options), None)


def numba(
    *,
    out: tuple[int | None, ...],
    format: Format = "gray",  # noqa: A002  (the word for it, as of Frame)
    dtype: DTypeLike = "float32",
    max_rows: int | None = None,
    state: bytes | None = None,
) -> Callable[[Callable[..., Any]], Function]:
    """Returns a decorator that compiles a Python function with numba and makes it a node.

    The function is called with those of these arguments that it has parameters for: ``pixels``, a read-only
    uint8 array (H, W) or (H, W, 3), shared by all users of the frame; ``out``, the zeroed result, of shape
    ``out`` with ``max_rows`` for None; ``pts``, ``seq`` and ``source`` of the sample; ``state`` (n,) uint8,
    which it may change. With ``out=()`` it returns the number, with ``out=(None, ...)`` the number of rows,
    otherwise nothing. An exception becomes a NodeError without its type, message and line, which would
    require the GIL. numba does not check indices unless NUMBA_BOUNDSCHECK=1 is set.

    Args:
        out: As for load().
        format: As for load().
        dtype: As for load().
        max_rows: As for load().
        state: As for load().

    Returns:
        A decorator that returns a node of frames, as for load().

    Raises:
        MissingPackageError: numba is not installed.
        OptionError: An option is out of range, numba cannot compile the function, it writes into ``pixels``,
            returns a value that nothing reads, or would take the GIL (``print``, object mode,
            ``parallel=True``).
        OptionTypeError: An option is of the wrong type, or the function has no parameter ``out``.
    GIL: held while compiling; the function never holds it.
    """
    options = _options("function", out, format, dtype, max_rows, state)

    def decorate(written: Callable[..., Any]) -> Function:
        with fork.explaining(), fork.loading():
            from ._plugin import numba_compiler  # noqa: PLC0415

        named = {**options, "name": getattr(written, "__name__", "function"), "of_numba": True}
        compiled = numba_compiler.compiled(written, named)
        recipe = (_numba_again, (numba_compiler.python_function(written),), _given(options))
        return Function(lambda: _native.make_function_node(compiled.address, compiled, named), recipe)

    return decorate


def node(path: str | os.PathLike[str], name: str, /, **options: Any) -> Any:
    """Creates a node from a class that a shared library exports with ``FRESHFRAME_NODE(Class, "name")``.

    Args:
        path: The shared library, as for load().
        name: The node's name in the library.
        **options: Options for the constructor: bool, int (64 bits), float, str, bytes, or a list of numbers.
            Unknown options are rejected with an error that lists the known ones.

    Returns:
        A Plugin, or a PluginSource. The values have the type that the class declares: Frame, Circles,
        Detections, a float, a read-only array, or a dict of read-only arrays by name ("table"), which refer
        to the library's memory.

    Raises:
        OptionError: There is no such library or node, it was compiled for another version, or an option is
            unknown.
        OptionTypeError: An option has the wrong type.
        FreshframeError: The constructor failed.
    GIL: released while loading and in the constructor; the node never holds it.
    """
    library = _library(path)
    checked = {_name("the name of an option", key): _option(key, value) for key, value in options.items()}
    wanted = _name("name", name)
    return plugin(
        lambda: _native.load_node(library, wanted, checked), (node, (library, wanted), dict(options))
    )


def _numba_again(written: Callable[..., Any], **options: Any) -> Function:
    return numba(**options)(written)


def _check_signature(signature: Any) -> None:
    if _check.integer("signature", signature) != 1:
        raise OptionError(
            "signature must be 1, the only version that this freshframe supports, got "
            f"{_check.show(signature)}"
        )


def _library(path: Any) -> str:
    if not (text := _check.path("path", path)):  # dlopen("") would return the program itself
        raise OptionError("path must be the path of a library, got ''")
    return os.path.abspath(text) if os.path.exists(text) else text


def _name(what: str, value: Any) -> str:
    """Checks a string for C: without NUL characters."""
    text = _check.text(what, value)
    if "\0" in text:
        raise OptionError(f"{what} must not contain NUL, got {_check.show(value)}")
    return text


def _options(name: str, out: Any, format_: Any, dtype: Any, max_rows: Any, state: Any) -> dict[str, Any]:
    with fork.explaining(), fork.loading():
        import numpy as np  # noqa: PLC0415

    if _check.text("format", format_) not in ("gray", "bgr", "rgb"):
        raise OptionError(f"format must be gray, bgr or rgb, got {_check.show(format_)}")
    if not isinstance(out, tuple):
        raise OptionTypeError(f"out must be a tuple of sizes, such as (2,), got {_check.show(out)}")
    varies = len(out) > 0 and out[0] is None
    if varies and max_rows is None:
        raise OptionError(f"out={out!r} needs max_rows=, the maximum number of rows")
    if not varies and max_rows is not None:
        raise OptionError(f"max_rows needs out=(None, ...), got out={out!r}")
    if state is not None and not isinstance(state, bytes):
        raise OptionTypeError(f"state must be bytes or None, got {_check.show(state)}")
    try:
        number_type = np.dtype(dtype)
    except TypeError as error:
        raise OptionTypeError(f"dtype must be a NumPy dtype, got {_check.show(dtype)}") from error
    if not number_type.isnative:
        raise OptionError(f"dtype must have this machine's byte order, got {_check.show(dtype)}")
    return {
        "name": name,
        "shape": [
            _check.integer("a size of out", size) for size in ((max_rows, *out[1:]) if varies else out)
        ],
        "format": format_,
        "dtype": number_type.name,
        "max_rows": None if max_rows is None else _check.integer("max_rows", max_rows),
        "state": state or b"",
    }


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Returns the options as keyword arguments."""
    shape = options["shape"] if options["max_rows"] is None else [None, *options["shape"][1:]]
    return {
        "out": tuple(shape),
        "format": options["format"],
        "dtype": options["dtype"],
        "max_rows": options["max_rows"],
        "state": options["state"],
    }


def _option(name: str, value: Any) -> Any:
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str) and not _check.is_utf8(value):
        raise OptionError(f"option {name!r} must be UTF-8, got {_check.show(value)}")
    if isinstance(value, (bool, float, str, bytes)):
        return value
    if hasattr(value, "tolist") and not isinstance(value, memoryview):  # a NumPy scalar or array
        value = value.tolist()
    if isinstance(value, (bool, str, bytes)):
        return value
    if isinstance(value, (int, float)):
        return _check.integer(f"option {name!r}", value, bits=64) if isinstance(value, int) else value
    if isinstance(value, (list, tuple)):
        return [_entry(name, each) for each in value]
    raise OptionTypeError(
        f"option {name!r} must be a bool, an int, a float, a str, bytes or a list of numbers, "
        f"got {_check.show(value)}"
    )


def _entry(name: str, value: Any) -> float:
    """Checks a list entry, which native code receives as a double."""
    if isinstance(value, float):
        return value
    real = _check.number(f"each entry of option {name!r}", value)
    if real != value:
        wanted = "must be a number that a float holds exactly"
        raise OptionError(f"each entry of option {name!r} {wanted}, got {_check.show(value)}")
    return real


_calls.explain(__all__, globals())
