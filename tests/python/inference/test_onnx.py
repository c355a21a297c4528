"""ONNX models: the detector node and raw outputs."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.onnx_files import constant, mean_colour, slow
from support import until

import freshframe as ff

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

RED, GREEN, BLUE = (0, 0, 255), (0, 255, 0), (255, 0, 0)  # in BGR
NAMES = {"names": "{0: 'ball', 1: 'box'}"}


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime's own threads live as long as the model, which a test's pipelines keep."""
    monkeypatch.setattr("freshframe._vision.onnx_model._CHOSEN_NATIVELY", 1)


def plain(colour: tuple[int, int, int], size: tuple[int, int] = (64, 48)) -> ff.Frame:
    width, height = size
    return ff.Frame.from_array(np.full((height, width, 3), colour, np.uint8))


def detect(detector: ff.OnnxDetector, frame: ff.Frame) -> ff.Detections:
    """The boxes of one frame, in a pipeline."""
    pipeline = ff.Pipeline()
    found = pipeline.reader(pipeline.add(detector, pipeline.add(ff.testing.MockCamera(frame, fps=30))))
    with pipeline:
        value = found.get(timeout=100).value
    assert isinstance(value, ff.Detections)
    return value


@pytest.mark.parametrize(("colour", "name"), [(RED, "red"), (GREEN, "green"), (BLUE, "blue")])
def test_pictures_reach_the_model_in_its_own_colour_order(
    tmp_path: Path, colour: tuple[int, int, int], name: str
) -> None:
    model = mean_colour(tmp_path / "mean.onnx")
    found = detect(ff.OnnxDetector(model, min_confidence=0.4), plain(colour, (8, 8)))
    assert found.names == ("red", "green", "blue")
    assert found.class_name is not None
    assert found.class_name.tolist() == [name]
    assert found.confidence[0] == pytest.approx(1, abs=0.01)
    np.testing.assert_allclose(found.xyxy, [[2, 3, 6, 5]])


def test_boxes_come_back_in_coordinates_of_the_picture(tmp_path: Path) -> None:
    # 80x40 in an input of 8x8: a tenth of the size, with bars of two pixels above and below.
    found = detect(ff.OnnxDetector(mean_colour(tmp_path / "mean.onnx")), plain(RED, (80, 40)))
    np.testing.assert_allclose(found.xyxy, [[20, 10, 60, 30]], atol=1e-4)


def test_pictures_of_other_shapes_leave_nothing_in_the_input(tmp_path: Path) -> None:
    path = mean_colour(tmp_path / "mean.onnx")  # the bars count
    sizes = [(80, 40), (80, 40), (40, 80), (40, 80), (80, 40), (64, 64), (40, 80), (300, 10), (80, 40)]
    frames = [plain(RED, size) for size in sizes]
    together = [s.value for s in ff.testing.run_node(ff.OnnxDetector(path, min_confidence=0), frames)]
    for frame, value in zip(frames, together, strict=True):
        (alone,) = ff.testing.run_node(ff.OnnxDetector(path, min_confidence=0), [frame])
        np.testing.assert_array_equal(value.xyxy, alone.value.xyxy)
        np.testing.assert_array_equal(value.confidence, alone.value.confidence)


def test_only_the_classes_that_were_asked_for_are_given(tmp_path: Path) -> None:
    model = mean_colour(tmp_path / "mean.onnx")
    assert len(detect(ff.OnnxDetector(model, classes=["green"]), plain(RED, (8, 8)))) == 0
    assert len(detect(ff.OnnxDetector(model, classes=["green", "red"]), plain(RED, (8, 8)))) == 1
    with pytest.raises(ff.OptionError, match="has no class 'cat'; its classes are red, green, blue"):
        ff.OnnxDetector(model, classes=["cat"])


def test_names_may_be_given_where_the_file_has_none(tmp_path: Path) -> None:
    rows = np.array([[[8, 8, 16, 16, 0.9, 1]]], np.float32)
    path = constant(tmp_path / "six.onnx", {"output0": rows})
    with pytest.raises(ff.OptionError, match=r"(?s)output0 \[1, 1, 6\].*layout='end2end'.*layout='rtdetr6'"):
        ff.OnnxDetector(path)
    with pytest.raises(ff.OptionError, match="classes= needs the names"):
        ff.OnnxDetector(path, layout="end2end", classes=["box"])
    detector = ff.OnnxDetector(path, layout="end2end", names=["ball", "box"], classes=["box"])
    assert detector.names == ("ball", "box")
    np.testing.assert_allclose(detect(detector, plain(RED, (64, 64))).xyxy, [[8, 8, 16, 16]])


