"""Batches of nodes in worker processes."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rigs.batch_nodes import LONG, run, values
from rigs.process import batches as process_batches
from support import Pictures, Push

import freshframe as ff


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_gets_batches_and_results_keep_the_order_of_taking(workers: int) -> None:
    pipeline, samples = run(process_batches.double_all, 60, on_error="skip", process=ff.Process(workers))
    assert values(samples) == [2 * n for n in range(60) if n not in (5, 7)]
    stats = pipeline.stats().nodes["node"]
    assert stats.batches == {4: 1, 8: 7}
    assert (stats.errors, stats.drops, stats.processed) == (1, {"error": 1}, 59)


@pytest.mark.slow
def test_a_node_in_a_worker_gets_batches() -> None:
    assert values(run(process_batches.Sums(), 20, process=True)[1]) == [n + n // 8 * 8 for n in range(20)]
    assert values(run(process_batches.Sums(), 3, process=True, batch=None)[1]) == [0, 2, 4]


@pytest.mark.slow
def test_calls_in_a_worker_are_whole() -> None:
    seen = values(run(process_batches.sizes, 19, process=True)[1])
    assert [size for _, size in seen] == [8] * 16 + [3] * 3
    assert len({pid for pid, _ in seen}) == 1


@pytest.mark.parametrize("function", [process_batches.inverted_all, process_batches.same_all])
def test_pictures_come_back_from_a_batch_in_a_worker(function: Any) -> None:
    pipeline = ff.Pipeline()
    source = pipeline.add(Pictures(20, size=(320, 240)))
    reader = pipeline.reader(pipeline.add(function, source, process=True, batch=ff.Batch(6, max_wait=LONG)))
    with pipeline:
        seen = [int(sample.value.luma[7, 9]) for sample in reader]
    assert seen == [255 - n if function is process_batches.inverted_all else n for n in range(20)]


def test_large_results_of_a_batch_in_a_worker_do_not_overwrite_each_other() -> None:
    results = values(run(process_batches.large_all, 20, process=True)[1])
    assert [result.shape for result in results] == [(60_000,)] * 20
    assert [float(result.min()) for result in results] == [float(result.max()) for result in results]
    assert [int(result[0]) for result in results] == list(range(20))


def test_large_samples_go_to_a_worker_in_a_batch() -> None:
    pipeline, push = ff.Pipeline(), Push(live=False)
    reader = pipeline.reader(
        pipeline.add(
            process_batches.same_all, pipeline.add(push), process=True, batch=ff.Batch(64, max_wait=LONG)
        )
    )
    push.push(*(np.full(size, 7, np.uint8) for size in range(100, 64_100, 1000)))
    push.end()
    with pipeline:
        assert [len(result) for result in values(list(reader))] == list(range(100, 64_100, 1000))


@pytest.mark.slow
def test_a_raise_in_a_worker_fails_all_samples_of_the_call() -> None:
    with pytest.raises(ff.NodeError, match="on a batch of 8 samples") as caught:
        run(process_batches.raises, process=True)
    assert caught.value.batch == tuple(("count", n) for n in range(8))
    assert isinstance(caught.value.__cause__, KeyError)
    pipeline, samples = run(process_batches.too_few, process=True, on_error="skip")
    assert samples == []
    assert pipeline.stats().nodes["node"].drops == {"error": 20}
    assert "one result per sample" in str(pipeline.stats().nodes["node"].last_error)


@pytest.mark.slow
def test_a_worker_that_dies_takes_its_batch_with_it(caplog: pytest.LogCaptureFixture) -> None:
    pipeline, samples = run(process_batches.dies_on_twelve, 24, process=True)
    assert values(samples) == [*range(8), *range(16, 24)]
    assert pipeline.stats().nodes["node"].drops == {"worker": 8}
    assert "a batch of 8 samples that begins with sample 8 of 'count'" in caplog.text


def test_max_wait_lets_an_incomplete_batch_go_to_a_worker() -> None:
    pipeline, push = ff.Pipeline(), Push()
    node = pipeline.add(
        process_batches.sizes,
        pipeline.add(push),
        name="node",
        queue=ff.Queue(8),
        process=True,
        batch=ff.Batch(8, max_wait=0.02),
    )
    reader = pipeline.reader(node, queue=ff.Queue(8))
    with pipeline:
        push.push(1, 2)
        assert {reader.get().seq, reader.get().seq} == {0, 1}
