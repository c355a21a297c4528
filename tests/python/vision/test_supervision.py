"""Detections convert to supervision's and back. In a separate file, because the import starts threads."""
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
        tracker_id=np.array([7, 9]),
        data={"name": np.array(["a", "b"])},
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
        box,
        column,
        np.array([1]),
        tracker_id=np.array([4]),
        data={},
        velocity=np.array([[3, 4]]),
        track_age=column,
        track_confidence=column,
        names=["", "cup"],
    )
    theirs = some.to_supervision()
    assert set(theirs.data) == {"velocity", "track_age", "track_confidence", "class_name"}
    ours = ff.Detections.from_supervision(theirs)
    assert ours.data == {}
    assert (ours.velocity is not None, ours.names is not None) == (True, True)
    assert (ours.velocity.tolist(), ours.names) == ([[3, 4]], ("", "cup", ""))  # type: ignore[union-attr]


def test_circles_become_boxes_around_them() -> None:
    some = ff.Circles(
        np.array([[10, 20, 5]], np.float32), np.array([0.5], np.float32), tracker_id=np.array([3])
    )
    theirs = some.to_supervision()
    assert theirs.xyxy.tolist() == [[5.5, 15.5, 15.5, 25.5]]
    assert theirs.tracker_id.tolist() == [3]


def masked(masks: np.ndarray) -> ff.Detections:
    n = len(masks)
    boxes = np.array([[10 * i, 5, 10 * i + 30, 40] for i in range(n)], np.float32)
    return ff.Detections(boxes, [0.9] * n, [0] * n, data={"mask": ff.masks.encode(masks)})


@pytest.mark.parametrize("compact", [True, False], ids=["compact", "dense"])
def test_masks_are_those_of_supervision(compact: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Masks agree even beyond their boxes, across the end of a column, and if all are empty."""
    if compact and not hasattr(supervision, "CompactMask"):
        pytest.skip("supervision before 0.28")
    if not compact:
        monkeypatch.delattr(supervision, "CompactMask", raising=False)
    chance = np.random.default_rng(2)
    masks = np.zeros((6, 180, 240), bool)
    masks[0, 3:50, 5:44] = True
    masks[1] = chance.random((180, 240)) < 0.01
    masks[2, :, 20:23] = True
    masks[4, 179, 239] = masks[4, 0, 0] = True
    masks[5] = True
    some = masked(masks)
    theirs = some.to_supervision()
    assert type(theirs.mask).__name__ == ("CompactMask" if compact else "ndarray")
    assert "mask" not in theirs.data
    assert (np.asarray(theirs.mask) == masks).all()
    assert (ff.masks.decode(ff.Detections.from_supervision(theirs).data["mask"]) == masks).all()
    none = masked(np.zeros((2, 180, 240), bool)).to_supervision()
    assert np.asarray(none.mask).shape == (2, 180, 240)
    assert not np.asarray(none.mask).any()
    merged = supervision.Detections.merge([theirs, none])
    assert np.asarray(merged.mask).any(axis=(1, 2)).tolist() == [
        True,
        True,
        True,
        False,
        True,
        True,
        False,
        False,
    ]


def test_masks_without_a_size_stay_a_column() -> None:
    box = np.array([[0, 0, 2, 2]], np.float32)
    theirs = ff.Detections(box, [1], [0], data={"mask": np.array([""])}).to_supervision()
    assert theirs.mask is None
    assert theirs.data["mask"].tolist() == [""]


def test_its_annotators_draw_in_a_node() -> None:
    """The node in the page about drawing."""
    ellipse = supervision.EllipseAnnotator()

    class Draw(ff.Node[ff.Detections, ff.Frame]):
        def process(self, sample: ff.Sample[ff.Detections], /) -> ff.Frame | None:
            found = sample.value.to_supervision()
            picture = sample.frame.copy("bgr")
            return ff.Frame.from_array(ellipse.annotate(picture, found), copy=False)

    def detect(frame: ff.Frame) -> ff.Detections:
        return ff.Detections([[20, 20, 90, 100]], [0.9], [0])

    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?size=160x120&balls=0&frames=5&pace=0"))
    tracks = pipeline.add(ff.BoxTracker(), pipeline.add(detect, camera))
    plain, drawn = pipeline.reader(camera), pipeline.reader(pipeline.add(Draw(), tracks))
    with pipeline:
        changed = [
            (one.value.bgr != other.value.bgr).any(axis=2) for one, other in zip(plain, drawn, strict=True)
        ]
    assert len(changed) == 5
    assert all(70 < rows.nonzero()[0].mean() < 110 for rows in changed)  # around the feet