def _yolov8() -> dict[str, Any]:
    rows = np.zeros((1, 6, 84), np.float32)  # strides 8, 16, 32 on 64x64
    rows[0, :, 5] = [16, 24, 16, 16, 0.1, 0.9]
    rows[0, :, 6] = [17, 24, 16, 16, 0.1, 0.8]  # covers it
    return {"output0": rows}


def _yolov5() -> dict[str, Any]:
    rows = np.zeros((1, 252, 7), np.float32)
    rows[0, 9] = [16, 24, 16, 16, 1, 0.1, 0.9]
    return {"output": rows}


def _rtdetr() -> dict[str, Any]:
    rows = np.zeros((1, 300, 6), np.float32)
    rows[0, 7] = [0.25, 0.375, 0.25, 0.25, 0.9, 1]
    return {"output0": rows}


def _rfdetr() -> dict[str, Any]:
    boxes, labels = np.zeros((1, 20, 4), np.float32), np.full((1, 20, 3), -9, np.float32)
    boxes[0, 3], labels[0, 3] = [0.25, 0.375, 0.25, 0.25], [-9, 2.2, 9]
    return {"dets": boxes, "labels": labels}


def _three() -> dict[str, Any]:
    return {
        "boxes": np.array([[8, 16, 24, 32]], np.float32),
        "labels": np.array([1], np.int64),
        "scores": np.array([0.9], np.float32),
    }


@pytest.mark.parametrize(
    ("layout", "make", "metadata"),
    [
        ("yolov8", _yolov8, NAMES),
        ("yolov5", _yolov5, NAMES),
        ("rtdetr6", _rtdetr, {**NAMES, "head": "RTDETRDecoder"}),
        ("rfdetr", _rfdetr, NAMES),
        ("boxes", _three, NAMES),
    ],
)
def test_every_layout_gives_the_same_box(
    tmp_path: Path, layout: str, make: Callable[[], dict[str, Any]], metadata: dict[str, str]
) -> None:
    detector = ff.OnnxDetector(constant(tmp_path / "model.onnx", make(), metadata=metadata))
    assert detector.layout == layout
    assert detector.layout_reason
    found = detect(detector, plain(RED, (64, 64)))
    np.testing.assert_allclose(found.xyxy, [[8, 16, 24, 32]], atol=1e-3)
    assert found.class_id.tolist() == [1]
    assert found.confidence[0] == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize(
    ("outputs", "metadata", "task"),
    [
        ({"output0": np.zeros((1, 56, 84), np.float32)}, {"task": "pose"}, "'pose' whose kpt_shape is ''"),
        (
            {"output0": np.zeros((1, 56, 84), np.float32)},
            {"task": "pose", "kpt_shape": "[17, 4]"},
            r"kpt_shape is '\[17, 4\]'",
        ),
        ({"output0": np.zeros((1, 1000), np.float32)}, {}, "classification"),
    ],
)
def test_models_for_other_tasks_are_refused_with_a_way_to_run_them(
    tmp_path: Path, outputs: dict[str, Any], metadata: dict[str, str], task: str
) -> None:
    path = constant(tmp_path / "other.onnx", outputs, metadata=metadata)
    with pytest.raises(ff.OptionError, match=f"(?s){task}.*OnnxModel"):
        ff.OnnxDetector(path)
    given = ff.OnnxModel(path).run(np.zeros((1, 3, 64, 64)))
    assert {name: array.shape for name, array in given.items()} == {
        name: array.shape for name, array in outputs.items()
    }


def test_a_model_describes_itself_and_gives_its_outputs(tmp_path: Path) -> None:
    model = ff.OnnxModel(mean_colour(tmp_path / "mean.onnx"), threads=1)
    assert [str(tensor) for tensor in model.inputs] == ["images float32 [1, 3, 8, 8]"]
    assert [str(tensor) for tensor in model.outputs] == ["output0 float32 [1, 7, 1]"]
    assert model.metadata["task"] == "detect"
    assert (model.provider, model.threads) == ("cpu", 1)
    picture = np.zeros((1, 3, 8, 8), np.float32)
    picture[0, 1] = 0.5
    given = model.run({"images": picture})["output0"]
    np.testing.assert_allclose(given.ravel(), [4, 4, 4, 2, 0, 0.5, 0], atol=1e-6)
    given[:] = 1  # a separate array
    with pytest.raises(ff.OptionError, match="needs an array for each input"):
        model.run({"other": picture})
    with pytest.raises(ff.OptionError, match=r"images float32 \[1, 3, 8, 8\].*\(3, 8, 8\)"):
        model.run(picture[0])
    with pytest.raises(ff.OptionTypeError, match="array of numbers"):
        model.run("picture")


