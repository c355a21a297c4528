"""Results as sequences: one circle or box, slices, joined results, and the forms of other libraries."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import csv
import dataclasses
import json
import pickle
import re
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import Push

import freshframe as ff
from freshframe._results.columns import BOX_COLUMNS, CIRCLE_COLUMNS

TRACKS: dict[str, Any] = {
    "tracker_id": [7, 8, 9],
    "velocity": [[1, 2], [3, 4], [5, 6]],
    "track_age": [0.5, 1.5, 2.5],
    "track_confidence": [0.25, 0.5, 0.75],
}
BOXES = ff.Detections(
    [[0, 0, 10, 20], [30, 40, 50, 60], [5, 6, 7, 8]],
    [0.9, 0.8, 0.7],
    [1, 0, 5],
    names=["car", "dog"],
    data={"plate": ["A", "B", "C"], "shape": [[1, 2], [3, 4], [5, 6]]},
    **TRACKS,
)
CIRCLES = ff.Circles([[10, 20, 5], [30, 40, 6], [50, 60, 7]], [0.9, 0.8, 0.7], **TRACKS)
BOTH = pytest.mark.parametrize("found", [BOXES, CIRCLES], ids=["boxes", "circles"])


def places(found: ff.Detections | ff.Circles) -> Any:
    return found.xyxy if isinstance(found, ff.Detections) else found.xyr


@BOTH
@pytest.mark.parametrize(
    ("index", "row"), [(0, 0), (2, 2), (-1, 2), (-3, 0), (np.int64(1), 1), (np.array(1), 1)]
)
def test_a_number_chooses_one_element(found: Any, index: Any, row: int) -> None:
    one = found[index]
    assert tuple(one) == tuple(places(found)[row].tolist())
    assert one == list(found)[row]
    assert [type(number) for number in one] == [float] * len(places(found)[row])
    assert one.tracker_id == TRACKS["tracker_id"][row]
    assert one.velocity == tuple(TRACKS["velocity"][row])
    assert (one.track_age, one.track_confidence) == (
        TRACKS["track_age"][row],
        TRACKS["track_confidence"][row],
    )
    assert one.confidence == pytest.approx(found.confidence[row])
    assert one.center == pytest.approx(found.center[row])
    assert one.area == pytest.approx(found.area[row])
    assert type(one) is (ff.types.Box if isinstance(found, ff.Detections) else ff.types.Circle)


@BOTH
@pytest.mark.parametrize(
    ("index", "rows"),
    [
        (slice(1, None), [1, 2]),
        (slice(None, None, -1), [2, 1, 0]),
        ([2, 0], [2, 0]),
        ([], []),
        ([True, False, True], [0, 2]),
        (np.array([False, True, False]), [1]),
        (np.array([1, 1]), [1, 1]),
        ([0], [0]),
    ],
)
def test_a_slice_a_mask_and_a_list_choose_some(found: Any, index: Any, rows: list[int]) -> None:
    some = found[index]
    assert type(some) is type(found)
    assert some.tracker_id.tolist() == [TRACKS["tracker_id"][row] for row in rows]
    assert places(some).tolist() == places(found)[rows].tolist()
    assert some.track_age.tolist() == [TRACKS["track_age"][row] for row in rows]


@BOTH
@pytest.mark.parametrize("index", [3, -4, 10**30])
def test_a_number_beyond_the_end_is_an_index_error(found: Any, index: int) -> None:
    with pytest.raises(IndexError, match=f"index {index} is out of range for"):
        found[index]


@BOTH
@pytest.mark.parametrize("index", [True, np.False_, "first", 1.0, None, [[0]], (0, 1, 2, "a")])
def test_any_other_index_is_refused(found: Any, index: Any) -> None:
    with pytest.raises(ff.OptionTypeError, match="take a number, a slice, a mask or a list of indices"):
        found[index]


def test_a_box_has_its_class_and_its_further_columns() -> None:
    car, dog, other = BOXES[1], BOXES[0], BOXES[2]
    assert [(box.class_id, box.class_name) for box in (car, dog, other)] == [(0, "car"), (1, "dog"), (5, "5")]
    assert (car.xyxy, car.data["plate"], car.data["shape"].tolist()) == ((30, 40, 50, 60), "B", [3, 4])
    assert ff.Detections([[0, 0, 1, 1]])[0].class_name is None


@BOTH
def test_what_is_not_known_is_none_in_an_element(found: Any) -> None:
    (one,) = type(found)(places(found)[:1])
    assert (one.tracker_id, one.velocity, one.track_age, one.track_confidence) == (None,) * 4


def test_only_the_places_are_needed() -> None:
    boxes = ff.Detections([[0, 0, 1, 1], [0, 0, 2, 2]])
    assert (boxes.confidence.tolist(), boxes.class_id.tolist()) == ([1, 1], [0, 0])
    assert (boxes.confidence.dtype.name, boxes.class_id.dtype.name) == ("float32", "int32")
    assert ff.Detections([[0, 0, 1, 1]] * 2, 0.5, 3).confidence.tolist() == [0.5, 0.5]
    assert ff.Circles([[1, 2, 3]]).confidence.tolist() == [1]
    assert (len(ff.Detections.empty()), len(ff.Circles.empty()), len(ff.Circles([]))) == (0, 0, 0)
    assert [*ff.Detections.empty(), *ff.Circles.empty()] == []


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ff.Circles([1, 2, 3]), ff.OptionError, r"one circle is written \[\[x, y, r\]\]"),
        (
            lambda: ff.Circles([[1, 2]]),
            ff.OptionError,
            r"Circles.xyr .* shape \(n, 3\), got the shape \(1, 2\)",
        ),
        (
            lambda: ff.Circles([[1, 2, 3]], [1, 1]),
            ff.OptionError,
            r"Circles.confidence must have the shape \(1,\)",
        ),
        (lambda: ff.Circles("abc"), ff.OptionTypeError, "Circles.xyr must be an array of float32"),
        (
            lambda: ff.Circles([[1, 2, 3]], velocity=[1]),
            ff.OptionError,
            r"velocity must have the shape \(1, 2\)",
        ),
    ],
)
def test_circles_that_cannot_be_are_refused(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


@BOTH
def test_a_result_prints_on_one_line(found: Any) -> None:
    assert "\n" not in repr(found)
    assert len(repr(type(found)(np.tile(places(found), (400, 1))))) < 110


def test_a_result_prints_its_number_and_its_first_elements() -> None:
    assert repr(BOXES) == "<Detections: 3: dog 0.90, car 0.80, 5 0.70>"
    assert repr(CIRCLES[:1]) == "<Circles: 1: (10, 20) r 5>"
    assert repr(ff.Detections.empty()) == "<Detections: 0>"
    assert repr(ff.Detections([[0, 0, 1, 1]] * 9)).endswith("0 1.00, ...>")


@BOTH
def test_an_element_and_a_result_can_be_pickled(found: Any) -> None:
    assert list(pickle.loads(pickle.dumps(found)))[2].tracker_id == 9
    assert tuple(pickle.loads(pickle.dumps(found[0]))) == tuple(found[0])


def test_area_and_centre_are_those_of_the_boxes() -> None:
    assert BOXES.area.tolist() == [200, 400, 4]
    assert BOXES.center.tolist() == [[5, 10], [40, 50], [6, 7]]
    assert CIRCLES.center.tolist() == [[10, 20], [30, 40], [50, 60]]
    assert CIRCLES.area == pytest.approx(np.pi * np.array([25, 36, 49]))
    assert [each.dtype.name for each in (BOXES.area, BOXES.center, CIRCLES.area)] == ["float32"] * 3


def test_boxes_of_circles_are_half_a_pixel_further() -> None:
    boxes = CIRCLES.to_detections()
    assert boxes.xyxy[0].tolist() == [5.5, 15.5, 15.5, 25.5]
    assert boxes.data["xyr"].tolist() == CIRCLES.xyr.tolist()
    assert [box.tracker_id for box in boxes] == TRACKS["tracker_id"]
    assert [box.track_age for box in boxes] == TRACKS["track_age"]


# --- several results ----------------------------------------------------------------------------------------


@BOTH
def test_merged_results_have_all_rows_of_all_columns(found: Any) -> None:
    both = type(found).merge([found[:1], type(found).empty(), found[1:]])
    assert both.to_dicts() == found.to_dicts()
    assert len(type(found).merge([])) == 0
    assert len(type(found).merge(iter([type(found).empty()] * 2))) == 0


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (ff.Detections([[0, 0, 1, 1]]), "same columns, but some do not have 'tracker_id'"),
        (BOXES.with_data(speed=[1, 2, 3]), "same columns in data, but some do not have .*speed"),
        (
            dataclasses.replace(BOXES, names=None),
            "some have other names or none",
        ),
        (BOXES.with_data(shape=[1, 2, 3]), "rows of the same shape, but those of 'shape' differ"),
    ],
    ids=["no tracks", "more data", "no names", "other rows"],
)
def test_results_with_unequal_columns_are_not_merged(other: ff.Detections, message: str) -> None:
    with pytest.raises(ff.OptionError, match=message):
        ff.Detections.merge([BOXES, other])


def test_merged_results_of_two_models_keep_the_names_of_their_classes() -> None:
    first = ff.Detections([[0, 0, 1, 1]] * 2, class_id=[0, 1], names=["ball", "square"])
    second = ff.Detections([[0, 0, 1, 1]] * 3, class_id=[0, 1, 7], names=["cup", "ball"])
    both = ff.Detections.merge([first, ff.Detections.empty(), second])
    assert both.class_name is not None
    assert both.class_name.tolist() == ["ball", "square", "cup", "ball", "7"]
    assert both.class_id.tolist() == [0, 1, 2, 0, 3]


def test_what_is_no_result_is_not_merged() -> None:
    with pytest.raises(ff.OptionTypeError, match=r"merge\(\) takes several Detections"):
        ff.Detections.merge([CIRCLES])  # type: ignore[list-item]


# --- further columns ----------------------------------------------------------------------------------------


def test_a_further_column_is_added_or_replaced() -> None:
    more = BOXES.with_data(speed=[1, 2, 3], plate=["D", "E", "F"])
    assert list(more.data) == ["plate", "shape", "speed"]
    assert (more[1].data["plate"], BOXES[1].data["plate"]) == ("E", "B")
    assert (more.names, more.tracker_id) == (BOXES.names, BOXES.tracker_id)


@pytest.mark.parametrize("name", ["xyxy", "confidence", "class_name", "tracker_id", "track_age", "names"])
def test_a_column_of_detections_is_no_further_column(name: str) -> None:
    with pytest.raises(ff.OptionError, match=f"already have a column '{name}'"):
        BOXES.with_data(**{name: [1, 2, 3]})


# --- one table of columns -----------------------------------------------------------------------------------


def written(found: Any, folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Returns the first element in a JSON lines file, and the header of a CSV file."""
    source = Push(live=False)
    source.push(found)
    source.end()
    pipeline = ff.Pipeline()
    port = pipeline.add(source)
    pipeline.add(ff.JsonLines(folder / "a.jsonl"), port)
    pipeline.add(ff.Csv(folder / "a.csv"), port)
    assert pipeline.run().complete
    record = json.loads((folder / "a.jsonl").read_text())
    header = next(csv.reader((folder / "a.csv").read_text().splitlines()))
    return record["detections" if "detections" in record else "circles"][0], header[3:]


