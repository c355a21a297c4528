"""Batches: the inputs of a node, its results, its failures."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rigs.batch_nodes import LONG, Doubled, run, values
from rigs.process import batches as process_batches
from support import Collect, Count, Pictures, Push, edge

import freshframe as ff

# ---- inputs and results of a node


def test_a_node_gets_batches_and_each_result_the_stamp_of_its_sample() -> None:
    node = Doubled()
    pipeline, samples = run(node)
    assert node.calls == [list(range(8)), list(range(8, 16)), list(range(16, 20))]
    assert [(s.seq, s.value, s.pts) for s in samples] == [(n, 2 * n, n / 25) for n in range(20)]
    stats = pipeline.stats().nodes["node"]
    assert stats.processed == 20
    assert stats.batches == {4: 1, 8: 2}
    assert pipeline.stats().nodes["count"].batches == {}


def test_a_function_gets_a_list_of_values() -> None:
    calls = []

    def halves(numbers: list[int]) -> list[float]:
        calls.append(len(numbers))
        return [number / 2 for number in numbers]

    assert values(run(halves, 10)[1]) == [n / 2 for n in range(10)]
    assert calls == [8, 2]


def test_a_node_with_process_batch_only_gets_batches_of_one_without_batch() -> None:
    node = Doubled()
    assert values(run(node, 3, batch=None)[1]) == [0, 2, 4]
    assert node.calls == [[0], [1], [2]]
    assert values(ff.testing.run_node(Doubled(), [1, 2], batch=ff.Batch(2))) == [2, 4]


def test_frames_come_with_their_batch() -> None:
    def means(frames: list[ff.Frame]) -> list[float]:
        return [float(frame.bgr.mean()) for frame in frames]

    pipeline = ff.Pipeline()
    source = pipeline.add(Pictures(12))
    reader = pipeline.reader(pipeline.add(means, source, batch=ff.Batch(5, max_wait=LONG)))
    with pipeline:
        samples = list(reader)
    assert [sample.frame.luma[0, 0] for sample in samples] == list(range(12))
    assert len(values(samples)) == 12


def test_max_wait_lets_an_incomplete_batch_go() -> None:
    pipeline, push, node = ff.Pipeline(), Push(), Doubled()
    port = pipeline.add(node, pipeline.add(push), queue=ff.Queue(8), batch=ff.Batch(8, max_wait=0.02))
    reader = pipeline.reader(port, queue=ff.Queue(8))
    with pipeline:
        push.push(1, 2)
        assert [reader.get().value for _ in range(2)] == [2, 4]


# ---- failures


def test_none_emits_nothing_and_an_exception_fails_its_own_sample() -> None:
    pipeline, samples = run(process_batches.double_all, 12, on_error="skip")
    assert values(samples) == [2 * n for n in range(12) if n not in (5, 7)]
    stats = pipeline.stats().nodes["node"]
    assert (stats.errors, stats.drops, stats.processed) == (1, {"error": 1}, 12)
    assert stats.last_error == "ValueError: seven"


def test_an_exception_entry_ends_the_pipeline_after_the_results_before_it() -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(Count(12), name="count")
    collect = Collect()
    node = pipeline.add(process_batches.double_all, source, name="node", batch=ff.Batch(8, max_wait=LONG))
    pipeline.add(collect, node)
    with pytest.raises(ff.NodeError, match="failed on sample 7 of 'count': ValueError: seven") as caught:
        pipeline.run()
    assert (caught.value.seq, caught.value.source, caught.value.batch) == (7, "count", ())
    assert isinstance(caught.value.__cause__, ValueError)
    delivered = edge(pipeline, "Collect")
    assert delivered.passed_in == 6  # 0 to 6 but for 5


def test_a_raise_fails_all_samples_of_the_call() -> None:
    with pytest.raises(ff.NodeError, match="on a batch of 8 samples that begins with sample 0 of") as caught:
        run(process_batches.raises)
    assert caught.value.seq == 0
    assert caught.value.batch == tuple(("count", n) for n in range(8))
    assert isinstance(caught.value.__cause__, KeyError)


def test_skip_counts_all_samples_of_a_call_that_raises() -> None:
    pipeline, samples = run(process_batches.raises, on_error="skip")
    assert samples == []
    stats = pipeline.stats().nodes["node"]
    assert (stats.errors, stats.drops) == (3, {"error": 20})
    assert stats.batches == {4: 1, 8: 2}


def test_a_wrong_number_of_results_is_an_error() -> None:
    with pytest.raises(ff.NodeError, match="one result per sample, got 7 for a batch of 8") as caught:
        run(process_batches.too_few)
    assert isinstance(caught.value.__cause__, ff.OptionError)


@pytest.mark.parametrize("result", [None, 3, "abcdefgh", np.zeros(8), (n for n in range(8))])
def test_a_result_that_is_no_list_is_an_error(result: Any) -> None:
    with pytest.raises(ff.NodeError, match="must return a list with one result per sample") as caught:
        run(lambda _: result)
    assert isinstance(caught.value.__cause__, ff.OptionTypeError)


def test_a_batch_of_one_is_checked_too() -> None:
    class Wrong(ff.Node[int, int]):
        def process_batch(self, samples: list[ff.Sample[int]]) -> list[int]:
            return []

    with pytest.raises(ff.NodeError, match="got 0 for a batch of 1"):
        run(Wrong(), batch=None)


def test_what_cannot_be_is_refused() -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(Count(live=True), name="count")

    class One(ff.Node[int, int]):
        def process(self, sample: ff.Sample[int]) -> int:
            return sample.value

    with pytest.raises(ff.GraphError, match=r"One has no method process_batch\(self, samples\)"):
        pipeline.add(One(), source, batch=ff.Batch(2))
    with pytest.raises(ff.GraphError, match="queue=NEXT"):
        pipeline.add(Doubled(), source, batch=ff.Batch(2), queue=ff.NEXT)
    with pytest.raises(ff.GraphError, match="is a source and cannot have batch="):
        pipeline.add(Count(), batch=ff.Batch(2))  # type: ignore[call-overload]
    with pytest.raises(ff.GraphError, match="takes one sample at a time"):
        pipeline.add(ff.CircleDetector(), pipeline.add(Pictures(1)), batch=ff.Batch(2))
    with pytest.raises(ff.OptionTypeError, match="batch must be a Batch"):
        pipeline.add(Doubled(), source, batch=8)  # type: ignore[call-overload]
    with pytest.raises(ff.OptionError, match="at most 64 samples"):
        pipeline.add(process_batches.double_all, source, batch=ff.Batch(65), process=True)
    wrong: Any
    for wrong in [(0, 0), (4097, 0), (2, -0.1), (2, float("inf")), (2, float("nan"))]:
        with pytest.raises(ff.OptionError):
            ff.Batch(wrong[0], max_wait=wrong[1])
    for wrong in [("2", 0), (2.0, 0), (True, 0), (2, "1")]:
        with pytest.raises(ff.OptionTypeError):
            ff.Batch(wrong[0], max_wait=wrong[1])


def test_types_of_lists_are_checked_when_wired() -> None:
    def of_frames(frames: list[ff.Frame]) -> list[int | None]:
        return [0 for _ in frames]

    pipeline = ff.Pipeline()
    port = pipeline.add(of_frames, pipeline.add(Pictures(1)), batch=ff.Batch(2))
    assert port._type is int
    with pytest.raises(ff.GraphError, match="takes Frame"):
        pipeline.add(of_frames, port, batch=ff.Batch(2))  # type: ignore[arg-type]
