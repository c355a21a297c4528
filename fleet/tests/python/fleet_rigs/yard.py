"""A detached fleet's controller in this process, with a store that may fail."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from freshframe_fleet._control.setup import Setup
from freshframe_fleet._decide.decisions import Times
from freshframe_fleet._detached.client.channel import Endpoint, Unreachable
from freshframe_fleet._detached.controller import DetachedController
from freshframe_fleet._detached.server.clients import Clients
from freshframe_fleet._detached.server.served_reader import ServedReader
from freshframe_fleet._machines.guarded_place import GuardedPlace

TOKEN = bytes(range(32))


class Memory:
    """A store that may fail."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.fails = False

    def _check(self) -> None:
        if self.fails:
            raise OSError("the store does not answer")

    def create(self, key: str, value: bytes) -> bool:
        self._check()
        if key in self.values:
            return False
        self.values[key] = value
        return True

    def get(self, key: str) -> bytes | None:
        self._check()
        return self.values.get(key)

    def put(self, key: str, value: bytes) -> None:
        self._check()
        self.values[key] = value

    def delete(self, key: str) -> None:
        self._check()
        self.values.pop(key, None)

    def keys(self, prefix: str) -> list[str]:
        self._check()
        return sorted(key for key in list(self.values) if key.startswith(prefix))


class Yard:
    """A controller and what serves its programs."""

    def __init__(self, store: Memory, restored: bool = False) -> None:
        self.store = store
        setup = Setup("yard", True, Times(), {})
        self.place = GuardedPlace({}, host="127.0.0.1", token=TOKEN)
        self.controller = DetachedController(setup, store, self.place, superseded=lambda: None)
        self.parts = self.controller.controller.parts
        if restored:
            self.controller.restore()
        self.clients = Clients(self.controller, lambda: None, grace=0.2)
        self.place.guards.on_client = self.clients.serve
        self.away = False  # whether the program finds it

    def find(self) -> Endpoint:
        if self.away:
            raise Unreachable("nobody knows")
        return Endpoint(*self.place.guards.address, TOKEN)

    def served(self) -> ServedReader:
        (reader,) = self.controller.served()
        return reader

    def end(self) -> None:
        self.store.fails = False
        for link in self.parts.links:  # links of the former controller, whose guards do not come
            link.child.ended("the test is over")
        self.clients.close()
        self.controller.close()
        self.controller.stop()


def yard_fixture() -> Callable[..., Iterator[Yard]]:
    """A fixture with a new controller."""

    @pytest.fixture
    def yard() -> Iterator[Yard]:
        yard = Yard(Memory())
        yield yard
        yard.end()

    return yard
