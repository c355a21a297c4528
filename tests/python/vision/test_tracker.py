"""The trackers of circles and boxes: identities, and the other columns of a tracker."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import csv
import json
import math
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from support import Push, at_once

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
        assert circles.track_age is not None
        assert circles.track_confidence is not None
        assert circles.velocity.shape == (n, 2)
        assert circles.velocity.dtype == np.float32
        assert circles.track_age.shape == (n,)
        assert circles.track_age.dtype == np.float32
        assert circles.track_confidence.shape == (n,)
        assert circles.track_confidence.dtype == np.float32
    with ff.stream(ff.open(SCENE), ff.CircleDetector()) as stream:
        found = next(iter(stream)).value
    assert (found.tracker_id, found.velocity, found.track_age, found.track_confidence) == (
        None,
        None,
        None,
        None,
    )


def test_velocity_is_that_of_the_scene_and_age_counts_seconds() -> None:
    samples = tracked()
    compared = 0
    births: dict[int, float] = {}
    for sample in samples[10:]:
        circles = sample.value
        assert circles.velocity is not None
        assert circles.tracker_id is not None
        assert circles.track_age is not None
        assert circles.track_confidence is not None
        before, now = (ff.demo.circles(SCENE, sample.seq - back) for back in (1, 0))
        for row, (x, y, _) in enumerate(circles.xyr.tolist()):
            ball = min(now, key=lambda b: math.hypot(b.x - x, b.y - y))
            old = next(b for b in before if b.id == ball.id)
            true = np.array([ball.x - old.x, ball.y - old.y]) * 30
            if math.hypot(ball.x - x, ball.y - y) < 2 and np.abs(true).max() > 20:
                compared += 1
                assert np.abs(circles.velocity[row] - true).max() < 0.35 * np.abs(true).max() + 40
            id_ = int(circles.tracker_id[row])
            birth = sample.pts - float(circles.track_age[row])
            assert abs(births.setdefault(id_, birth) - birth) < 1e-3
            assert 0 < circles.track_confidence[row] <= 1
    assert compared > 20


def test_a_search_in_part_finds_what_a_search_of_every_frame_finds() -> None:
    whole, partial = tracked(full_every=0), tracked()
    assert sum(len(s.value) for s in partial) >= 0.97 * sum(len(s.value) for s in whole)
    assert [s.seq for s in partial] == [s.seq for s in whole]


def test_circles_made_in_python_keep_their_tracks_through_a_native_node() -> None:
    def same(circles: ff.Circles) -> ff.Circles:
        return ff.Circles(
            circles.xyr,
            circles.confidence,
            tracker_id=circles.tracker_id,
            velocity=circles.velocity,
            track_age=circles.track_age,
            track_confidence=circles.track_confidence,
        )

    pipeline = ff.Pipeline()
    circles = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(SCENE)))
    reader = pipeline.reader([pipeline.add(same, circles), circles], queue=ff.LOSSLESS)
    pipeline.start()
    seen: dict[int, list[ff.Circles]] = {}
    for sample in reader:
        seen.setdefault(sample.seq, []).append(sample.value)
    for first, second in seen.values():
        for name in ("xyr", "confidence", "tracker_id", "velocity", "track_age", "track_confidence"):
            np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_a_velocity_of_the_wrong_shape_is_named() -> None:
    def wrong(circles: ff.Circles) -> ff.Circles:
        n = len(circles)
        ones = np.ones(n, np.float32)
        return ff.Circles(
            circles.xyr,
            circles.confidence,
            tracker_id=circles.tracker_id,
            velocity=np.ones(n, np.float32),
            track_age=ones,
            track_confidence=ones,
        )

    pipeline = ff.Pipeline()
    circles = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(SCENE)))
    pipeline.reader(pipeline.add(wrong, circles), queue=ff.LATEST)
    with pytest.raises(ff.NodeError, match=r"velocity must have the shape \(2, 2\)"):
        pipeline.run()


# --- boxes --------------------------------------------------------------------------------------------------


def boxes(*rows: tuple[float, float, float, float], confidence: float = 0.9, **data: Any) -> ff.Detections:
    n = len(rows)
    xyxy = np.array(rows, np.float32).reshape(n, 4)
    return ff.Detections(
        xyxy, np.full(n, confidence, np.float32), np.zeros(n, np.int32), tracker_id=None, data=data
    )


def track_boxes(frames: list[ff.Detections], **options: Any) -> list[ff.Detections]:
    """Frame n has pts n / 25."""
    source = Push(live=False)
    source.push(*frames)
    source.end()
    with ff.stream(source, ff.BoxTracker(**options)) as stream:
        return [sample.value for sample in stream]


def test_boxes_that_cross_keep_their_ids_and_their_columns() -> None:
    frames = [
        boxes((4 * n, 100, 4 * n + 60, 220), (400 - 4 * n, 110, 440 - 4 * n, 200), name=np.array(["a", "b"]))
        for n in range(90)
    ]
    out = track_boxes(frames)
    assert [d.tracker_id.tolist() for d in out if d.tracker_id is not None] == [[1, 2]] * 90
    for frame, tracked_ in zip(frames, out, strict=True):
        np.testing.assert_array_equal(tracked_.xyxy, frame.xyxy)
        assert tracked_.data["name"].tolist() == ["a", "b"]
    last = out[-1]
    assert last.velocity is not None
    assert last.track_age is not None
    assert last.track_confidence is not None
    np.testing.assert_allclose(last.velocity, [[100, 0], [-100, 0]], atol=3)
    np.testing.assert_allclose(last.track_age, [89 / 25] * 2, atol=1e-4)
    np.testing.assert_allclose(last.track_confidence, [0.9] * 2, atol=1e-4)


def test_boxes_of_two_classes_in_one_place_are_two_tracks() -> None:
    frame = boxes((10, 10, 50, 90), (10, 10, 50, 90))
    frame.class_id[:] = [0, 3]
    out = track_boxes([frame, frame[[1, 0]], frame])
    assert [dict(zip(d.class_id.tolist(), d.tracker_id.tolist(), strict=True)) for d in out] == [  # type: ignore[union-attr]
        {0: 1, 3: 2}
    ] * 3


def test_frames_without_boxes_pass_through_and_end_tracks_after_max_gap() -> None:
    frame, empty = boxes((10, 10, 50, 90)), boxes()
    out = track_boxes([frame, *[empty] * 10, frame, *[empty] * 20, frame], max_gap=0.5)
    assert [d.tracker_id.tolist() for d in out if d.tracker_id is not None and len(d)] == [[1], [1], [2]]
    assert out[1].tracker_id is not None
    assert out[1].xyxy.shape == (0, 4)
    assert out[1].velocity is not None
    assert out[1].velocity.shape == (0, 2)


def test_random_drops_and_misses_cost_few_identities() -> None:
    chance = random.Random(3)
    tracker = ff.BoxTracker()
    owners: dict[int, set[int]] = {}
    for n in range(300):
        if chance.random() < 0.5:
            continue
        rows, who = [], []
        for k in range(8):
            if chance.random() < 0.1:
                continue
            x = 300 + 200 * math.sin(0.03 * n + k) + chance.gauss(0, 1)
            y = 60 * k + 40 * math.cos(0.02 * n * (k + 1)) + chance.gauss(0, 1)
            rows.append((x, y, x + 40 + 2 * k, y + 30))
            who.append(k)
        for id_, row in zip(*step(tracker, n / 30, boxes(*rows)), strict=True):
            owners.setdefault(id_, set()).add(who[row])
    assert len(owners) <= 12
    assert sum(len(names) - 1 for names in owners.values()) <= 2


def step(tracker: ff.BoxTracker, pts: float, found: ff.Detections) -> tuple[list[int], list[int]]:
    """Returns IDs and rows of one frame, without a pipeline."""
    rows = {"row": np.arange(len(found))}
    out = tracker.update(
        ff.Detections(found.xyxy, found.confidence, found.class_id, tracker_id=None, data=rows), pts=pts
    )
    assert out.tracker_id is not None
    return out.tracker_id.tolist(), out.data["row"].tolist()


def test_a_crowd_lets_other_threads_run() -> None:
    tracker = ff.BoxTracker()
    crowd = boxes(*[(i % 7, i % 5, 40 + i % 7, 90) for i in range(2000)])
    inside, done, seen = False, False, 0

    def track() -> None:
        nonlocal inside, done
        for n in range(200):
            inside = True
            tracker.update(crowd, pts=n / 25)
            inside = False
            if seen:
                break
            time.sleep(1e-3)
        done = True

    thread = threading.Thread(target=track)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(60)  # so that other threads run only while one has released the GIL
    try:
        thread.start()
        while not done:
            seen += inside
            time.sleep(1e-4)
        thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert seen


def test_two_threads_with_one_tracker_do_no_harm() -> None:
    tracker = ff.BoxTracker()
    crowd = boxes(*[(i % 7, i % 5, 40 + i % 7, 90) for i in range(1000)])
    step(tracker, 0, crowd)

    def track() -> list[int]:
        return [len(set(step(tracker, 0.1, crowd)[0])) for _ in range(3)]

    assert at_once(track, track) == [[512] * 3] * 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_gap": 0}, r"max_gap.*got 0"),
        ({"max_gap": 1e7}, r"max_gap.*at most 1e\+06 seconds, got 1e\+07"),
        ({"max_gap": 10**400}, r"max_gap must be a finite number, got 1000"),
        ({"max_gap": "long"}, r"max_gap must be a number, got 'long'"),
        ({"min_confidence": 1.5}, r"min_confidence must be from 0 to 1, got 1\.5"),
        ({"min_iou": -0.1}, r"min_iou must be from 0 to 1, got -0\.1"),
    ],
)
def test_options_that_cannot_be_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises((ff.OptionError, ff.OptionTypeError), match=message):
        ff.BoxTracker(**options)


def test_columns_of_different_lengths_are_named() -> None:
    with pytest.raises(ff.OptionError, match=r"confidence must have the shape \(2,\), got \(1,\)"):
        ff.Detections(np.zeros((2, 4), np.float32), np.zeros(1, np.float32), np.zeros(2, np.int32))


def test_detections_convert_lists_and_check_each_column() -> None:
    some = ff.Detections([[0, 0, 10, 20]], [1], [0], names=["cup"])
    assert [some.xyxy.dtype.name, some.confidence.dtype.name, some.class_id.dtype.name] == [
        "float32",
        "float32",
        "int32",
    ]
    assert some.xyxy.shape == (1, 4)
    assert some.names == ("cup",)
    assert len(ff.Detections([], [], [])) == 0
    with pytest.raises(ff.OptionError, match=r"xyxy must .* the shape \(n, 4\), got the shape \(1, 3\)"):
        ff.Detections([[0, 0, 10]], [1], [0])
    with pytest.raises(ff.OptionTypeError, match=r"xyxy must be an array of float32, got one of type dict"):
        ff.Detections({}, [1], [0])  # type: ignore[arg-type]


def test_the_error_below_a_function_that_gives_no_boxes_names_the_types() -> None:
    with pytest.raises(
        ff.NodeError, match=r"'Push'.* returned a dict, but its child 'BoxTracker' takes Detections"
    ):
        track_boxes([cast("Any", {})])
    with pytest.raises(ff.OptionTypeError, match=r"BoxTracker takes Detections.*but update\(\) got a dict"):
        ff.BoxTracker().update({}, pts=0)  # type: ignore[arg-type]


def test_both_trackers_can_be_called_alone() -> None:
    boxed = ff.BoxTracker()
    out = [boxed.update(boxes((10 + n, 20, 60 + n, 80)), pts=n / 25) for n in range(3)]
    assert [found.tracker_id.tolist() for found in out if found.tracker_id is not None] == [[1]] * 3
    followed = ff.CircleTracker()
    with ff.stream(ff.open("demo:circles?frames=5&pace=0&size=320x240&balls=2")) as stream:
        found = [followed.update(sample.value, pts=sample.pts) for sample in stream]
    assert found[-1].tracker_id is not None
    assert len(found[-1]) > 0


def test_a_tracker_of_a_pipeline_refuses_to_be_called() -> None:
    pipeline = ff.Pipeline()
    boxed, followed = ff.BoxTracker(), ff.CircleTracker()
    pipeline.add(boxed, pipeline.add(Push()))
    pipeline.add(followed, pipeline.add(ff.open(SCENE)))
    with pytest.raises(ff.StateError, match=r"BoxTracker is a node of a pipeline.*create another one"):
        boxed.update(boxes((0, 0, 10, 10)), pts=0)
    with pytest.raises(ff.StateError, match=r"CircleTracker is a node of a pipeline.*create another one"):
        followed.update(np.zeros((64, 64), np.uint8), pts=0)


def test_circles_can_be_selected_and_give_plain_floats() -> None:
    column = np.array([0.9, 0.2], np.float32)
    some = ff.Circles(
        np.array([[1, 2, 3], [4, 5, 6]], np.float32), column, tracker_id=np.array([7, 8]), track_age=column
    )
    (circle,) = some[some.confidence > 0.5]
    assert tuple(circle) == (1.0, 2.0, 3.0)
    assert [type(number) for number in circle] == [float] * 3
    last = some[1:]
    assert last.tracker_id is not None
    assert last.track_age is not None
    assert (last.tracker_id.tolist(), last.velocity, last.track_confidence) == ([8], None, None)
    assert last.track_age[0] == np.float32(0.2)
    with pytest.raises(ff.OptionTypeError, match="number, a slice, a mask or a list"):
        some["first"]  # type: ignore[call-overload]


def test_detections_take_masks_slices_and_lists() -> None:
    some = boxes((0, 0, 1, 1), (0, 0, 2, 2), (0, 0, 3, 3), name=np.array(["a", "b", "c"]))
    assert some[np.array([True, False, True])].data["name"].tolist() == ["a", "c"]
    assert some[1:].xyxy[:, 2].tolist() == [2, 3]
    assert some[[2, 0]].data["name"].tolist() == ["c", "a"]
    assert len(some[[]]) == 0
    with pytest.raises(ff.OptionTypeError, match="number, a slice, a mask or a list"):
        some["first"]  # type: ignore[call-overload]


def test_sinks_write_one_row_per_box(tmp_path: Path) -> None:
    source = Push(live=False)
    source.push(*[boxes((10, 20, 30, 60), (200, 20, 240, 60))] * 3)
    source.end()
    pipeline = ff.Pipeline()
    found = pipeline.add(source)
    tracks = pipeline.add(ff.BoxTracker(), found)
    pipeline.add(ff.Csv(tmp_path / "out.csv"), tracks)
    pipeline.add(ff.JsonLines(tmp_path / "out.jsonl"), tracks)
    pipeline.add(ff.JsonLines(tmp_path / "found.jsonl"), found)
    assert pipeline.run().complete
    with (tmp_path / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["seq"], row["tracker_id"], row["x2"], row["vx"]) for row in rows] == [
        (str(seq), id_, x2, "0.0") for seq in range(3) for id_, x2 in (("1", "30.0"), ("2", "240.0"))
    ]
    (line, *_) = (tmp_path / "found.jsonl").read_text().splitlines()
    assert json.loads(line)["detections"][0] == {
        "tracker_id": None,
        "class_id": 0,
        "x1": 10.0,
        "y1": 20.0,
        "x2": 30.0,
        "y2": 60.0,
        "confidence": 0.9,
        "vx": None,
        "vy": None,
        "track_age": None,
        "track_confidence": None,
        "class_name": None,
    }
