"""Nodes, readers and edges that are added and removed while a pipeline runs."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rigs.process.nodes import Farewells, Stamps
from rigs.ticking import Ticking
from support import Push, check_books, edge, run_program, until

import freshframe as ff


class Notes(ff.Node[int, int]):
    """Passes values on, and records the sources for which source_gone() was called."""

    def __init__(self) -> None:
        self.gone: list[str] = []
        self.closed = False

    def process(self, sample: ff.Sample[int]) -> int:
        return sample.value

    def source_gone(self, name: str) -> None:
        self.gone.append(name)

    def close(self) -> None:
        self.closed = True


def _same(values: list[int]) -> list[int]:
    return list(values)


def test_cameras_come_to_a_merge_without_parents_and_go() -> None:
    pipeline = ff.Pipeline(keep_running=True)
    notes = Notes()
    people = pipeline.add(notes, [], name="people")
    reader = pipeline.reader(people)
    with pipeline:
        numbers = set()
        for value in range(5):
            source: Push = Push()
            door = pipeline.add(source, name="door")
            pipeline.connect(people, door)
            recorder = Notes()
            pipeline.add(recorder, door, name="recorder")
            source.push(value)
            sample = reader.get(timeout=100)
            assert (sample.source, sample.value) == ("door", value)
            numbers.add(door._index)
            books = pipeline.remove(door)
            assert books is not None
            assert set(books.nodes) == {"door", "recorder"}
            assert books.nodes["door"].processed == 1
            assert recorder.closed
            check_books(pipeline)
        assert len(numbers) == 5
        until(lambda: notes.gone == ["door"] * 5, "source_gone()")
        assert set(pipeline.stats().nodes) == {"people"}
        assert pipeline.stats().removed.samples == 5
        assert pipeline.stats().removed.node_count == 10
        assert pipeline.remove(door) is None
        with pytest.raises(ff.StateError, match="removed"):
            pipeline.add(Notes(), door)


def test_a_failing_open_is_raised_by_add_and_the_rest_runs_on() -> None:
    class Fails(ff.Node[int, int]):
        def open(self) -> None:
            raise OSError("no such model")

        def process(self, sample: ff.Sample[int]) -> int:
            return sample.value

    source: Push = Push()
    pipeline = ff.Pipeline()
    cam = pipeline.add(source, name="cam")
    reader = pipeline.reader(cam)
    with pipeline:
        for _ in range(3):
            with pytest.raises(ff.NodeError, match="no such model") as caught:
                pipeline.add(Fails(), cam, name="late")
            assert isinstance(caught.value.__cause__, OSError)
        with pytest.raises(ff.SourceError):
            pipeline.add(ff.open("no_such_file.mp4"))
        failed = ff.open("no_such_file.mp4")
        for error in (ff.SourceError, ff.GraphError):  # a node is added once
            with pytest.raises(error):
                pipeline.add(failed)
        source.push(1)
        assert reader.get(timeout=100).value == 1
        assert set(pipeline.stats().nodes) == {"cam"}


def test_a_failed_add_leaves_nothing_of_its_exception() -> None:
    class NoModelError(Exception):
        pass

    class Fails(ff.Node[int, int]):
        def open(self) -> None:
            raise NoModelError

        def process(self, sample: ff.Sample[int]) -> int:
            return sample.value

    def add() -> weakref.ref[BaseException]:
        with pytest.raises(ff.NodeError) as caught:
            pipeline.add(Fails(), cam)
        assert caught.value.__cause__ is not None
        return weakref.ref(caught.value.__cause__)

    pipeline = ff.Pipeline()
    cam = pipeline.add(Push(), name="cam")
    with pipeline:
        failed = add()
        until(lambda: gc.collect() >= 0 and failed() is None, "the end of the exception")


def test_a_merge_does_not_keep_the_cameras_that_have_gone() -> None:
    pipeline = ff.Pipeline(keep_running=True)
    people = pipeline.add(Notes(), [], name="people")

    def come_and_go() -> weakref.ref[Push]:
        source: Push = Push()
        door = pipeline.add(source)
        pipeline.connect(people, door)
        pipeline.remove(door)
        return weakref.ref(source)

    with pipeline:
        gone = come_and_go()
        until(lambda: gc.collect() >= 0 and gone() is None, "the end of the camera")


def test_readers_come_and_go() -> None:
    source: Push = Push()
    pipeline = ff.Pipeline()
    cam = pipeline.add(source, name="cam")
    with pipeline:
        for value in range(4):
            reader = pipeline.reader(cam, name="late")
            source.push(value)
            assert reader.get(timeout=100).value == value
            reader.close()
        assert pipeline.stats().edges == []
        assert pipeline.stats().removed.delivered == 4


def test_a_reader_of_a_removed_camera_gets_the_end_of_its_stream() -> None:
    pipeline = ff.Pipeline(keep_running=True)
    with pipeline:
        source: Push = Push()
        cam = pipeline.add(source, name="cam")
        reader = pipeline.reader(cam, queue=ff.Queue(4))
        source.push(1)
        until(lambda: edge(pipeline, "reader").waiting == 1, "a sample")
        remover = threading.Thread(target=pipeline.remove, args=(cam,))
        remover.start()
        assert [sample.value for sample in reader] == [1]
        remover.join()


@pytest.mark.slow
def test_a_signals_handler_cannot_interrupt_an_import_of_remove() -> None:
    ended = run_program(
        """
