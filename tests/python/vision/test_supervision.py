"""Detections convert to supervision's and back. Its import starts threads, hence a file of its own."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import numpy as np
import pytest

import freshframe as ff

supervision = pytest.importorskip("supervision")


def test_supervision_gets_and_gives_the_same_boxes() -> None:
    some = ff.Detections(
        np.array([[0, 0, 1, 1], [0, 0, 2, 2]], np.float32),
        np.array([0.25, 0.75], np.float32),
        np.array([3, 5], np.int32),
        np.array([7, 9]),
        {"name": np.array(["a", "b"])},
    )
    theirs = some.to_supervision()
    assert isinstance(theirs, supervision.Detections)
    ours = ff.Detections.from_supervision(theirs[np.array([False, True])])
    assert ours.tracker_id is not None
    columns = (ours.xyxy, ours.confidence, ours.class_id, ours.tracker_id)
    assert [column.dtype.name for column in columns] == ["float32", "float32", "int32", "int64"]
    assert ours.xyxy.tolist() == [[0, 0, 2, 2]]
    assert (ours.confidence.tolist(), ours.class_id.tolist(), ours.tracker_id.tolist()) == ([0.75], [5], [9])
    assert ours.data["name"].tolist() == ["b"]


def test_what_supervision_leaves_out_gets_a_value() -> None:
    ours = ff.Detections.from_supervision(supervision.Detections(np.array([[0.0, 0.0, 2.0, 2.0]])))
    assert (ours.confidence.tolist(), ours.class_id.tolist(), ours.tracker_id) == ([1], [0], None)
    assert len(ff.Detections.from_supervision(supervision.Detections.empty())) == 0


def test_a_tracks_columns_and_names_travel_in_supervisions_data() -> None:
    column = np.array([0.5], np.float32)
    box = np.array([[0, 0, 2, 2]], np.float32)
    some = ff.Detections(
        box, column, np.array([1]), np.array([4]), {}, np.array([[3, 4]]), column, column, ["", "cup"]
    )
    theirs = some.to_supervision()
    assert set(theirs.data) == {"velocity", "age", "track_confidence", "class_name"}
    ours = ff.Detections.from_supervision(theirs)
    assert ours.data == {}
    assert (ours.velocity is not None, ours.names is not None) == (True, True)
    assert (ours.velocity.tolist(), ours.names) == ([[3, 4]], ("", "cup", ""))  # type: ignore[union-attr]


def test_circles_become_boxes_around_them() -> None:
    some = ff.Circles(np.array([[10, 20, 5]], np.float32), np.array([0.5], np.float32), np.array([3]))
    theirs = some.to_supervision()
    assert theirs.xyxy.tolist() == [[5.5, 15.5, 15.5, 25.5]]
    assert theirs.tracker_id.tolist() == [3]
