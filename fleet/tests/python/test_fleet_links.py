"""A controller's link to an agent: its runs, its latest renewal, and when its socket is writable."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import selectors
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from freshframe_fleet import _wire
from freshframe_fleet._control.agents import link
from freshframe_fleet._control.agents.links import Links
from freshframe_fleet._control.agents.runs import Runs
from freshframe_fleet._control.loop import Loop

RUN = (0, 7 << 32)


class Agent:
    """The other end of a link, without a process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.loop = Loop("loop")
        notes: Any = None  # for invalid messages
        self.links = Links(self.loop, notes)
        self.ended, wake = os.pipe()
        os.close(wake)
        child = SimpleNamespace(pid=1, fileno=lambda: self.ended, kill=lambda: None)
        monkeypatch.setattr("freshframe._native.start_fleet_child", self._start(child))
        self.link = link.Link("a", {})
        self.links.add(self.link)

    def _start(self, child: Any) -> Any:
        def start(arguments: Any, environment: Any, theirs: int, page: int) -> Any:
            self.socket = socket.socket(fileno=os.dup(theirs))
            return child

        return start

    def waits_for_room(self) -> bool:
        assert self.link.socket is not None
        return bool(self.loop._selector.get_key(self.link.socket).events & selectors.EVENT_WRITE)

    def end(self) -> None:
        self.links.remove(self.link)
        self.link.close_page()
        os.close(self.ended)
        self.socket.close()
        self.loop.close()


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    agent = Agent(monkeypatch)
    yield agent
    agent.end()


def test_a_socket_is_watched_for_room_while_something_waits(agent: Agent) -> None:
    for _ in range(2):
        assert not agent.waits_for_room()
        agent.link.send(bytes(8 << 20))
        agent.links.flush()
        assert agent.link.has_unsent
        assert agent.waits_for_room()
        while agent.link.has_unsent:
            agent.socket.recv(1 << 20)
            agent.links.flush()


def test_a_run_that_was_forgotten_is_remembered_for_some_renewals_of_its_agent(agent: Agent) -> None:
    renewal = _wire.Renewal(0.0, {}, np.zeros(0, _wire.CAMERA), *[np.zeros(0, _wire.OUTBOX)] * 2)
    agent.link.runs.add(RUN, 3)
    agent.link.runs.forget(RUN)
    for second in range(4):
        agent.link.note_renewal(renewal, float(second))
    assert agent.link.runs.all() == {RUN}
    agent.link.note_renewal(renewal, 4.0)
    assert agent.link.runs.all() == set()
    assert agent.link.latest is renewal


def test_an_agent_that_its_controller_has_killed_has_not_crashed(agent: Agent) -> None:
    assert agent.link.has_crashed("killed by signal 11")
    agent.link.kill()
    assert not agent.link.has_crashed("killed by signal 11")


def test_a_run_is_remembered_until_its_last_record_has_come_and_then_for_some_renewals() -> None:
    runs = Runs()
    runs.add(RUN, 3)
    assert runs.find_build(RUN) == 3
    runs.forget(RUN)
    assert runs.find_build(RUN) is None
    assert runs.all() == {RUN}
    runs.note_renewal()
    runs.note_last_record(RUN)
    assert runs.all() == {RUN}
    for _ in range(5):
        runs.note_renewal()
    assert runs.all() == set()
