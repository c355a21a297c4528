"""The kept state of a detached fleet, and the thread that writes it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from freshframe import StateError

from ..._control.builds.builds import Pickles
from ..._control.loop import boot_time
from ..cluster_state import ClusterState, Store

_LOOK_EVERY = 1.0  # seconds between two looks at the term


class StateWriter:
    """Changes have numbers. One is written when the store has the state of its moment."""

    def __init__(self, write: Callable[[], bool], *, superseded: Callable[[], None]) -> None:
        """Changes may come before it is started.

        Args:
            write: Writes the state; raises OSError when the store does not answer. Returns False if another
                controller has taken over, and may not have read it.
            superseded: Called when another controller has taken over.
        """
        self._write = write
        self.on_written: Callable[[], None] = lambda: None  # called after a write
        self.on_error: Callable[[], None] = lambda: None  # with an error in flight; it is tried again
        self._superseded = superseded
        self._changed = threading.Condition()
        self._changes = 0
        self._written = 0
        self._stopped = False
        self._thread: threading.Thread | None = None
        self.looked_at = 0.0  # before the latest look that found no newer term

    def start(self, kept: ClusterState, looked_at: float, name: str) -> None:
        """Begins to write. ``kept`` has looked at the terms since then."""
        self.looked_at = looked_at
        self._thread = threading.Thread(target=self._run, args=(kept,), name=name, daemon=True)
        self._thread.start()

    def change(self) -> int:
        """Something has changed: the number of this change."""
        with self._changed:
            self._changes += 1
            self._changed.notify_all()
            return self._changes

    def is_written(self, change: int) -> bool:
        """Whether the store has it."""
        with self._changed:
            return self._written >= change

    def wait(self, change: int, patience: float) -> bool:
        """Waits until the store has a change, or the writer was stopped. Returns False if neither came."""
        with self._changed:
            return self._changed.wait_for(lambda: self._written >= change or self._stopped, patience)

    def _run(self, kept: ClusterState) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._written < self._changes or self._stopped, _LOOK_EVERY)
                if self._stopped:
                    return
                changes, written = self._changes, self._written
            try:
                now = boot_time()
                if not kept.is_latest:
                    self._superseded()
                    return
                self.looked_at = now
                if written < changes and not self._write():
                    self._superseded()
                    return
                with self._changed:
                    self._written = changes
                    self._changed.notify_all()
                if written < changes:
                    self.on_written()
            except Exception:  # any kind of error: without this thread nothing is kept any longer
                self.on_error()
                with self._changed:
                    self._changed.wait_for(lambda: self._stopped, _LOOK_EVERY)

    def stop(self) -> None:
        """Ends the writing."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()


PATIENCE = 20.0  # seconds for the store to take a change of a program
_NO_BUILD: Pickles = (b"", b"")

_T = TypeVar("_T")
State = dict[str, Any]
Snapshot = Callable[[], tuple[State, Mapping[int, Pickles]]]  # the state, and the functions of its builds


def unreadable(name: str, why: str) -> StateError:
    """A controller cannot go on with the state of the one before. ``why``: from the verb on."""
    return StateError(
        f"the state of fleet {name!r} in the store {why}. Ray tries again for 10 minutes, or for twice "
        "orphan_after if that is longer. Then its agents have ended and its name is free: begin a new fleet "
        "of this name, and add its cameras again"
    )


class ClusterKept:
    """Keeps the state in the cluster's store. A build's function has its own key, and is written once."""

    def __init__(self, name: str, store: Store, *, superseded: Callable[[], None]) -> None:
        """Takes the next term. ``superseded`` is called when another controller has taken over.

        Raises:
            OSError: The store does not answer.
        """
        self._began = boot_time()
        self._cluster = ClusterState(name, store)
        self._keys: dict[int, str] = {}  # keys of builds that are in the store
        self._is_swept = False  # whether the builds of an earlier controller are removed
        self._snapshot: Snapshot
        self._writer = StateWriter(self._write, superseded=superseded)
        self._name = name

    def start(
        self, snapshot: Snapshot, *, on_written: Callable[[], None], on_error: Callable[[], None]
    ) -> None:
        """Begins to write. ``on_error`` is called with an error in flight. The write is tried again."""
        self._snapshot = snapshot
        self._writer.on_written, self._writer.on_error = on_written, on_error
        self._writer.start(self._cluster, self._began, f"state of fleet {self._name}")

    # ---- as Kept

    @property
    def term(self) -> int:
        """Above the terms of all earlier controllers."""
        return self._cluster.term

    def change(self) -> int:
        """The state has changed: the number of this change."""
        return self._writer.change()

    def is_written(self, change: int) -> bool:
        """Whether the store has a change."""
        return self._writer.is_written(change)

    def wait(self, change: int) -> None:
        """Waits until the store has a change."""
        if not self._writer.wait(change, PATIENCE):
            raise StateError("it is done, but the cluster's store does not answer: it may be forgotten")

    def close(self) -> None:
        """The store has the state until stop()."""

    def forget_in_child(self) -> None:
        """Does nothing: no file is open."""

    # ---- the store

    @property
    def looked_at(self) -> float:
        """When no newer controller was there."""
        return self._writer.looked_at

    def before(self) -> tuple[State, dict[int, Pickles]] | None:
        """The state of an earlier controller, and its builds.

        Raises:
            StateError: It is damaged.
            OSError: The store does not answer.
        """
        before = self._cluster.before
        if before is None:
            return None
        state: State = self._read("its pickle", lambda: dict(pickle.loads(before)))
        self._keys = self._read("its list of builds", lambda: dict(state.pop("builds", {})))
        pickled = {number: self._cluster.read_build(key) for number, key in self._keys.items()}
        return state, {number: self._restore_build(number, each) for number, each in pickled.items()}

    def _restore_build(self, number: int, pickled: bytes | None) -> Pickles:
        if pickled is None:
            return _NO_BUILD
        return self._read(f"build {number}", lambda: tuple(pickle.loads(pickled)))

    def _read(self, what: str, read: Callable[[], _T]) -> _T:
        try:
            return read()
        except Exception as error:  # a damaged pickle raises errors of all kinds
            raise unreadable(self._name, f"cannot be read: {what}: {error}") from error

    def _write(self) -> bool:
        state, functions = self._snapshot()
        keys = {number: self._keys.get(number) or self._cluster.build_key(number) for number in functions}
        for number, key in keys.items():
            if number not in self._keys:
                self._cluster.write_build(key, pickle.dumps(functions[number], 5))
                self._keys[number] = key
        if not self._cluster.write(pickle.dumps({**state, "builds": keys}, 5)):
            return False
        for number in [each for each in self._keys if each not in keys]:  # no state names them any more
            self._cluster.forget_build(self._keys[number])
            del self._keys[number]
        if not self._is_swept:
            self._cluster.forget_builds_but(set(self._keys.values()))
            self._is_swept = True
        return True

    def stop(self) -> None:
        """Ends the writing, and leaves nothing in the store."""
        self._writer.stop()
        self._cluster.clear()
