"""Annotate on boxes and counts: how it changes the image, its labels, rejected options."""
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
BARE: Any = {"labels": ""}


def gray(width: int = 320, height: int = 240) -> ff.Frame:
    return ff.Frame.from_array(np.full((height, width, 3), 90, np.uint8), "bgr")


def one(**columns: Any) -> ff.Detections:
    return ff.Detections([BOX], [0.5], [0], **columns)


def changed(before: ff.Frame, after: ff.Frame) -> npt.NDArray[np.bool_]:
    different: npt.NDArray[np.bool_] = (before.bgr != after.bgr).any(axis=2)
    return different


def drawn(found: Any, frame: ff.Frame | None = None, **options: Any) -> ff.Frame:
    return ff.Annotate(**options).draw(frame or gray(), found)


def test_the_edges_are_drawn_and_nothing_else() -> None:
    frame = gray()
    picture = drawn(one(), frame, line_width=3, **BARE)
    different = changed(frame, picture)
    rows, columns = np.nonzero(different)
    # Three pixels plus a border of one, centred on the corner between two pixels.
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (77, 162, 97, 202)
    assert not different[86:154, 106:194].any()
    middle = picture.bgr[120, 99:101].astype(int)
    assert (np.abs(middle - 90).max(axis=1) > 30).all()
    assert (frame.bgr == 90).all()


def test_a_box_has_the_colour_of_its_class_whatever_its_id() -> None:
    def colour(class_id: int, tracker_id: int) -> tuple[int, ...]:
        boxes = ff.Detections([BOX], [0.5], [class_id], tracker_id=[tracker_id])
        return tuple(drawn(boxes, line_width=5, **BARE).bgr[120, 100].tolist())

    assert len({colour(number, 1) for number in range(8)}) == 8
    assert len({colour(3, number) for number in range(1, 6)}) == 1


@pytest.mark.parametrize(
    ("options", "columns"),
    [
        ({"labels": "#{tracker_id}"}, {"tracker_id": [7]}),
        ({"labels": "{class_name}"}, {"names": ["dog"]}),
        ({"labels": "{confidence:.2f}"}, {}),
        ({"labels": None}, {}),
    ],
    ids=["ids", "names", "confidences", "by default"],
)
def test_labels_stand_above_the_box(options: Any, columns: Any) -> None:
    plain = drawn(one(**columns), **BARE)
    labelled = drawn(one(**columns), **{**BARE, **options})
    rows, columns_ = np.nonzero(changed(plain, labelled))
    assert 40 < rows.min() < rows.max() < 80
    assert 95 < columns_.min() < columns_.max() < 205


def test_boxes_show_their_confidence_by_default_and_circles_do_not() -> None:
    boxes = one(names=["dog"])
    assert not changed(drawn(boxes), drawn(boxes, labels="{class_name} {confidence:.2f}")).any()
    assert changed(drawn(boxes), drawn(boxes, labels="")).any()
    circles = ff.Circles(np.array([[160, 120, 30]], np.float32), np.array([0.5], np.float32))
    assert not changed(drawn(circles), drawn(circles, labels="")).any()
    assert changed(drawn(circles), drawn(circles, labels="{confidence:.2f}")).any()


def test_a_long_name_fits_the_picture() -> None:
    frame = gray(160, 120)
    boxes = ff.Detections([[40, 60, 100, 100]], [0.5], [0], names=["a long name " * 1000])
    different = changed(frame, drawn(boxes, frame))
    columns = np.nonzero(different)[1]
    assert 100 < columns.max() - columns.min() < 160


