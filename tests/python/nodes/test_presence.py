"""Presence: each start has exactly one end, with the right times and the right reason."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rigs.written import lines
from support import Push, run_program, until

import freshframe as ff


def keys_and_causes(samples: list[ff.Sample[ff.types.PresenceEvent]]) -> list[tuple[Any, str | None]]:
    return [(sample.value.key, sample.value.reason) for sample in samples]


def run(source: Push, *, max_gap: float) -> list[ff.Sample[ff.types.PresenceEvent]]:
    """Returns the events of Presence for all values that were pushed, up to the end."""
    source.end()
    pipeline = ff.Pipeline()
    port = pipeline.add(ff.Presence(lambda names: names, max_gap=max_gap), pipeline.add(source, name="cam"))
    reader = pipeline.reader(port)
    with pipeline:
        return list(reader)


def test_a_key_begins_at_once_and_ends_after_the_hold_at_its_last_sight() -> None:
    source = Push(live=False)
    for n in range(10):  # 25 per second: 0.04 s between two
        source.push({"yard"} if n < 4 else set())
    samples = run(source, max_gap=0.1)
    assert keys_and_causes(samples) == [("yard", None), ("yard", "gone")]
    began, ended = (sample.value for sample in samples)
    assert (began.ended_utc, ended.began_utc) == (None, began.began_utc)
    assert ended.ended_utc is not None
    assert ended.ended_utc - ended.began_utc == pytest.approx(3 / 25, abs=2e-3)
    assert ended.decided_utc - ended.ended_utc == pytest.approx(
        3 / 25, abs=2e-3
    )  # the first sample 0.1 s later
    assert [sample.seq for sample in samples] == [0, 6]


def events_of(*samples: tuple[float, float | None, set[str]]) -> list[ff.types.PresenceEvent]:
    """Returns the events of a node with max_gap=1 for these samples: pts, utc and value."""
    node = ff.Presence(lambda names: names, max_gap=1.0)
    found: list[ff.types.PresenceEvent] = []
    for pts, utc, value in samples:
        sample: Any = SimpleNamespace(
            source="cam",
            stamp=SimpleNamespace(_source_number=0, source="cam", seq=0),
            pts=pts,
            utc=utc,
            captured=time.monotonic(),
            value=value,
        )
        found += node.process(sample)
    return found


def test_times_are_the_wall_times_of_the_samples() -> None:
    began, ended = events_of((5.0, 1e9, {"yard"}), (5.5, 1e9 + 0.5, {"yard"}), (7.0, 1e9 + 2, set()))
    assert (began.began_utc, began.ended_utc, began.decided_utc) == (1e9, None, 1e9)
    assert (ended.began_utc, ended.ended_utc, ended.decided_utc) == (1e9, 1e9 + 0.5, 1e9 + 2)


@pytest.mark.parametrize("ahead", [3612.0, -3600.0])
def test_the_length_is_right_when_utc_is_by_another_clock_meanwhile(ahead: float) -> None:
    """The clock changes after a reconnection, or when the camera's clock becomes known, or is set."""
    first, ended, second, _ = events_of(
        (1.0, 1e9 + 1, {"yard"}),
        (10.0, 1e9 + 10 + ahead, {"yard"}),
        (12.0, 1e9 + 12 + ahead, set()),
        (13.0, 1e9 + 13 + ahead, {"yard"}),
        (20.0, 1e9 + 20 + ahead, set()),
    )
    assert first.began_utc == 1e9 + 1
    assert (ended.began_utc, ended.ended_utc, ended.decided_utc) == (1e9 + 1, 1e9 + 10, 1e9 + 12)
    assert second.began_utc == 1e9 + 13 + ahead


def test_without_a_wall_time_the_first_sample_and_pts_give_it() -> None:
    before = time.time()
    began, ended = events_of((5.0, None, {"yard"}), (7.0, None, set()))
    assert before - 0.001 <= began.began_utc <= time.time() + 0.001
    assert ended.decided_utc - ended.began_utc == pytest.approx(2, abs=2e-3)


def test_a_gap_shorter_than_the_hold_is_no_end() -> None:
    source = Push(live=False)
    source.push({"yard"}, set(), set(), {"yard"}, set())
    assert keys_and_causes(run(source, max_gap=0.1)) == [("yard", None), ("yard", "stop")]