def test_a_model_is_a_node_of_frames_too(tmp_path: Path) -> None:
    model = ff.OnnxModel(mean_colour(tmp_path / "mean.onnx"))
    pipeline = ff.Pipeline()
    outputs = pipeline.add(model, pipeline.add(ff.testing.MockCamera(plain(BLUE, (80, 40)), fps=30)))
    reader = pipeline.reader(outputs)
    with pipeline:
        value = reader.get(timeout=100).value
    assert value["output0"].shape == (1, 7, 1)
    boxes = model.boxes_in_frame(value["output0"][:, :4, 0] + np.array([-2, -2, 2, 4], np.float32), (80, 40))
    np.testing.assert_allclose(boxes, [[20, 0, 60, 40]], atol=1e-4)


def test_axes_left_open_take_the_size_of_the_metadata_or_of_size(tmp_path: Path) -> None:
    path = mean_colour(tmp_path / "open.onnx", shape=("batch", 3, "height", "width"))
    assert ff.OnnxDetector(path).size == (8, 8)
    zero = np.zeros((1, 1, 6), np.float32)
    bare = constant(tmp_path / "bare.onnx", {"output0": zero}, shape=("n", 3, "h", "w"))
    with pytest.raises(ff.OptionError, match=r"bare.onnx.*pass size=\(width, height\).*\[n, 3, h, w\]"):
        ff.OnnxDetector(bare, layout="end2end")
    assert ff.OnnxDetector(bare, layout="end2end", size=(32, 16)).size == (32, 16)
    with pytest.raises(ff.OptionError, match=r"^cannot use .* fixes it at 8: leave size= out"):
        ff.OnnxDetector(mean_colour(tmp_path / "fixed.onnx"), size=(16, 8))


@pytest.mark.slow
def test_stop_ends_a_computation_under_way(tmp_path: Path) -> None:
    pipeline = ff.Pipeline()
    model = ff.OnnxModel(slow(tmp_path / "slow.onnx", steps=3000), threads=1)  # many seconds
    port = pipeline.add(model, pipeline.add(ff.testing.MockCamera(plain(RED, (256, 256)), fps=30)))
    with pipeline:
        until(lambda: pipeline.stats().nodes[port.name].state == "working", "the model to begin")
        pipeline.stop()
    stats = pipeline.stats()
    assert stats.nodes[port.name].processed <= 1  # the ended call
    assert stats.nodes[port.name].errors == 0
    for edge in stats.edges:
        assert edge.passed_in == edge.delivered + edge.dropped + edge.waiting


def _classes(found: ff.Detections) -> set[str]:
    return set() if found.class_name is None else set(found.class_name)


def test_a_detectors_options_change_while_it_works() -> None:
    detector = ff.OnnxDetector(ff.demo.shapes_model(), min_confidence=0.1)
    pipeline = ff.Pipeline()
    found = pipeline.add(detector, pipeline.add(ff.open("demo:shapes?fps=30&size=640x360")), name="found")
    reader = pipeline.reader(found)
    with pipeline:
        until(lambda: len(reader.get(timeout=100).value) > 0, "shapes")
        detector.min_confidence = 1.0
        until(lambda: len(reader.get(timeout=100).value) == 0, "none is certain")
        for wrong in (1.5, -0.1, float("nan")):
            with pytest.raises(ff.OptionError):
                detector.min_confidence = wrong
        assert detector.min_confidence == 1.0
        detector.min_confidence = 0.1
        assert detector.min_confidence == 0.1, "as it was given, not in single precision"
        names = detector.names
        assert names is not None
        detector.classes = names[:1]
        until(lambda: _classes(reader.get(timeout=100).value) == {names[0]}, "one class")
        with pytest.raises(ff.OptionError):
            detector.classes = ["no such class"]
        assert detector.classes == names[:1]
