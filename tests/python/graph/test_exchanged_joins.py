"""Joins downstream of a merge whose camera is replaced: they continue, and no set mixes samples of both
cameras.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support import WATCHDOG, Push, edge, until

import freshframe as ff

LONG = 600.0  # seconds, more than a busy machine needs
COUNT = 4  # samples of each camera
DEEP = ff.Queue(64, "drop_newest")
GREYS = {"old": 1, "new": 2, "other": 3}
Port = ff.Port[Any]


def same(value: Any) -> Any:
    return value


def both(one: Any, two: Any) -> tuple[Any, Any]:
    return one, two


def frame(name: str) -> ff.Frame:
    return ff.Frame.from_array(np.full((8, 8), GREYS[name], np.uint8), "gray")


def name_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    return next(name for name, grey in GREYS.items() if grey == value.array.flat[0])


class Rig:
    """Two cameras that feed a merge in turn, and a third one. The timestamps within a set are equal."""

    def __init__(self, *, live: bool = True, value: Callable[[str], Any] = str) -> None:
        self.pipeline = ff.Pipeline(keep_running=True)
        self.sources = {name: Push(live=live) for name in GREYS}
        self.ports = {
            name: self.pipeline.add(source, name=name, on_error="remove")
            for name, source in self.sources.items()
        }
        self.queue = DEEP if live else None
        self.merge = self.pipeline.add(same, [self.ports["old"]], name="merge", queue=self.queue)
        self.value = value
        self.number = 0
        self.asks, self.asked = Push(live=live), threading.Event()
        self.pipeline.add(self.ask, self.pipeline.add(self.asks, name="asks"), name="ask")

    def ask(self, _: int) -> None:
        """Called on a node's own thread, where remove() does not wait."""
        self.pipeline.remove(self.ports["old"])
        self.asked.set()

    def let_ask(self) -> None:
        self.asks.push(0)
        assert self.asked.wait(WATCHDOG)

    def parents(self, part: str) -> list[Port]:
        pair = [self.merge, self.ports["other"]]
        return pair if part == "reference" else pair[::-1]

    def sets(self, reader: ff.Reader[Any], camera: str) -> list[list[str]]:
        """Pushes samples of `camera` and the third one. Returns the names in each set."""
        found = []
        for _ in range(COUNT):
            self.number += 1
            for name in (camera, "other"):
                stamped = 10.0 * self.number  # seconds
                self.sources[name].push_stamped(self.value(name), stamped, stamped)
            sample = reader.get(WATCHDOG)
            found.append(sorted(name_of(value) for value in sample.value))
        return found

    def connect_new(self) -> None:
        self.pipeline.connect(self.merge, self.ports["new"], queue=self.queue)

    def fail(self) -> None:
        self.sources["old"].fail(ValueError("broken"))
        until(lambda: "old" not in self.pipeline.stats().nodes, "the camera has gone")


LEAVES: dict[str, Callable[[Rig], object]] = {
    "disconnect": lambda rig: rig.pipeline.disconnect(rig.merge, rig.ports["old"]),
    "remove": lambda rig: rig.pipeline.remove(rig.ports["old"]),
    "drain": lambda rig: rig.pipeline.remove(rig.ports["old"], drain=True),
    "failure": lambda rig: rig.fail(),
    "asked": lambda rig: rig.let_ask(),
}
KINDS: dict[str, dict[str, Any]] = {
    "values": {},
    "frames": {"value": frame},
    "files": {"live": False},
}


