"""Programs with another version of freshframe look at a detached fleet, and end it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import pickle
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from fleet_rigs.yard import TOKEN, Yard, yard_fixture
from support import until

import freshframe as ff
from freshframe_fleet._detached.client import channel
from freshframe_fleet._detached.client.remote_controller import RemoteController, restore_stats
from freshframe_fleet._machines.handshake import introduce
from freshframe_fleet._stats import AgentStats, CameraStats, FleetEvent, FleetReaderStats, FleetStats
from freshframe_fleet._wire import MessageReader, framed

yard = yard_fixture()


@pytest.fixture
def program(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> Iterator[RemoteController]:
    """One of the next minor version."""
    yard.place.add_node("a", "node/0", {"site": "north"}, "rack")
    number = yard.controller.controller.add_build(b"", b"")
    yard.controller.controller.add(
        [("gate", "rtsp://user:secret@10.0.0.7/main", {"site": "south"})], number, False
    )
    monkeypatch.setattr(channel, "__version__", "99.1.0")
    program = RemoteController("yard", yard.find)
    yield program
    program.close()


def test_it_sees_what_a_program_of_the_fleets_version_sees(yard: Yard, program: RemoteController) -> None:
    seen, there = program.stats(), yard.controller.controller.stats()
    assert isinstance(seen, FleetStats)
    assert isinstance(seen.agents["a"], AgentStats)
    assert isinstance(seen.cameras["gate"], CameraStats)
    assert seen.agents["a"].labels == {"site": "north"}
    assert seen.cameras["gate"].url == "rtsp://user:***@10.0.0.7/main"
    assert seen.unplaced() == there.unplaced() == {"gate": "no agent has site=south"}
    assert (seen.name, seen.term) == (there.name, there.term)
    assert [event.text for event in seen.events] == [event.text for event in there.events]
    assert str(seen).startswith("fleet yard: 1 unplaced")


def test_it_drains_removes_and_shuts_down(yard: Yard, program: RemoteController) -> None:
    program.drain("a", True)
    assert yard.controller.controller.decisions.agents["a"].draining
    assert program.count_cameras("a") == 0
    with pytest.raises(ff.StateError, match="there is no agent 'b'"):
        program.drain("b", True)
    program.remove("gate")
    until(lambda: yard.controller.controller.decisions.cameras == {}, "the end of the camera")
    ended: list[int] = []
    yard.clients._shut_down = lambda: ended.append(1)
    program.shut_down()
    assert ended == [1]
    assert program.stats().name == "yard"


def fleet_of(program: RemoteController) -> ff.fleet.Fleet:
    """Makes a fleet as Fleet.connect() does."""
    fleet = ff.fleet.Fleet.__new__(ff.fleet.Fleet)
    fleet._begin(program)
    return fleet


@pytest.mark.parametrize(
    ("call", "not_this"),
    [
        (lambda program: program.add_build(b"", b""), "add or update cameras"),
        (lambda program: fleet_of(program).update("gate", build=max), "add or update cameras"),  # type: ignore[arg-type]
        (lambda program: program.add([("door", "x", {})], 0, False), "add cameras"),
        (lambda program: program.update("gate", 0, None), "change the build of a camera"),
        (lambda program: program.open_reader("ticks"), "read results"),
    ],
)
def test_what_it_cannot_do_is_refused_with_both_versions(
    program: RemoteController, call: Any, not_this: str
) -> None:
    sentence = (
        f"the fleet has freshframe {ff.__version__} and this program 99.1.0: .* and not {not_this}: for"
    )
    with pytest.raises(ff.StateError, match=sentence):
        call(program)
    assert program.stats().name == "yard"  # it goes on


def asked(yard: Yard, hello: dict[str, Any], *requests: tuple[Any, ...]) -> list[Any]:
    """The answers to a program that speaks for itself."""
    with socket.create_connection(yard.place.guards.address, 5) as connection:
        introduce(connection, TOKEN, {"what": "client", "node": "", "pid": 1, **hello})
        reader, answers = MessageReader(), []
        for request in ((), *requests):
            if request:
                connection.sendall(framed(pickle.dumps(request)))
            messages: list[Any] = []
            while not messages:
                messages = list(reader.add(connection.recv(1 << 18)))
            answers += [pickle.loads(message) for message in messages]
        return answers


def test_the_fleet_itself_refuses_what_needs_the_same_version(yard: Yard) -> None:
    hello = {"version": "99.1.0", "border": channel.BORDER}
    greeting, answer, look = asked(yard, hello, ("add_build", b"", b""), ("look",))
    assert greeting == (None, {"version": ff.__version__})
    assert answer[0] == "StateError"
    assert "and not add or update cameras" in answer[1]
    assert look[1]["name"] == "yard"


@pytest.mark.parametrize("hello", [{"version": "0.0.1"}, {"version": "99.0.0", "border": 99}])
def test_a_program_whose_requests_are_not_known_is_refused(yard: Yard, hello: dict[str, Any]) -> None:
    ((error, text),) = asked(yard, hello)
    assert error == "StateError"
    assert f"this program {hello['version']}; both need the same" in text


def test_statistics_of_another_version_may_have_more_and_fewer_names() -> None:
    empty = FleetStats("yard", 7, {}, {}, [], [FleetEvent(1.0, "a", "up")])
    plain = empty.to_dict()
    camera = {"name": "gate", "state": "running", "colour": "red"}
    plain |= {"cameras": {"gate": camera}, "weather": "fine", "readers": [{"output": "ticks"}]}
    stats = restore_stats(plain)
    assert stats.events == empty.events
    assert stats.states() == {"running": 1}
    assert (stats.cameras["gate"].url, stats.cameras["gate"].result_age) == ("", None)
    assert stats.readers[0].delivered == 0


def test_what_all_versions_are_told_is_the_same_until_the_border_has_another_number() -> None:
    """A name that goes or changes its meaning is missed by programs of before: BORDER + 1 then."""
    names = {kind: {each.name for each in dataclasses.fields(kind)} for kind in (AgentStats, CameraStats)}
    assert channel.BORDER == 1
    assert names[AgentStats] >= {
        "name",
        "labels",
        "state",
        "reason",
        "draining",
        "pid",
        "camera_count",
        "load",
    }
    assert names[CameraStats] >= {
        "name",
        "url",
        "state",
        "reason",
        "agent",
        "epoch",
        "starts",
        "results",
        "result_age",
    }
    assert {each.name for each in dataclasses.fields(FleetReaderStats)} >= {"output", "delivered", "waiting"}
    assert {"look", "check_open", "drain", "move", "remove", "shut_down"} <= channel.FOR_ALL
