"""What the trackers know of a thing beyond its place: identity, velocity, age, confidence."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import freshframe as ff

SCENE = "demo:circles?pace=0&frames=45&fps=30&size=320x240&balls=2&seed=3"


def tracked(**options: Any) -> list[ff.Sample[ff.Circles]]:
    with ff.stream(ff.open(SCENE), ff.CircleTracker(**options)) as stream:
        return list(stream)


def test_a_tracker_gives_every_column_and_a_detector_only_its_own() -> None:
    for sample in tracked():
        circles = sample.value
        n = len(circles)
        assert circles.tracker_id is not None
        assert circles.velocity is not None
        assert circles.age is not None
        assert circles.confidence is not None
        assert circles.velocity.shape == (n, 2)
        assert circles.velocity.dtype == np.float32
        assert circles.age.shape == (n,)
        assert circles.age.dtype == np.float32
        assert circles.confidence.shape == (n,)
        assert circles.confidence.dtype == np.float32
    with ff.stream(ff.open(SCENE), ff.CircleDetector()) as stream:
        found = next(iter(stream)).value
    assert (found.tracker_id, found.velocity, found.age, found.confidence) == (None, None, None, None)


def test_velocity_is_that_of_the_scene_and_age_counts_seconds() -> None:
    samples = tracked()
    compared = 0
    births: dict[int, float] = {}
    for sample in samples[10:]:
        circles = sample.value
        assert circles.velocity is not None
        assert circles.tracker_id is not None
        assert circles.age is not None
        assert circles.confidence is not None
        before, now = (ff.demo_truth(SCENE, sample.seq - back) for back in (1, 0))
        for row, (x, y, _) in enumerate(circles.xyr.tolist()):
            ball = min(now, key=lambda b: math.hypot(b.x - x, b.y - y))
            old = next(b for b in before if b.id == ball.id)
            true = np.array([ball.x - old.x, ball.y - old.y]) * 30
            if math.hypot(ball.x - x, ball.y - y) < 2 and np.abs(true).max() > 20:
                compared += 1
                assert np.abs(circles.velocity[row] - true).max() < 0.35 * np.abs(true).max() + 40
            id_ = int(circles.tracker_id[row])
            birth = sample.pts - float(circles.age[row])
            assert abs(births.setdefault(id_, birth) - birth) < 1e-3
            assert 0 < circles.confidence[row] <= 1
    assert compared > 20


def test_a_search_in_part_finds_what_a_search_of_every_frame_finds() -> None:
    whole, partial = tracked(full_every=0), tracked()
    assert sum(len(s.value) for s in partial) >= 0.97 * sum(len(s.value) for s in whole)
    assert [s.seq for s in partial] == [s.seq for s in whole]


def test_circles_made_in_python_keep_their_tracks_through_a_native_node() -> None:
    def same(circles: ff.Circles) -> ff.Circles:
        return ff.Circles(
            circles.xyr,
            circles.score,
            circles.tracker_id,
            circles.velocity,
            circles.age,
            circles.confidence,
        )

    pipeline = ff.Pipeline()
    circles = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(SCENE)))
    reader = pipeline.reader(pipeline.add(same, circles), circles, queue=ff.LOSSLESS)
    pipeline.start()
    seen: dict[int, list[ff.Circles]] = {}
    for sample in reader:
        seen.setdefault(sample.seq, []).append(sample.value)
    for first, second in seen.values():
        for name in ("xyr", "score", "tracker_id", "velocity", "age", "confidence"):
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_a_velocity_of_the_wrong_shape_is_named() -> None:
    def wrong(circles: ff.Circles) -> ff.Circles:
        n = len(circles)
        ones = np.ones(n, np.float32)
        return ff.Circles(circles.xyr, circles.score, circles.tracker_id, np.ones(n, np.float32), ones, ones)

    pipeline = ff.Pipeline()
    circles = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(SCENE)))
    pipeline.reader(pipeline.add(wrong, circles), queue=ff.LATEST)
    with pytest.raises(ff.NodeError, match=r"velocity.*\(n, 2\)"):
        pipeline.run()
