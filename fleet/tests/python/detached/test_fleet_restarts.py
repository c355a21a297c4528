"""A detached fleet's next controller goes on with the state of the one before, or says why it cannot."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import json
import os
import pickle
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fleet_rigs.yard import TOKEN, Memory, Yard, yard_fixture
from support import until

import freshframe as ff
from freshframe_fleet import _wire
from freshframe_fleet._control.agents.link import Lateness
from freshframe_fleet._control.agents.runs import UNKNOWN
from freshframe_fleet._control.counts import CameraCounts
from freshframe_fleet._control.loop import boot_time
from freshframe_fleet._control.setup import Setup
from freshframe_fleet._decide.decisions import Agent, Camera, Times
from freshframe_fleet._detached import ray_actor
from freshframe_fleet._detached.cluster_state import ClusterState, Trouble
from freshframe_fleet._detached.controller import DetachedController
from freshframe_fleet._detached.server import agents_of_before, saved_state
from freshframe_fleet._machines.handshake import introduce, message
from freshframe_fleet._machines.ray_place import RayPlace
from freshframe_fleet._messages import Marked
from freshframe_fleet._read.counters import Totals

yard = yard_fixture()

NO_SUMS = asdict(Totals())


def test_a_build_of_a_controller_that_was_killed_is_not_taken_for_the_next_ones() -> None:
    store = Memory()
    first = ClusterState("yard", store)
    first.write_build(first.build_key(0), b"before the state that names it was written")
    second = Yard(store)
    try:
        second.controller.controller.add_build(b"", b"of the second")
        second.controller.write_through()
        third = ClusterState("yard", store)
        assert third.before is not None
        (key,) = pickle.loads(third.before)["builds"].values()
        build = third.read_build(key)
        assert build is not None
        assert pickle.loads(build) == (b"", b"of the second", b"")
    finally:
        second.end()


def test_a_write_that_the_next_controller_may_have_missed_does_not_count(yard: Yard) -> None:
    store, kept, put = yard.store, yard.controller.kept, yard.store.put
    build = yard.controller.controller.add_build(b"", b"of the state that the next one reads")
    yard.controller.write_through()
    following: list[ClusterState] = []

    def put_late(key: str, value: bytes) -> None:
        if "/state/" in key and not following:
            following.append(ClusterState("yard", store))
        put(key, value)

    def forget_build() -> int:
        yard.parts.builds.use(build)
        yard.parts.builds.release(build)
        return kept.change()

    store.put = put_late  # type: ignore[method-assign]
    change = yard.controller.controller.call(forget_build)
    thread = kept._writer._thread
    assert thread is not None
    thread.join()  # another controller has taken over
    assert not kept.is_written(change)
    assert following[0].before is not None
    (key,) = pickle.loads(following[0].before)["builds"].values()
    assert following[0].read_build(key) is not None


@pytest.fixture
def leave_behind() -> Iterator[Callable[..., Yard]]:
    """Makes a controller that finds this state of an earlier one."""
    yards: list[Yard] = []

    def make(**changes: Any) -> Yard:
        store = Memory()
        before = Yard(store)
        before.controller.place.add_node("a", "node", {})
        before.controller.write_through()
        (pickled,) = [value for key, value in store.values.items() if "/state/" in key]
        state = pickle.loads(pickled)
        before.end()
        state["agents"][0].update({"launched": True, "runs": changes.pop("runs", {}), "ended runs": {}})
        ClusterState("yard", store).write(pickle.dumps({**state, **changes}))
        yards.append(Yard(store, restored=True))
        return yards[0]

    yield make
    for yard in yards:
        yard.end()


def test_a_state_in_the_format_of_another_version_is_refused() -> None:
    store = Memory()
    ClusterState("yard", store).write(pickle.dumps({"next": (0, 1)}))
    yard = Yard(store)
    with pytest.raises(
        ff.StateError, match=r"has the format None, and this freshframe reads 7\. .* begin a new fleet"
    ):
        yard.controller.restore()
    yard.end()


def test_a_reader_that_its_program_has_just_left_is_not_restored(leave_behind: Callable[..., Yard]) -> None:
    sums = {"closed": {}, "ended": {}, "refused": {}, "told is all": True}
    nobody = {"number": 1, "output": "ticks", "name": None, "key": None, **sums}
    named = {"number": 2, "output": "ticks", "name": "log", "key": None, **sums}
    assert [each.number for each in leave_behind(readers=[nobody, named]).parts.readers] == [2]


@pytest.mark.parametrize("key_before", [None, "of a program that was killed"])
def test_what_a_killed_program_was_given_counts_when_the_next_one_opens_its_reader_before_the_agents_come(
    leave_behind: Callable[..., Yard], key_before: str | None
) -> None:
    sums = {"closed": NO_SUMS, "ended": {}, "refused": {}, "told is all": True}
    left = leave_behind(readers=[{"number": 2, "output": "ticks", "name": "log", "key": key_before, **sums}])
    clients, (reader,) = left.clients, left.parts.readers
    program: Any = object()
    incarnation, _, delivered = clients._do_open(program, "key", "ticks", "log", False)
    assert delivered == 0
    reader.note(np.array([(5, 1005, 0, 0, 0, 1000, 5, 0, 2)], _wire.OUTBOX))
    reader.note(np.array([(5, 1005, 0, 0, 0, 1005, 0, 0, 2)], _wire.OUTBOX))
    data = np.array([(5, each, each, 0, 0.0, 0.0, 0, 1) for each in range(1000, 1005)], _wire.RESULT)
    reader.push(_wire.Batch(2, 1, np.empty(0, _wire.OUTBOX), data, memoryview(b"xxxxx")))
    clients._acknowledge("key", incarnation, 5, 5)
    totals = reader.totals()
    assert (totals.reported, totals.delivered, totals.fenced, totals.waiting) == (1005, 1005, 0, 0)
    assert not reader.counters.told_is_all, "the next controller must know"


def test_an_agent_whose_end_is_told_before_it_is_adopted_is_not_waited_for(
    leave_behind: Callable[..., Yard],
) -> None:
    controller = leave_behind().controller
    hello = {
        "node": "node",
        "pid": os.getpid(),
        "version": ff.__version__,
        "cores": 1.0,
        "child": {"number": 5, "mark": "m", "pid": 1},
    }
    told = threading.Event()
    tell = controller.place.guards._on_ended

    def on_ended(*what: Any) -> None:
        tell(*what)
        told.set()

    controller.place.guards._on_ended = on_ended
    with contextlib.ExitStack() as stack:

        def connect(what: str) -> socket.socket:
            connection = stack.enter_context(socket.create_connection(controller.place.guards.address, 50))
            introduce(connection, TOKEN, {"what": what, **hello})
            return connection

        guard = connect("guard")
        guard.settimeout(50)
        assert guard.recv(100)  # it is known
        guard.sendall(message({"what": "ended", "number": 5, "why": "killed by signal 9"}))
        assert told.wait(100)
        connect("agent").close()
        until(lambda: controller.controller.decisions.agents["a"].state == "down", "the end of the agent")
        assert controller.controller.decisions.agents["a"].why == "killed by signal 9"


class Guard:
    """The test's end of a guard's channel. Its agents do not exist."""

    def __init__(self, controller: DetachedController, stack: contextlib.ExitStack) -> None:
        self._hello = {"node": "node", "pid": os.getpid(), "version": ff.__version__, "cores": 1.0}
        self._address, self._stack = controller.place.guards.address, stack
        self._orders = _wire.MessageReader()
        self._channel = self._connect("guard")
        self._heard: list[dict[str, Any]] = []
        assert self.order()["what"] == "known"
        self._connect("agent")

    def _connect(self, what: str) -> socket.socket:
        connection = self._stack.enter_context(socket.create_connection(self._address, 50))
        introduce(connection, TOKEN, {"what": what, **self._hello})
        connection.settimeout(50)
        return connection

    def order(self) -> dict[str, Any]:
        """The next one."""
        while not self._heard:
            self._heard += [json.loads(bytes(each)) for each in self._orders.add(self._channel.recv(1000))]
        return self._heard.pop(0)

    def tell(self, **what: Any) -> None:
        self._channel.sendall(message(what))


def kept_agent(store: Memory) -> dict[str, Any]:
    """The state for the next controller."""
    (state,) = [value for key, value in store.values.items() if "/state/" in key]
    (agent,) = pickle.loads(state)["agents"]
    return dict(agent)


def test_an_agent_is_launched_once_the_next_controller_would_know_of_it(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    yard.controller.place.add_node("a", "node", {})
    agent = yard.parts.decisions.agents["a"]
    put = yard.store.put

    def put_once(key: str, value: bytes) -> None:
        put(key, value)
        monkeypatch.setattr(yard.store, "put", refuse)

    def refuse(key: str, value: bytes) -> None:
        raise OSError("the store takes nothing more")

    yard.store.fails = True
    with contextlib.ExitStack() as stack:
        guard = Guard(yard.controller, stack)
        until(lambda: "must be written to the cluster's store" in agent.why, "the wait for the store")
        assert agent.launches == 0
        monkeypatch.setattr(yard.store, "put", put_once)
        yard.store.fails = False
        assert guard.order()["what"] == "launch"
        assert kept_agent(yard.store)["launched"]
    monkeypatch.setattr(yard.store, "put", put)


def test_a_new_build_starts_once_the_next_controller_would_know_of_it(yard: Yard) -> None:
    controller, held = yard.controller.controller, yard.controller.adoption.why_held
    builds = [controller.add_build(b"", b"") for _ in range(2)]
    controller.add([("cam", "x", {})], builds[0], False)
    yard.controller.write_through()
    camera = controller.decisions.cameras[0]
    assert held(camera, boot_time()) == ""
    yard.store.fails = True
    controller.update("cam", builds[1], None)
    assert "it must be written" in held(camera, boot_time())
    yard.store.fails = False
    until(lambda: held(camera, boot_time()) == "", "the write")


def test_a_new_camera_starts_once_the_next_controller_would_know_of_it(yard: Yard) -> None:
    """Otherwise the next one could give its number to another camera, which would get its runs."""
    controller = yard.controller.controller
    build = controller.add_build(b"", b"")
    yard.controller.write_through()
    yard.place.add_node("a", "node", {})
    with controller.lock:
        controller.decisions.launched("a", boot_time())
        controller.decisions.heard("a", boot_time() + 1000.0, 0.0)
    yard.store.fails = True
    controller.add([("gate", "x", {})], build, True)
    gate = controller.decisions.cameras[0]
    until(lambda: "it must be written to the cluster's store first" in gate.why, lambda: gate.why)
    assert gate.starts == 0
    yard.store.fails = False
    until(lambda: gate.starts > 0, lambda: gate.why)
    until(lambda: not yard.controller.adoption._changed, "nothing that waits")


def test_agents_hear_of_a_reader_once_the_next_controller_would_know_of_it(yard: Yard) -> None:
    """Otherwise the next one could give its number to another reader."""
    parts, sent = yard.parts, list[bytes]()
    link: Any = SimpleNamespace(name="a", send=sent.append, has_unsent=False, socket=None)
    with parts.loop.lock:
        parts.links._all["a"] = link
    try:
        yard.store.fails = True
        number = yard.controller.open_for("key", "ticks", None).results.number
        with parts.loop.lock:
            parts.readers.introduce(link)
            parts.readers.pull()
        assert sent == []
        yard.store.fails = False
        until(lambda: sent == [_wire.reader(parts.kept.term, number, "ticks")], lambda: str(sent))
    finally:
        with parts.loop.lock:
            del parts.links._all["a"]


def test_an_agent_that_an_earlier_controller_wanted_to_launch_is_looked_for_and_launched(
    leave_behind: Callable[..., Yard],
) -> None:
    controller = leave_behind().controller
    with contextlib.ExitStack() as stack:
        guard = Guard(controller, stack)
        sought = guard.order()
        assert sought["what"] == "look for"
        assert controller.controller.decisions.agents["a"].state == "up"  # it may be there
        guard.tell(what="ended", number=sought["number"], why="ended with its guard")
        assert guard.order()["what"] == "launch"


class AgentOfBefore:
    """Its guard comes back to the controller that was restarted, as often as the test asks."""

    def __init__(self, left: Yard, stack: contextlib.ExitStack) -> None:
        self.parts, self._stack = left.parts, stack
        self._adopts, self._adoption = left.place.adopts, left.controller.adoption
        (self.link,) = left.parts.links

    def come(self) -> bool:
        """Whether it is one to be adopted."""
        ours, theirs = socket.socketpair()
        self._stack.enter_context(theirs)
        post: Any = SimpleNamespace(
            **{"spare": ours, "pulls": {}, "cores": 1.0, "ended": None, "send": lambda **order: None},
            child={"number": 5, "mark": "m", "pid": 1},
        )
        is_adopted = self._adopts(self.link, post)  # type: ignore[arg-type]  # it is a FarLink
        if not is_adopted:
            ours.close()
        return is_adopted

    def answer_mark(self, term: int) -> None:
        assert self._adoption.hears(self.link, Marked(term))

    def renew(self, *runs: tuple[int, int]) -> bool:
        """Reports these runs. Whether an answer follows."""
        cameras = np.zeros(len(runs), _wire.CAMERA)
        for record, run in zip(cameras, runs, strict=True):
            record["camera"], record["epoch"] = run
        none = np.empty(0, _wire.OUTBOX)
        renewal = _wire.Renewal(1, 0.0, 0.0, {}, cameras, none, none)
        return self._adoption.report(self.link, renewal, boot_time()) is not None

    def end(self) -> None:
        self._adoption.ended(self.link)

    @property
    def adoptions(self) -> int:
        return sum(text.startswith("adopted with") for _, _, text in self.parts.decisions.events)


def test_an_agent_of_before_is_adopted_once_it_has_done_what_an_earlier_controller_has_ordered(
    leave_behind: Callable[..., Yard],
) -> None:
    kept, unknown = (0, 5), (0, 6)
    left = leave_behind(runs={kept: 3})
    term = left.parts.kept.term
    with contextlib.ExitStack() as stack, left.parts.loop.lock:
        agent = AgentOfBefore(left, stack)
        assert agent.come()
        assert not agent.renew()
        agent.answer_mark(term - 1)
        assert not agent.renew()
        agent.answer_mark(term)
        assert agent.come()  # the connection was lost
        assert not agent.renew(), "it may not have done what it was ordered by this connection"
        agent.answer_mark(term)
        assert agent.renew(kept, unknown)
        assert agent.adoptions == 1
        assert [agent.link.runs.find_build(run) for run in (kept, unknown)] == [3, UNKNOWN]
        agent.answer_mark(term)  # answers the first connection
        assert agent.renew(kept)
        assert (agent.adoptions, agent.come()) == (1, False)


def test_an_agent_of_before_that_has_ended_is_not_adopted_any_more(leave_behind: Callable[..., Yard]) -> None:
    left = leave_behind()
    with contextlib.ExitStack() as stack, left.parts.loop.lock:
        agent = AgentOfBefore(left, stack)
        assert agent.come()
        agent.end()
        agent.answer_mark(left.parts.kept.term)
        assert agent.renew()
        assert (agent.adoptions, agent.come()) == (0, False)


def test_no_exclusive_camera_is_answered_for_when_another_controller_may_have_begun(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = yard.parts
    sent: list[bytes] = []
    link: Any = SimpleNamespace(
        name="a",
        meter=SimpleNamespace(note_cpu=lambda now, cpu: 0.0, lateness=Lateness()),
        send=sent.append,
        child=SimpleNamespace(post=SimpleNamespace(send=lambda **order: None)),
        note_renewal=lambda renewal, now: None,
    )
    none = (np.empty(0, _wire.CAMERA), np.empty(0, _wire.OUTBOX), np.empty(0, _wire.OUTBOX))
    clock = boot_time

    def answered() -> bytes:
        with parts.loop.lock:
            decisions, now = parts.decisions, clock()
            decisions.agents["a"] = Agent("a", {}, state="up", heard=now, python_ran=now)
            decisions.state.placed["a"] = {0, 1}
            for number, exclusive in ((0, True), (1, False)):
                decisions.cameras[number] = Camera(
                    number, str(number), {}, exclusive, "running", agent="a", epoch=5
                )
            parts.links.on_message(link, _wire.Renewal(1, 0.0, 0.0, {}, *none))
            del decisions.agents["a"], decisions.state.placed["a"]
            decisions.cameras.clear()
        return sent[-1]

    def answer(*runs: tuple[int, int]) -> bytes:
        return _wire.answer(parts.kept.term, 1, _wire.runs(runs))

    assert answered() == answer((0, 5), (1, 5))
    yard.store.fails = True
    monkeypatch.setattr(agents_of_before, "boot_time", lambda: clock() + 61)
    assert answered() == answer((0, 5), (1, 5))
    monkeypatch.setattr(agents_of_before, "boot_time", lambda: clock() + 64)
    assert answered() == answer((1, 5))
    held = yard.controller.adoption.why_held
    assert "another controller" in held(Camera(0, "only", exclusive=True), clock())
    assert held(Camera(1, "open"), clock()) == ""


@pytest.mark.parametrize(("orphan_after", "starts"), [(300.0, 6), (400.0, 8)])
def test_a_controller_that_cannot_be_started_again_says_why_and_is_given_up_with_its_guards(
    monkeypatch: pytest.MonkeyPatch, orphan_after: float, starts: int
) -> None:
    """After ten minutes, or after twice the time for which agents go on without it."""
    setup = Setup("yard", True, Times(orphan_after=orphan_after), {})
    ended: list[int] = []
    store = Memory()
    trouble = Trouble("yard", store)
    now = 1000.0
    monkeypatch.setattr(ray_actor, "_TRY_AGAIN", 0.0)
    monkeypatch.setattr(os, "_exit", ended.append)
    monkeypatch.setattr(time, "time", lambda: now)
    for _ in range(starts):
        ray_actor._try_again(trouble, setup, ValueError("bad\n state"))
        assert trouble.why() == "ValueError: bad state"
        now += 100.0
    assert len(ended) == starts
    ray_actor._try_again(trouble, setup, ValueError("bad state"))  # returns: Ray gives up
    assert len(ended) == starts
    for step in (500.0, -5000.0):  # long ago, or by another clock: not the same trouble
        now += step
        ray_actor._try_again(trouble, setup, ValueError("bad state"))
    assert len(ended) == starts + 2
    trouble.end()
    assert trouble.why() == ""
    store.fails = True
    ray_actor._try_again(trouble, setup, OSError("no store"))
    assert len(ended) == starts + 3
    assert trouble.why() == ""


def test_machines_are_watched_on_after_a_sweep_that_failed() -> None:
    class Watched(RayPlace):
        def __init__(self) -> None:
            self._closing, self._failures = threading.Event(), 0
            self.place: Any = SimpleNamespace(sweep=self._sweep)
            self.sweeps = 0

        def _look(self) -> None: ...

        def _sweep(self) -> None:
            self.sweeps += 1
            if self.sweeps == 2:
                self._closing.set()
            raise KeyError("agent")

    place = Watched()
    place._run()
    assert (place.sweeps, place._failures) == (2, 2)


NONE = CameraCounts().state


def test_results_of_a_run_that_ended_while_there_was_no_controller_are_counted_as_possible(
    leave_behind: Callable[..., Yard],
) -> None:
    """They are in no record, and the program cannot see a gap: the next epoch begins at 0."""
    cameras = [
        saved_state.camera_state(
            Camera(number, str(number), state="running", agent="a", epoch=5 + number), 0.0
        )
        for number in range(2)
    ]
    readers = [
        {
            **{"number": number, "output": output, "name": output, "key": None},
            **{"closed": NO_SUMS, "ended": {}, "refused": {}, "told is all": True},
        }
        for number, output in enumerate(("ticks", "faces"), 1)
    ]
    controller = leave_behind(
        cameras=cameras,
        readers=readers,
        addresses={"next": 2, "known": {0: ("0", "x", 0, NONE), 1: ("1", "x", 1, NONE)}, "gone": {}},
        **{
            "builds of cameras": {
                "next": 2,
                "outputs": {0: ["ticks"], 1: ["ticks", "faces"]},
                "past outputs": {},
                "modules": {},
            }
        },
        runs={(0, 5): 0, (1, 6): 1},
    ).controller.controller
    (link,) = controller.links
    link.child.ended("killed by signal 9 (Killed)")
    until(lambda: controller.stats().agents["a"].state == "down", "the end of the agent")
    possible = {each.output: each.unreported_possible for each in controller.stats().readers}
    assert possible == {"ticks": 2, "faces": 1}