def test_keys_are_of_their_source() -> None:
    first, second = Push(live=False), Push(live=False)
    for source in (first, second):
        source.push({"yard"})
        source.end()
    pipeline = ff.Pipeline()
    both = [pipeline.add(first, name="one"), pipeline.add(second, name="two")]
    reader = pipeline.reader(pipeline.add(ff.Presence(lambda names: names), both))
    with pipeline:
        found = sorted((sample.source, sample.value.reason is not None) for sample in reader)
    assert found == [("one", False), ("one", True), ("two", False), ("two", True)]


def test_a_source_that_falls_silent_has_nothing_on() -> None:
    source = Push()
    pipeline = ff.Pipeline()
    port = pipeline.add(ff.Presence(lambda names: names, max_gap=0.05), pipeline.add(source, name="cam"))
    reader = pipeline.reader(port)
    with pipeline:
        source.push({"yard", "door"})
        found = [reader.get() for _ in range(4)]
        assert sorted((s.value.key, s.value.reason or "") for s in found) == [
            ("door", ""),
            ("door", "gone"),
            ("yard", ""),
            ("yard", "gone"),
        ]
        assert all(s.source == "cam" for s in found)
        assert all(
            s.value.ended_utc is not None and s.value.decided_utc - s.value.ended_utc >= 0.049
            for s in found[2:]
        )
        source.push({"yard"})
        again = reader.get()
        assert (again.value.key, again.value.reason) == ("yard", None)


def test_a_stop_ends_all_that_is_on_in_the_file_of_a_recorder(tmp_path: Path) -> None:
    source = Push()
    pipeline = ff.Pipeline()
    port = pipeline.add(ff.Presence(lambda names: names, max_gap=60), pipeline.add(source))
    pipeline.add(ff.JsonLines(tmp_path / "events.jsonl"), port)
    reader = pipeline.reader(port)
    with pipeline:
        source.push({"yard"})
        assert reader.get().value.reason is None
    assert [line["value"]["reason"] for line in lines(tmp_path / "events.jsonl")] == [None, "stop"]


def test_a_failed_parent_leaves_the_end_to_the_next_start_of_the_spool(tmp_path: Path) -> None:
    def fail(names: set[str]) -> set[str]:
        if "fire" in names:
            raise ZeroDivisionError
        return names

    def add_to(pipeline: ff.Pipeline, source: Push) -> None:
        failing = pipeline.add(fail, pipeline.add(source, name="cam"))
        presence = pipeline.add(ff.Presence(lambda names: names, max_gap=60), failing)
        pipeline.add(ff.Spool(tmp_path / "yard", events.extend, max_wait=0), presence)

    events: list[dict[str, Any]] = []
    first, second = ff.Pipeline(), ff.Pipeline()
    source = Push(live=False)
    add_to(first, source)
    first.start()
    source.push({"yard"})
    until(lambda: events, "it has begun")
    source.push({"fire"})
    with pytest.raises(ff.NodeError):
        first.wait()
    first.stop()
    assert [event["value"]["ended_utc"] for event in events] == [None]
    source = Push(live=False)
    source.end()
    add_to(second, source)
    second.run()
    (end,) = [event for event in events if event["value"]["ended_utc"] is not None]
    assert (end["source"], end["value"]["key"], end["value"]["reason"]) == ("cam", "yard", "restart")
    assert end["value"]["ended_utc"] <= end["value"]["decided_utc"]


def test_keys_that_cannot_be_are_said() -> None:
    source = Push(live=False)
    source.push("yard")
    with pytest.raises(ff.NodeError, match="key must return the set of keys that are present"):
        run(source, max_gap=1)
    with pytest.raises(ff.OptionError, match="max_gap must be more than 0"):
        ff.Presence(lambda names: names, max_gap=0)
    with pytest.raises(ff.OptionTypeError, match="key must be a function"):
        ff.Presence("inside")  # type: ignore[arg-type]


def test_a_camera_that_comes_and_goes_has_as_many_ends_as_beginnings() -> None:
    source = Push()
    pipeline = ff.Pipeline()
    port = pipeline.add(ff.Presence(lambda names: names, max_gap=0.02), pipeline.add(source))
    reader = pipeline.reader(port)
    found: list[ff.types.PresenceEvent] = []
    with pipeline:
        for round_ in range(5):
            source.push({"a", "b"} if round_ % 2 else {"a"})
            wanted = len(found) + (4 if round_ % 2 else 2)
            while len(found) < wanted:
                found.append(reader.get().value)
    on: set[Any] = set()
    for event in found:
        assert (event.key in on) == (event.reason is not None)
        (on.discard if event.reason else on.add)(event.key)
    assert not on


