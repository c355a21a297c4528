"""Detections as values: class names, and the paths through native nodes, workers and pickles."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import dataclasses
import pickle
import types
from typing import Any

import numpy as np
import pytest
from rigs.process import nodes as process_nodes
from support import Push, run_node

import freshframe as ff

NAMES = ("person", "car", "", "dog")


def some(**columns: Any) -> ff.Detections:
    boxes = [[0, 0, 10, 20], [30, 40, 50, 60], [5, 6, 7, 8]]
    return ff.Detections(boxes, [0.9, 0.8, 0.7], [1, 3, 2], names=NAMES, **columns)


def columns(boxes: ff.Detections) -> dict[str, Any]:
    names = (
        *("xyxy", "confidence", "class_id", "tracker_id", "velocity", "track_age", "track_confidence"),
        *("class_name",),
    )
    found = {name: getattr(boxes, name) for name in names}
    return {name: None if column is None else column.tolist() for name, column in found.items()} | {
        name: column.tolist() for name, column in boxes.data.items()
    }


def test_a_class_has_its_name_or_its_number() -> None:
    boxes = some()
    assert boxes.names is NAMES
    assert boxes.class_name is not None
    assert boxes.class_name.tolist() == ["car", "dog", "2"]
    strange = ff.Detections([[0, 0, 1, 1]] * 2, [1, 1], [-1, 99], names=NAMES)
    assert strange.class_name is not None
    assert strange.class_name.tolist() == ["-1", "99"]
    assert ff.Detections([[0, 0, 1, 1]], [1], [0]).class_name is None
    assert len(ff.Detections([], [], [], names=NAMES).class_name) == 0  # type: ignore[arg-type]


def test_names_may_be_a_list_or_the_dict_of_a_model() -> None:
    box = ([[0, 0, 1, 1]], [1], [2])
    assert ff.Detections(*box, names=["a", "b"]).names == ("a", "b")
    assert ff.Detections(*box, names={2: "c", 0: "a"}).names == ("a", "", "c")
    assert ff.Detections(*box, names={}).names == ()


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        ("person", ff.OptionTypeError, r"must be a tuple of str .* got str"),
        (np.array(["person"]), ff.OptionTypeError, r"must be a tuple of str .* got ndarray"),
        (["person", 3], ff.OptionTypeError, "must be strings, got 3 for class_id 1"),
        ({"person": 0}, ff.OptionError, "must map class ids from 0 to 65535 to str, got 'person'"),
        ({10**9: "far"}, ff.OptionError, "must map class ids from 0 to 65535 to str, got 1000000000"),
        (["\udc80"], ff.OptionError, r"must be UTF-8, got '\\udc80' for class_id 0"),
    ],
)
def test_names_that_are_none_are_refused(names: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ff.Detections([[0, 0, 1, 1]], [1], [0], names=names)


def test_names_are_shared_by_selections_and_pickles() -> None:
    boxes = some()
    for part in (boxes[1:], boxes[[True, False, True]], boxes[np.array([2, 0])], boxes[[]]):
        assert part.names is boxes.names
    assert boxes[[2, 0]].class_name.tolist() == ["2", "car"]  # type: ignore[union-attr]
    again = pickle.loads(pickle.dumps([boxes, boxes[1:]]))
    assert again[0].names == NAMES
    assert again[0].names is again[1].names
    assert columns(again[0]) == columns(boxes)


def track(boxes: ff.Detections, frames: int = 2) -> list[ff.Detections]:
    source = Push(live=False)
    source.push(*[boxes] * frames)
    source.end()
    with ff.stream(source, ff.BoxTracker()) as stream:
        return [sample.value for sample in stream]


def test_a_tracker_keeps_names_and_further_columns() -> None:
    out = track(some(data={"row": np.array(["a", "b", "c"]), "mask": np.eye(3)}))[-1]
    assert out.names is NAMES
    assert out.tracker_id is not None
    assert out.data["row"].tolist() == ["a", "b", "c"]
    assert out.data["mask"].tolist() == np.eye(3).tolist()
    assert out.class_name.tolist() == ["car", "dog", "2"]  # type: ignore[union-attr]


def test_what_python_gives_stays_the_same_object() -> None:
    boxes = some()
    (sample,) = run_node(process_nodes.same, [boxes])
    assert sample.value is boxes


@pytest.mark.slow
@pytest.mark.parametrize("data", [{}, {"name": np.array(["a", "b", "c"])}], ids=["plain", "data"])
def test_detections_go_to_workers_and_come_back(data: Any) -> None:
    boxes = some(
        tracker_id=[4, 5, 6],
        data=data,
        velocity=np.ones((3, 2)),
        track_age=[1, 2, 3],
        track_confidence=[0.5, 0.25, 0.125],
    )
    plain = some(data=data)
    first, second = run_node(process_nodes.same, [boxes, plain], process=True)
    assert columns(first.value) == columns(boxes)
    assert columns(second.value) == columns(plain)
    assert first.value.names == NAMES
    assert first.value.names is second.value.names


@pytest.mark.slow
def test_a_tracker_below_a_worker_takes_its_results() -> None:
    pipeline = ff.Pipeline()
    source = Push(live=False)
    source.push(*[some(data={"row": np.arange(3)})] * 2)
    source.end()
    found = pipeline.add(process_nodes.same, pipeline.add(source), process=True)
    reader = pipeline.reader(pipeline.add(ff.BoxTracker(), found))
    with pipeline:
        out = [sample.value for sample in reader][-1]
    assert out.names == NAMES
    assert out.data["row"].tolist() == [0, 1, 2]


class TheirDetections:
    """The parts of supervision's Detections that freshframe uses."""

    def __init__(self, **given: Any) -> None:
        self.__dict__.update({"mask": None, "tracker_id": None, "data": {}, "metadata": {}} | given)


