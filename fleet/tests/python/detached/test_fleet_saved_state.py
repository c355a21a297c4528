"""The state that one controller of a detached fleet writes, and the next one reads."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from fleet_rigs.yard import Memory, Yard, yard_fixture

import freshframe as ff
from freshframe_fleet._detached.server import saved_state

yard = yard_fixture()

NOW = 4096.0
WHAT_TO_DO = "begin a new fleet of this name, and add its cameras again"
SUMS = {
    **{"reported": 101, "delivered": 102, "outbox_full": 103, "expired": 104, "fenced": 105},
    **{"lost_with_agent": 106, "waiting": 107, "unreported_possible": 108, "repeated": 109},
}
MORE_SUMS = {word: count + 100 for word, count in SUMS.items()}

# As it was written before the controller had records for it. Under a word no two entries have the same
# number, text or table, and no entry has the same number under two words.
STATE: dict[str, Any] = {
    "format": 7,
    "builds of cameras": {
        "next": 12,
        "outputs": {10: ["ticks"], 11: ["ticks", "faces"]},
        "past outputs": {9: ["plates"]},
        "modules": {"cameras": "digest"},
    },
    "addresses": {
        "next": 4,
        "known": {
            0: ("gate", "rtsp://gate", 10, ({"frames": 90}, 7, {8: {"frames": 3}})),
            1: ("yard", "rtsp://yard", 11, ({"frames": 50}, 3, {4: {"frames": 6}})),
        },
        "gone": {2: "door"},
    },
    "agents": [
        {
            **{"labels": {"site": "north"}, "machine": "rack", "name": "a", "draining": True},
            **{"deaths": 5, "deaths_in_row": 2, "node": "node/0", "launched": True},
            **{"retired": "its machine leaves", "runs": {(0, 8): 10, (0, 6): 9}, "ended runs": {(2, 4): 8}},
        },
        {
            **{"labels": {"site": "south"}, "machine": "shelf", "name": "b", "draining": False},
            **{"deaths": 4, "deaths_in_row": 1, "node": "node/1", "launched": False},
            **{"retired": None, "runs": {}, "ended runs": {}},
        },
        {
            **{"labels": {"site": "east"}, "machine": "box", "name": "c", "draining": True},
            **{"deaths": 6, "deaths_in_row": 3, "node": "node/2", "launched": True},
            **{"retired": "its machine has gone", "runs": {(1, 9): 11}, "ended runs": {(3, 4): 7}},
        },
    ],
    "cameras": [
        {
            **{"number": 0, "name": "gate", "needs": {"site": "north"}, "exclusive": False},
            **{"state": "starting", "why": "it moves", "agent": "a", "epoch": 8, "starts": 21},
            **{"removed": False, "hangs": False, "then": "unplaced", "failures": 13, "failures_in_row": 3},
            **{"overlap": 0.5, "wanted": "b", "renewed": 7, "crashes": 4, "trial": 20.0, "company": 2},
            **{"holds": 6, "former": ("a", (0, 6), True, True), "retry_in": 16.0},
        },
        {
            **{"number": 1, "name": "yard", "needs": {"site": "south"}, "exclusive": True},
            **{"state": "closing", "why": "no start", "agent": "c", "epoch": 9, "starts": 22},
            **{"removed": True, "hangs": True, "then": "failed", "failures": 14, "failures_in_row": 7},
            **{"overlap": 0.25, "wanted": "a", "renewed": 5, "crashes": 8, "trial": 30.0, "company": 3},
            **{"holds": 10, "former": None, "retry_in": 32.0},
        },
    ],
    "next reader": 6,
    "readers": [
        {
            **{"number": 3, "output": "ticks", "name": "log", "key": None},
            **{"closed": SUMS, "ended": {(0, 6): ("a", 70)}, "refused": {(0, 6): 2}, "told is all": True},
        },
        {
            **{"number": 5, "output": "faces", "name": None, "key": "of a program"},
            **{"closed": MORE_SUMS, "ended": {(1, 4): ("c", 71)}, "refused": {(1, 4): 1}},
            "told is all": False,
        },
    ],
}


class Plain(pickle.Unpickler):
    """Refuses all classes."""

    def find_class(self, module: str, name: str) -> Any:
        raise AssertionError(f"the state names {module}.{name}, which a later version may not have")


def test_a_controller_writes_what_it_has_read_from_the_one_before_and_names_no_class(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_state, "boot_time", lambda: NOW)
    controller, kept = yard.controller, saved_state.read("yard", copy.deepcopy(STATE), NOW)

    def pass_on() -> bytes:
        """In one turn of the thread, so that nothing follows from the state before it is written again."""
        controller._restore(kept, dict.fromkeys((10, 11), (b"", b"", b"")), NOW)
        return pickle.dumps(saved_state.make_state(yard.parts, yard.place, (), controller._keys))

    assert Plain(io.BytesIO(controller.controller.call(pass_on))).load() == STATE


def test_a_state_without_the_words_of_later_versions_is_read() -> None:
    state = copy.deepcopy(STATE)
    for word in ("machine", "deaths", "deaths_in_row"):
        del state["agents"][0][word]
    camera = state["cameras"][0]
    state["cameras"] = [{word: camera[word] for word in ("number", "name", "state", "agent", "epoch")}]
    kept = saved_state.read("yard", state, NOW)
    agent = kept.agents[0].agent
    assert (agent.machine, agent.deaths, agent.deaths_in_row) == ("", 0, 0)
    (gate,) = kept.cameras
    assert (gate.epoch, gate.crashes, gate.former, gate.retry_at) == (8, 0, None, NOW)


def without(words: dict[str, Any], word: str) -> None:
    del words[word]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda state: without(state, "readers"), "lacks 'readers'"),
        *(
            (
                lambda state, word=word: without(state["agents"][1], word),
                f"cannot be read: agent 1 lacks '{word}'",
            )
            for word in ("labels", "launched", "node", "retired", "runs", "ended runs")
        ),
        (
            lambda state: without(state["cameras"][0], "number"),
            "cannot be read: camera 0: .*missing .* 'number'",
        ),
        (
            lambda state: state["cameras"][1].update(speed=1),
            "cannot be read: camera 1: .*unexpected .* 'speed'",
        ),
        (lambda state: state["cameras"][1].update(former=("a",)), "cannot be read: camera 1: .*missing"),
        (
            lambda state: without(state["readers"][0], "told is all"),
            "cannot be read: reader 0 lacks 'told is all'",
        ),
        (
            lambda state: state["readers"][1].update(closed={"read": 1}),
            "cannot be read: reader 1: .*unexpected .* 'read'",
        ),
        (
            lambda state: state["readers"][1]["closed"].update(delivered=None),
            "cannot be read: reader 1: int",
        ),
        (
            lambda state: state["readers"][0]["ended"].update({(0, 6): ("a",)}),
            "cannot be read: reader 0: not enough values",
        ),
        (
            lambda state: state["addresses"]["known"].update({1: ("yard",)}),
            "cannot be read: address 1: not enough values",
        ),
        (
            lambda state: state["addresses"]["known"].update({1: ("yard", "rtsp://yard", 11, ({}, -1))}),
            "cannot be read: address 1: tuple index out of range",
        ),
        (lambda state: state["addresses"].update(known=None), "cannot be read: addresses: 'NoneType'"),
        (lambda state: without(state["addresses"], "gone"), "cannot be read: addresses lacks 'gone'"),
        (
            lambda state: without(state["builds of cameras"], "modules"),
            "cannot be read: builds of cameras lacks 'modules'",
        ),
        (lambda state: state.update(agents=None), "cannot be read: agents: 'NoneType'"),
        (lambda state: state.update(agents=[None]), "cannot be read: agent 0: 'NoneType'"),
        (lambda state: state.update({"next reader": None}), "cannot be read: next reader: int"),
    ],
)
def test_a_damaged_state_is_refused_with_the_place_of_the_damage(
    damage: Callable[[dict[str, Any]], None], message: str
) -> None:
    state = copy.deepcopy(STATE)
    damage(state)
    with pytest.raises(
        ff.StateError, match=f"the state of fleet 'yard' in the store {message}.*{WHAT_TO_DO}"
    ):
        saved_state.read("yard", state, NOW)


def damaged(store: Memory, part: str, value: bytes) -> None:
    (key,) = [key for key in store.values if f"/{part}/" in key]
    store.values[key] = value


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda store: damaged(store, "state", b""), "its pickle: Ran out of input"),
        (lambda store: damaged(store, "state", pickle.dumps(STATE)[:100]), "its pickle: "),
        (lambda store: damaged(store, "state", b"0."), "its pickle: "),
        (lambda store: damaged(store, "state", pickle.dumps(7)), "its pickle: 'int' object is not iterable"),
        (lambda store: damaged(store, "state", pickle.dumps({"builds": 7})), "its list of builds: 'int'"),
        (lambda store: damaged(store, "build", b"\x80\x05"), "build 0: "),
        (lambda store: damaged(store, "build", pickle.dumps(None)), "build 0: 'NoneType'"),
    ],
)
def test_a_state_whose_bytes_are_damaged_is_refused_with_the_same_error(
    damage: Callable[[Memory], None], message: str
) -> None:
    store = Memory()
    before = Yard(store)
    before.controller.controller.add_build(b"", b"")
    before.controller.write_through()
    left = dict(store.values)
    before.end()
    store.values = left
    damage(store)
    following = Yard(store)
    try:
        with pytest.raises(
            ff.StateError,
            match=f"the state of fleet 'yard' in the store cannot be read: {message}.*{WHAT_TO_DO}",
        ):
            following.controller.restore()
    finally:
        following.end()