TWO_NODES = """
import os, signal, sys
import freshframe as ff
class Two(ff.Source[set]):
    live = False
    def read(self):
        yield {"door", "till"}, 0
        yield {"till"}, 1
        self.stop_token.wait(60)
began = []
def send(events):
    began.extend(events)
    if len(began) == 3:  # both have begun, and the one at the door has ended
        os.kill(os.getpid(), signal.SIGKILL)
pipeline = ff.Pipeline()
camera = pipeline.add(Two(), name="cam")
def key(zone):
    return lambda names: {7} if zone in names else ()
zones = [pipeline.add(ff.Presence(key(zone), max_gap=0.5), camera, name=zone) for zone in ("door", "till")]
pipeline.add(ff.Spool(sys.argv[1], send, max_wait=0), zones)
pipeline.run()
"""


def test_equal_keys_of_two_nodes_are_two_events_and_each_ends_after_a_crash(tmp_path: Path) -> None:
    ended = run_program(TWO_NODES, arguments=[str(tmp_path / "yard")])
    assert ended.code == -signal.SIGKILL, ended
    (tmp_path / "yard" / "sent").unlink()  # all of them are sent again
    events: list[dict[str, Any]] = []
    source = Push(live=False)
    source.end()
    pipeline = ff.Pipeline()
    pipeline.add(ff.Spool(tmp_path / "yard", events.extend), pipeline.add(source))
    pipeline.run()
    found = sorted((event["value"]["node"], event["value"]["reason"] or "") for event in events)
    assert found == [("door", ""), ("door", "gone"), ("till", ""), ("till", "restart")]


@pytest.mark.parametrize("process", [False, True])
def test_a_change_has_the_name_of_its_node(process: bool) -> None:
    source = Push(live=False)
    source.push({"yard"})
    source.end()
    pipeline = ff.Pipeline()
    port = pipeline.add(ff.Presence(set, max_gap=1), pipeline.add(source), name="zone", process=process)
    reader = pipeline.reader(port, queue=ff.LOSSLESS)
    with pipeline:
        found = [(sample.value.key, sample.value.node) for sample in reader]
    assert found == [("yard", "zone")] * 2


def test_a_node_without_a_name_of_its_own_has_that_of_the_statistics() -> None:
    source = Push(live=False)
    source.push({"yard"})
    source.end()
    pipeline = ff.Pipeline()
    camera = pipeline.add(source)
    ports = [pipeline.add(ff.Presence(set, max_gap=1), camera) for _ in range(2)]
    reader = pipeline.reader(ports, queue=ff.LOSSLESS)
    with pipeline:
        found = [sample.value for sample in reader]
    assert sorted({event.node for event in found}) == sorted(port.name for port in ports)
    assert len(found) == 4


def expect_nothing(pipeline: ff.Pipeline, reader: ff.Reader[Any]) -> None:
    """Checks that no event follows, even after further ticks of Presence."""
    ticks = pipeline.stats().nodes["Presence"].ticks + 3
    until(lambda: pipeline.stats().nodes["Presence"].ticks >= ticks, "ticks")
    assert reader.poll() is None


class Merged:
    """A Presence whose camera is removed and added, with a reader of all events."""

    def __init__(self) -> None:
        self.pipeline = ff.Pipeline()
        other = self.pipeline.add(Push(), name="other")
        self._states = self.pipeline.add(lambda names: names, [other], name="states")
        self.gate = threading.Event()  # while cleared, samples wait at Presence
        node = ff.Presence(self._keys, max_gap=600)
        node.tick_every = 0.05
        presence = self.pipeline.add(node, self._states, queue=ff.RECORDING)
        self.reader = self.pipeline.reader(presence, queue=ff.RECORDING)

    def _keys(self, names: set[str]) -> set[str]:
        assert self.gate.wait(60)
        return names

    def add(self, source: Push) -> ff.Port[Any]:
        camera = self.pipeline.add(source, name="cam")
        self.pipeline.connect(self._states, camera, queue=ff.RECORDING)
        return camera

    def wait_for(self, node: str, samples: int) -> None:
        until(lambda: self.pipeline.stats().nodes[node].processed == samples, f"samples at {node}")

    def events(self, count: int) -> list[tuple[Any, str | None, float]]:
        found = [self.reader.get(60).value for _ in range(count)]
        return [(event.key, event.reason, event.ended_utc or event.began_utc) for event in found]


