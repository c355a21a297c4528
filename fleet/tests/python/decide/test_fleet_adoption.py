"""A restarted controller adopts the agents and cameras of its predecessor, on a simulated clock."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
import struct
from typing import Any

import numpy as np
import pytest

from freshframe_fleet._control.agents.runs import KeptRuns
from freshframe_fleet._decide import adoption
from freshframe_fleet._decide.adoption import KeptAgent
from freshframe_fleet._decide.decisions import Action, Agent, Camera, Decisions
from freshframe_fleet._decide.fleet_state import FleetState
from freshframe_fleet._decide.model import Former, StartRun
from freshframe_fleet._detached.server import saved_state
from freshframe_fleet._machines.relay import Relay
from freshframe_fleet._read.counters import Counters
from freshframe_fleet._wire import BATCH, OUTBOX, PULL, RESULT, Records, framed

TERM = 7


class Restarted:
    """Two agents of before; time passes by hand."""

    def __init__(self, *cameras: Camera) -> None:
        numbers = itertools.count(TERM << 32)
        self.now = 0.0
        self.left_over = {"a", "b"}
        self.decisions = Decisions(FleetState(lambda: next(numbers)))
        self.decisions.state.holds = lambda camera, at: adoption.why_held(
            camera, self.decisions.times, self.left_over, 0.0, at
        )
        agents = [KeptAgent(name, {}, launched=True, draining=False) for name in "ab"]
        adoption.restore(self.decisions, agents, cameras, self.now)
        self.started: list[StartRun] = []

    def report(self, agent: str, *runs: tuple[int, int], started: tuple[tuple[int, int], ...] = ()) -> None:
        self.left_over.discard(agent)
        self.note(adoption.report(self.decisions, agent, runs, self.now, started))
        self.decisions.heard(agent, self.now, 0.0)

    def wait(self, seconds: float) -> None:
        """Agents that have reported renew their leases."""
        end = self.now + seconds
        while self.now < end:
            self.now += 0.1
            for agent in {"a", "b"} - self.left_over:
                self.decisions.heard(agent, self.now, 0.0)
                self.decisions.python_ran(agent, self.now)
            self.note(self.decisions.tick(self.now))

    def note(self, actions: list[Action]) -> None:
        self.started += [action for action in actions if isinstance(action, StartRun)]


def camera(number: int, agent: str | None, epoch: int, **others: Any) -> Camera:
    fields = {"state": "running" if agent else "unplaced", "starts": 1, **others}
    return Camera(number, f"cam{number}", agent=agent, epoch=epoch, **fields)


def kept(camera: Camera, now: float = 0.0) -> Camera:
    """Returns the camera as the next controller reads it. Its clock begins at 0."""
    return saved_state.restore_camera(saved_state.camera_state(camera, now), 0.0)


def test_what_agents_report_goes_on_and_nothing_starts() -> None:
    fleet = Restarted(camera(0, "a", 5), camera(1, "b", 6))
    fleet.wait(1)
    fleet.report("a", (0, 5))
    fleet.report("b", (1, 6))
    fleet.wait(100)
    assert fleet.started == []
    assert fleet.decisions.allowed("a") == [(0, 5)]
    assert fleet.decisions.allowed("b") == [(1, 6)]


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_start_that_was_not_written_down_is_found_by_its_newer_epoch(exclusive: bool) -> None:
    fleet = Restarted(camera(0, "a", 5, exclusive=exclusive), camera(1, None, 0, exclusive=exclusive))
    fleet.report("a")  # it has closed 0, which had moved
    fleet.wait(2)
    assert fleet.started == []  # b may have it
    fleet.report("b", (0, 8), (1, 9))
    fleet.wait(100)
    assert fleet.started == []
    assert fleet.decisions.allowed("b") == [(0, 8), (1, 9)]
    assert [each.starts for each in fleet.decisions.cameras.values()] == [2, 2]


@pytest.mark.parametrize(("exclusive", "wait"), [(False, 5.0), (True, 65.0)])
def test_what_a_silent_agent_may_run_starts_elsewhere_after_its_time(exclusive: bool, wait: float) -> None:
    fleet = Restarted(camera(0, "b", 5, exclusive=exclusive), camera(1, None, 0, exclusive=exclusive))
    fleet.report("a")
    fleet.wait(wait - 1)
    assert fleet.started == []
    fleet.wait(5)
    assert {action.camera for action in fleet.started} == {0, 1}
    assert all(action.epoch >> 32 == TERM for action in fleet.started)


def test_a_camera_that_was_removed_is_closed_before_its_name_is_free() -> None:
    fleet = Restarted(camera(0, "a", 5, removed=True, state="closing"))
    fleet.report("a", (0, 5))
    assert fleet.decisions.allowed("a") == []
    assert 0 in fleet.decisions.cameras
    fleet.decisions.closed((0, 5), fleet.now)
    fleet.wait(2)
    assert fleet.decisions.cameras == {}


def test_a_start_that_hangs_is_not_forgotten_by_the_next_controller() -> None:
    hung = Camera(0, "cam0", exclusive=True, state="closing", agent="a", epoch=5, hangs=True, then="failed")
    hung.why = "no start within 120 s"
    fleet = Restarted(kept(hung))
    fleet.report("a", (0, 5))
    fleet.report("b")
    fleet.wait(9)
    assert fleet.decisions.agents["a"].state == "up"
    assert fleet.decisions.cameras[0].why == "no start within 120 s"
    fleet.wait(3)
    assert "all that it has are starts that hang: killed" in [text for _, _, text in fleet.decisions.events]
    assert fleet.decisions.cameras[0].then == "failed"
    assert fleet.started == []


def test_a_camera_that_fails_waits_on_with_the_next_controller() -> None:
    failed = Camera(0, "cam0", state="failed", failures=7, failures_in_row=5, retry_at=1030.0)
    fleet = Restarted(kept(failed, 1000.0))  # by the clock of another machine
    fleet.report("a")
    fleet.report("b")
    fleet.wait(29)
    assert fleet.started == []
    fleet.wait(2)
    (action,) = fleet.started
    fleet.decisions.started((0, action.epoch), fleet.now)
    fleet.decisions.failed((0, action.epoch), fleet.now, "again")
    camera = fleet.decisions.cameras[0]
    assert camera.failures == 8
    fleet.wait(25)
    assert len(fleet.started) == 1


def test_a_culprit_is_held_on_and_cleared_by_the_next_controller() -> None:
    held = Camera(0, "cam0", state="failed", crashes=3, trial=10.0, company=1, holds=4, retry_at=60.0)
    tried = Camera(1, "cam1", state="running", agent="a", epoch=5, crashes=2, trial=10.0, company=1)
    fleet = Restarted(kept(held), kept(tried))
    fleet.report("a", (1, 5))
    fleet.report("b")
    fleet.wait(9)
    assert fleet.decisions.cameras[1].company == 1
    fleet.wait(8)
    assert fleet.decisions.cameras[1].company == 0
    fleet.wait(40)
    assert fleet.started == []
    fleet.wait(5)
    (action,) = fleet.started
    fleet.decisions.started((0, action.epoch), fleet.now)
    fleet.decisions.gone(action.agent, fleet.now, "killed by signal 11", crashed=True)
    assert fleet.decisions.cameras[0].why.startswith("held for 16 s: it crashed 4 agents in a row")


def updated(**others: Any) -> Camera:
    """A camera of before whose run 9 has another build than its run 5."""
    former = Former("a", (0, 5), stays=True)
    fields = {"state": "starting", "agent": "a", "epoch": 9, "former": former, "renewed": 5, **others}
    return kept(Camera(0, "cam0", **fields))


def test_the_former_run_goes_on_until_the_run_of_the_new_build_gives_results_to_the_next_controller() -> None:
    fleet = Restarted(updated())
    fleet.report("a", (0, 5), (0, 9))
    fleet.report("b")
    fleet.wait(60)  # its build takes its time
    assert fleet.decisions.allowed("a") == [(0, 9), (0, 5)]
    assert fleet.decisions.cameras[0].state == "starting"
    fleet.decisions.started((0, 9), fleet.now)
    fleet.decisions.give_results([(0, 9)])
    fleet.wait(1)
    assert fleet.decisions.allowed("a") == [(0, 9)]
    assert fleet.started == []


def test_a_run_that_started_before_its_agent_was_adopted_is_known_to_run() -> None:
    fleet = Restarted(updated())
    fleet.report("a", (0, 5), (0, 9), started=((0, 5), (0, 9)))
    assert fleet.decisions.cameras[0].state == "running"
    fleet.decisions.give_results([(0, 9)])
    fleet.report("b")
    fleet.wait(1)
    assert fleet.decisions.allowed("a") == [(0, 9)]


def test_the_former_run_goes_on_while_a_new_build_fails_under_the_next_controller() -> None:
    fleet = Restarted(updated())
    fleet.report("a", (0, 5), (0, 9))
    fleet.report("b")
    fleet.decisions.failed((0, 9), fleet.now, "no such model")
    fleet.wait(3)
    (again,) = fleet.started
    assert fleet.decisions.allowed("a") == [(0, again.epoch), (0, 5)]


@pytest.mark.parametrize("others", [{}, {"former": None}])  # None means its agent had not been heard
def test_a_run_of_the_earlier_build_is_replaced_by_the_next_controller(others: dict[str, Any]) -> None:
    fleet = Restarted(updated(state="unplaced", agent=None, epoch=5, **others))
    fleet.report("b")
    fleet.report("a", (0, 5))
    fleet.wait(1)
    (start,) = fleet.started
    assert (0, 5) in fleet.decisions.allowed("a")
    fleet.decisions.started((0, start.epoch), fleet.now)
    fleet.decisions.give_results([(0, start.epoch)])
    fleet.wait(1)
    assert fleet.decisions.allowed(start.agent) == [(0, start.epoch)]


def test_an_exclusive_run_of_the_earlier_build_is_closed_before_the_next_one_starts() -> None:
    fleet = Restarted(updated(state="unplaced", agent=None, epoch=5, former=None, exclusive=True))
    fleet.report("b")
    fleet.report("a", (0, 5))
    fleet.wait(1)
    assert (fleet.decisions.allowed("a"), fleet.started) == ([], [])
    fleet.note(fleet.decisions.closed((0, 5), fleet.now))
    fleet.wait(1)
    assert len(fleet.started) == 1


def test_a_former_run_that_has_ended_meanwhile_is_forgotten_by_the_next_controller() -> None:
    fleet = Restarted(updated())
    fleet.report("a", (0, 9))
    fleet.wait(2)
    assert fleet.decisions.allowed("a") == [(0, 9)]
    assert fleet.decisions.cameras[0].former is None


def test_a_camera_whose_former_run_was_at_an_agent_that_is_no_more_can_move_as_any_other_one() -> None:
    given = updated(state="running", former=Former("gone", (0, 5), stays=True))
    fleet = Restarted(given)
    assert fleet.decisions.cameras[0].former is None
    fleet.report("a", (0, 9))
    fleet.report("b")
    fleet.decisions.drain("a", True)
    fleet.wait(1)
    (start,) = fleet.started
    assert (start.agent, fleet.decisions.allowed("a")) == ("b", [(0, 9)])  # until the next run gives results
    assert (given.agent, given.former) == ("a", Former("gone", (0, 5), stays=True))


def test_the_marks_of_agents_are_kept_for_the_next_controller() -> None:
    agent = Agent("a", {"site": "north"}, draining=True, deaths=3, deaths_in_row=2)
    decisions = Decisions(FleetState(lambda: 1))
    placed = saved_state.PlacedAgent(adoption.kept(agent, launched=True), "node", None, KeptRuns({}, {}))
    adoption.restore(decisions, [saved_state.restore_agent(saved_state.agent_state(placed)).agent], [], 0.0)
    restored = decisions.agents["a"]
    assert (restored.labels, restored.draining) == ({"site": "north"}, True)
    assert (restored.deaths, restored.deaths_in_row) == (3, 2)


def outbox(reported: int, handed: int, waiting: int, fenced: int = 0) -> Records:
    epoch, camera, reader = (TERM - 1) << 32, 0, 1
    return np.array([(epoch, reported, 0, 0, fenced, handed, waiting, camera, reader)], OUTBOX)


def results(*ordinals: int) -> Records:
    return np.array([((TERM - 1) << 32, each, each, 0, 0.0, 0.0, 0, 1) for each in ordinals], RESULT)


def take(books: Counters, records: Records, batch: Records) -> None:
    books.note_all(records)
    books.note_again(records, batch)
    for each in batch:
        books.receive(0, int(each["epoch"]), int(each["ordinal"]))


@pytest.mark.parametrize("renewal_first", [False, True])
def test_results_that_come_again_to_a_new_controller_are_counted_once(renewal_first: bool) -> None:
    books = Counters(TERM)
    if renewal_first:
        books.note_all(outbox(12, 8, 4))
        assert books.totals(0).delivered == 8
    take(books, outbox(9, 8, 1), results(5, 6, 7))  # the batch that an earlier controller had got
    take(books, outbox(13, 12, 1), results(8, 9, 10, 11))
    totals = books.totals(0)
    assert (totals.reported, totals.delivered, totals.waiting) == (13, 12, 1)
    assert totals.repeated == 0


def test_what_the_program_was_given_counts_when_its_run_has_ended_together_with_the_controller() -> None:
    books = Counters(TERM)
    books.note_delivered(20)  # 8 of them of a run that has a record
    take(books, outbox(9, 8, 1), results(5, 6, 7))
    totals = books.totals(0)
    assert (totals.reported, totals.delivered, totals.waiting) == (21, 20, 1)
    take(books, outbox(24, 24, 0), results(*range(8, 24)))
    totals = books.totals(16)
    assert (totals.reported, totals.delivered, totals.waiting) == (36, 20, 16)
    books.note_delivered(36)
    totals = books.totals(0)
    assert (totals.reported, totals.delivered, totals.waiting) == (36, 36, 0)


RUN = (0, (TERM - 1) << 32)


def following(books: Counters, term: int) -> Counters:
    """Returns the counters of the next controller."""
    books_of_next = Counters(term)
    books_of_next.restore(books.closed, books.ended, books.refused)
    books_of_next.told_is_all = books.told_is_all
    return books_of_next


def test_the_last_record_of_a_run_counts_once_however_often_and_to_whomever_it_comes() -> None:
    first = Counters(TERM - 1)
    take(first, outbox(9, 8, 1), results(*range(8)))
    assert first.end_outbox(RUN, outbox(9, 8, 0, fenced=1), "a")
    assert not first.end_outbox(RUN, outbox(9, 8, 0, fenced=1), "a")
    second = following(first, TERM)
    take(second, outbox(8, 8, 0), results(5, 6, 7))  # a batch that the program had not acknowledged
    assert not second.end_outbox(RUN, outbox(9, 8, 0, fenced=1), "a")
    for books in (first, second):
        totals = books.totals(0)
        assert (totals.reported, totals.delivered, totals.fenced, totals.waiting) == (9, 8, 1, 0)
    second.keep_ended("b", ())  # the second one never had it
    assert list(second.ended) == [RUN]
    second.keep_ended("a", [RUN])
    assert list(second.ended) == [RUN]
    second.keep_ended("a", ())
    assert second.ended == {}


def test_a_last_record_that_a_controller_had_not_kept_is_counted_by_the_next() -> None:
    second = following(Counters(TERM - 1), TERM)
    assert second.end_outbox(RUN, outbox(9, 8, 0, fenced=1), "a")
    take(second, outbox(8, 8, 0), results(5, 6, 7))
    totals = second.totals(0)
    assert (totals.reported, totals.delivered, totals.fenced, totals.waiting) == (9, 8, 1, 0)


def test_results_that_an_earlier_controller_has_refused_were_not_delivered() -> None:
    first = Counters(TERM - 1)
    assert first.receive(0, RUN[1] + 1, 0) == 0  # asks for the next run
    take(first, outbox(3, 3, 0), results(0, 1, 2))
    assert (first.totals(0).delivered, first.totals(0).fenced) == (1, 3)
    second = following(first, TERM)
    second.note_all(outbox(3, 3, 0))
    assert (second.totals(0).delivered, second.totals(0).fenced) == (0, 3)
    second.note_delivered(1)  # its run has ended together with the controller
    totals = second.totals(0)
    assert (totals.reported, totals.delivered, totals.fenced) == (4, 1, 3)


def test_what_was_handed_over_and_the_program_was_not_given_is_fenced() -> None:
    """The controller that has refused it was killed before that was kept."""
    books = Counters(TERM)
    books.note_all(outbox(8, 8, 0))
    books.note_delivered(6)
    books.settle([RUN])  # the next results of their agent are new
    totals = books.totals(0)
    assert (totals.reported, totals.delivered, totals.fenced, totals.waiting) == (8, 6, 2, 0)


def test_results_that_will_come_again_wait_and_are_not_fenced_meanwhile() -> None:
    books = following(Counters(TERM - 1), TERM)
    books.note_delivered(5)
    books.note_all(outbox(8, 8, 0))
    assert books.expects_repeats
    totals = books.totals(0)
    assert (totals.reported, totals.delivered, totals.fenced, totals.waiting) == (8, 5, 0, 3)
    take(books, outbox(8, 8, 0), results(5, 6, 7))
    assert not books.expects_repeats
    totals = books.totals(3)
    assert (totals.reported, totals.delivered, totals.fenced, totals.waiting) == (8, 5, 0, 3)
    books.note_delivered(8)
    totals = books.totals(0)
    assert (totals.reported, totals.delivered, totals.fenced, totals.waiting) == (8, 8, 0, 0)


def test_a_run_that_ends_before_its_batch_comes_again_has_no_results_that_wait() -> None:
    books = following(Counters(TERM - 1), TERM)
    books.note_delivered(5)
    books.note_all(outbox(8, 8, 0))
    books.end(RUN, lost=True)
    totals = books.totals(0)
    assert (totals.reported, totals.delivered, totals.fenced, totals.waiting) == (8, 5, 3, 0)


def test_what_an_earlier_program_was_given_counts_though_its_records_come_behind_the_next_program() -> None:
    second = following(Counters(TERM - 1), TERM)
    second.note_opened(again=False)  # the other program has gone together with the controller
    second.note_all(outbox(1000, 1000, 0))
    take(second, outbox(1005, 1005, 0), results(*range(1000, 1005)))
    second.note_delivered(5)  # with the 0 that were known when it opened the reader
    third = following(second, TERM + 1)
    third.note_all(outbox(1005, 1005, 0))
    third.settle([RUN])
    third.note_delivered(5)  # it goes on
    for books in (second, third):
        totals = books.totals(0)
        assert (totals.reported, totals.delivered, totals.fenced) == (1005, 1005, 0)


def test_a_program_that_opens_a_reader_after_one_that_went_on_tells_all() -> None:
    books = following(Counters(TERM - 1), TERM)
    books.note_all(outbox(8, 8, 0))
    books.settle([RUN])
    books.note_delivered(6)
    books.note_opened(again=False)
    books.note_delivered(6)
    totals = books.totals(0)
    assert (totals.reported, totals.delivered, totals.fenced) == (8, 6, 2)


def test_refused_results_count_together_with_the_record_of_their_run() -> None:
    first = Counters(TERM - 1)
    first.receive(0, RUN[1] + 1, 0)
    take(first, outbox(3, 3, 0), results(0, 1, 2))
    second = following(first, TERM)
    totals = second.totals(0)
    assert (totals.reported, totals.delivered, totals.fenced) == (0, 0, 0)
    second.note_all(outbox(3, 3, 0))
    totals = second.totals(0)
    assert (totals.reported, totals.delivered, totals.fenced) == (3, 0, 3)
    second.end(RUN, lost=False)
    third = following(second, TERM + 1)
    totals = third.totals(0)
    assert (totals.reported, totals.delivered, totals.fenced) == (3, 0, 3)
    assert third.refused == {}


@pytest.mark.parametrize("has_ended", [False, True])
@pytest.mark.parametrize("is_refused_again", [False, True])
def test_refused_results_that_come_again_count_once(has_ended: bool, is_refused_again: bool) -> None:
    first = Counters(TERM - 1)
    take(first, outbox(5, 5, 0), results(*range(5)))
    first.receive(0, RUN[1] + 1, 0)
    take(first, outbox(8, 8, 0), results(5, 6, 7))
    if has_ended:
        first.end_outbox(RUN, outbox(8, 8, 0), "a")
    second = following(first, TERM)
    if is_refused_again:
        second.receive(0, RUN[1] + 1, 1)
    take(second, outbox(8, 8, 0), results(5, 6, 7))
    third = following(second, TERM + 1)
    third.note_all(outbox(8, 8, 0))
    for books, others in ((second, int(is_refused_again)), (third, 0)):
        totals = books.totals(others)  # totals of the next run
        delivered = 5 if is_refused_again else 8
        fenced = 8 - delivered
        assert (totals.reported, totals.delivered, totals.fenced) == (8, delivered, fenced)


def batch(number: int) -> bytes:
    return framed(struct.pack("<BIQ", BATCH, 1, number) + b"results")


def test_a_relay_forwards_whole_messages_and_gives_no_batch_twice() -> None:
    import socket  # noqa: PLC0415

    relay = Relay()
    first, ours = socket.socketpair()
    second, ours_again = socket.socketpair()
    with first, second, relay.theirs as agent:
        relay.attach(ours)
        pull = framed(struct.pack("<BQIQ", PULL, TERM, 1, 42))
        first.sendall(pull[:10])
        relay.work()
        first.sendall(pull[10:] + pull[:3])  # followed by half of another one
        relay.work()
        assert agent.recv(1000) == pull
        assert relay.pulls == {1: 42}
        first.close()
        with pytest.raises(ConnectionError):
            relay.work()
        relay.detach()
        event = framed(b"\x03told")
        agent.sendall(event)
        relay.work()  # there is no agent: it is left where it is
        relay._up.extend(map(memoryview, (batch(42), event)))
        relay._sent = 3
        relay.attach(ours_again)
        second.sendall(pull)
        relay.work()
        assert second.recv(1000) == event + event
        assert agent.recv(1000) == pull
        relay.close()
