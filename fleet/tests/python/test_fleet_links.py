"""A controller's link to an agent: its runs, its latest renewal, and when its socket takes more."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from freshframe_fleet import _wire
from freshframe_fleet._control.agents.links import Links
from freshframe_fleet._control.agents.runs import Runs
from freshframe_fleet._control.loop import Loop
from freshframe_fleet._machines.guards import FarLink

RUN = (0, 7 << 32)


class Agent:
    """The other end of a link. There is no process."""

    def __init__(self) -> None:
        self.loop = Loop("loop")
        notes: Any = None  # for invalid messages
        self.links = Links(self.loop, 7, notes)
        self.link = FarLink.link_to_earlier("a", None)
        self.socket = self.connect()
        self.links.add(self.link)

    def connect(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        post: Any = SimpleNamespace(spare=ours, pulls={}, cores=1.0, send=lambda **order: None)
        self.link.adopt(post, {"number": 5, "mark": "m", "pid": 1})
        return theirs

    def connect_again(self) -> None:
        self.links.hang_up(self.link)
        self.socket.close()
        self.socket = self.connect()
        self.links.watch(self.link)

    def waits_for_room(self) -> bool:
        assert self.link.socket is not None
        return bool(self.loop._selector.get_key(self.link.socket).events & selectors.EVENT_WRITE)

    def end(self) -> None:
        self.links.remove(self.link)
        self.link.child.ended("the test is over")
        self.link.child.reap()
        self.socket.close()
        self.loop.close()


@pytest.fixture
def agent() -> Iterator[Agent]:
    agent = Agent()
    yield agent
    agent.end()


def test_a_socket_is_watched_for_room_while_something_waits_also_the_one_after_it(agent: Agent) -> None:
    for _ in range(2):
        agent.link.send(bytes(8 << 20))
        agent.links.flush()
        assert agent.link.has_unsent
        assert agent.waits_for_room()
        agent.connect_again()
        assert not agent.waits_for_room()
    agent.link.send(bytes(8 << 20))
    agent.links.flush()
    assert agent.waits_for_room()
    while agent.link.has_unsent:
        agent.socket.recv(1 << 20)
        agent.links.flush()
    assert not agent.waits_for_room()
    agent.link.send(bytes(8 << 20))
    agent.links.flush()
    assert agent.waits_for_room()


def test_of_an_agent_that_is_cut_off_nothing_waits_and_its_counts_stay(agent: Agent) -> None:
    cameras = np.zeros(2, _wire.CAMERA)
    outboxes = np.array([(RUN[1], 9, 0, 0, 0, 7, 2, RUN[0], 1)], _wire.OUTBOX)
    agent.link.runs.add(RUN, 3)
    agent.link.note_renewal(_wire.Renewal(1, 0.0, 0.0, {}, cameras, outboxes[:0], outboxes), 1.0)
    agent.link.forget_all()
    assert agent.link.runs.all() == set()
    assert (len(agent.link.latest.cameras), len(agent.link.latest.outboxes)) == (2, 0)


def test_a_run_that_was_forgotten_is_remembered_for_some_renewals_of_its_agent(agent: Agent) -> None:
    renewal = _wire.Renewal(1, 0.0, 0.0, {}, np.zeros(0, _wire.CAMERA), *[np.zeros(0, _wire.OUTBOX)] * 2)
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
    agent.connect_again()  # its guard did not get the order
    assert agent.link.has_crashed("killed by signal 11")


def test_a_run_is_remembered_until_its_last_record_has_come_and_then_for_some_renewals() -> None:
    runs = Runs()
    runs.add(RUN, 3)
    assert runs.find_build(RUN) == 3
    runs.forget(RUN)
    assert runs.find_build(RUN) is None
    assert (runs.all(), runs.ended(), runs.kept().ended) == ({RUN}, {RUN: 3}, {RUN: 3})
    runs.note_renewal()
    runs.note_last_record(RUN)
    assert (runs.all(), runs.ended()) == ({RUN}, {})
    for _ in range(5):
        runs.note_renewal()
    assert runs.all() == set()
