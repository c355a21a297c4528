"""Ray's internal key-value store as a fleet's store. It is private to Ray: a test pins the used calls."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from .._control.loop import settle

_NAMESPACE = b"freshframe-fleets"
_TIMEOUT = 10.0  # seconds; Ray itself waits for a minute for its head

_T = TypeVar("_T")


class RayStore:
    """Keeps values beside Ray's list of actors, where an actor that Ray restarts finds them."""

    def __init__(self, *, timeout: float = _TIMEOUT) -> None:
        """The process must be connected to Ray. ``timeout``: seconds after which a call raises OSError."""
        self._kv: Any = importlib.import_module("ray.experimental.internal_kv")
        self._calls = InTime(timeout, "store of a fleet")

    def create(self, key: str, value: bytes) -> bool:
        """Writes a key that must be new. Returns False where it exists, with its value as it was."""
        return self._ask(lambda: not self._put(key, value, overwrite=False))

    def get(self, key: str) -> bytes | None:
        """A value."""
        value: bytes | None = self._ask(lambda: self._kv._internal_kv_get(key, namespace=_NAMESPACE))
        return value

    def put(self, key: str, value: bytes) -> None:
        """Sets a value."""
        self._ask(lambda: self._put(key, value, overwrite=True))

    def delete(self, key: str) -> None:
        """A key, if it is there."""
        self._ask(lambda: self._kv._internal_kv_del(key, namespace=_NAMESPACE))

    def keys(self, prefix: str) -> list[str]:
        """Keys that begin so."""
        found = self._ask(lambda: self._kv._internal_kv_list(prefix, namespace=_NAMESPACE))
        return sorted(key.decode() for key in found)

    def _put(self, key: str, value: bytes, *, overwrite: bool) -> Any:
        return self._kv._internal_kv_put(key, value, overwrite=overwrite, namespace=_NAMESPACE)

    def _ask(self, call: Callable[[], _T]) -> _T:
        """Ray's errors are many: here they are OSError."""
        try:
            return self._calls.call(call)
        except Exception as error:
            raise OSError(f"Ray's store does not answer: {error}") from error


class InTime:
    """Calls that end in time, also when the called function does not. They are done one after the other."""

    def __init__(self, timeout: float, name: str) -> None:
        """``timeout``: seconds for a call, and for those before it. ``name``: of the threads."""
        self._timeout = timeout
        self._name = name
        self._turn = threading.Lock()  # held by the call that is being done

    def call(self, function: Callable[[], _T]) -> _T:
        """Returns or raises as the function does. One that has not begun in time is never called.

        Raises:
            TimeoutError: It has not returned in time, and may do its work still, before any later call.
        """
        call: Future[_T] = Future()

        def work() -> None:
            try:
                settle(call, function, BaseException)
            finally:
                self._turn.release()

        deadline = time.monotonic() + self._timeout
        if self._turn.acquire(timeout=self._timeout):  # no thread waits behind one that hangs
            try:
                threading.Thread(target=work, name=self._name, daemon=True).start()
            except BaseException:
                self._turn.release()
                raise
            if wait((call,), max(deadline - time.monotonic(), 0)).done:
                return call.result()
        raise TimeoutError(f"no answer within {self._timeout:g} s")
