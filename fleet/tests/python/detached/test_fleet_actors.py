"""Ray actors of fleets end themselves, even if the cluster's head does not answer."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from fleet_rigs.yard import Yard, yard_fixture
from support import until

from freshframe_fleet._detached import ray_actor
from freshframe_fleet._detached.client.remote_controller import RemoteController
from freshframe_fleet._detached.ray_actor import RayController
from freshframe_fleet._machines import ray_guard
from freshframe_fleet._machines.ray_guard import RayGuard

yard = yard_fixture()


def test_a_fleet_is_shut_down_while_its_store_does_not_answer(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    monkeypatch.setattr(ray_actor, "end_this_actor", ended.set)
    monkeypatch.setattr(ray_actor, "_SHORT", 0.0)
    actor = RayController.__new__(RayController)
    place: Any = SimpleNamespace(close=yard.controller.close)
    actor._place, actor._clients, actor._fleet = place, yard.clients, yard.controller
    monkeypatch.setattr(yard.clients, "_shut_down", actor._shut_down)
    program = RemoteController("yard", yard.find)
    program._ask("check_open")
    yard.store.fails = True
    program.shut_down()
    assert ended.wait(100)
    program.close()


def test_the_end_of_an_actor_is_tried_until_the_head_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    class EndedError(BaseException):
        """Ends the process."""

    attempts: list[bool] = []

    def kill(actor: str, *, no_restart: bool) -> None:
        attempts.append(no_restart)
        if len(attempts) == 3:
            raise EndedError
        raise RuntimeError("the head does not answer")

    context = SimpleNamespace(current_actor="this one")
    ray: Any = SimpleNamespace(kill=kill, get_runtime_context=lambda: context)
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setattr(ray_guard, "_TRY_AGAIN", 0.0)
    with pytest.raises(EndedError):
        ray_guard.end_this_actor()
    assert attempts == [True, True, True]


class Guard:
    """Stands in for a guard, and serves until it is ordered to leave."""

    def __init__(self, address: Any, token: bytes, station: str, **options: Any) -> None:
        self.alone = 0.0
        self.leave = threading.Event()

    def run(self, until: Callable[[], bool]) -> None:
        while not until() and not self.leave.wait(0.01):
            pass


@pytest.fixture
def guards(monkeypatch: pytest.MonkeyPatch) -> tuple[list[Guard], threading.Event]:
    """Yields the guards of one actor, and whether it has ended."""
    ended = threading.Event()
    monkeypatch.setattr(ray_guard, "Guard", Guard)
    monkeypatch.setattr(ray_guard, "end_this_actor", ended.set)
    actor = RayGuard(("127.0.0.1", 1), b"", ["a/0", "a/1"], True, 30.0)
    made: list[Any] = list(actor._guards)
    return made, ended


def test_the_guards_actor_ends_when_all_of_them_were_told_to_leave(
    guards: tuple[list[Guard], threading.Event],
) -> None:
    (first, second), ended = guards
    first.leave.set()
    until(lambda: threading.active_count() > 1, "the second guard")
    assert not ended.wait(0.1)
    second.leave.set()
    assert ended.wait(100)


def test_a_guard_that_has_left_does_not_keep_the_actor_of_an_abandoned_one(
    guards: tuple[list[Guard], threading.Event],
) -> None:
    (first, second), ended = guards
    first.leave.set()
    second.alone = 601.0
    assert ended.wait(100)