def test_a_source_that_comes_again_under_its_name_has_times_and_events_of_its_own() -> None:
    merged, first, second = Merged(), Push(live=False), Push(live=False)  # without `utc`
    merged.gate.set()
    with merged.pipeline:
        camera = merged.add(first)
        first.push_stamped({"yard"}, 0.0, time.monotonic())
        first.push_stamped({"yard"}, 4.0, time.monotonic())
        merged.wait_for("Presence", 2)
        merged.pipeline.remove(camera)
        time.sleep(0.2)
        again = time.time()
        merged.add(second)
        second.push_stamped({"yard"}, 0.0, time.monotonic())
        [(_, _, began), ended, anew] = merged.events(3)
    assert ended[:2] == ("yard", "gone")
    assert ended[2] == pytest.approx(began + 4, abs=0.05)
    assert anew[:2] == ("yard", None)
    assert anew[2] >= again - 0.05


def test_samples_that_waited_while_another_source_took_the_name_end_nothing() -> None:
    merged, first, second = Merged(), Push(live=False), Push(live=False)
    with merged.pipeline:
        camera = merged.add(first)
        for number in range(20):
            first.push_stamped({"yard"}, number / 25, time.monotonic())
        merged.wait_for("states", 20)
        remover = threading.Thread(target=merged.pipeline.remove, args=(camera,), kwargs={"drain": True})
        remover.start()
        until(lambda: "cam" not in merged.pipeline.stats().nodes, "the name of the camera")
        merged.add(second)
        for number in range(20):
            second.push_stamped({"yard"}, number / 25, time.monotonic())
        merged.wait_for("states", 40)
        merged.gate.set()
        remover.join()
        events = merged.events(3)
        merged.wait_for("Presence", 40)
        expect_nothing(merged.pipeline, merged.reader)  # the end of the first is not the end of the second
    assert [event[:2] for event in events] == [("yard", None), ("yard", "gone"), ("yard", None)]


class Below:
    """Presence downstream of a slow node and of other sources, with a reader of all events."""

    def __init__(self) -> None:
        self.pipeline = ff.Pipeline()
        self.gate = threading.Event()  # while cleared, samples wait in the slow node
        self._slow = self.pipeline.add(self._pass_on, [self.pipeline.add(Push(), name="other")], name="slow")
        node: ff.Presence[set[str]] = ff.Presence(set, max_gap=600)
        node.tick_every = 0.05
        self.presence = self.pipeline.add(node, [self._slow], queue=ff.RECORDING)
        self.reader = self.pipeline.reader(self.presence, queue=ff.RECORDING)

    def _pass_on(self, names: set[str]) -> set[str] | None:
        assert self.gate.wait(60)
        return names or None

    def add(self, source: Push, *, slowly: bool) -> ff.Port[Any]:
        camera = self.pipeline.add(source, name="cam")
        self.pipeline.connect(self._slow if slowly else self.presence, camera, queue=ff.RECORDING)
        return camera

    def expect(self, *wanted: tuple[str, str | None]) -> None:
        """Checks the next events."""
        found = [self.reader.get(60).value for _ in wanted]
        assert [(event.key, event.reason) for event in found] == list(wanted)


def test_the_late_end_of_a_source_is_not_that_of_the_next_one_of_its_name() -> None:
    below, first, second = Below(), Push(), Push()
    with below.pipeline:
        camera = below.add(first, slowly=True)
        first.push(set())  # produces nothing at Presence
        until(lambda: below.pipeline.stats().nodes["slow"].state == "working", "the slow node")
        below.pipeline.remove(camera)
        below.add(second, slowly=False)
        second.push({"yard"})
        below.expect(("yard", None))
        below.gate.set()
        until(lambda: below.pipeline.stats().nodes["slow"].processed == 1, "the slow node")
        expect_nothing(below.pipeline, below.reader)


