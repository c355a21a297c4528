"""Extra columns of boxes, of every dtype, on every path through the engine."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from support import Push

import freshframe as ff

BOXES = np.array([[10, 10, 50, 60], [200, 40, 260, 120], [300, 100, 340, 180]], np.float32)
COLUMNS: dict[str, npt.NDArray[Any]] = {
    "speed": np.array([1.5, np.nan, -3], np.float32),
    "exact": np.array([1e-300, 2.0, 3.0]),
    "small": np.array([1, -2, 3], np.int32),
    "large": np.array([1 << 40, -2, 3], np.int64),
    "sure": np.array([True, False, True]),
    "plate": np.array(["", "ÄB 12", "X"]),
    "place": np.array([[1, 2], [3, 4], [5, 6]], np.float32),
    "points": np.arange(3 * 4 * 3, dtype=np.float32).reshape(3, 4, 3),
    "strided": np.arange(6, dtype=np.float32)[::2],
    "byte": np.array([1, 2, 3], np.uint8),  # dtypes without a native form
    "half": np.array([1, 2, 3], np.float16),
    "object": np.array([None, "a", {"b": 1}], object),
}


def boxes(**data: Any) -> ff.Detections:
    return ff.Detections(BOXES, [0.9, 0.8, 0.7], [0, 1, 0], data=data, names=["cat", "dog"])


def tracked(found: ff.Detections) -> ff.Detections:
    tracker = ff.BoxTracker()
    tracker.update(found, pts=0)
    return tracker.update(found, pts=0.1)


def emit(source: Push, *values: object) -> None:
    source.push(*values)
    source.end()


def through_worker(found: ff.Detections) -> ff.Detections:
    source = Push(live=False)
    emit(source, found)
    pipeline = ff.Pipeline()
    same = pipeline.add(_unchanged, pipeline.add(source), process=True)
    reader = pipeline.reader(same)
    with pipeline:
        value: ff.Detections = reader.get(100).value
    return value


def _unchanged(found: ff.Detections) -> ff.Detections:
    return found[:]


def through_zone(found: ff.Detections) -> Any:
    zone = ff.ZoneCounter({"till": [(0, 0), (400, 0), (400, 300), (0, 300)]})
    return zone.update(tracked(found), pts=0).tracks


WAYS: dict[str, Callable[[ff.Detections], Any]] = {
    "tracker": tracked,
    "zone": through_zone,
    "pickle": lambda found: pickle.loads(pickle.dumps(found)),
    "select": lambda found: found[:],
    "supervision": lambda found: ff.Detections.from_supervision(found.to_supervision()),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_kind_of_column_is_the_same_behind_every_way(way: str) -> None:
    if way == "supervision":
        pytest.importorskip("supervision")
    found = WAYS[way](boxes(**COLUMNS))
    assert set(found.data) >= set(COLUMNS)
    for name, column in COLUMNS.items():
        np.testing.assert_array_equal(found.data[name], column)
        assert found.data[name].dtype.kind == column.dtype.kind, name
        if column.dtype.kind != "U":
            assert found.data[name].dtype == column.dtype, name


@pytest.mark.slow
def test_every_kind_of_column_passes_a_worker() -> None:
    found = through_worker(boxes(**COLUMNS))
    for name, column in COLUMNS.items():
        np.testing.assert_array_equal(found.data[name], column)
    only = through_worker(boxes(speed=COLUMNS["speed"], plate=COLUMNS["plate"]))
    np.testing.assert_array_equal(only.data["plate"], COLUMNS["plate"])


def test_rows_stay_with_their_boxes() -> None:
    found = boxes(
        number=np.array([7, 8, 9], np.int64), plate=np.array(["a", "b", "c"]), object=COLUMNS["object"]
    )
    tracker = ff.BoxTracker()
    tracker.update(found, pts=0)
    some = found[[2, 1]]
    tracks = tracker.update(some, pts=0.1)
    assert tracks.tracker_id is not None
    for place, box in enumerate(tracks.xyxy.tolist()):
        (row,) = [n for n, known in enumerate(BOXES.tolist()) if known == box]
        assert tracks.data["number"][place] == 7 + row
        assert tracks.data["plate"][place] == "abc"[row]
        assert tracks.data["object"][place] == COLUMNS["object"][row]


@pytest.mark.slow
def test_no_boxes_have_empty_columns() -> None:
    none = ff.Detections([], [], [], data={"speed": np.zeros(0, np.float32), "place": np.zeros((0, 2))})
    tracks = ff.BoxTracker().update(none, pts=0)
    assert tracks.data["speed"].shape == (0,)
    assert tracks.data["place"].shape == (0, 2)
    assert len(through_worker(none).data["place"]) == 0


def test_native_columns_are_read_only() -> None:
    tracks = tracked(boxes(speed=COLUMNS["speed"], plate=COLUMNS["plate"]))
    for name in ("speed", "plate"):
        with pytest.raises(ValueError, match="read-only"):
            tracks.data[name][0] = 0


def test_files_have_the_columns_of_tracks(tmp_path: Path) -> None:
    source = Push(live=False)
    found = boxes(speed=np.array([1.5, 2, 3], np.float32), plate=COLUMNS["plate"], place=COLUMNS["place"])
    emit(source, found, found)
    pipeline = ff.Pipeline()
    tracks = pipeline.add(ff.BoxTracker(), pipeline.add(source))
    pipeline.add(ff.JsonLines(tmp_path / "tracks.jsonl"), tracks)
    pipeline.run()
    records = json.loads((tmp_path / "tracks.jsonl").read_text().splitlines()[-1])["detections"]
    assert [record["plate"] for record in records] == ["", "ÄB 12", "X"]
    assert [record["speed"] for record in records] == [1.5, 2, 3]
    assert [record["place"] for record in records] == [[1, 2], [3, 4], [5, 6]]
