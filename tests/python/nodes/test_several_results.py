"""Generators as nodes: several results per sample, delayed results, stops and exceptions in between."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import csv
import functools
import json
import pickle
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import Count, Pictures, Ticker, check_books, edge, picture, run_node, until

import freshframe as ff


def twice(value: int) -> Iterator[int]:
    yield 2 * value
    yield 2 * value + 1


class Tiles(ff.Node[int, tuple[int, int]]):
    """Emits four results per sample."""

    def process(self, sample: ff.Sample[int], /) -> Iterator[tuple[int, int]]:
        for tile in range(4):
            yield sample.value, tile


def places(samples: list[ff.Sample[Any]]) -> list[tuple[int, int]]:
    return [(sample.seq, sample.part) for sample in samples]


def test_a_generator_function_gives_any_number_of_results() -> None:
    samples = run_node(twice, [5, 7])
    assert [sample.value for sample in samples] == [10, 11, 14, 15]
    assert places(samples) == [(0, 0), (0, 1), (1, 0), (1, 1)]


def test_a_generator_method_gets_the_sample_and_may_give_nothing() -> None:
    class Some(ff.Node[int, int]):
        def process(self, sample: ff.Sample[int], /) -> Iterator[int | None]:
            for number in range(sample.value):
                yield number if number != 1 else None

    samples = run_node(Some(), [0, 3, 1])
    assert [sample.value for sample in samples] == [0, 2, 0]
    assert places(samples) == [(1, 0), (1, 1), (2, 0)]


def test_a_partial_of_a_generator_function_is_one() -> None:
    def times(factor: int, value: int) -> Iterator[int]:
        yield factor * value

    assert [s.value for s in run_node(functools.partial(times, 3), [2])] == [6]


def test_a_plain_result_has_part_0() -> None:
    assert places(run_node(lambda value: value, [1, 2])) == [(0, 0), (1, 0)]


def test_the_results_of_frames_have_their_frame_and_may_be_frames() -> None:
    def halves(frame: ff.Frame) -> Iterator[ff.Frame]:
        for top in (0, 24):
            yield ff.Frame.from_array(frame.luma[top : top + 24].copy(), "gray")

    pipeline = ff.Pipeline()
    pictures = pipeline.add(Pictures(3))
    frames = pipeline.reader(pipeline.add(halves, pictures))
    means = pipeline.reader(pipeline.add(Marks(), pictures))
    with pipeline:
        samples = list(frames)
        seen = [(s.value.height, int(s.value.luma[0, 0])) for s in samples]
        assert seen == [(24, n // 2) for n in range(6)]
        assert [s.frame.width for s in means] == [64] * 6


class Marks(ff.Node[ff.Frame, int]):
    def process(self, sample: ff.Sample[ff.Frame], /) -> Iterator[int]:
        yield 1
        yield 2


# --- queues -------------------------------------------------------------------------------------------------


@pytest.mark.table(cases=2)
@pytest.mark.parametrize(
    "queue",
    [None, ff.LATEST, ff.NEXT, ff.LOSSLESS],
    ids=["default", "latest", "next", "lossless"],
)
def test_the_results_of_a_sample_reach_a_slow_child_together_unless_it_has_asked_for_less(
    queue: ff.Queue | None,
) -> None:
    seen: defaultdict[int, list[int]] = defaultdict(list)

    class Slow(ff.Node[tuple[int, int], None]):
        def process(self, sample: ff.Sample[tuple[int, int]], /) -> None:
            number, tile = sample.value
            seen[number].append(tile)
            time.sleep(0.02)

    pipeline = ff.Pipeline()
    tiles = pipeline.add(Tiles(), pipeline.add(Ticker(0.01), name="camera"), name="tiles")
    pipeline.add(Slow(), tiles, name="slow", queue=queue)
    with pipeline:
        until(lambda: sum(map(len, seen.values())) >= 20, "20 tiles")
        text = str(pipeline)
    by_name = queue in (ff.LATEST, ff.NEXT)
    assert ("may drop some of the results that 'tiles' returns for one sample" in text) == by_name
    whole = [n for n, tiles in sorted(seen.items())[:-3] if tiles == [0, 1, 2, 3]]
    if by_name:
        assert not whole
        assert edge(pipeline, "slow").dropped
    else:
        assert len(whole) >= 2
        assert whole == sorted(seen)[:-3]
        assert edge(pipeline, "slow").drops.keys() <= {"stop"}
        assert edge(pipeline, "tiles").drops["queue_full"]  # frames are dropped as a whole, upstream
    check_books(pipeline)


def test_latest_below_a_generator_names_the_cure() -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(twice, pipeline.add(Ticker()), name="tiles"))
    text = r"'tiles' returns several .* use poll\(\), get\(\) or a loop, or queue=LATEST"
    with pipeline, pytest.raises(ff.GraphError, match=text):
        reader.latest()


def test_a_recorder_writes_the_parts(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    port = pipeline.add(twice, pipeline.add(Count(2)))
    pipeline.add(ff.JsonLines(tmp_path / "a.jsonl"), port)
    pipeline.add(ff.Csv(tmp_path / "a.csv"), port)
    pipeline.run()
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    written = [(line["seq"], line["part"], line["value"]) for line in lines]
    assert written == [(0, 0, 0), (0, 1, 1), (1, 0, 2), (1, 1, 3)]
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    assert [(row["seq"], row["part"]) for row in rows] == [("0", "0"), ("0", "1"), ("1", "0"), ("1", "1")]


@pytest.mark.parametrize("home", [{}, {"process": True}], ids=["thread", "process"])
def test_a_recorder_writes_whose_stream_a_sample_is_of(tmp_path: Path, home: dict[str, Any]) -> None:
    class Sums(ff.Node[int, int]):
        sum = 0

        def process(self, sample: ff.Sample[int], /) -> int:
            self.sum += sample.value
            return sample.value

        def finish(self) -> Iterator[int]:
            yield self.sum
            yield -1

    pipeline = ff.Pipeline()
    port = pipeline.add(Sums(), pipeline.add(Count(2), name="camera"), as_source="sums", **home)
    pipeline.add(ff.JsonLines(tmp_path / "a.jsonl"), port)
    pipeline.add(ff.Csv(tmp_path / "a.csv"), port)
    pipeline.run()
    wanted = [("camera", 0, 0, 0), ("camera", 1, 0, 1), ("sums", 0, 0, 1), ("sums", 0, 1, -1)]
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    # Two streams are served in turn, so only the order within each is certain.
    assert sorted((line["source"], line["seq"], line["part"], line["value"]) for line in lines) == wanted
    rows = list(csv.DictReader((tmp_path / "a.csv").read_text().splitlines()))
    written = [(row["source"], int(row["seq"]), int(row["part"]), int(row["value"])) for row in rows]
    assert sorted(written) == wanted


def test_without_a_generator_no_part_is_written(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    pipeline.add(ff.JsonLines(tmp_path / "a.jsonl"), pipeline.add(Count(1)))
    pipeline.run()
    assert json.loads((tmp_path / "a.jsonl").read_text()).keys().isdisjoint({"part", "source"})


def test_a_box_tracker_keeps_its_ids_below_tiles() -> None:
    def boxes(frame: ff.Frame) -> Iterator[ff.Detections]:
        for i in range(4):
            xyxy = np.array([[10 + 300 * i, 10, 60 + 300 * i, 60]], np.float32)
            yield ff.Detections(xyxy, np.array([0.9], np.float32), np.array([0], np.int32))

    pipeline = ff.Pipeline()
    tracks = pipeline.reader(pipeline.add(ff.BoxTracker(), pipeline.add(boxes, pipeline.add(Pictures(30)))))
    ids: set[int] = set()
    with pipeline:
        for sample in tracks:
            if sample.value.tracker_id is not None:
                ids.update(sample.value.tracker_id.tolist())
    assert len(ids) == 4


# --- delayed results ----------------------------------------------------------------------------------------


class Delayed(ff.Node[ff.Frame, int]):
    """Emits a result three samples later, with the sample or with its stamp."""

    def __init__(self, by_stamp: bool) -> None:
        self.by_stamp = by_stamp
        self.waiting: list[Any] = []

    def process(self, sample: ff.Sample[ff.Frame], /) -> Iterator[int]:
        self.waiting.append(sample.stamp if self.by_stamp else sample)
        if len(self.waiting) > 3:
            yield from self._oldest()

    def finish(self) -> Iterator[int]:
        while self.waiting:
            yield from self._oldest()

    def _oldest(self) -> Iterator[int]:
        first = self.waiting.pop(0)
        yield ff.stamped(first.seq * 10, like=first)


@pytest.mark.parametrize("by_stamp", [False, True])
def test_a_delayed_result_has_the_stamp_of_its_sample(by_stamp: bool) -> None:
    samples = ff.testing.run_node(
        Delayed(by_stamp), [ff.Frame.from_array(picture(n), "gray") for n in range(6)]
    )
    assert [(s.seq, s.value, s.source) for s in samples] == [(n, 10 * n, "values") for n in range(6)]
    assert [s.pts for s in samples] == [n / 30 for n in range(6)]
    for sample in samples:
        if by_stamp:
            with pytest.raises(ff.StateError, match="has no frame"):
                _ = sample.frame
        else:
            assert int(sample.frame.luma[0, 0]) == sample.seq


def test_stamped_gives_the_frame_that_it_was_given() -> None:
    class One(ff.Node[ff.Frame, int]):
        def process(self, sample: ff.Sample[ff.Frame], /) -> int:
            small = ff.Frame.from_array(picture(9, (8, 8)), "gray")
            return ff.stamped(1, like=sample.stamp, frame=small)

    (sample,) = ff.testing.run_node(One(), [ff.Frame.from_array(picture(1), "gray")])
    assert sample.frame.width == 8


def test_stamped_refuses_what_it_cannot_use() -> None:
    frame = ff.Frame.from_array(picture(1), "gray")
    (sample,) = run_node(lambda value: value, [1])
    with pytest.raises(ff.OptionTypeError, match="like must be a Sample or its stamp, got 3"):
        ff.stamped(1, like=3)  # type: ignore[arg-type]
    with pytest.raises(ff.OptionTypeError, match="frame must be a Frame or None"):
        ff.stamped(1, like=sample, frame=3)  # type: ignore[arg-type]
    with pytest.raises(ff.OptionError, match="leave frame= out"):
        ff.stamped(frame, like=sample, frame=frame)
    with pytest.raises(ff.OptionTypeError, match="the value already has a stamp"):
        ff.stamped(ff.stamped(1, like=sample), like=sample)
    assert repr(ff.stamped(1, like=sample.stamp)) == "stamped(1, like=Stamp(seq=0, source='values'))"


@pytest.mark.parametrize("by_stamp", [False, True])
def test_a_sample_of_another_pipeline_is_refused(by_stamp: bool) -> None:
    (other,) = run_node(lambda value: value, [1])

    def late(value: int) -> int:
        return ff.stamped(value, like=other.stamp if by_stamp else other)

    with pytest.raises(ff.NodeError, match="the stamp of a sample from another pipeline"):
        run_node(late, [1])


def test_a_stamp_says_why_it_cannot_be_pickled() -> None:
    (sample,) = run_node(lambda value: value, [1])
    with pytest.raises(ff.OptionTypeError, match=r"a Stamp cannot be pickled: .* stamp.source, stamp.seq"):
        pickle.dumps(sample.stamp)


def test_stamped_none_emits_nothing_as_none_does() -> None:
    class Some(ff.Node[int, Any]):
        def process(self, sample: ff.Sample[int], /) -> Iterator[Any]:
            yield ff.stamped(None, like=sample)
            yield ff.stamped(sample.value, like=sample)

    assert [s.value for s in run_node(Some(), [1, 2])] == [1, 2]


def test_only_process_decides_whether_the_queues_below_block() -> None:
    class Last(ff.Node[int, int]):
        tick_every = 60.0

        def process(self, sample: ff.Sample[int], /) -> int:
            return sample.value

        def on_tick(self, now: float, /) -> Iterator[int]:
            yield -1

        def finish(self) -> Iterator[int]:
            yield -2

    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Last(), pipeline.add(Ticker())), name="reader")
    with pipeline:
        until(lambda: reader.latest() is not None, "a sample")
        assert edge(pipeline, "reader").queue == ff.LATEST


def test_a_stamp_says_what_the_sample_says() -> None:
    samples = run_node(twice, [1])
    stamp = samples[1].stamp
    assert (stamp.seq, stamp.part, stamp.pts, stamp.captured, stamp.source) == (
        0,
        1,
        samples[1].pts,
        samples[1].captured,
        "values",
    )
    assert repr(samples[1]) == "Sample(seq=0, part=1, source='values', node='twice')"
