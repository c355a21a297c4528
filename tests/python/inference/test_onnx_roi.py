"""A detector with a region of interest: boxes refer to the whole image, which stays unchanged."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.onnx_files import mean_colour
from support import Pictures, run_node

import freshframe as ff

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

# 80x40 in an input of 8x8: a tenth of the size, with bars of two pixels above and below.
ROI = (21, 11, 101, 51)
BOX = [41, 21, 81, 41]  # the model's own (2, 3, 6, 5)


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime's own threads live as long as the model, which a test's pipelines keep."""
    monkeypatch.setattr("freshframe._vision.onnx_model._CHOSEN_NATIVELY", 1)


def frame(form: ff.types.Format = "bgr") -> ff.Frame:
    """Returns a green frame that is red in ROI."""
    picture = np.full((120, 160, 3), (0, 255, 0), np.uint8)
    x0, y0, x1, y1 = ROI
    picture[y0:y1, x0:x1] = (0, 0, 255)
    return ff.Frame.from_array(picture if form == "bgr" else picture[:, :, ::-1].copy(), form)


@pytest.mark.parametrize("form", ["bgr", "rgb"])
def test_the_model_gets_the_region_and_boxes_are_of_the_whole_picture(
    tmp_path: Path, form: ff.types.Format
) -> None:
    model = mean_colour(tmp_path / "mean.onnx")
    (whole,) = run_node(ff.OnnxDetector(model, min_confidence=0.4), [frame(form)])
    assert whole.value.class_name.tolist() == ["green"]
    (sample,) = run_node(ff.OnnxDetector(model, min_confidence=0.4, roi=ROI), [frame(form)])
    assert sample.value.class_name.tolist() == ["red"]
    np.testing.assert_allclose(sample.value.xyxy, [BOX], atol=1e-3)
    assert (sample.frame.width, sample.frame.height) == (160, 120)
    assert sample.frame.bgr[0, 0].tolist() == [0, 255, 0]


def test_shared_chroma_begins_a_pixel_before(tmp_path: Path) -> None:
    detector = ff.OnnxDetector(mean_colour(tmp_path / "mean.onnx"), min_confidence=0, roi=(21, 11, 100, 50))
    pipeline = ff.Pipeline()
    scene = pipeline.add(ff.open("demo:circles?size=160x120&frames=1&pace=0"))
    reader = pipeline.reader(pipeline.add(detector, scene))
    with pipeline:
        (sample,) = list(reader)
    assert sample.frame.format == "i420"
    np.testing.assert_allclose(sample.value.xyxy, [[40, 20, 80, 40]], atol=1e-3)


def test_each_picture_of_a_batch_has_it(tmp_path: Path) -> None:
    detector = ff.OnnxDetector(mean_colour(tmp_path / "mean.onnx"), min_confidence=0, roi=(8, 16, 16, 24))
    pipeline = ff.Pipeline()
    pictures = pipeline.add(Pictures(6, size=(64, 64)))
    reader = pipeline.reader(pipeline.add(detector, pictures, batch=ff.Batch(3, max_wait=1000.0)))
    with pipeline:
        boxes = [sample.value.xyxy.tolist() for sample in reader]
    assert boxes == [[], *[[[10, 19, 14, 21]]] * 5]  # no score is above 0 in a black image


def test_annotate_draws_on_the_whole_frame(tmp_path: Path) -> None:
    detector = ff.OnnxDetector(mean_colour(tmp_path / "mean.onnx"), min_confidence=0.4, roi=ROI)
    pipeline = ff.Pipeline()

    def fixed(value: float) -> ff.Frame:
        return frame()

    class Once(ff.Source[float]):
        live = False

        def read(self) -> Any:
            yield 1.0, 0.0

    found = pipeline.add(detector, pipeline.add(fixed, pipeline.add(Once())))
    reader = pipeline.reader(pipeline.add(ff.Annotate(), found))
    with pipeline:
        (sample,) = list(reader)
    drawn = sample.value.bgr.astype(int)
    assert drawn.shape == (120, 160, 3)
    changed = np.abs(drawn - frame().bgr).sum(axis=2) > 100
    left, right = BOX[0], BOX[2]
    assert changed[34, left - 2 : left + 3].any()
    assert changed[34, right - 2 : right + 3].any()
    # Nothing at the position that the model returned, 21 pixels to the left.
    assert not changed[:, : left - 4].any()


def test_a_picture_that_does_not_contain_it_is_an_error_at_the_first_frame(tmp_path: Path) -> None:
    model = mean_colour(tmp_path / "mean.onnx")
    with pytest.raises(ff.OptionError, match=r"roi must be \(x0, y0, x1, y1\).*got \(5, 5, 5, 9\)"):
        ff.OnnxDetector(model, roi=(5, 5, 5, 9))
    with pytest.raises(ff.OptionTypeError, match="roi must be"):
        ff.OnnxDetector(model, roi=(5, 5))  # type: ignore[arg-type]
    with pytest.raises(
        ff.NodeError,
        match=r"on sample 0.*roi \(0, 0, 161, 9\) is outside the frame, which has 160x120",
    ):
        run_node(ff.OnnxDetector(model, roi=(0, 0, 161, 9)), [frame()])