@pytest.mark.parametrize(
    ("found", "table"), [(BOXES, BOX_COLUMNS), (CIRCLES, CIRCLE_COLUMNS)], ids=["boxes", "circles"]
)
def test_dicts_files_and_labels_have_the_same_keys(found: Any, table: Any, tmp_path: Path) -> None:
    keys = [*table, *getattr(found, "data", {})]
    record, header = written(found, tmp_path)
    assert list(record) == header == keys
    assert list(found.to_dicts()[0]) == keys
    for key, value in found.to_dicts()[0].items():
        assert value == (pytest.approx(record[key], abs=1e-3) if isinstance(value, float) else record[key]), (
            key
        )
    frame = ff.Frame.from_array(np.zeros((80, 120, 3), np.uint8))
    with pytest.raises(ff.FreshframeError, match=r"only ([\w, ]+)") as caught:
        ff.Annotate(labels="{nothing}").draw(frame, found)
    known = re.search(r"there are only ([\w, ]+)", str(caught.value))
    assert known is not None
    assert known[1].split(", ") == [key for key in keys if key != "shape"]
    for key in table:
        one = found[:1]
        text = found.to_dicts()[0][key]
        drawn = ff.Annotate(labels=f"{{{key}}}").draw(frame, one).bgr
        shown = f"{text:g}" if isinstance(text, float) else str(text)
        assert np.array_equal(drawn, ff.Annotate(labels=shown).draw(frame, one).bgr), key


