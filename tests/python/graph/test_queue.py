"""Queue policies: the samples that an edge keeps, those that it drops, and the causes."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import itertools
import threading
import time
from typing import Any

import pytest
from support import WATCHDOG, Collect, Count, Gate, Push, edge, until

import freshframe as ff


def test_the_three_constants_are_what_their_names_promise() -> None:
    assert ff.Queue(1, "drop_oldest") == ff.LATEST == ff.Queue()
    assert ff.Queue(0) == ff.NEXT
    assert ff.Queue(8, "block") == ff.LOSSLESS


def test_a_queue_is_a_frozen_hashable_value() -> None:
    queue = ff.Queue(3, "drop_newest")
    with pytest.raises(dataclasses.FrozenInstanceError):
        queue.depth = 4  # type: ignore[misc]
    assert not hasattr(queue, "__dict__")
    assert len({queue, ff.Queue(3, "drop_newest"), ff.LATEST}) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((-1,), r"depth must be at least 0, got -1"),
        ((0, "block"), r"(?i)depth"),
        ((0, "drop_newest"), r"(?i)depth"),
        ((1, "sometimes"), r"drop_oldest.*drop_newest.*block.*sometimes|sometimes.*drop_oldest"),
    ],
)
def test_a_queue_that_cannot_be_is_a_value_error(arguments: tuple[int, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ff.Queue(*arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("bound", ["max_seconds", "max_bytes"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_bound_of_a_queue_is_more_than_zero(bound: str, value: int) -> None:
    with pytest.raises(ff.OptionError, match=f"{bound} of a queue must be more than 0, got {value}"):
        ff.Queue(4, **{bound: value})  # type: ignore[arg-type]


def test_a_queue_may_hold_more_bytes_than_an_int_of_32_bits() -> None:
    queue = ff.Queue(4, "drop_newest", max_bytes=8 << 30)
    pipeline, source = ff.Pipeline(), Push()
    pipeline.reader(pipeline.add(source), queue=queue)
    with pipeline:
        assert edge(pipeline, "reader").queue == queue


def read_after_pushing(count: int, queue: ff.Queue | None) -> tuple[list[int], ff.stats.EdgeStats]:
    """Pushes `count` numbers through a live source to a reader that reads only afterwards."""
    pipeline, source = ff.Pipeline(), Push()
    reader = pipeline.reader(pipeline.add(source), queue=queue)
    with pipeline:
        source.push(*range(count))
        until(lambda: edge(pipeline, "reader").passed_in == count, "all numbers to arrive")
        read = []
        while sample := reader.poll():
            read.append(sample.value)
        return read, edge(pipeline, "reader")


@pytest.mark.parametrize(
    ("queue", "kept"),
    [
        (None, [6]),  # downstream of a live source, the default is LATEST
        (ff.LATEST, [6]),
        (ff.Queue(3), [4, 5, 6]),
        (ff.Queue(3, "drop_newest"), [0, 1, 2]),
        (ff.Queue(7), [0, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_a_queue_keeps_what_its_policy_says_and_counts_the_others(
    queue: ff.Queue | None, kept: list[int]
) -> None:
    read, books = read_after_pushing(7, queue)
    lost = 7 - len(kept)
    assert read == kept
    assert books.queue == (queue or ff.LATEST)
    assert books.drops == ({"queue_full": lost} if lost else {})
    assert (books.passed_in, books.delivered, books.dropped, books.waiting) == (7, len(kept), lost, 0)


def test_the_default_below_a_file_is_lossless() -> None:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(Count(100)))
    with pipeline:
        assert [sample.value for sample in reader] == list(range(100))
        assert edge(pipeline, "reader").queue == ff.LOSSLESS
        assert not edge(pipeline, "reader").drops


def test_a_lossless_source_waits_for_a_reader_that_does_not_read() -> None:
    pipeline = ff.Pipeline(stall_timeout=None)
    reader = pipeline.reader(pipeline.add(Count(1000)), queue=ff.Queue(4, "block"))
    with pipeline:
        until(lambda: edge(pipeline, "reader").waiting == 4, "the queue to fill")
        assert pipeline.wait(timeout=0.1) is False
        assert edge(pipeline, "reader").waiting <= 5  # four in the queue, and one that waits for room
        assert len(list(reader)) == 1000


def test_next_delivers_only_what_arrives_while_the_consumer_waits() -> None:
    pipeline, source, gate = ff.Pipeline(), Push(), Gate()
    collect = Collect(gate)
    pipeline.add(collect, pipeline.add(source), queue=ff.NEXT)
    with pipeline:
        pushed = 0
        while not gate.arrived:  # until the node's thread waits, samples are skipped
            source.push(pushed)
            pushed += 1
            until(lambda n=pushed: edge(pipeline, "Collect").passed_in == n, "the sample to be offered")  # type: ignore[misc]
            until(lambda: not edge(pipeline, "Collect").waiting or gate.arrived, "the hand-over")
        before = edge(pipeline, "Collect")
        source.push("missed", "missed too")
        until(lambda: edge(pipeline, "Collect").passed_in == pushed + 2, "both to be offered")
        after = edge(pipeline, "Collect")
        assert after.drops["no_waiter"] == before.drops.get("no_waiter", 0) + 2
        assert after.waiting == 0
        gate.open()
    assert "missed" not in [value for _, value in collect.seen]


def test_a_sample_older_than_max_age_is_dropped_as_stale() -> None:
    pipeline, source, collect = ff.Pipeline(), Push(), Collect()
    pipeline.add(collect, pipeline.add(source), queue=ff.Queue(8), max_age=30.0)
    with pipeline:
        source.push_stamped("old", 0.0, time.monotonic() - 60)
        source.push_stamped("fresh", 1.0, time.monotonic())
        until(lambda: collect.seen, "the fresh sample")
        assert [value for _, value in collect.seen] == ["fresh"]
        assert edge(pipeline, "Collect").drops == {"stale": 1}


def test_every_passes_the_first_and_every_fifth_sample_of_each_source() -> None:
    pipeline, collect = ff.Pipeline(), Collect()
    both = pipeline.add(lambda value: value, [pipeline.add(Count(12)), pipeline.add(Count(7))], name="both")
    pipeline.add(collect, both, every=5)
    report = pipeline.run()
    assert sorted(seq for seq, _ in collect.seen) == [0, 0, 5, 5, 10]
    assert edge(pipeline, "Collect").drops == {"rate": 14}
    assert edge(pipeline, "Collect").every == 5
    assert "one in 5" in str(pipeline)
    assert report.complete


def test_every_counts_before_a_queue_that_skips() -> None:
    pipeline, source, busy = ff.Pipeline(), Push(), threading.Event()
    taken: list[int] = []

    def work(value: int) -> None:
        taken.append(value)
        assert busy.wait(WATCHDOG)

    pipeline.add(work, pipeline.add(source), every=3)
    with pipeline:
        source.push(0)
        until(lambda: taken == [0], "the first sample")
        for value in range(1, 12):
            source.push(value)
        until(lambda: edge(pipeline, "work").passed_in == 12, "the others")
        busy.set()
        until(lambda: len(taken) == 2, "the newest of those that pass")
        assert taken == [0, 9]
        assert edge(pipeline, "work").drops == {"rate": 8, "queue_full": 2}


def test_every_of_one_edge_into_a_merge() -> None:
    pipeline, collect = ff.Pipeline(), Collect()
    port = pipeline.add(collect, [pipeline.add(Count(4), name="all")])
    pipeline.connect(port, pipeline.add(Count(4), name="some"), every=2)
    pipeline.run()
    assert len(collect.seen) == 6


def pushed_at(times: list[float], **options: Any) -> tuple[ff.Pipeline, ff.Reader[Any]]:
    """Returns a live source with samples captured at these times, in seconds after a moment in the past."""
    pipeline, source = ff.Pipeline(), Push()
    reader = pipeline.reader(pipeline.add(source), queue=ff.Queue(1000, "drop_newest"), **options)
    pipeline.start()
    began = time.monotonic() - 1000
    for at in times:
        source.push_stamped(at, 0.0, began + at)
    source.end()
    return pipeline, reader


def test_a_rate_passes_samples_evenly_by_the_time_of_their_capture() -> None:
    pipeline, reader = pushed_at([n / 14 for n in range(14 * 20)], max_rate=5)
    with pipeline:
        times = [sample.value for sample in reader]
    assert len(times) == 100
    assert all(abs(later - one - 0.2) <= 1 / 14 for one, later in itertools.pairwise(times))
    assert edge(pipeline, "reader").drops == {"rate": 180}
    assert edge(pipeline, "reader").max_rate == 5
    assert "at most 5/s" in str(pipeline)
