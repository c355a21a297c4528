"""The Ray actor of a detached fleet: it has the controller. Imported by Ray's workers."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import importlib
import os
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, TypeVar

from freshframe import __version__
from freshframe._agent import logger

from .._control.controller import Controller
from .._control.loop import settle
from .._control.setup import Setup
from .._machines.guarded_place import GuardedPlace
from .._machines.ray_connection import RayConnection
from .._machines.ray_guard import end_this_actor, patience_without_controller
from .._machines.ray_place import RayPlace
from .._machines.spread import Spread
from .cluster_state import Trouble
from .controller import DetachedController
from .server.clients import Clients

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
        """Writes a key that must be new. Returns False if it exists, with its value as it was."""
        return self._ask(lambda: not self._put(key, value, overwrite=False))

    def get(self, key: str) -> bytes | None:
        """Returns the value of a key, or None if the key is unknown."""
        value: bytes | None = self._ask(lambda: self._kv._internal_kv_get(key, namespace=_NAMESPACE))
        return value

    def put(self, key: str, value: bytes) -> None:
        """Sets the value of a key, new or not."""
        self._ask(lambda: self._put(key, value, overwrite=True))

    def delete(self, key: str) -> None:
        """Removes a key, if it is there."""
        self._ask(lambda: self._kv._internal_kv_del(key, namespace=_NAMESPACE))

    def keys(self, prefix: str) -> list[str]:
        """Returns the keys that begin with a prefix."""
        found = self._ask(lambda: self._kv._internal_kv_list(prefix, namespace=_NAMESPACE))
        return sorted(key.decode(errors="replace") for key in found)

    def _put(self, key: str, value: bytes, *, overwrite: bool) -> Any:
        return self._kv._internal_kv_put(key, value, overwrite=overwrite, namespace=_NAMESPACE)

    def _ask(self, call: Callable[[], _T]) -> _T:
        """Ray's errors are many: here they are OSError."""
        try:
            return self._calls.call(call)
        except Exception as error:
            raise OSError(f"Ray's store does not answer: {error}") from error


class InTime:
    """Makes calls that end in time, even when the called function does not. One call follows the other."""

    def __init__(self, timeout: float, name: str) -> None:
        """``timeout``: seconds for a call, and for those before it. ``name``: of the threads."""
        self._timeout = timeout
        self._name = name
        self._turn = threading.Lock()  # held by the call that is being done

    def call(self, function: Callable[[], _T]) -> _T:
        """Returns or raises as the function does. A function that has not begun in time is never called.

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
        if self._turn.acquire(timeout=self._timeout):  # no thread waits for one which hangs
            try:
                threading.Thread(target=work, name=self._name, daemon=True).start()
            except BaseException:
                self._turn.release()
                raise
            if wait((call,), max(deadline - time.monotonic(), 0)).done:
                return call.result()
        raise TimeoutError(f"no answer within {self._timeout:g} s")


_SHORT = 0.5  # seconds for the last answer to leave
_TRY_AGAIN = 5.0  # seconds between a start that has failed and the end of its process


class RayController:
    """Lives until the fleet is shut down."""

    def __init__(self, setup: Setup, token: bytes, spread: Spread) -> None:
        """Begins to put guards on machines, or goes on with the guards of the actor before it."""
        store, restarted = RayStore(), _is_restarted()
        trouble = Trouble(setup.name, store)
        try:
            self._begin(setup, store, token, spread, restarted=restarted)
        except Exception as error:
            if restarted:
                _try_again(trouble, setup, error)
            raise
        with contextlib.suppress(OSError):
            trouble.end()

    def _begin(self, setup: Setup, store: RayStore, token: bytes, spread: Spread, *, restarted: bool) -> None:
        def make(place: GuardedPlace) -> Controller:
            self._fleet = DetachedController(setup, store, place)
            if restarted:  # otherwise a fleet of this name was given up
                self._fleet.restore()
            return self._fleet.controller

        self._place = RayPlace(
            RayConnection("auto", None),
            setup.options,
            make,
            spread=spread,
            host=None,
            token=token,
            outlives=True,
            restarted=restarted,
        )
        self._clients = Clients(self._fleet, self._shut_down)
        self._place.place.guards.on_client = self._clients.serve

    def endpoint(self) -> tuple[str, tuple[str, int], bytes]:
        """The version, the address and the token."""
        return __version__, self._place.place.guards.address, self._place.token

    def pid(self) -> int:
        """Returns the number of the controller's process."""
        return os.getpid()

    def _shut_down(self) -> None:
        try:
            self._place.close()
            self._clients.close()
            self._fleet.stop()
        except OSError:  # nothing reads the state left there: a new fleet of this name has its own state
            logger.exception("the state of fleet %r stays in the cluster's store", self._fleet.name)
        finally:
            threading.Thread(target=_end, daemon=True).start()


def _is_restarted() -> bool:
    """Whether Ray has started this actor before."""
    import ray  # noqa: PLC0415

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it is Ray's own code that calls something deprecated
            return bool(ray.get_runtime_context().was_current_actor_reconstructed)
    except Exception:  # Ray does not say: then the state in its store is kept
        return True


def _try_again(trouble: Trouble, setup: Setup, error: Exception) -> None:
    """Ends this process, so that Ray starts the actor in another one. Returns when that does not help.

    Ray starts an actor again whose process ends, as often as it likes (max_restarts=-1), and gives up one
    whose constructor raises.
    """
    logger.error("the controller of fleet %r cannot be started again", setup.name, exc_info=error)
    failing = 0.0
    with contextlib.suppress(OSError):
        failing = trouble.note(" ".join(f"{type(error).__name__}: {error}".split()))
    if failing < patience_without_controller(setup.times.orphan_after):
        time.sleep(_TRY_AGAIN)
        os._exit(1)


def _end() -> None:
    time.sleep(_SHORT)
    end_this_actor()
