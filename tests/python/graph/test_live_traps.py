"""Changing graphs: faults that users of other engines have reported, each as a test."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import WATCHDOG, Count, Gate, Push, check_books, until

import freshframe as ff


class Camera(ff.Source[int]):
    """Emits 200 numbers per second, forever."""

    live = True

    def read(self) -> Iterator[tuple[int, float]]:
        number = 0
        while not self.stop_token.wait(0.005):
            yield number, number / 200
            number += 1


class Silent(ff.Source[int]):
    """Opens, but does not emit anything."""

    live = True

    def read(self) -> Iterator[tuple[int, float]]:
        self.stop_token.wait(600)
        yield from ()


def _same(values: list[int]) -> list[int]:
    return list(values)


def _alike(value: int) -> int:
    return value


def _next_of(reader: ff.Reader[int], source: str) -> int:
    while True:
        sample = reader.get(timeout=100)
        if sample.source == source:
            return sample.value


def test_a_camera_that_is_removed_and_added_again_at_once_runs() -> None:
    """insight-platform/Savant#1194: four ways to hang forever."""
    pipeline = ff.Pipeline(keep_running=True)
    people = pipeline.add(_same, [], name="people", batch=ff.Batch(4, max_wait=0.01))
    reader = pipeline.reader(people, queue=ff.Queue(64))
    with pipeline:
        door = pipeline.add(Camera(), name="door")
        pipeline.connect(people, door)
        for _ in range(30):
            pipeline.remove(door)
            door = pipeline.add(Camera(), name="door")
            pipeline.connect(people, door)
            _next_of(reader, "door")
        check_books(pipeline)


@pytest.mark.slow
def test_a_camera_that_gives_no_frame_stops_no_other() -> None:
    """NVIDIA/DeepStream#68: an added camera delivers no frames, and soon the whole application hangs."""
    pipeline = ff.Pipeline(keep_running=True, stall_timeout=1.0)
    people = pipeline.add(_same, [], name="people", batch=ff.Batch(4, max_wait=0.05))
    reader = pipeline.reader(people)
    with pipeline:
        pipeline.connect(people, pipeline.add(Camera(), name="door"))
        for i in range(3):
            pipeline.connect(people, pipeline.add(Silent(), name=f"silent{i}"))
        first = _next_of(reader, "door")
        end = time.monotonic() + 2.5  # longer than the stall timeout
        while time.monotonic() < end:
            latest = _next_of(reader, "door")
        assert latest > first


def test_a_change_touches_no_other_camera() -> None:
    """Motion-Project/motion#695: adding a camera reconnects all of them."""
    pipeline = ff.Pipeline(keep_running=True)
    with pipeline:
        door = pipeline.add(ff.open("demo:circles?fps=60&size=160x120"), name="door")
        reader = pipeline.reader(door, queue=ff.Queue(256))
        number = reader.get(timeout=100).seq
        for i in range(10):
            yard = pipeline.add(ff.open("demo:circles?fps=60&size=160x120"), name=f"yard{i}")
            pipeline.remove(yard)
        until(lambda: reader.get(timeout=100).seq > number + 10, "frames")
        source = pipeline.stats().nodes["door"].source
        assert source is None or source.reconnects == 0
        (edge,) = [edge for edge in pipeline.stats().edges if edge.parent == "door"]
        assert edge.dropped == 0


def test_an_edge_that_went_can_come_again() -> None:
    """Savant#1164: the pad of a removed camera stays linked, and the next one cannot link."""
    pipeline = ff.Pipeline(keep_running=True)
    people = pipeline.add(_alike, [], name="people")
    reader = pipeline.reader(people)
    with pipeline:
        door = pipeline.add(Camera(), name="door")
        for _ in range(50):
            pipeline.connect(people, door)
            _next_of(reader, "door")
            pipeline.disconnect(people, door)
        check_books(pipeline)


def test_the_file_of_a_removed_recorder_is_whole(tmp_path: Path) -> None:
    """dynamic-gstreamer-pipelines-cookbook#1: the end of the stream for a removed file sink is forgotten."""
    pipeline = ff.Pipeline(keep_running=True)
    with pipeline:
        door = pipeline.add(ff.open("demo:circles?fps=60&size=160x120"), name="door")
        for i in range(3):
            path = tmp_path / f"{i}.mp4"
            recorder = pipeline.add(ff.VideoFile(path), door, name="recorder")
            until(lambda: pipeline.stats().nodes["recorder"].processed > 5, "frames")
            books = pipeline.remove(recorder)
            assert books is not None
            assert sum(1 for _ in ff.stream(ff.open(path))) == books.nodes["recorder"].processed


