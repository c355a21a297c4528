"""The state of a detached fleet's controller that the next one reads."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import time
from collections.abc import Collection
from typing import Any, Protocol

from freshframe._agent import logger

_TERMS = 1 << 32  # an epoch has 64 bits, and the term is the upper half
_IN_A_ROW = 120.0  # seconds: failed starts of a controller that lie farther apart are not one trouble


class Store(Protocol):
    """Keys and values that outlive the controller. Calls raise OSError when it does not answer."""

    def create(self, key: str, value: bytes) -> bool:
        """Writes a key that must be new. Returns False if it exists, with its value as it was."""

    def get(self, key: str) -> bytes | None:
        """Returns the value of a key, or None if the key is unknown."""

    def put(self, key: str, value: bytes) -> None:
        """Sets the value of a key, new or not."""

    def delete(self, key: str) -> None:
        """Removes a key, if it is there."""

    def keys(self, prefix: str) -> list[str]:
        """Returns the keys that begin with a prefix."""


class ClusterState:
    """Keeps the state of one fleet. Each controller writes under a term that no other one has had.

    So a controller that was given up and lives on disturbs no other one. The term is in the store before an
    agent gets an epoch of it, and epochs need no store.
    """

    # Note [Late writes]
    # The next controller takes its term, then lists the terms, then reads the state. This one writes, then
    # lists the terms. So if it finds no newer term, the next controller reads what it has written: the list
    # that the next one made before it took its term may be older. A write that finds a newer term may have
    # come too late: it does not count, and nothing that follows from it is done. A controller removes only
    # its keys and keys of older terms. The store does one call after the other, as Ray's head does.

    def __init__(self, name: str, store: Store) -> None:
        """Takes the next term.

        Raises:
            OSError: The store does not answer.
        """
        self._store = store
        self._name = name
        self._foreign: set[str] = set()  # keys that were reported
        # Losing the store never makes epochs fall: a term is at least the time at which it began.
        self.term = max([*(each + 1 for each in self._terms()), int(time.time())])
        while not store.create(self._key("term", self.term), b""):
            self.term += 1
        self.before = self._state_before()

    def _state_before(self) -> bytes | None:
        """Returns the newest state of an earlier controller, or None if no earlier one has written."""
        for term in sorted((each for each in self._terms() if each < self.term), reverse=True):
            state = self._store.get(self._key("state", term))
            if state is not None:
                return state
        return None

    def _key(self, what: str, number: int | str) -> str:
        return f"{self._name}/{what}/{number}"

    def _terms(self) -> list[int]:
        return [term for term, _ in self._listed("term")]

    def _listed(self, what: str) -> list[tuple[int, str]]:
        """Returns the terms and the keys of one kind. A key without a term belongs to another program."""
        begin, listed = self._key(what, ""), list[tuple[int, str]]()
        for key in self._store.keys(begin):
            end = key.removeprefix(begin)
            term = _term(end.partition("-")[0] if what == "build" else end)
            if term is not None:
                listed.append((term, key))
            elif key not in self._foreign:
                self._foreign.add(key)
                logger.warning(
                    "the store of fleet %r has a key that no fleet writes, left alone: %r", self._name, key
                )
        return listed

    @property
    def is_latest(self) -> bool:
        """Whether no other controller has begun since."""
        return max(self._terms(), default=self.term) <= self.term

    def write(self, state: bytes) -> bool:
        """Stores the state, then removes the states of older controllers.

        Returns:
            Whether the next controller will read it. Otherwise that one has begun, and may have read an older
            state.
        """
        self._store.put(self._key("state", self.term), state)
        terms = self._terms()
        if max(terms, default=self.term) > self.term:
            return False
        for term in terms:
            if term < self.term:
                self._store.delete(self._key("state", term))
                self._store.delete(self._key("term", term))
        return True

    def build_key(self, number: int) -> str:
        """Names a function's key. An earlier controller may have left another one of this number."""
        return self._key("build", f"{self.term}-{number}")

    def write_build(self, key: str, build: bytes) -> None:
        """Before the state that names its key."""
        self._store.put(key, build)

    def read_build(self, key: str) -> bytes | None:
        """Reads a function by its key, also one of an earlier controller."""
        return self._store.get(key)

    def forget_build(self, key: str) -> None:
        """Removes a function after the state that no longer names its key."""
        self._store.delete(key)

    def forget_builds_but(self, keys: Collection[str]) -> None:
        """Removes all other functions that this controller or an earlier one has written."""
        for term, key in self._listed("build"):
            if term <= self.term and key not in keys:
                self._store.delete(key)

    def clear(self) -> None:
        """Removes the fleet, which has ended. Keys of a newer controller stay."""
        if self.is_latest:
            Trouble(self._name, self._store).end()
        self.forget_builds_but(())
        for what in ("state", "term"):
            for term, key in self._listed(what):
                if term <= self.term:
                    self._store.delete(key)

    def close(self) -> None:
        """Does nothing: there is no file and no lock."""

    def forget_in_child(self) -> None:
        """Does nothing: there is no descriptor."""


def _term(text: str) -> int | None:
    """Returns the term that a text is, or None if it is not a term."""
    is_term = text.isascii() and text.isdigit() and len(text) <= len(str(_TERMS)) and int(text) < _TERMS
    return int(text) if is_term else None


class Trouble:
    """Stores why the next controller of a fleet cannot be started, so that programs can report it."""

    def __init__(self, name: str, store: Store) -> None:
        """Watches the state of a fleet."""
        self._key = f"{name}/trouble"
        self._store = store

    def note(self, why: str) -> float:
        """Notes a failure. Returns the seconds since the first one in a row.

        Raises:
            OSError: The store does not answer.
        """
        known = self._read()
        now = time.time()
        since = float(known.get("since", now))
        if not 0 <= now - float(known.get("latest", now)) < _IN_A_ROW:
            since = now
        self._store.put(self._key, json.dumps({"since": since, "latest": now, "why": why}).encode())
        return now - since

    def why(self) -> str:
        """Returns the latest reason, or "" if the store has no reason or does not answer."""
        try:
            return str(self._read().get("why", ""))
        except OSError:
            return ""

    def _read(self) -> dict[str, Any]:
        value = self._store.get(self._key)
        try:
            return dict(json.loads(value or b"{}"))
        except (ValueError, TypeError):  # written by another version
            return {}

    def end(self) -> None:
        """A controller runs.

        Raises:
            OSError: The store does not answer.
        """
        self._store.delete(self._key)
