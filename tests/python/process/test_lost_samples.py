"""`NodeError.sample` of a call that a worker did not finish: it died, hung or was killed."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.process import deaths
from support import Pictures, Push, until

import freshframe as ff

BATCH = 4
LEVELS = (2, 5)  # in different batches


def failure(node: Any, source: ff.Source[Any] | None = None, **options: Any) -> ff.NodeError:
    pipeline = ff.Pipeline(stall_timeout=None)
    camera = pipeline.add(source or Pictures(8), name="camera")
    pipeline.add(node, camera, name="fragile", **options)
    with pytest.raises(ff.NodeError) as caught:
        pipeline.run()
    return caught.value


def check(error: ff.NodeError, seq: int) -> None:
    sample = error.sample
    assert sample is not None
    assert (error.seq, error.source) == (seq, "camera")
    assert (sample.seq, sample.pts, sample.source, sample.node) == (seq, seq / 25, "camera", "camera")
    assert np.unique(sample.frame.luma).tolist() == [seq]
    assert np.unique(sample.value.luma).tolist() == [seq]


@pytest.mark.slow
@pytest.mark.table
@pytest.mark.parametrize("how", ["kill", "stop", "exit", "segfault"])
@pytest.mark.parametrize("size", [None, BATCH], ids=["single", "batch"])
@pytest.mark.parametrize("failures", [1, 2])
def test_the_error_has_the_sample_that_the_worker_did_not_answer(
    how: str, size: int | None, failures: int
) -> None:
    process = ff.Process(
        max_restarts=failures - 1, restart_window=600.0, timeout=3.0 if how == "stop" else None
    )
    batch = None if size is None else ff.Batch(size, max_wait=60)
    error = failure(deaths.LosesWorker(how, LEVELS), process=process, batch=batch)
    level = LEVELS[failures - 1]
    first = level if size is None else level // size * size
    check(error, first)
    assert error.batch == (() if size is None else tuple(("camera", first + n) for n in range(size)))
    many = "" if size is None else f"a batch of {size} samples that begins with "
    assert str(error).startswith(f"node 'fragile' failed on {many}sample {first} of 'camera': its worker ")


def test_of_two_workers_it_is_the_sample_of_the_one_that_died(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(Pictures(8), name="camera")
    process = ff.Process(workers=2, max_restarts=0)
    reader = pipeline.reader(pipeline.add(deaths.LosesSecondWorker(tmp_path), camera, process=process))
    pipeline.start()
    try:
        with pytest.raises(ff.NodeError) as caught:
            reader.get()
    finally:
        (tmp_path / "done").touch()
    check(caught.value, 1)


@pytest.mark.slow
def test_too_many_deaths_fail_a_node_that_skips_errors() -> None:
    check(failure(deaths.LosesWorker("kill", (2,)), process=ff.Process(max_restarts=0), on_error="skip"), 2)


@pytest.mark.slow
def test_a_node_that_removes_itself_reports_the_sample_of_its_worker() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(Pictures(8), name="camera")
    node = deaths.LosesWorker("kill", (2,))
    pipeline.add(node, camera, name="fragile", process=ff.Process(max_restarts=0), on_error="remove")
    (reason,) = pipeline.run().failures
    assert "failed on sample 2 of 'camera': its worker died" in reason


class Value:
    """Can be referred to weakly, and pickled."""


@pytest.mark.slow
def test_an_error_of_a_batch_keeps_one_sample() -> None:
    given = [Value() for _ in range(BATCH)]
    alive = [weakref.ref(value) for value in given]
    source = Push(live=False)
    source.push(*given)
    source.end()
    del given
    error = failure(
        deaths.lose_worker_on, source, process=ff.Process(max_restarts=0), batch=ff.Batch(BATCH, max_wait=60)
    )
    del source
    gc.collect()
    assert error.sample is not None
    assert [each() for each in alive] == [error.sample.value, None, None, None]


@pytest.mark.slow
def test_the_sample_of_a_worker_that_is_replaced_is_released() -> None:
    pipeline = ff.Pipeline(stall_timeout=None)
    source = Push()
    pipeline.add(deaths.lose_worker_on, pipeline.add(source), name="fragile", process=True)
    alive: list[weakref.ref[Value]] = []
    with pipeline:
        for count in (1, 2):  # the source holds its latest value
            value = Value()
            alive.append(weakref.ref(value))
            source.push(value)
            del value
            until(lambda: pipeline.stats().nodes["fragile"].drops.get("worker") == count, "its death")  # noqa: B023
        until(lambda: alive[0]() is None, "the release of the first")
