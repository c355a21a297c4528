"""A consumer of planes on the fake GPU that uses capsules and streams as PyTorch does on a real one."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from rigs.card import Card

READ_ONLY, IS_COPIED = 1, 2
_LEGACY = 1
_api = ctypes.pythonapi
_api.PyCapsule_GetPointer.restype = ctypes.c_void_p
_api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
_api.PyCapsule_SetName.argtypes = [ctypes.py_object, ctypes.c_char_p]
_api.PyCapsule_IsValid.argtypes = [ctypes.py_object, ctypes.c_char_p]


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int),
        ("device_id", ctypes.c_int),
        ("dimensions", ctypes.c_int),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )


_Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class _Old(ctypes.Structure):
    _fields_ = (("tensor", _Tensor), ("context", ctypes.c_void_p), ("deleter", _Deleter))
    name = b"dltensor"


class _Versioned(ctypes.Structure):
    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", _Deleter),
        ("flags", ctypes.c_uint64),
        ("tensor", _Tensor),
    )
    name = b"dltensor_versioned"


class _Memory:
    """A plane as a consumer sees it."""

    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def pixels(self, card: Card) -> npt.NDArray[np.uint8]:
        """Returns the current pixels, without a copy that the fake GPU counts."""
        rows = self.strides[0] * self.shape[0]
        memory: Any = (ctypes.c_uint8 * rows).from_address(card.view(self.address))
        return np.ndarray(self.shape, np.uint8, memory, strides=self.strides).copy()


class Shown(_Memory):
    """A plane read through CUDA's array interface, until close()."""

    def __init__(self, plane: Any) -> None:
        """Keeps a reference to the plane, as consumers must."""
        self._plane = plane
        self.place = plane.__cuda_array_interface__
        self.address = self.place["data"][0]
        self.shape, self.strides = self.place["shape"], self.place["strides"]

    def close(self) -> None:
        """Releases the plane."""
        self._plane = None


class Tensor(_Memory):
    """A plane imported from its DLPack capsule, until close()."""

    def __init__(self, plane: Any, **wish: Any) -> None:
        """With max_version, acts as a consumer of DLPack 1.0."""
        capsule = plane.__dlpack__(**wish)
        self.is_versioned = bool(_api.PyCapsule_IsValid(capsule, _Versioned.name))
        kind = _Versioned if self.is_versioned else _Old
        self._place = _api.PyCapsule_GetPointer(capsule, kind.name)
        self._managed = ctypes.cast(self._place, ctypes.POINTER(kind)).contents
        self._used = b"used_" + kind.name  # the capsule does not copy the name
        _api.PyCapsule_SetName(capsule, self._used)
        self._capsule = capsule
        tensor = self._managed.tensor
        self.flags = self._managed.flags if self.is_versioned else 0
        self.address = tensor.data
        self.device = (tensor.device_type, tensor.device_id)
        self.type = (tensor.code, tensor.bits, tensor.lanes)
        self.shape = tuple(tensor.shape[i] for i in range(tensor.dimensions))
        self.strides = tuple(tensor.strides[i] for i in range(tensor.dimensions))

    def close(self) -> None:
        """Calls the deleter of the memory."""
        self._managed.deleter(self._place)


class Stream:
    """A stream of a consumer. With the fault ``lazy``, its work runs only in finish()."""

    def __init__(self, card: Card, *, is_legacy: bool = False) -> None:
        """Creates the stream in the context that the process already uses."""
        self._driver = card.driver
        self._context, stream = ctypes.c_void_p(), ctypes.c_void_p(_LEGACY)
        assert self._driver.cuDevicePrimaryCtxRetain(ctypes.byref(self._context), 0) == 0
        if not is_legacy:
            self._call("cuStreamCreate", ctypes.byref(stream), 0)
        self.number = stream.value or 0

    def _call(self, name: str, *arguments: Any) -> None:
        assert self._driver.cuCtxPushCurrent_v2(self._context) == 0
        error = getattr(self._driver, name)(*arguments)
        assert self._driver.cuCtxPopCurrent_v2(None) == 0
        assert error == 0, (name, error)

    def read(self, tensor: _Memory) -> npt.NDArray[np.uint8]:
        """Starts to copy the first row, which is complete after finish()."""
        row = np.zeros(tensor.shape[1], np.uint8)
        to, size = ctypes.c_void_p(row.ctypes.data), ctypes.c_size_t(row.nbytes)
        self._call(
            "cuMemcpyDtoHAsync_v2", to, ctypes.c_uint64(tensor.address), size, ctypes.c_void_p(self.number)
        )
        return row

    def finish(self) -> None:
        self._call("cuStreamSynchronize", ctypes.c_void_p(self.number))

    def close(self) -> None:
        if self.number != _LEGACY:
            self._call("cuStreamDestroy_v2", ctypes.c_void_p(self.number))
        assert self._driver.cuDevicePrimaryCtxRelease_v2(0) == 0
