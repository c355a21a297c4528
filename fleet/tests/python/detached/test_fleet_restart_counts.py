"""Results of the runs of a detached fleet are counted once, even if its controller was killed."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fleet_rigs.yard import Yard, yard_fixture
from support import until

from freshframe_fleet import _wire
from freshframe_fleet._control.actions import Actions, Hearing
from freshframe_fleet._control.agents.runs import Runs
from freshframe_fleet._control.loop import boot_time
from freshframe_fleet._decide.model import ForgetRun
from freshframe_fleet._machines.guards import FarLink
from freshframe_fleet._messages import Counts, CountsKept

yard = yard_fixture()


class HeardAgent:
    """The controller's end of its connection."""

    name = "a"

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.send = send
        self.runs = Runs()


def test_an_agent_keeps_what_it_said_of_a_run_that_has_ended_until_the_next_controller_would_know_it(
    yard: Yard,
) -> None:
    controller, parts, sent = yard.controller.controller, yard.parts, list[bytes]()
    controller.add([("cam", "x", {})], controller.add_build(b"", b""), False)
    number = yard.controller.open_for("key", "ticks", "log").results.number
    run = (0, parts.kept.term << 32 | 1)
    yard.place.add_node("a", "node", {})
    link: Any = HeardAgent(sent.append)
    counts = Counts(run, {"frames": 12, "kept": 9, "queue_full": 3, "skipped": 0}, last=True)
    record = np.array([(run[1], 9, 0, 0, 2, 7, 0, run[0], number)], _wire.OUTBOX)
    yard.store.fails = True
    with parts.loop.lock:
        Hearing(parts, Actions(parts)).hear(link, counts, boot_time())
        parts.readers.end_outboxes(link, record)
        parts.readers.end_outboxes(link, record)
        parts.receipts.send()
        assert sent == []
    yard.store.fails = False
    receipts = {_wire.order(parts.kept.term, CountsKept(run)), _wire.kept(parts.kept.term, run)}
    until(lambda: set(sent) == receipts, lambda: str(sent))
    following = Yard(yard.store, restored=True)
    try:
        with following.parts.loop.lock:
            following.parts.readers.end_outboxes(link, record)  # the receipt was lost
            assert sent[2:] == [_wire.kept(following.parts.kept.term, run)]
        stats = following.controller.controller.stats()
        assert (stats.cameras["cam"].produced, stats.cameras["cam"].drops) == (12, {"queue_full": 3})
        (reader,) = stats.readers
        assert (reader.reported, reader.delivered, reader.fenced) == (9, 7, 2)
    finally:
        following.end()


@pytest.mark.parametrize("knows", ["nothing of its end", "its end", "its last record"])
def test_a_run_whose_end_a_killed_controller_has_ordered_is_counted_once_when_its_agent_has_died_too(
    yard: Yard, knows: str
) -> None:
    """Counts a run by its last record, if the store has that, else as one with perhaps unreported results."""
    controller, parts = yard.controller.controller, yard.parts
    controller.add([("cam", "x", {})], controller.add_build(b"", b""), False)
    number = yard.controller.open_for("key", "ticks", "log").results.number
    run = (0, parts.kept.term << 32 | 1)
    yard.place.add_node("a", "node", {})
    record = np.array([(run[1], 9, 0, 0, 2, 7, 0, run[0], number)], _wire.OUTBOX)
    with parts.loop.lock:
        link = FarLink.link_to_earlier("a", None)
        link.runs.add(run, 0)
        parts.links.add(link)
        if knows != "nothing of its end":
            Actions(parts).do([ForgetRun("a", *run)])
        if knows == "its last record":
            parts.readers.end_outboxes(link, record)
    yard.controller.write_through()
    following = Yard(yard.store, restored=True)
    try:
        (link_of_before,) = following.parts.links
        if knows == "nothing of its end":  # the order had left
            with following.parts.loop.lock:
                following.parts.readers.end_outboxes(link_of_before, record)
        assert following.controller.controller.stats().agents["a"].state == "up"
        link_of_before.child.ended("killed by signal 9 (Killed)")
        stats = following.controller.controller.stats
        until(lambda: stats().agents["a"].state == "down", "the end of the agent")
        (reader,) = stats().readers
        counted = (reader.reported, reader.delivered, reader.fenced, reader.unreported_possible)
        assert counted == ((0, 0, 0, 1) if knows == "its end" else (9, 7, 2, 0))
    finally:
        following.end()
