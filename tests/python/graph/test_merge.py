"""Several parents: one queue each, read in turn; the node ends when all have ended."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support import WATCHDOG, Collect, Count, Gate, Push, Ticker, check_books, edge, until

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
    reader = pipeline.reader([pipeline.add(fast, name="fast"), pipeline.add(slow, name="slow")])
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
            else pipeline.reader(ports, queue=ff.NEXT)
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


class Keeps(ff.Node[Any, Any]):
    """Emits the last value of each source when its stream has ended."""

    def __init__(self, gate: Gate | None = None) -> None:
        self.gate = gate
        self.closed = threading.Event()
        self.kept: dict[str, ff.Sample[Any]] = {}

    def process(self, sample: ff.Sample[Any]) -> None:
        self.kept[sample.source] = sample
        if self.gate is not None:
            self.gate.enter()

    def finish(self) -> Iterator[Any]:
        for sample in self.kept.values():
            yield ff.stamped(sample.value, like=sample.stamp)

    def close(self) -> None:
        self.closed.set()


def _leaves(value: Any) -> Any:
    if value == 3:
        raise RuntimeError("enough")
    return value


def _bad(pipeline: ff.Pipeline, *, name: str = "bad", count: int = 5) -> ff.Port[Any]:
    """A node with its own source, which is removed at the fourth value."""
    return pipeline.add(
        _leaves, pipeline.add(Count(count), name=f"above {name}"), name=name, on_error="remove"
    )


def _one(pipeline: ff.Pipeline) -> list[ff.Port[Any]]:
    return [_bad(pipeline)]


def _two(pipeline: ff.Pipeline) -> list[ff.Port[Any]]:
    return [_bad(pipeline), _bad(pipeline, name="worse", count=100)]


def _one_and_a_good_one(pipeline: ff.Pipeline) -> list[ff.Port[Any]]:
    return [_bad(pipeline), pipeline.add(Count(4), name="good")]


def _two_merges(pipeline: ff.Pipeline) -> list[ff.Port[Any]]:
    return [pipeline.add(lambda value: value, _two(pipeline), name="upper")]


def _a_join(pipeline: ff.Pipeline) -> list[ff.Port[Any]]:
    source = pipeline.add(Count(5), name="above bad")
    bad = pipeline.add(_leaves, source, name="bad", on_error="remove")
    return [pipeline.add(lambda value, _: value, (bad, source), join=ff.Join(), name="pairs")]


PARENTS: list[Callable[[ff.Pipeline], list[ff.Port[Any]]]] = [
    _one, _two, _one_and_a_good_one, _two_merges, _a_join
]  # fmt: skip


@pytest.mark.parametrize("parents", PARENTS, ids=lambda each: str(each.__name__).strip("_"))
def test_a_merge_whose_parents_have_left_after_a_failure_ends_with_the_last_source(
    parents: Callable[[ff.Pipeline], list[ff.Port[Any]]],
) -> None:
    pipeline, keeps, collect = ff.Pipeline(), Keeps(), Collect()
    pipeline.add(collect, pipeline.add(keeps, parents(pipeline), name="merge", queue=ff.LOSSLESS))
    assert pipeline.run().failures
    assert keeps.closed.is_set()
    good = 3 if "good" in keeps.kept else 2  # the last value of each source
    assert {value for _, value in collect.seen} == {2, good}
    check_books(pipeline)


@pytest.mark.parametrize("ended", [False, True], ids=["runs", "has ended"])
@pytest.mark.parametrize("verb", ["remove", "drain", "disconnect"])
def test_a_merge_that_loses_its_parent_by_hand_ends_when_no_source_is_left(verb: str, ended: bool) -> None:
    gate = Gate()
    pipeline, source, keeps = ff.Pipeline(), Push(live=False), Keeps(gate)
    camera = pipeline.add(source, name="camera")
    merge = pipeline.add(keeps, [camera], name="merge")
    with pipeline:
        source.push(1, 2)
        until(lambda: gate.arrived, "the first value")
        if ended:
            source.end()
            until(lambda: pipeline.stats().nodes["camera"].state == "ended", "the end of the source")
        if verb == "disconnect":
            pipeline.disconnect(merge, camera)
        elif verb == "remove":
            pipeline.remove(camera, timeout=WATCHDOG)
        else:  # it waits for the merge
            options = {"drain": True, "timeout": WATCHDOG}
            draining = threading.Thread(target=pipeline.remove, args=(camera,), kwargs=options)
            draining.start()
            until(lambda: "camera" not in pipeline.stats().nodes, "the camera's end")
        gate.open()
        if verb == "drain":
            draining.join(WATCHDOG)
        if verb == "disconnect" and not ended:
            assert not pipeline.wait(0.1)
            assert not keeps.closed.is_set()
            source.end()
        assert pipeline.wait(WATCHDOG)
    assert keeps.closed.is_set()
    check_books(pipeline)


def test_a_merge_without_parents_takes_others_as_long_as_a_source_runs() -> None:
    pipeline, living, collect = ff.Pipeline(), Push(live=False), Collect()
    camera = pipeline.add(living, name="camera")
    merge = pipeline.add(collect, [_bad(pipeline)], name="merge", queue=ff.LOSSLESS)
    with pipeline:
        until(lambda: "bad" not in pipeline.stats().nodes, "the node that fails to leave")
        assert not pipeline.wait(0.2)
        pipeline.connect(merge, camera)
        living.push("after")
        until(lambda: (0, "after") in collect.seen, "the value of the other parent")
        living.end()
        assert pipeline.wait(WATCHDOG)


def test_a_merge_whose_parents_have_left_waits_for_cameras_that_come_where_the_pipeline_keeps_running() -> (
    None
):
    pipeline, collect = ff.Pipeline(keep_running=True), Collect()
    merge = pipeline.add(collect, [_bad(pipeline)], name="merge", queue=ff.LOSSLESS)
    with pipeline:
        until(lambda: pipeline.stats().nodes.keys() == {"merge", "above bad"}, "the node to leave")
        assert not pipeline.wait(0.2)
        late = pipeline.add(Count(), name="late")  # its first values may be gone when it is connected
        pipeline.connect(merge, late)
        until(lambda: len(collect.seen) >= 4, "a value of the other parent")
