"""A fleet that adds and removes cameras for years keeps nothing of those that have gone."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import os
import pickle
import socket
from typing import Any

import numpy as np
import pytest
from fleet_rigs.yard import TOKEN, Memory, Yard, yard_fixture
from support import until

import freshframe as ff
from freshframe_fleet import _wire
from freshframe_fleet._agent.process import _Agent
from freshframe_fleet._control.builds.builds import Builds, ForgottenBuildError, SentBuilds
from freshframe_fleet._detached.client.remote_controller import RemoteController
from freshframe_fleet._detached.server.served_reader import ServedReader
from freshframe_fleet._machines.handshake import introduce
from freshframe_fleet._messages import Build, ForgetBuild, KeepBuilds

yard = yard_fixture()


def give(reader: ServedReader, camera: int) -> None:
    """A result of a camera."""
    data = pickle.dumps(0, 5)
    results = np.array([(7 << 32, 0, 0, 0, 0.0, 0.0, camera, len(data))], _wire.RESULT)
    reader.results.push(_wire.Batch(1, 1, np.empty(0, _wire.OUTBOX), results, memoryview(data)))


def build_keys(store: Memory) -> list[str]:
    return store.keys("yard/build/")


@pytest.mark.parametrize("reads", [True, False])
def test_removed_cameras_leave_nothing_behind_unless_a_result_of_them_waits(yard: Yard, reads: bool) -> None:
    count = 1500 if reads else 300
    controller, parts = yard.controller.controller, yard.parts
    reader = yard.controller.open_for("key", "ticks", None)
    for number in range(count):
        build = controller.add_build(b"", bytes(1000))
        controller.add([(f"cam{number}", "x", {})], build, False)
        give(reader, number)
        if reads:
            reader.acknowledge(number + 1, number + 1)
        if number % 100 == 0:
            yard.controller.write_through()
        controller.remove(f"cam{number}")
        until(lambda: not parts.decisions.cameras, "the end of the camera")
    yard.controller.write_through()
    assert parts.builds.numbers() == []
    until(lambda: not build_keys(yard.store), "the end of the builds in the store")
    kept = parts.cameras.kept()
    assert (kept.next, kept.known) == (count, {})
    left = 0 if reads else count
    assert left <= len(kept.gone) <= left + 101
    assert left <= len(reader.results.counters._last) <= left + 101
    if not reads:
        assert [yard.controller.name_of(item[0]) for item in reader.results.items] == [
            f"cam{number}" for number in range(count)
        ]


def test_builds_that_no_camera_gets_are_forgotten_and_sent_again(yard: Yard) -> None:
    remote = RemoteController("yard", yard.find)
    try:
        builds = SentBuilds(remote.add_build)
        first = builds.number_build(max)
        for number in range(200):
            yard.controller.controller.add_build(b"", bytes(number))
        assert len(yard.parts.builds.numbers()) <= 64
        with pytest.raises(ForgottenBuildError):
            remote.add([("cam", "x", {})], first, False)
        builds.use(max, lambda number: remote.add([("cam", "x", {})], number, False))
        assert yard.parts.cameras.number("cam") is not None
    finally:
        remote.close()


def test_builds_that_an_earlier_controller_has_left_in_the_store_are_removed() -> None:
    store = Memory()
    store.put("yard/build/5-0", b"of a controller that was killed before it wrote its state")
    yard = Yard(store)
    try:
        newer = f"yard/build/{yard.controller.kept.term + 1}-0"
        store.put(newer, b"of a controller that has begun since")
        yard.controller.write_through()
        until(lambda: build_keys(store) == [newer], "the end of the build")
    finally:
        yard.end()


def test_an_agent_forgets_its_builds() -> None:
    agent = _Agent(None, None, None)
    for number in range(5):
        agent._obey(Build(number, b"", b""))
    agent._obey(ForgetBuild(1))
    agent._obey(KeepBuilds([0, 4, 9]))
    assert list(agent._builds) == [0, 4]


def test_the_outputs_of_builds_are_known_while_their_last_runs_may_go_on() -> None:
    builds = Builds()

    def add_and_release() -> int:
        number = builds.add(b"", b"")
        builds.use(number)
        builds.learn(number, ["ticks"])
        builds.release(number)
        return number

    number = add_and_release()
    assert builds.outputs() == []
    assert builds.may_give(number, "ticks")
    assert not builds.may_give(number, "faces")
    after_a_restart = Builds()
    after_a_restart.restore(builds.kept(), {})
    assert not after_a_restart.may_give(number, "faces")
    for _ in range(100):
        add_and_release()
    assert len(builds._past_outputs) == 64
    assert builds.may_give(number, "faces")  # the outputs of this build are forgotten


def test_an_agent_of_before_is_told_which_builds_there_are_and_which_are_not_any_more() -> None:
    store = Memory()
    before = Yard(store)
    before.controller.place.add_node("a", "node", {})
    number = before.controller.controller.add_build(b"", b"")
    before.controller.controller.add([("cam", "x", {})], number, False)
    before.controller.write_through()
    (key,) = [key for key in store.values if "/state/" in key]
    state: Any = pickle.loads(store.values[key])
    state["agents"][0]["launched"] = True
    kept = dict(store.values)
    before.end()
    store.values = {**kept, key: pickle.dumps(state)}
    yard = Yard(store, restored=True)
    hello = {
        "node": "node",
        "pid": os.getpid(),
        "version": ff.__version__,
        "cores": 1.0,
        "child": {"number": 5, "mark": "m", "pid": 1},
    }
    try:
        with contextlib.ExitStack() as stack:

            def connect(what: str) -> socket.socket:
                address = yard.controller.place.guards.address
                connection = stack.enter_context(socket.create_connection(address, 50))
                introduce(connection, TOKEN, {"what": what, **hello})
                connection.settimeout(50)
                return connection

            assert connect("guard").recv(100)  # it is known
            agent, heard = connect("agent"), b""
            while b"Mark" not in heard:
                heard += agent.recv(1000)
            term = yard.controller.kept.term
            assert _wire.order(term, KeepBuilds([number])) in heard
            yard.controller.controller.remove("cam")
            forgets = _wire.order(term, ForgetBuild(number))
            while forgets not in heard:
                heard += agent.recv(1000)
    finally:
        yard.end()