import sys
import freshframe as ff
pipeline = ff.Pipeline(keep_running=True)
with pipeline:
    camera = pipeline.add(ff.open("demo:circles"))
    before = set(sys.modules)
    assert pipeline.remove(camera) is not None
    assert not [name for name in set(sys.modules) - before if name.startswith("freshframe")]
"""
    )
    assert ended.code == 0, ended.err


def test_verbs_after_the_end_are_refused() -> None:
    pipeline = ff.Pipeline()
    cam = pipeline.add(Ticking(1, 100), name="cam")
    merge = pipeline.add(Notes(), [cam], name="merge")
    with pytest.raises(ff.StateError, match="before start"):
        pipeline.remove(cam)
    pipeline.run()
    calls: list[Any] = [
        lambda: pipeline.add(Notes(), cam),
        lambda: pipeline.reader(cam),
        lambda: pipeline.connect(merge, cam),
        lambda: pipeline.disconnect(merge, cam),
        lambda: pipeline.remove(cam),
    ]
    for call in calls:
        with pytest.raises(ff.StateError, match="after the end"):
            call()


def test_many_threads_add_and_remove_cameras() -> None:
    pipeline = ff.Pipeline(keep_running=True)
    people = pipeline.add(_same, [], name="people", batch=ff.Batch(4, max_wait=0.01))
    reader = pipeline.reader(people)
    failures: list[BaseException] = []
    barrier = threading.Barrier(4)

    def service(number: int) -> None:
        try:
            barrier.wait()
            for _ in range(8):
                cam = pipeline.add(Ticking(10**6, 200), name=f"cam{number}")
                pipeline.connect(people, cam)
                pipeline.add(lambda value: value, people.of(cam))
                pipeline.remove(cam)
        except BaseException as error:
            failures.append(error)

    with pipeline:
        before = threading.active_count()
        services = [threading.Thread(target=service, args=(i,)) for i in range(4)]
        for each in services:
            each.start()
        reader.latest()
        for each in services:
            each.join()
        assert not failures
        check_books(pipeline)
        assert set(pipeline.stats().nodes) == {"people"}
        until(lambda: threading.active_count() <= before, "threads of removed nodes end")


def test_stop_goes_ahead_of_an_add_that_waits() -> None:
    class Slow(ff.Source[int]):
        live = True
        opening = threading.Event()
        go = threading.Event()

        def open(self) -> None:
            self.opening.set()
            self.go.wait(100)

        def read(self) -> Iterator[tuple[int, float]]:
            self.stop_token.wait(60)
            yield from ()

    pipeline = ff.Pipeline(keep_running=True)
    merge = pipeline.add(Notes(), [], name="merge")
    pipeline.start()
    raised: list[BaseException] = []

    def stops() -> bool:
        try:
            pipeline.reader(merge).close()
        except ff.StateError:
            return True
        return False

    def add() -> None:
        try:
            pipeline.add(Slow())
        except ff.StateError as error:
            raised.append(error)

    adder = threading.Thread(target=add)
    adder.start()
    Slow.opening.wait(100)
    stopper = threading.Thread(target=pipeline.stop)
    stopper.start()
    until(stops, "the stop")  # while the node is still opening
    assert adder.is_alive()
    Slow.go.set()
    adder.join()
    stopper.join()
    assert len(raised) == 1


def come_and_go(pipeline: ff.Pipeline, merge: ff.Port[Any], seen: Callable[[], str]) -> None:
    """Adds and removes two cameras, one after the other.

    `seen` returns the name that the node received for each.
    """
    for name in ("door", "yard"):
        source = Push()
        camera = pipeline.add(source, name=name)
        pipeline.connect(merge, camera)
        source.push(1)
        assert seen() == name
        pipeline.remove(camera)


def test_a_worker_knows_the_cameras_that_came_after_its_start() -> None:
    pipeline = ff.Pipeline(keep_running=True)
    names = pipeline.add(Stamps(), [], name="names", process=True)
    reader = pipeline.reader(names)
    with pipeline:
        come_and_go(pipeline, names, lambda: reader.get(timeout=100).value[2])


def test_the_wait_of_a_batch_may_be_set_while_the_node_works() -> None:
    source = Push()
    pipeline = ff.Pipeline()
    cam = pipeline.add(source, name="cam")
    batch = pipeline.add(_same, cam, queue=ff.Queue(8), batch=ff.Batch(2, max_wait=1000))
    reader = pipeline.reader(batch, queue=ff.Queue(8))
    with pytest.raises(ff.GraphError, match="added without a batch"):
        pipeline.set_max_wait(cam, 1)
    with pytest.raises(ff.OptionError, match="max_wait"):
        pipeline.set_max_wait(batch, -1)
    with pipeline:
        source.push(1, 2)
        assert [reader.get(timeout=100).value for _ in range(2)] == [1, 2]
        pipeline.set_max_wait(batch, 0)
        source.push(3)
        assert reader.get(timeout=100).value == 3
    with pytest.raises(ff.StateError):
        pipeline.set_max_wait(batch, 1)


@pytest.mark.parametrize("batch", [None, ff.Batch(2)])
def test_workers_are_told_which_cameras_have_gone(batch: ff.Batch | None) -> None:
    pipeline = ff.Pipeline(keep_running=True)
    names = pipeline.add(Farewells(), [], name="names", process=ff.Process(workers=2), batch=batch)
    reader = pipeline.reader(names)
    with pipeline:
        gone: list[str] = []
        told: dict[int, list[str]] = {}
        for name in ("door", "yard", "gate"):
            source = Push()
            camera = pipeline.add(source, name=name)
            pipeline.connect(names, camera)
            for value in range(4):
                source.push(value)
                worker, seen, told_before = reader.get(timeout=100).value
                assert (seen, told_before) == (name, gone)
                told[worker] = told_before
            pipeline.remove(camera)
            gone.append(name)
        check_books(pipeline)


@pytest.mark.slow
def test_a_worker_that_fails_to_forget_a_camera_fails_its_node() -> None:
    pipeline = ff.Pipeline(keep_running=True)
    names = pipeline.add(Farewells(bad="yard"), [], name="names", process=True)
    reader = pipeline.reader(names)
    with pipeline:
        come_and_go(pipeline, names, lambda: reader.get(timeout=100).value[1])
        with pytest.raises(ff.NodeError, match="cannot forget yard"):
            pipeline.wait(timeout=100)


@pytest.mark.slow
def test_hundreds_of_nodes_may_come_between_two_samples_of_a_worker() -> None:
    pipeline = ff.Pipeline(keep_running=True)
    names = pipeline.add(Stamps(), [], name="names", process=True)
    reader = pipeline.reader(names)
    source = Push()
    with pipeline:
        camera = pipeline.add(source, name="door")
        pipeline.connect(names, camera)
        for value in range(2):
            source.push(value)
            assert reader.get(timeout=100).value[2] == "door"
            for _ in range(600):
                pipeline.remove(pipeline.add(lambda value: value, camera))
        assert pipeline.stats().nodes["names"].workers[0].restarts == 0


@pytest.mark.slow
def test_a_rate_holds_on_an_edge_that_comes_while_it_runs() -> None:
    pipeline = ff.Pipeline(keep_running=True)
    merge = pipeline.add(Notes(), [], name="merge")
    with pipeline:
        cam = pipeline.add(Ticking(200, 100), name="cam")
        with pytest.raises(ff.OptionError, match="max_rate"):
            pipeline.connect(merge, cam, max_rate=0)
        pipeline.connect(merge, cam, max_rate=10)
        until(lambda: pipeline.stats().nodes["cam"].processed == 200, "all were sent")
        drops = edge(pipeline, "merge").drops
        assert 150 <= drops["rate"] < 200


@pytest.mark.parametrize("late", [False, True])
def test_an_interrupt_at_any_point_of_an_add_leaves_the_graph_as_before(
    monkeypatch: pytest.MonkeyPatch, late: bool
) -> None:
    pipeline = ff.Pipeline(keep_running=True)
    with pipeline:
        door = pipeline.add(Push(), name="door")
        changes = pipeline._changes
        place, verb = (changes._runners, "start_one_beside") if late else (changes._graph, "add")
        called = getattr(place, verb)

        def interrupted(*arguments: Any, **options: Any) -> None:
            called(*arguments, **options)
            raise KeyboardInterrupt

        stand_in = _With(place, verb, interrupted)
        monkeypatch.setattr(changes, "_runners" if late else "_graph", stand_in)
        node = Notes()
        with pytest.raises(KeyboardInterrupt):
            pipeline.add(node, door, name="step")
        monkeypatch.undo()
        until(lambda: set(pipeline.stats().nodes) == {"door"}, "the end of the node")
        again = Notes()
        pipeline.add(again, door, name="step")
        check_books(pipeline)


class _With:
    """Wraps an object, and replaces one method."""

    def __init__(self, other: Any, name: str, method: Any) -> None:
        self._other, self._name, self._method = other, name, method

    def __getattr__(self, name: str) -> Any:
        return self._method if name == self._name else getattr(self._other, name)


def test_a_sink_of_a_complete_file_that_is_removed_leaves_none_behind(tmp_path: Path) -> None:
    pipeline = ff.Pipeline(keep_running=True)
    source: Push = Push()
    door = pipeline.add(source, name="door")
    with pipeline:
        kept = len(pipeline._graph._kept)
        lines = pipeline.add(ff.JsonLines(tmp_path / "door.jsonl", complete=True), door, name="lines")
        source.push(1)
        until(lambda: pipeline.stats().nodes["lines"].processed == 1, "the line")
        assert len(list(tmp_path.iterdir())) == 1
        pipeline.remove(lines)
        assert not list(tmp_path.iterdir())
        assert len(pipeline._graph._kept) == kept