def test_a_column_of_data_with_the_name_of_a_key_is_refused() -> None:
    for name in ("x1", "vx", "class_id"):
        with pytest.raises(ff.OptionError, match=f"a column named '{name}' already exists"):
            ff.Detections([[0, 0, 1, 1]], data={name: [1]}).to_dicts()


def test_a_table_has_a_row_for_each_element(monkeypatch: pytest.MonkeyPatch) -> None:
    pandas = types.SimpleNamespace(Series=lambda column: column, DataFrame=lambda columns: columns)
    monkeypatch.setitem(sys.modules, "pandas", pandas)
    for found in (BOXES, CIRCLES):
        table = found.to_pandas()
        assert list(table) == list(found.to_dicts()[0])
        assert [table[name][2] for name in ("tracker_id", "track_age")] == [9, 2.5]
        assert table["tracker_id"].dtype == np.int64
    assert table["x"].base is None  # not a view of the result's memory
    assert BOXES.to_pandas()["shape"] == [[1, 2], [3, 4], [5, 6]]
    assert ff.Circles([[1, 2, 3]]).to_pandas()["tracker_id"] == [None]


@pytest.mark.slow
def test_pandas_has_the_rows_and_types_of_the_columns() -> None:
    pandas = pytest.importorskip("pandas")
    table = BOXES.to_pandas()
    assert isinstance(table, pandas.DataFrame)
    assert (len(table), table["x2"].tolist(), table["class_name"].tolist()) == (
        3,
        [10, 50, 7],
        ["dog", "car", "5"],
    )
    assert len(ff.Detections.empty().to_pandas()) == 0


