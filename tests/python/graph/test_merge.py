"""Several parents: one queue each, taken in turn, ended when all have ended."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest
from support import Collect, Count, Gate, Push, Ticker, edge, until

import freshframe as ff


def test_a_merge_takes_everything_of_files_and_ends_when_all_have_ended() -> None:
    pipeline, collect = ff.Pipeline(), Collect()
    pipeline.add(collect, [pipeline.add(Count(30), name="one"), pipeline.add(Count(5), name="two")])
    assert pipeline.run().complete
    assert sorted(collect.seen) == sorted([(n, n) for n in range(30)] + [(n, n) for n in range(5)])


def test_a_merge_keeps_the_order_within_each_parent() -> None:
    pipeline = ff.Pipeline()
    ports = [pipeline.add(Count(40), name=name) for name in ("one", "two", "three")]
    reader = pipeline.reader(pipeline.add(lambda value: value, ports))
    with pipeline:
        samples = list(reader)
    for name in ("one", "two", "three"):
        assert [s.seq for s in samples if s.source == name] == list(range(40))


def test_a_merge_goes_on_when_one_parent_has_ended() -> None:
    pipeline, short, long = ff.Pipeline(), Push(live=False), Push(live=False)
    reader = pipeline.reader(pipeline.add(lambda v: v, [pipeline.add(short), pipeline.add(long)]))
    with pipeline:
        short.end()
        long.push("still here")
        assert reader.get().value == "still here"
        assert reader.ended is False
        long.end()
        with pytest.raises(ff.EndOfStream):
            reader.get()


def test_a_merge_takes_its_parents_in_turn() -> None:
    pipeline, gate, fast, slow = ff.Pipeline(), Gate(), Push(), Push()
    collect = Collect(gate)
    ports = [pipeline.add(fast, name="fast"), pipeline.add(slow, name="slow")]
    pipeline.add(collect, ports, queue=ff.Queue(8))
    with pipeline:
        fast.push("f0")
        until(lambda: gate.arrived, "the merge to be busy")
        fast.push("f1", "f2", "f3", "f4")
        slow.push("s0", "s1")
        until(lambda: edge(pipeline, "Collect", "fast").waiting == 4, "the fast ones to wait")
        until(lambda: edge(pipeline, "Collect", "slow").waiting == 2, "the slow ones to wait")
        gate.open()
        until(lambda: len(collect.seen) == 7, "all to be taken")
    assert [value for _, value in collect.seen] == ["f0", "s0", "f1", "s1", "f2", "f3", "f4"]


def test_each_parent_of_a_merge_has_books_of_its_own() -> None:
    pipeline, one, two, gate = ff.Pipeline(), Push(), Push(), Gate()
    pipeline.add(Collect(gate), [pipeline.add(one, name="one"), pipeline.add(two, name="two")])
    with pipeline:
        one.push(0)
        until(lambda: gate.arrived, "the merge to be busy")
        one.push(1, 2, 3)
        two.push(0)
        until(lambda: edge(pipeline, "Collect", "one").passed_in == 4, "the first parent's samples")
        until(lambda: edge(pipeline, "Collect", "two").passed_in == 1, "the second parent's sample")
        assert edge(pipeline, "Collect", "one").drops == {"queue_full": 2}
        assert not edge(pipeline, "Collect", "two").drops
        gate.open()


def test_a_fast_camera_cannot_evict_a_slow_one_from_a_reader() -> None:
    pipeline, fast, slow = ff.Pipeline(), Push(), Push()
    reader = pipeline.reader(pipeline.add(fast, name="fast"), pipeline.add(slow, name="slow"))
    with pipeline:
        slow.push("rare")
        until(lambda: edge(pipeline, "reader", "slow").waiting == 1, "the slow camera's sample")
        fast.push(*range(100))
        until(lambda: edge(pipeline, "reader", "fast").passed_in == 100, "the fast camera's samples")
        both = {(s.source, s.value) for s in (reader.get(), reader.get())}
        assert both == {("slow", "rare"), ("fast", 99)}
        assert not edge(pipeline, "reader", "slow").drops
        assert edge(pipeline, "reader", "fast").drops == {"queue_full": 99}


def test_dropped_counts_per_edge() -> None:
    pipeline, fast, slow = ff.Pipeline(), Push(), Push()
    reader = pipeline.reader(pipeline.add(fast, name="fast"), pipeline.add(slow, name="slow"))
    with pipeline:
        slow.push("rare")
        fast.push(*range(10))
        until(lambda: edge(pipeline, "reader", "fast").passed_in == 10, "the fast camera's samples")
        until(lambda: edge(pipeline, "reader", "slow").passed_in == 1, "the slow camera's sample")
        dropped = {s.source: s.dropped for s in (reader.get(), reader.get())}
        assert dropped == {"fast": 9, "slow": 0}


def test_a_file_beside_a_camera_stays_lossless_into_the_merge_and_the_rest_is_live() -> None:
    pipeline, collect = ff.Pipeline(), Collect()
    camera, clip = pipeline.add(Ticker(), name="camera"), pipeline.add(Count(200), name="clip")
    both = pipeline.add(lambda value: value, [camera, clip], name="both")
    pipeline.add(collect, both)
    with pipeline:
        until(lambda: edge(pipeline, "both", "clip").delivered == 200, "the whole file")
        assert edge(pipeline, "both", "clip").queue == ff.LOSSLESS
        assert not edge(pipeline, "both", "clip").drops
        assert edge(pipeline, "both", "camera").queue == ff.LATEST
        assert edge(pipeline, "Collect").queue == ff.LATEST
        assert pipeline.wait(timeout=0.05) is False  # the camera goes on


@pytest.mark.parametrize("consumer", ["node", "reader"])
def test_next_with_several_parents_is_refused(consumer: str) -> None:
    pipeline = ff.Pipeline()
    ports = [pipeline.add(Ticker()), pipeline.add(Ticker())]
    with pytest.raises(ff.GraphError, match=r"NEXT"):
        _ = (
            pipeline.add(Collect(), ports, queue=ff.NEXT)
            if consumer == "node"
            else pipeline.reader(*ports, queue=ff.NEXT)
        )


def test_a_diamond_delivers_both_branches_of_every_sample() -> None:
    pipeline, collect = ff.Pipeline(), Collect()
    source = pipeline.add(Count(50))
    left = pipeline.add(lambda value: ("left", value), source)
    right = pipeline.add(lambda value: ("right", value), source)
    pipeline.add(collect, [left, right])
    assert pipeline.run().complete
    assert {value for _, value in collect.seen} == {
        (side, n) for side in ("left", "right") for n in range(50)
    }
