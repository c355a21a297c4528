"""Joins: functions, nodes and readers of sets, missing samples, rejected graphs, counters."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import asyncio
import gc
import time
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from support import Count, Push, edge, until

import freshframe as ff


class Paced(ff.Source[int]):
    """A file of ``count`` numbers with ``rate`` timestamps per second."""

    live = False

    def __init__(self, count: int, rate: float, offset: float = 0.0) -> None:
        self.count, self.rate, self.offset = count, rate, offset

    def read(self) -> Iterator[tuple[int, float]]:
        for number in range(self.count):
            yield number, self.offset + number / self.rate


def double(value: int) -> int:
    return 2 * value


def add(left: int, right: int) -> int:
    return left + right


def test_a_function_gets_the_values_of_each_set() -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(Count(30), name="source")
    total = pipeline.add(add, [source, pipeline.add(double, source)], join=ff.Join())
    reader = pipeline.reader(total)
    with pipeline:
        samples = list(reader)
    assert [(s.seq, s.value, s.source) for s in samples] == [(n, 3 * n, "source") for n in range(30)]
    stats = pipeline.stats().nodes["add"].join
    assert stats is not None
    assert (stats.by, stats.sets, stats.partial) == ("seq", 30, 0)
    assert stats.unmatched == {"source": 0, "double": 0}


def test_the_end_of_another_source_of_a_shared_node_ends_no_part() -> None:
    door, yard = Push(), Push()
    pipeline = ff.Pipeline()
    doors = pipeline.add(door, name="door")
    people = pipeline.add(double, [doors, pipeline.add(yard, name="yard")], queue=ff.Queue(32))
    seen = pipeline.reader(people, name="seen", queue=ff.Queue(32))
    reader = pipeline.reader([people.of(doors), doors], join=ff.Join(max_wait=10))
    with pipeline:
        yard.push(0)
        assert seen.get(timeout=100).value == 0
        yard.end()
        until(lambda: pipeline.stats().nodes["yard"].state == "ended", "the end of yard")
        for number in range(1, 20):
            door.push(number)
            assert reader.get(timeout=100).value == (2 * number, number)


def test_a_node_gets_a_sample_with_all_parts() -> None:
    seen: list[Any] = []

    class Keep(ff.Node[tuple[int, int], None]):
        def process(self, sample: ff.Sample[tuple[int, int]], /) -> None:
            parts = [part and (part.source, part.value) for part in sample.members]
            seen.append((sample.seq, sample.pts, sample.value, parts))

    pipeline = ff.Pipeline()
    left = pipeline.add(Paced(3, 10), name="left")
    right = pipeline.add(Paced(3, 10, 0.01), name="right")
    pipeline.add(Keep(), (left, right), join=ff.Join(within=0.02))
    assert pipeline.run().complete
    assert seen == [(n, n / 10, (n, n), [("left", n), ("right", n)]) for n in range(3)]


def test_a_reader_gives_tuples_and_frames_of_all_parts() -> None:
    pipeline = ff.Pipeline()
    cameras = [
        pipeline.add(ff.open(f"demo:circles?frames=5&pace=0&seed={n}"), name=f"cam{n}") for n in range(3)
    ]
    reader = pipeline.reader(cameras, join=ff.Join(within=0.001, max_wait=20, by="pts"))
    with pipeline:
        samples = list(reader)
    assert len(samples) == 5
    last = samples[-1]
    assert isinstance(last.value, tuple)
    assert [part.source for part in last.members if part is not None] == ["cam0", "cam1", "cam2"]
    frames = [part.frame for part in last.members if part is not None]
    assert last.value == tuple(frames)
    assert np.array_equal(last.frame.luma, last.value[0].luma)
    assert not np.array_equal(last.value[0].luma, last.value[1].luma)


def test_a_sample_that_is_no_set_has_no_members() -> None:
    for sample in ff.stream(Count(1)):
        assert sample.members == ()


def test_files_of_different_length_end_and_say_what_found_no_partner() -> None:
    pipeline = ff.Pipeline()
    ports = [pipeline.add(Paced(20, 10), name="long"), pipeline.add(Paced(5, 10), name="short")]
    pipeline.add(add, ports, join=ff.Join(within=0.01))
    report = pipeline.run()
    assert not report.complete
    assert report.nodes["add"].processed == 5
    assert any("unmatched 15" in loss for loss in report.losses)


def test_samples_that_wait_for_a_join_are_dropped_as_removed_when_one_of_its_parents_goes() -> None:
    pipeline, left, right = ff.Pipeline(keep_running=True), Push(), Push()
    ports = [pipeline.add(left, name="left"), pipeline.add(right, name="right")]
    pipeline.add(lambda a, b: (a, b), ports, name="pair", join=ff.Join(within=1, max_wait=3600, by="pts"))
    with pipeline:
        left.push_stamped(0, 0, time.monotonic())
        until(lambda: edge(pipeline, "pair", "left").waiting > 0, "a sample that waits for the join")
        gone = pipeline.remove(ports[1])
    assert gone is not None
    (waited,) = [each for each in gone.edges if (each.parent, each.child) == ("left", "pair")]
    assert waited.drops == {"removed": 1}


def test_without_partial_a_silent_camera_means_no_sets_and_counted_drops() -> None:
    pipeline, left, right = ff.Pipeline(), Push(), Push()
    ports = [pipeline.add(left, name="left"), pipeline.add(right, name="right")]
    pipeline.add(lambda a, b: (a, b), ports, name="pair", join=ff.Join(within=0.05, max_wait=0.01, by="pts"))
    with pipeline:
        for number in range(5):
            left.push_stamped(number, number, time.monotonic())
        until(lambda: edge(pipeline, "pair", "left").drops.get("unmatched") == 5, "all to be given up")
        stats = pipeline.stats().nodes["pair"].join
        assert stats is not None
        assert stats.unmatched == {"left": 5, "right": 0}
        assert stats.nearest == {"right": None}


def test_an_event_loop_is_woken_for_a_partial_set() -> None:
    async def first(reader: ff.Reader[Any]) -> Any:
        async for sample in reader:
            return sample
        return None

    pipeline, left, right = ff.Pipeline(), Push(), Push()
    ports = [pipeline.add(left), pipeline.add(right)]
    reader = pipeline.reader(ports, join=ff.Join(within=0.05, max_wait=0.05, by="pts", partial=True))
    with pipeline:
        left.push("alone")
        sample = asyncio.run(asyncio.wait_for(first(reader), 100))
        assert sample.value == ("alone", None)
        assert sample.members[1] is None


def test_an_exception_names_the_reference_and_skip_goes_on() -> None:
    def fails(left: int, right: int) -> int:
        if left == 3:
            raise ValueError("three")
        return left

    for on_error in ("stop", "skip"):
        pipeline = ff.Pipeline()
        source = pipeline.add(Count(6), name="source")
        ports = [source, pipeline.add(double, source)]
        reader = pipeline.reader(pipeline.add(fails, ports, join=ff.Join(), on_error=on_error))
        with pipeline:
            if on_error == "skip":
                assert [sample.value for sample in reader] == [0, 1, 2, 4, 5]
            else:
                with pytest.raises(ff.NodeError, match=r"'fails' failed on sample 3 of 'source'.*three"):
                    list(reader)


@pytest.mark.slow
def test_parts_are_collected_with_their_sample() -> None:
    class Thing:
        pass

    def thing(value: int) -> Thing:
        return Thing()

    pipeline = ff.Pipeline()
    source = pipeline.add(Count(1))
    reader = pipeline.reader([source, pipeline.add(thing, source)], join=ff.Join())
    with pipeline:
        sample = reader.get(timeout=100)
        gone = weakref.ref(sample.value[1])
        part = sample.members[1]
        assert part is not None
        assert part.value is sample.value[1]
    del sample, part, reader, pipeline, source
    gc.collect()
    assert gone() is None


def test_frames_of_parts_are_counted_as_held() -> None:
    pipeline = ff.Pipeline(max_held_bytes=1)
    ports = [pipeline.add(ff.open(f"demo:circles?frames=50&seed={n}")) for n in range(2)]
    reader = pipeline.reader(ports, join=ff.Join(within=0.001, max_wait=20, by="pts"))
    with pipeline:
        kept = reader.get(timeout=100).value[1]
        with pytest.raises(ff.FramesHeldError):
            list(reader)
    assert kept.width


def wrong(left: int) -> int:
    return left


@pytest.mark.parametrize(
    ("node", "options", "said"),
    [
        (add, {"join": ff.Join()}, "joins by pts and needs within="),
        (add, {"join": 0.1}, "join must be a Join"),
        (wrong, {"join": ff.Join(within=1)}, "'wrong' cannot be called with 2 values"),
        (add, {"join": ff.Join(within=1), "batch": ff.Batch(2)}, "cannot have both join= and batch="),
        (add, {"join": ff.Join(within=1), "process": True}, "a worker process cannot receive sets yet"),
        (add, {"join": ff.Join(within=1), "queue": ff.LATEST}, "leave out queue="),
        (add, {"join": ff.Join(within=1), "queue": ff.NEXT}, "leave out queue="),
        (add, {"join": ff.Join(within=1), "queue": ff.Queue(8, max_seconds=1)}, "leave max_seconds"),
        (ff.CircleTracker(), {"join": ff.Join(within=1)}, "takes one sample at a time"),
    ],
)
def test_what_cannot_be_joined_is_refused(node: Any, options: dict[str, Any], said: str) -> None:
    pipeline = ff.Pipeline()
    kind = ff.CircleTracker if isinstance(node, ff.Node) else Count
    sources: list[ff.Port[Any]] = [
        pipeline.add(ff.open("demo:circles") if kind is ff.CircleTracker else Count(1)) for _ in range(2)
    ]
    with pytest.raises(ff.FreshframeError, match=said.replace("(", r"\(").replace(")", r"\)")):
        pipeline.add(node, sources, **options)


def test_a_live_source_needs_a_wait_and_one_camera_for_each_parent() -> None:
    pipeline = ff.Pipeline()
    cameras = [pipeline.add(ff.testing.MockCamera(), name=f"cam{n}") for n in range(2)]
    with pytest.raises(ff.GraphError, match="needs max_wait="):
        pipeline.reader(cameras, join=ff.Join(within=0.1))
    both = pipeline.add(lambda frame: 1, cameras, name="both")
    with pytest.raises(ff.GraphError, match=r"port\.of\(camera\)"):
        pipeline.reader([cameras[0], both], join=ff.Join(within=0.1, max_wait=1))
    pipeline.reader([cameras[0], both.of(cameras[1])], join=ff.Join(within=0.1, max_wait=1))
    with pytest.raises(TypeError, match="pass several ports as a list"):
        pipeline.reader(*cameras, join=ff.Join(within=0.1, max_wait=1))  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"within": -1}, "within of a join must be at least 0"),
        ({"max_wait": 0}, "max_wait of a join must be more than 0"),
        ({"by": "time"}, "by of a join must be one of captured, pts, seq, utc"),
        ({"by": "seq", "within": 0.1}, "leave within out"),
        ({"partial": 1}, "partial of a join must be True or False"),
        ({"within": "1"}, "within of a join must be a number"),
    ],
)
def test_wrong_options_of_a_join_are_said(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ff.FreshframeError, match=said):
        ff.Join(**options)


def test_types_are_checked_by_position() -> None:
    def pictures(left: ff.Frame, right: ff.Circles) -> int:
        return 0

    pipeline = ff.Pipeline()
    left = pipeline.add(ff.open("demo:circles"))
    circles = pipeline.add(ff.CircleTracker(), left)
    pipeline.add(pictures, (left, circles), join=ff.Join(max_wait=1))
    with pytest.raises(ff.GraphError, match="takes Frame, but its parent 'CircleTracker' returns Circles"):
        pipeline.add(pictures, [circles, left], join=ff.Join())


def test_print_of_the_statistics_has_a_line_for_the_join() -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(Count(4))
    pipeline.add(add, [source, pipeline.add(double, source)], join=ff.Join())
    assert "join 'add' by seq: 4 sets" in str(pipeline.run())


def test_print_of_the_pipeline_marks_the_edges_of_a_join() -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(Count(4))
    pipeline.add(add, [source, pipeline.add(double, source)], join=ff.Join())
    pipeline.run()
    assert str(pipeline).count("[joined by seq]") == 2


def _thirds(value: int) -> Iterator[tuple[int, int]]:
    for part in range(3):
        yield value, part


def _whole(third: tuple[int, int]) -> tuple[int, int]:
    return third


def _without_the_second(third: tuple[int, int]) -> tuple[int, int] | None:
    return None if third[1] == 1 else third


def test_branches_of_one_generator_are_joined_part_by_part() -> None:
    pipeline = ff.Pipeline()
    thirds = pipeline.add(_thirds, pipeline.add(Count(20), name="source"))
    some = pipeline.add(_without_the_second, thirds, name="some")
    reader = pipeline.reader((pipeline.add(_whole, thirds, name="all"), some), join=ff.Join(), name="sets")
    with pipeline:
        sets = [sample.value for sample in reader]
    assert sets == [((n, part), (n, part)) for n in range(20) for part in (0, 2)]
    assert edge(pipeline, "sets", "all").drops == {"unmatched": 20}


def test_two_generators_below_one_source_are_joined_part_by_part() -> None:
    def halves(value: int) -> Iterator[tuple[int, int]]:
        for part in range(2):
            yield value, part

    pipeline = ff.Pipeline()
    source = pipeline.add(Count(20), name="source")
    ports = pipeline.add(_thirds, source), pipeline.add(halves, source)
    reader = pipeline.reader(ports, join=ff.Join(), name="sets")
    with pipeline:
        sets = [sample.value for sample in reader]
    assert sets == [((n, part), (n, part)) for n in range(20) for part in (0, 1)]


def _in_two(third: tuple[int, int]) -> Iterator[tuple[int, int]]:
    yield third
    yield third


def _two(one: Any, other: Any) -> None:
    return None


@pytest.mark.parametrize(
    "parents", ["source and thirds", "thirds and source", "thirds and their thirds", "other"]
)
def test_a_join_that_would_see_the_first_result_of_each_picture_only_is_refused(parents: str) -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(Push(), name="source")
    other = pipeline.add(Push(), name="other")
    thirds = pipeline.add(_thirds, source, name="thirds")
    again = pipeline.add(_in_two, thirds, name="again")
    ports, join = {
        "source and thirds": ((source, thirds), ff.Join(max_wait=1)),
        "thirds and source": ((thirds, source), ff.Join(max_wait=1)),
        "thirds and their thirds": ((thirds, again), ff.Join(max_wait=1)),
        "other": ((other, thirds), ff.Join(within=0.01, max_wait=1)),
    }[parents]
    with pytest.raises(ff.GraphError, match=r"returns several results per frame.*use sample\.frame"):
        pipeline.add(_two, ports, join=join)
    with pytest.raises(ff.GraphError, match="returns several results per frame"):
        pipeline.reader(ports, join=join)


def test_a_node_that_delays_its_one_result_is_joined_with_its_source() -> None:
    class Later(ff.Node[int, int]):
        def open(self) -> None:
            self.waiting: list[ff.Sample[int]] = []

        def process(self, sample: ff.Sample[int]) -> Any:
            self.waiting.append(sample)
            return None if len(self.waiting) < 3 else ff.stamped(sample.value, like=self.waiting.pop(0))

    pipeline = ff.Pipeline()
    source = pipeline.add(Count(20), name="source")
    reader = pipeline.reader((source, pipeline.add(Later(), source)), join=ff.Join())
    with pipeline:
        assert [sample.value for sample in reader] == [(n, n + 2) for n in range(18)]


@pytest.mark.parametrize(("wait", "depth"), [(0.1, 32), (0.5, 32), (1.0, 60), (2.0, 120), (60.0, 128)])
def test_the_default_queue_of_a_join_holds_what_comes_within_its_wait(wait: float, depth: int) -> None:
    pipeline = ff.Pipeline()
    left, right = pipeline.add(Push(), name="left"), pipeline.add(Push(), name="right")
    pipeline.add(add, (left, right), join=ff.Join(within=0.01, max_wait=wait), name="join")
    pipeline.reader((left, right), join=ff.Join(within=0.01, max_wait=wait), name="reader")
    pipeline.add(add, (left, right), join=ff.Join(within=0.01, max_wait=wait), name="own", queue=ff.Queue(8))
    with pipeline:
        assert edge(pipeline, "join", "left").queue == ff.Queue(depth)
        assert edge(pipeline, "reader", "right").queue == ff.Queue(depth)
        assert edge(pipeline, "own", "right").queue == ff.Queue(8)


def test_a_camera_that_comes_later_than_32_pictures_is_joined_if_wait_allows_it() -> None:
    near, far = Push(), Push()
    pipeline = ff.Pipeline()
    ports = pipeline.add(near, name="near"), pipeline.add(far, name="far")
    reader = pipeline.reader(ports, join=ff.Join(within=0.001, max_wait=1000, by="pts"), name="sets")
    with pipeline:
        near.push(*range(100))
        until(lambda: edge(pipeline, "sets", "near").passed_in == 100, "near has sent")
        far.push(*range(100))
        assert [reader.get(timeout=100).value for _ in range(100)] == [(n, n) for n in range(100)]