def test_without_pandas_the_command_is_in_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"to_pandas\(\) needs .* pip install pandas"):
        BOXES.to_pandas()


# --- Ultralytics --------------------------------------------------------------------------------------------


class Tensor:
    """An array of a model that must be copied from its device first."""

    def __init__(self, values: Any) -> None:
        self._values = np.asarray(values)

    def cpu(self) -> Any:
        return self._values


def result(**parts: Any) -> types.SimpleNamespace:
    """Returns a result with Ultralytics' public attributes."""
    nothing = dict.fromkeys(("boxes", "obb", "masks", "keypoints", "probs"))
    return types.SimpleNamespace(
        **nothing | {"names": {0: "person", 2: "car"}, "orig_shape": (40, 80)} | parts
    )


def boxes(**parts: Any) -> types.SimpleNamespace:
    known: dict[str, Any] = {
        "xyxy": Tensor([[0.0, 1, 10, 20], [5, 6, 7, 8]]),
        "conf": Tensor(np.array([0.9, 0.5], np.float32)),
        "cls": Tensor([2.0, 0.0]),
        "id": None,
    }
    return types.SimpleNamespace(**known | parts)


def test_a_result_of_ultralytics_becomes_boxes() -> None:
    found = ff.Detections.from_ultralytics(result(boxes=boxes()))
    assert [(*box, box.class_name) for box in found] == [(0, 1, 10, 20, "car"), (5, 6, 7, 8, "person")]
    assert found.confidence.tolist() == pytest.approx([0.9, 0.5])
    assert (found.names, found.tracker_id, dict(found.data)) == (("person", "", "car"), None, {})


def test_ids_key_points_and_turned_boxes_of_ultralytics_become_columns() -> None:
    tracked = ff.Detections.from_ultralytics(result(boxes=boxes(id=Tensor([4.0, 9.0]))))
    assert tracked.tracker_id is not None
    assert (tracked.tracker_id.tolist(), tracked.tracker_id.dtype.name) == ([4, 9], "int64")
    points = np.arange(2 * 17 * 3).reshape(2, 17, 3)
    posed = ff.Detections.from_ultralytics(
        result(boxes=boxes(), keypoints=types.SimpleNamespace(data=Tensor(points)))
    )
    assert np.array_equal(posed.data["keypoints"], points)
    corners = np.arange(16.0).reshape(2, 4, 2)
    turned = ff.Detections.from_ultralytics(result(obb=boxes(xyxyxyxy=Tensor(corners))))
    assert np.array_equal(turned.data["corners"], corners)
    assert posed.data["keypoints"].dtype == turned.data["corners"].dtype == np.dtype("float32")


@pytest.mark.parametrize("shape", [(64, 64), (32, 64), (40, 80)], ids=["bars", "scaled", "of the picture"])
def test_masks_of_ultralytics_become_those_of_the_picture(shape: tuple[int, int]) -> None:
    scale = min(shape[0] / 40, shape[1] / 80)
    top = round((shape[0] - scale * 40) / 2)
    small = np.zeros((2, *shape), np.float32)
    small[0, top : top + round(20 * scale), : round(40 * scale)] = 1  # the top left quarter of the image
    found = ff.Detections.from_ultralytics(
        result(boxes=boxes(), masks=types.SimpleNamespace(data=Tensor(small)))
    )
    masks = ff.masks.decode(found.data["mask"])
    wanted = np.zeros((40, 80), bool)
    wanted[:20, :40] = True
    assert masks.shape == (2, 40, 80)
    assert np.array_equal(masks[0], wanted)
    assert not masks[1].any()


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            [result(boxes=boxes())],
            ff.OptionTypeError,
            r"one result .*from_ultralytics\(model\(frame.bgr\)\[0\]\)",
        ),
        (iter([result(boxes=boxes())]), ff.OptionTypeError, "one result of a YOLO model"),
        (np.zeros((2, 6)), ff.OptionTypeError, "one result of a YOLO model, got"),
        (result(probs=Tensor([0.5, 0.5])), ff.OptionError, "a classifier's result has none"),
    ],
    ids=["list", "generator", "array", "classifier"],
)
def test_what_is_not_one_result_of_a_detector_is_refused(
    given: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ff.Detections.from_ultralytics(given)