@pytest.mark.table(cases=2)
@pytest.mark.parametrize(("width", "height"), [(320, 240), (1280, 720), (3840, 2160)])
def test_lines_and_letters_grow_with_the_picture(width: int, height: int) -> None:
    frame = gray(width, height)
    box = [width // 4, height // 2, width // 2, height - height // 8]
    found = ff.Detections([box], [0.5], [0], names=["dog"])
    different = changed(frame, drawn(found, frame))
    rows = np.nonzero(different[:, width // 4 + width // 8])[0]
    label = rows[rows < height // 2 - 6]
    assert label.max() - label.min() >= max(11, height / 32)
    edge = different[height - height // 4, : width // 3].sum()
    assert edge >= max(3, height / 400)


def test_it_draws_what_a_tracker_gives_in_a_pipeline(tmp_path: Path) -> None:
    def detect(frame: ff.Frame) -> ff.Detections:
        return ff.Detections([BOX], [0.9], [0], names=["ball"])

    pipeline = ff.Pipeline()
    scene = pipeline.add(ff.open("demo:circles?size=320x240&pace=0&frames=5"))
    tracks = pipeline.add(ff.BoxTracker(), pipeline.add(detect, scene))
    pipeline.add(ff.VideoFile(tmp_path / "boxes.mp4"), pipeline.add(ff.Annotate(), tracks))
    assert pipeline.run().complete
    assert sum(1 for _ in ff.stream(ff.open(tmp_path / "boxes.mp4"))) == 5


def test_a_trail_follows_a_tracked_box() -> None:
    annotate = ff.Annotate(line_width=3, **BARE)
    frame = gray()
    for step in range(5):
        x = 20 + 40 * step
        picture = annotate.draw(
            frame, ff.Detections([[x, 100, x + 20, 120]], [1], [0], tracker_id=[1]), pts=0.1 * step
        )
    different = changed(frame, picture)
    assert different[109, 40:170].all()
    assert not changed(frame, annotate.draw(frame, one(tracker_id=[1])))[109, 40:90].any()


def test_supervisions_detections_are_drawn_too() -> None:
    theirs = types.SimpleNamespace(
        xyxy=np.array([BOX]), confidence=None, class_id=None, tracker_id=None, data={}, mask=None, metadata={}
    )
    frame = gray()
    assert changed(frame, drawn(theirs, frame)).any()


def test_a_gray_frame_becomes_one_with_colour() -> None:
    frame = ff.Frame.from_array(np.full((240, 320), 90, np.uint8), "gray")
    assert drawn(one(), frame).format == "i420"


def test_lines_and_zones_are_drawn_with_their_numbers() -> None:
    frame = gray()
    nothing = ff.Detections([], [], [], tracker_id=[])
    line = ff.LineCounter((40, 120), (280, 120)).update(nothing, pts=0)
    zone = ff.ZoneCounter({"till": [(60, 40), (260, 40), (160, 200)]}).update(nothing, pts=0)
    different = changed(frame, drawn(line, frame))
    assert different[119, 45:275].all()
    assert different[105, 155:165].any()  # backward
    assert different[133, 155:165].any()  # forward
    different = changed(frame, drawn(zone, frame))
    assert different[39, 65:255].all()
    assert different[93, 155:165].any()


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ff.OptionError, match=r"line_width of more than 0 and at most 100 pixels, got 101"):
        ff.Annotate(line_width=101)
    with pytest.raises(ff.OptionTypeError, match="masks must be True or False"):
        ff.Annotate(masks=3)  # type: ignore[arg-type]
    with pytest.raises(
        ff.OptionTypeError, match=r"Annotate takes Circles, Detections .* draw\(\) got a list"
    ):
        ff.Annotate().draw(gray(), [])  # type: ignore[arg-type]
    with pytest.raises(ff.OptionTypeError, match=r"draw\(\) needs a Frame"):
        ff.Annotate().draw(np.zeros((4, 4)), one())  # type: ignore[arg-type]


def test_the_error_of_a_wrong_parent_names_the_values_that_can_be_drawn() -> None:
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.open("demo:circles?pace=0&frames=1"), name="camera")
    takes = "Circles or Detections or LineCounts or Zones"
    message = f"'Annotate' takes {takes}, but its parent 'camera' returns Frame"
    with pytest.raises(ff.GraphError, match=message):
        pipeline.add(ff.Annotate(), camera)  # type: ignore[misc]
    number = pipeline.add(lambda _: 5, camera, name="number")
    pipeline.add(ff.Annotate(), number)  # type: ignore[misc]
    with pytest.raises(
        ff.NodeError, match=r"'number' failed.* returned an int, but its child 'Annotate' takes Circles"
    ):
        pipeline.run()


def test_one_of_a_pipeline_refuses_to_be_called() -> None:
    pipeline = ff.Pipeline()
    annotate = ff.Annotate()
    pipeline.add(annotate, pipeline.add(ff.CircleDetector(), pipeline.add(ff.open("demo:circles?frames=1"))))
    with pytest.raises(
        ff.StateError, match=r"Annotate is a node of a pipeline.*create another one for draw\(\)"
    ):
        annotate.draw(gray(), one())


def test_boxes_without_a_frame_say_so() -> None:
    class Bare(ff.Source[ff.Detections]):
        live = False

        def read(self) -> Any:
            yield one(), 0.0

    pipeline = ff.Pipeline()
    pipeline.add(ff.Annotate(), pipeline.add(Bare()))
    with pytest.raises(ff.NodeError, match="needs the frame in which the objects were found"):
        pipeline.run()