def test_the_younger_of_two_sources_of_one_name_may_leave_first() -> None:
    below, first, second = Below(), Push(), Push()
    below.gate.set()
    with below.pipeline:
        camera = below.add(first, slowly=True)
        first.push({"yard"})
        below.expect(("yard", None))
        below.gate.clear()
        first.push({"yard"})
        until(lambda: below.pipeline.stats().nodes["slow"].state == "working", "the slow node")
        remover = threading.Thread(target=below.pipeline.remove, args=(camera,), kwargs={"drain": True})
        remover.start()
        until(lambda: "cam" not in below.pipeline.stats().nodes, "the name of the camera")
        again = below.add(second, slowly=False)
        second.push({"door"})
        below.expect(("yard", "gone"), ("door", None))
        below.pipeline.remove(again)
        below.expect(("door", "gone"))
        below.gate.set()
        remover.join()


def test_a_camera_that_is_connected_again_at_once_has_one_end_and_begins_anew() -> None:
    below, source = Below(), Push()
    with below.pipeline:
        camera = below.add(source, slowly=False)
        source.push({"yard"})
        below.expect(("yard", None))
        below.pipeline.disconnect(below.presence, camera)
        below.pipeline.connect(below.presence, camera, queue=ff.RECORDING)
        source.push({"yard"})
        below.expect(("yard", "gone"), ("yard", None))
        source.push({"yard"})
        expect_nothing(below.pipeline, below.reader)


def test_a_sample_between_the_end_of_a_stream_and_the_tick_begins_anew() -> None:
    node: ff.Presence[set[str]] = ff.Presence(set, max_gap=600)
    sample: Any = SimpleNamespace(
        stamp=SimpleNamespace(_source_number=3, source="cam", seq=0),
        pts=0.0,
        utc=None,
        captured=time.monotonic(),
        value={"yard"},
    )
    assert [event.reason for event in node.process(sample)] == [None]
    node._freshframe_source_gone(2, "cam")
    assert not list(node.process(sample))
    node._freshframe_source_gone(3, "cam")
    assert [event.reason for event in node.process(sample)] == ["gone", None]
    assert not list(node.on_tick(time.monotonic()))


@pytest.mark.parametrize("max_gap", [0.2, 600])
def test_of_two_ways_with_one_camera_the_slower_one_fails_nothing(max_gap: float) -> None:
    gate = threading.Event()
    source = Push()
    pipeline = ff.Pipeline()
    camera = pipeline.add(source, name="cam")
    slow = pipeline.add(lambda names: names if gate.wait(60) else None, camera, queue=ff.RECORDING)
    presence = pipeline.add(ff.Presence(set, max_gap=max_gap), [camera, slow], queue=ff.RECORDING)
    reader = pipeline.reader(presence, queue=ff.RECORDING)
    with pipeline:
        source.push({"yard"}, {"yard", "door"})
        assert {reader.get(60).value.key for _ in range(2)} == {"yard", "door"}
        gate.set()
        until(lambda: pipeline.stats().nodes["Presence"].processed >= 4, "the late samples")
        if max_gap < 1:
            ended = [reader.get(60).value for _ in range(2)]
            assert all(event.reason == "gone" for event in ended)


@pytest.mark.table
@pytest.mark.parametrize("how", ["remove", "drain", "disconnect"])
@pytest.mark.parametrize("process", [False, True])
def test_what_is_on_ends_with_the_camera_that_leaves(how: str, process: bool) -> None:
    pipeline = ff.Pipeline()
    cameras = [Push(), Push()]
    ports = [pipeline.add(camera, name=name) for camera, name in zip(cameras, ("one", "two"), strict=True)]
    presence = pipeline.add(ff.Presence(set, max_gap=600), ports, queue=ff.RECORDING, process=process)
    reader = pipeline.reader(presence, queue=ff.RECORDING)
    with pipeline:
        for camera in cameras:
            camera.push({"yard", "door"})
        began = {(sample.source, sample.value.key) for sample in (reader.get(60) for _ in range(4))}
        assert began == {(source, key) for source in ("one", "two") for key in ("yard", "door")}
        if how == "disconnect":
            pipeline.disconnect(presence, ports[0])
        else:
            pipeline.remove(ports[0], drain=how == "drain")
        ended = {(s.source, s.value.key, s.value.reason) for s in (reader.get(60) for _ in range(2))}
        assert ended == {("one", "yard", "gone"), ("one", "door", "gone")}
        if how == "disconnect":
            pipeline.connect(presence, ports[0], queue=ff.RECORDING)
            cameras[0].push({"yard"})
            again = reader.get(60)
            assert (again.source, again.value.key, again.value.reason) == ("one", "yard", None)
        assert reader.poll() is None
