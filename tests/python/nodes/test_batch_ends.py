"""Batches of cameras that end or are offline: the other cameras do not have to wait."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest
from rigs.ticking import Ticking

import freshframe as ff


def _same(values: list[int]) -> list[int]:
    return list(values)


def test_a_batch_below_a_merge_does_not_wait_for_a_camera_that_has_ended() -> None:
    pipeline = ff.Pipeline()
    cameras = [pipeline.add(Ticking(count, 50), name=f"cam{count}") for count in (60, 5)]
    first = pipeline.add(_same, cameras, name="first", batch=ff.Batch(2, max_wait=0.3))
    second = pipeline.add(_same, first, name="second", batch=ff.Batch(2, max_wait=0.3))
    reader = pipeline.reader(second, queue=ff.Queue(100))
    with pipeline:
        seen = sum(1 for _ in reader)
        stats = pipeline.stats()
    assert stats.nodes["second"].processed == seen
    assert seen >= 45  # of 65; below 20 if each call waited for the camera that has ended


@pytest.mark.slow
def test_a_camera_that_is_away_does_not_hold_up_the_batches_of_the_others() -> None:
    pipeline = ff.Pipeline()
    cameras = [
        pipeline.add(Ticking(count, 30, stays=count == 0), name=f"cam{i}")
        for i, count in enumerate((90, 90, 0))
    ]
    batch = pipeline.add(_same, cameras, name="batch", batch=ff.Batch(3, max_wait=0.1))
    reader = pipeline.reader(batch, queue=ff.Queue(300))
    counts = {"cam0": 0, "cam1": 0}
    with pipeline:
        while sum(counts.values()) < 2 * 80:  # 80 of 90; 24 of 90 if each batch waited
            counts[reader.get(timeout=100).source] += 1