def test_supervision_gets_and_gives_names(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = types.SimpleNamespace(Detections=TheirDetections)
    monkeypatch.setitem(__import__("sys").modules, "supervision", module)
    theirs = some(velocity=np.ones((3, 2)), data={"row": np.arange(3)}).to_supervision()
    assert theirs.data["class_name"].tolist() == ["car", "dog", "2"]
    assert set(theirs.data) == {"velocity", "class_name", "row"}
    ours = ff.Detections.from_supervision(theirs)
    assert ours.names == ("", "car", "2", "dog", "")  # the name may contain others
    assert ours.class_name.tolist() == ["car", "dog", "2"]  # type: ignore[union-attr]
    assert set(ours.data) == {"row"}
    assert "class_name" not in ff.Detections([[0, 0, 1, 1]], [1], [0]).to_supervision().data


@pytest.mark.parametrize(
    ("class_id", "names"),
    [([0, 0], ["cat", "dog"]), ([-1, 0], ["cat", "dog"]), ([1 << 30, 0], ["cat", "dog"])],
    ids=["two names", "negative", "huge"],
)
def test_names_that_fit_no_tuple_stay_in_the_data(class_id: list[int], names: list[str]) -> None:
    theirs = TheirDetections(
        xyxy=np.zeros((2, 4)),
        confidence=None,
        class_id=np.array(class_id),
        data={"class_name": np.array(names)},
    )
    ours = ff.Detections.from_supervision(theirs)
    assert ours.names is None
    assert ours.class_name.tolist() == names  # type: ignore[union-attr]
    assert ours[[1]].class_name.tolist() == names[1:]  # type: ignore[union-attr]


def test_from_supervision_refuses_anything_else() -> None:
    with pytest.raises(ff.OptionTypeError, match=r"takes supervision's Detections, got \[1, 2\]"):
        ff.Detections.from_supervision([1, 2])


def test_a_native_node_gets_supervisions_detections_too() -> None:
    theirs: Any = TheirDetections(
        xyxy=np.array([[10.0, 10, 50, 90]]),
        confidence=np.array([0.9]),
        class_id=np.array([1]),
        data={"class_name": np.array(["cat"])},
    )
    out = track(theirs)[-1]
    assert out.class_name.tolist() == ["cat"]  # type: ignore[union-attr]
    assert out.xyxy.tolist() == [[10, 10, 50, 90]]


def test_boxes_of_another_form_and_percentages_are_refused() -> None:
    with pytest.raises(ff.OptionError, match=r"got the box \(30, 40, 12, 60\), .*np\.hstack"):
        ff.Detections([[0, 0, 10, 20], [30, 40, 12, 60]], [0.9, 0.8], [1, 1])
    with pytest.raises(ff.OptionError, match="got 87: divide percentages by 100"):
        ff.Detections([[0, 0, 10, 20]], [87], [1])
    with pytest.raises(ff.OptionError, match="must be 0 to 1, got -1"):
        ff.Detections([[0, 0, 10, 20]], [-1], [1])


def test_boxes_at_the_border_of_what_is_valid_are_not_refused() -> None:
    nan = float("nan")
    boxes = [[5.0, 5, 5, 5], [-30.0, -40, 9000, 9000], [0, 0, float("inf"), 1]]
    assert len(ff.Detections(boxes, [0, 1.0000001, nan], [0, 0, 0])) == 3
    assert len(ff.Detections([], [], [])) == 0


def test_what_is_selected_is_not_checked_again() -> None:
    boxes = some(data={"speed": np.arange(3)})
    boxes.xyxy[0] = (9, 9, 1, 1)  # if the program modifies the array, it is responsible
    assert boxes[[0, 2]].xyxy.tolist() == [[9, 9, 1, 1], [5, 6, 7, 8]]
    assert boxes[[0, 2]].data["speed"].tolist() == [0, 2]


def test_a_comparison_with_names_that_are_not_known_is_explained() -> None:
    boxes = ff.Detections([[0, 0, 10, 20]], [0.9], [1])
    with pytest.raises(ff.OptionTypeError, match=r"no class names .*: compare class_id"):
        boxes[boxes.class_name == "person"]


def test_columns_of_data_are_arrays_with_an_entry_per_box() -> None:
    boxes = some(data={"speed": [1.0, 2.0, 3.0]})
    assert boxes[np.array([True, False, True])].data["speed"].tolist() == [1, 3]
    more = dataclasses.replace(boxes, data={**boxes.data, "kind": np.arange(3)})
    assert list(more.data) == ["speed", "kind"]
    for wrong in ([1.0, 2.0], 5):
        with pytest.raises(
            ff.OptionError, match=r"'speed' of Detections.data must have one entry per box, 3, got"
        ):
            some(data={"speed": wrong})
    with pytest.raises(ff.OptionTypeError, match=r"'speed' of Detections.data must be an array"):
        some(data={"speed": [[1], [1, 2], []]})
