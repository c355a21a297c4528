"""Ray's internal key-value store as a fleet's store. It is private to Ray: a test pins the used calls."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib
from typing import Any

_NAMESPACE = b"freshframe-fleets"


class RayStore:
    """It lies where Ray keeps its list of actors: an actor that Ray restarts finds it, wherever it is."""

    def __init__(self) -> None:
        """The process must be connected to Ray."""
        self._kv: Any = importlib.import_module("ray.experimental.internal_kv")

    def create(self, key: str, value: bytes) -> bool:
        """False: the key is there already, and keeps its value."""
        with _told():
            return not self._kv._internal_kv_put(key, value, overwrite=False, namespace=_NAMESPACE)

    def get(self, key: str) -> bytes | None:
        """A value."""
        with _told():
            value: bytes | None = self._kv._internal_kv_get(key, namespace=_NAMESPACE)
        return value

    def put(self, key: str, value: bytes) -> None:
        """Sets a value."""
        with _told():
            self._kv._internal_kv_put(key, value, overwrite=True, namespace=_NAMESPACE)

    def delete(self, key: str) -> None:
        """A key, if it is there."""
        with _told():
            self._kv._internal_kv_del(key, namespace=_NAMESPACE)

    def keys(self, prefix: str) -> list[str]:
        """Keys that begin so."""
        with _told():
            return sorted(key.decode() for key in self._kv._internal_kv_list(prefix, namespace=_NAMESPACE))


class _told:  # noqa: N801  (as a function is called)
    """Ray's errors are many: here they are OSError."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, Exception) and not isinstance(error, OSError):
            raise OSError(f"Ray's store does not answer: {error}") from error
