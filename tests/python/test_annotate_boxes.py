"""AnnotateBoxes: what it changes in the picture, its labels, and what it refuses."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import freshframe as ff

BOX = [100.0, 80.0, 200.0, 160.0]


def gray() -> ff.Frame:
    return ff.Frame.from_array(np.full((240, 320, 3), 90, np.uint8), "bgr")


def one(**columns: Any) -> ff.Detections:
    return ff.Detections([BOX], [0.5], [0], **columns)


def changed(before: ff.Frame, after: ff.Frame) -> npt.NDArray[np.bool_]:
    different: npt.NDArray[np.bool_] = (before.bgr != after.bgr).any(axis=2)
    return different


def test_the_edges_are_drawn_and_nothing_else() -> None:
    frame = gray()
    drawn = ff.AnnotateBoxes(line_width=3).draw(frame, one())
    different = changed(frame, drawn)
    rows, columns = np.nonzero(different)
    # Three pixels and a seam of one, centred on the corner between two pixels.
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (77, 162, 97, 202)
    assert not different[86:154, 106:194].any()
    middle = drawn.bgr[120, 99:101].astype(int)
    assert (np.abs(middle - 90).max(axis=1) > 30).all()
    assert (frame.bgr == 90).all()


def test_a_tracked_box_has_the_colour_of_its_id() -> None:
    frame = gray()
    painter = ff.AnnotateBoxes(ids=False, line_width=5)
    colours = {
        tuple(painter.draw(frame, one(tracker_id=[number])).bgr[120, 100].tolist()) for number in range(1, 6)
    }
    assert len(colours) == 5


@pytest.mark.parametrize(
    ("options", "columns"),
    [
        ({"ids": True}, {"tracker_id": [7]}),
        ({"names": True}, {"names": ["dog"]}),
        ({"confidences": True}, {}),
    ],
    ids=["ids", "names", "confidences"],
)
def test_labels_stand_above_the_box(options: Any, columns: Any) -> None:
    frame = gray()
    off = {"ids": False, "names": False, "confidences": False}
    plain = ff.AnnotateBoxes(**off).draw(frame, one(**columns))
    labelled = ff.AnnotateBoxes(**{**off, **options}).draw(frame, one(**columns))
    rows, columns_ = np.nonzero(changed(plain, labelled))
    assert 40 < rows.min() < rows.max() < 80
    assert abs((columns_.min() + columns_.max()) / 2 - 150) < 2


def test_a_box_partly_outside_and_numbers_that_are_none_do_no_harm() -> None:
    frame = gray()
    beyond = [[-1e9, 0, 1e9, 10], [400, 10, 500, 90]]
    boxes = np.array([[-50, -50, 30, 30], [np.nan, 0, 10, 10], [50, 50, 40, 60], *beyond])
    found = ff.Detections(boxes, [0.5] * 5, [0] * 5, names=["a"])
    different = changed(frame, ff.AnnotateBoxes().draw(frame, found))
    rows, columns = np.nonzero(different)
    assert different[10, 29]
    assert columns.max() < 60
    assert rows.max() < 60


def test_it_draws_what_a_tracker_gives_in_a_pipeline(tmp_path: Path) -> None:
    def detect(frame: ff.Frame) -> ff.Detections:
        return ff.Detections([BOX], [0.9], [0], names=["ball"])

    pipeline = ff.Pipeline()
    scene = pipeline.add(ff.open("demo:circles?size=320x240&pace=0&frames=5"))
    tracks = pipeline.add(ff.BoxTracker(), pipeline.add(detect, scene))
    pipeline.add(ff.VideoFile(tmp_path / "boxes.mp4"), pipeline.add(ff.AnnotateBoxes(), tracks))
    assert pipeline.run().complete
    assert sum(1 for _ in ff.stream(ff.open(tmp_path / "boxes.mp4"))) == 5


def test_supervisions_detections_are_drawn_too() -> None:
    theirs = types.SimpleNamespace(
        xyxy=np.array([BOX]), confidence=None, class_id=None, tracker_id=None, data={}, mask=None, metadata={}
    )
    frame = gray()
    assert changed(frame, ff.AnnotateBoxes().draw(frame, theirs)).any()  # type: ignore[arg-type]


def test_a_gray_frame_becomes_one_with_colour() -> None:
    frame = ff.Frame.from_array(np.full((240, 320), 90, np.uint8), "gray")
    assert ff.AnnotateBoxes().draw(frame, one()).format == "i420"


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ff.OptionError, match=r"line_width must be from 0 .* to 100 pixels, got 101"):
        ff.AnnotateBoxes(line_width=101)
    with pytest.raises(ff.OptionTypeError, match="ids must be True or False"):
        ff.AnnotateBoxes(ids=3)  # type: ignore[arg-type]
    with pytest.raises(ff.OptionTypeError, match=r"AnnotateBoxes takes Detections .* draw\(\) got a list"):
        ff.AnnotateBoxes().draw(gray(), [])  # type: ignore[arg-type]
    with pytest.raises(ff.OptionTypeError, match=r"draw\(\) needs a Frame"):
        ff.AnnotateBoxes().draw(np.zeros((4, 4)), one())  # type: ignore[arg-type]


def test_boxes_without_a_frame_say_so() -> None:
    class Bare(ff.Source[ff.Detections]):
        live = False

        def read(self, stop: ff.StopToken) -> Any:
            yield one(), 0.0

    pipeline = ff.Pipeline()
    pipeline.add(ff.AnnotateBoxes(), pipeline.add(Bare()))
    with pytest.raises(ff.NodeError, match="needs the frame in which the boxes were found"):
        pipeline.run()