def test_a_merge_whose_last_edge_goes_while_the_others_have_ended_goes_on() -> None:
    """nnstreamer#4886: unlinking the last awaited pad leaves the join without an end."""
    pipeline = ff.Pipeline(keep_running=True)
    people = pipeline.add(_alike, [], name="people")
    reader = pipeline.reader(people)
    ends = Push()
    with pipeline:
        pipeline.connect(people, pipeline.add(ends, name="ends"))
        door = pipeline.add(Camera(), name="door")
        pipeline.connect(people, door)
        ends.push(1)
        ends.end()
        _next_of(reader, "door")
        pipeline.disconnect(people, door)
        pipeline.connect(people, door)
        _next_of(reader, "door")


def test_a_reader_that_the_program_has_dropped_goes_with_the_next_change() -> None:
    pipeline = ff.Pipeline(keep_running=True)
    with pipeline:
        door = pipeline.add(Camera(), name="door")
        for _ in range(20):
            reader = pipeline.reader(door)
            reader.get(timeout=100)
            reader.close()
        pipeline.remove(pipeline.add(lambda value: value, door, name="step"))
        until(lambda: len(pipeline.stats().edges) <= 1, "edges of closed readers have gone")


@pytest.mark.parametrize("others", [1, 3])
def test_stop_beside_adds_and_removals_ends(others: int) -> None:
    for _ in range(20):
        pipeline = ff.Pipeline(keep_running=True)
        pipeline.start()
        barrier = threading.Barrier(others + 1)

        def change(barrier: threading.Barrier = barrier, pipeline: ff.Pipeline = pipeline) -> None:
            barrier.wait()
            try:
                while True:
                    pipeline.remove(pipeline.add(Camera()))
            except ff.StateError:
                pass

        threads = [threading.Thread(target=change) for _ in range(others)]
        for thread in threads:
            thread.start()
        barrier.wait()
        pipeline.stop()
        for thread in threads:
            thread.join()


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("before", ["no parent yet", "parent alive", "parent removed", "disconnected"])
def test_a_merge_that_is_removed_with_a_drain_ends_with_and_without_parents(before: str) -> None:
    pipeline = ff.Pipeline(keep_running=True)
    camera = pipeline.add(Camera(), name="camera")
    merge = pipeline.add(_alike, [] if before == "no parent yet" else [camera], name="merge")
    reader = pipeline.reader(merge, name="reader")
    with pipeline:
        if before != "no parent yet":
            reader.get()
        if before == "parent removed":
            pipeline.remove(camera)
        if before == "disconnected":
            pipeline.disconnect(merge, camera)
        pipeline.remove(merge, drain=True, timeout=WATCHDOG)
        assert "merge" not in pipeline.stats().nodes
        assert list(reader) is not None  # it has ended
        pipeline.add(_alike, [], name="merge")  # its name is available again


def test_a_merge_that_drains_beside_the_end_of_its_parent_ends() -> None:
    source = Push(live=True)
    pipeline = ff.Pipeline(keep_running=True)
    camera = pipeline.add(source, name="camera")
    gate = Gate()

    def held(value: int) -> int:
        gate.enter()
        return value

    middle = pipeline.add(held, camera, queue=ff.Queue(8), name="middle")
    merge = pipeline.add(_alike, [middle], queue=ff.Queue(8), name="merge")
    reader = pipeline.reader(merge, queue=ff.Queue(8), name="reader")
    with pipeline:
        source.push(1, 2, 3)
        until(lambda: gate.arrived, "the first sample is in the middle")
        removal = threading.Thread(target=lambda: pipeline.remove(merge, drain=True, timeout=WATCHDOG))
        removal.start()
        gate.open()
        removal.join()
        assert "merge" not in pipeline.stats().nodes
        reader.close()


def test_a_merge_whose_connect_was_forgotten_is_a_stall_once_all_sources_have_ended() -> None:
    pipeline = ff.Pipeline(stall_timeout=0.3)
    reader = pipeline.reader(pipeline.add(Count(3), name="camera"))
    pipeline.add(_alike, [], name="lonely")
    with pytest.raises(ff.StalledError, match=r"'lonely' waits for its first parent.*connect\(\)"):
        pipeline.run()
    reader.close()


@pytest.mark.slow
@pytest.mark.table(cases=1)
@pytest.mark.parametrize("case", ["keep_running", "a camera lives", "it had a parent"])
def test_a_merge_that_waits_for_cameras_to_come_is_no_stall(case: str) -> None:
    pipeline = ff.Pipeline(stall_timeout=0.2, keep_running=case == "keep_running")
    camera = pipeline.add(Push() if case == "a camera lives" else Count(3), name="camera")
    merge = pipeline.add(_alike, [], name="merge")
    if case == "it had a parent":
        pipeline.connect(merge, camera)
    with pipeline:
        assert not pipeline.wait(1.0)  # longer than the stall timeout
