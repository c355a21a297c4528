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