@pytest.mark.table
@pytest.mark.parametrize("leave", LEAVES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", ["reference", "other"])
@pytest.mark.parametrize("partial", [False, True], ids=["whole", "partial"])
@pytest.mark.parametrize("taker", ["reader", "node"])
def test_a_join_goes_on_with_the_next_camera(
    taker: str, partial: bool, part: str, kind: str, leave: str
) -> None:
    rig = Rig(**KINDS[kind])
    wait = None if kind == "files" else LONG
    join = ff.Join(within=1.0, max_wait=wait, partial=partial)
    parents = rig.parents(part)
    if taker == "node":
        reader = rig.pipeline.reader(
            rig.pipeline.add(both, parents, name="join", join=join), queue=DEEP if wait else None
        )
    else:
        reader = rig.pipeline.reader(parents, join=join)
    with rig.pipeline:
        assert rig.sets(reader, "old") == [["old", "other"]] * COUNT
        LEAVES[leave](rig)
        rig.connect_new()
        assert rig.sets(reader, "new") == [["new", "other"]] * COUNT


def test_branches_of_a_merge_join_each_camera_with_itself() -> None:
    rig = Rig()
    held = threading.Event()

    def slow(value: Any) -> Any:
        held.wait(WATCHDOG)
        return value

    seen = rig.pipeline.reader(rig.merge, queue=DEEP)
    branch = rig.pipeline.add(same, rig.merge, name="branch", queue=DEEP)
    late = rig.pipeline.add(slow, rig.merge, name="late", queue=DEEP)
    reader = rig.pipeline.reader([branch, late], name="pairs", join=ff.Join(max_wait=LONG), queue=DEEP)

    def push(camera: str) -> None:
        for n in range(COUNT):
            rig.sources[camera].push_stamped(f"{camera} {n}", n / 25, time.monotonic())
            assert seen.get(WATCHDOG).value == f"{camera} {n}"

    with rig.pipeline:
        push("old")
        rig.pipeline.disconnect(rig.merge, rig.ports["old"])
        rig.connect_new()
        push("new")
        until(
            lambda: edge(rig.pipeline, "pairs", "branch").passed_in == 2 * COUNT,
            "one branch is ahead",
        )
        held.set()
        pairs = [reader.get(WATCHDOG).value for _ in range(COUNT)]
        until(lambda: edge(rig.pipeline, "pairs", "late").passed_in == 2 * COUNT, "the other branch has come")
        for parent in ("branch", "late"):
            found = edge(rig.pipeline, "pairs", parent)
            assert (found.delivered, found.drops, found.waiting) == (COUNT, {"unmatched": COUNT}, 0)
    assert pairs == [(f"new {n}",) * 2 for n in range(COUNT)]


def test_nodes_below_a_join_do_not_wait_for_the_camera_that_has_gone() -> None:
    rig = Rig()
    join = ff.Join(within=1.0, max_wait=LONG)
    pairs = rig.pipeline.add(both, rig.parents("reference"), name="join", join=join)

    class Batches(ff.Node[Any, Any]):
        def process_batch(self, samples: list[ff.Sample[Any]], /) -> list[Any]:
            return [sample.value for sample in samples]

    below = rig.pipeline.add(Batches(), pairs, batch=ff.Batch(4, max_wait=LONG))
    reader = rig.pipeline.reader(below, queue=DEEP)
    with rig.pipeline:
        for camera in ("old", "new"):
            assert rig.sets(reader, camera) == [[camera, "other"]] * COUNT
            if camera == "old":
                LEAVES["disconnect"](rig)
                rig.connect_new()


@pytest.mark.parametrize("taker", ["reader", "node"])
def test_connect_before_disconnect_is_refused_and_says_what_to_do(taker: str) -> None:
    rig = Rig()
    join = ff.Join(within=1.0, max_wait=LONG)
    parents = rig.parents("reference")
    if taker == "node":
        reader = rig.pipeline.reader(rig.pipeline.add(both, parents, join=join), queue=DEEP)
    else:
        reader = rig.pipeline.reader(parents, join=join)
    with rig.pipeline:
        assert rig.sets(reader, "old") == [["old", "other"]] * COUNT
        with pytest.raises(
            ff.GraphError, match=r"takes the samples of one source: .*disconnect\(\) the other"
        ):
            rig.connect_new()
        assert rig.sets(reader, "old") == [["old", "other"]] * COUNT
        rig.pipeline.disconnect(rig.merge, rig.ports["old"])
        rig.connect_new()
        assert rig.sets(reader, "new") == [["new", "other"]] * COUNT


def test_another_connection_leaves_the_sources_of_a_join_as_they_are() -> None:
    rig = Rig()
    pairs = rig.pipeline.add(
        both, rig.parents("reference"), name="pairs", join=ff.Join(within=1.0, max_wait=LONG)
    )
    again = rig.pipeline.add(both, [pairs, rig.merge], name="again", join=ff.Join(max_wait=LONG))
    elsewhere = rig.pipeline.add(same, [rig.ports["other"]], name="elsewhere")
    reader = rig.pipeline.reader(again, queue=DEEP)
    with rig.pipeline:
        rig.pipeline.connect(elsewhere, rig.ports["new"])
        rig.number = 1
        for name in ("old", "other"):
            rig.sources[name].push_stamped(name, 10.0, 10.0)
        assert reader.get(WATCHDOG).value == (("old", "other"), "old")


def test_a_join_ends_with_its_merges() -> None:
    rig = Rig()
    reader = rig.pipeline.reader(rig.parents("reference"), join=ff.Join(within=1.0, max_wait=LONG))
    with rig.pipeline:
        LEAVES["disconnect"](rig)
        rig.connect_new()
        assert rig.sets(reader, "new") == [["new", "other"]] * COUNT
        for source in rig.sources.values():
            source.end()
        with pytest.raises(ff.EndOfStreamError):
            reader.get(WATCHDOG)


@pytest.mark.parametrize("part", ["reference", "other"])
@pytest.mark.parametrize("taker", ["reader", "partial reader", "node", "merge"])
def test_an_edge_of_one_camera_goes_on_when_that_camera_is_connected_again(taker: str, part: str) -> None:
    rig = Rig()
    rig.merge = rig.merge.of(rig.ports["old"])
    join = ff.Join(within=1.0, max_wait=LONG, partial="partial" in taker)
    parents = rig.parents(part)
    if taker == "merge":
        reader = rig.pipeline.reader(rig.pipeline.add(same, parents, queue=DEEP), queue=DEEP)
    elif taker == "node":
        reader = rig.pipeline.reader(rig.pipeline.add(both, parents, join=join), queue=DEEP)
    else:
        reader = rig.pipeline.reader(parents, join=join)
    seen = rig.pipeline.reader(rig.merge, queue=DEEP)  # receives the end after the join

    def sets() -> list[list[str]]:
        if taker != "merge":
            return rig.sets(reader, "old")
        rig.number += COUNT
        for name in ("old", "other"):
            rig.sources[name].push_stamped(name, 10.0 * rig.number, 10.0 * rig.number)
        return [sorted([reader.get(WATCHDOG).value, reader.get(WATCHDOG).value])] * COUNT

    with rig.pipeline:
        assert sets() == [["old", "other"]] * COUNT
        LEAVES["disconnect"](rig)
        for _ in seen:
            pass
        rig.pipeline.connect(rig.merge, rig.ports["old"], queue=DEEP)
        assert sets() == [["old", "other"]] * COUNT


@pytest.mark.slow
@pytest.mark.parametrize("of", [False, True])
def test_a_join_goes_on_with_the_camera_of_replace(of: bool) -> None:
    pipeline = ff.Pipeline()
    old = pipeline.add(ff.open("demo:circles?fps=50"), name="old")
    other = pipeline.add(ff.open("demo:circles?fps=50&seed=2"), name="other")
    merge = pipeline.add(same, [old], name="merge")
    part = merge.of(old) if of else merge
    reader = pipeline.reader([part, other], join=ff.Join(within=LONG, max_wait=LONG))
    with pipeline:
        assert len(reader.get(WATCHDOG).value) == 2
        pipeline.replace(old, ff.open("demo:circles?fps=50&seed=3"))
        for _ in range(100):  # more than its queues can hold
            assert len(reader.get(WATCHDOG).value) == 2
