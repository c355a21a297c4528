"""ONNX files that cannot be run, unsuitable inputs, options out of range: clear errors."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.onnx_files import OnnxFile, constant, mean_colour, node, tensor

import freshframe as ff

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime's own threads live as long as the model, which a test's pipelines keep."""
    monkeypatch.setattr("freshframe._vision.onnx_model._CHOSEN_NATIVELY", 1)


def _model_with(path: Path, **changes: Any) -> Path:
    file = OnnxFile(
        inputs={"images": ((1, 3, 64, 64), "float32")}, outputs={"output0": ((1, 1, 6), "float32")}, **changes
    )
    file.tensors.append(tensor("rows", np.zeros((1, 1, 6), np.float32)))
    file.nodes.append(node("Identity", ["rows"], ["output0"]))
    return file.save(path)


def _truncated(path: Path) -> Path:
    whole = mean_colour(path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def _random(path: Path) -> Path:
    path.write_bytes(np.random.default_rng(3).bytes(5000))
    return path


def _empty(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def _without_outputs(path: Path) -> Path:
    return OnnxFile(inputs={"images": ((1, 3, 8, 8), "float32")}).save(path)


def _missing_weights(path: Path) -> Path:
    """Writes a model with a tensor whose data is in a file that does not exist."""
    file = OnnxFile(inputs={"images": ((1, 3, 8, 8), "float32")}, outputs={"out": ((4,), "float32")})
    entry = b"\x0a\x08location\x12\x0bweights.bin"
    outside = b"\x08\x04\x10\x01" + b"\x42\x01w" + b"\x6a" + bytes([len(entry)]) + entry + b"\x70\x01"
    file.tensors.append(outside)
    file.nodes.append(node("Identity", ["w"], ["out"]))
    return file.save(path)


def _four_gigabytes(path: Path) -> Path:
    """Writes a model with a tensor that claims 2**32 bytes and has four."""
    file = OnnxFile(inputs={"images": ((1, 3, 8, 8), "float32")}, outputs={"out": ((1 << 30,), "float32")})
    whole = tensor("w", np.zeros(1, np.float32))
    claim = b"\x08\x80\x80\x80\x80\x04" + whole[2:]  # dims: 1 << 30
    file.tensors.append(claim)
    file.nodes.append(node("Identity", ["w"], ["out"]))
    return file.save(path)


def _unknown_operator(path: Path) -> Path:
    file = OnnxFile(inputs={"images": ((1, 3, 8, 8), "float32")}, outputs={"out": ((1,), "float32")})
    file.nodes.append(node("Teleport", ["images"], ["out"]))
    return file.save(path)


@pytest.mark.parametrize(
    "make",
    [
        _truncated,
        _random,
        _empty,
        _without_outputs,
        _missing_weights,
        _four_gigabytes,
        _unknown_operator,
        lambda path: _model_with(path, opset=9999),
        lambda path: _model_with(path, ir_version=9999),
        lambda path: path,  # no file
        lambda path: path.parent,
    ],
    ids=[
        "truncated", "random", "empty", "no outputs", "no weights", "4 GB", "operator", "opset", "ir", "none",
        "folder",
    ],
)  # fmt: skip
def test_files_that_cannot_be_run_are_refused_by_name(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path / "bad.onnx")
    for kind in (ff.OnnxModel, ff.OnnxDetector):
        with pytest.raises(ff.OptionError) as refused:
            kind(path)
        assert str(path) in str(refused.value)
        assert len(str(refused.value)) > len(str(path)) + 40  # the message contains the reason
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("dtype", ["float16", "uint8", "int8"])
def test_inputs_of_other_numbers_are_for_onnx_model_only(tmp_path: Path, dtype: str) -> None:
    path = constant(tmp_path / "other.onnx", {"output0": np.zeros((1, 1, 6), np.float32)}, dtype=dtype)
    with pytest.raises(ff.OptionError, match=f"(?s)other.onnx.*{dtype}.*float32.*OnnxModel"):
        ff.OnnxDetector(path, layout="end2end")
    assert ff.OnnxModel(path).run(np.zeros((1, 3, 64, 64)))["output0"].shape == (1, 1, 6)


@pytest.mark.parametrize(
    ("shape", "why"),
    [
        ((1, 64, 64, 3), "colours must be the second axis"),
        ((1, 5, 64, 64), "3 colours"),
        ((1, 64), "batch, colour, height, width"),
        ((1, 3, 64, 90000), "must be 1 to 8192, got 90000"),
    ],
)
def test_inputs_that_take_no_picture_are_refused(tmp_path: Path, shape: tuple[int, ...], why: str) -> None:
    path = constant(tmp_path / "other.onnx", {"output0": np.zeros((1, 1, 6), np.float32)}, shape=shape)
    with pytest.raises(ff.OptionError, match=f"(?s)other.onnx.*{why}"):
        ff.OnnxDetector(path, layout="end2end")


def test_options_out_of_range_are_refused(tmp_path: Path) -> None:
    path = mean_colour(tmp_path / "mean.onnx")
    wrong: list[dict[str, Any]] = [
        {"min_confidence": 1.5},
        {"max_iou": -1},
        {"threads": 0},
        {"threads": 1000},
        {"provider": "abacus"},
        {"provider": "cuda"},
        {"layout": "yolo"},
        {"layout": "detr"},
        {"classes": []},
        {"names": ["one"]},
        {"size": (0, 8)},
    ]
    for options in wrong:
        with pytest.raises(ff.OptionError):
            ff.OnnxDetector(path, **options)
    with pytest.raises(ff.OptionTypeError, match="agnostic_nms must be True or False, got 'yes'"):
        ff.OnnxDetector(path, agnostic_nms="yes")  # type: ignore[arg-type]
    unfit: list[dict[str, Any]] = [
        {"classes": "red"},
        {"names": 3},
        {"size": 8},
        {"layout": 8},
        {"threads": "2"},
    ]
    for options in unfit:
        with pytest.raises(ff.OptionTypeError):
            ff.OnnxDetector(path, **options)


@pytest.mark.parametrize("kind", [ff.OnnxModel, ff.OnnxDetector])
def test_a_reason_that_is_not_utf_8_is_mended(tmp_path: Path, kind: type[Any]) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(
        mean_colour(tmp_path / "good.onnx").read_bytes().replace(b"ReduceMean", b"ReduceM\xe9an")
    )
    with pytest.raises(ff.OptionError, match="ReduceM\N{REPLACEMENT CHARACTER}an"):
        kind(path)


@pytest.mark.parametrize("kind", [ff.OnnxModel, ff.OnnxDetector])
def test_names_of_inputs_and_outputs_that_are_not_utf_8_are_refused(tmp_path: Path, kind: type[Any]) -> None:
    for name in (b"images", b"output0"):
        path = tmp_path / "bad.onnx"
        path.write_bytes(_model_with(tmp_path / "good.onnx").read_bytes().replace(name, name[:-1] + b"\xff"))
        with pytest.raises(ff.OptionError, match="must be UTF-8"):
            kind(path)


def test_metadata_that_is_not_utf_8_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    whole = mean_colour(tmp_path / "good.onnx", names="{0: 'rot', 1: 'gruen', 2: 'blau'}").read_bytes()
    path.write_bytes(whole.replace(b"gruen", b"gr\xfcen").replace(b"imgsz", b"img\xffz"))
    metadata = ff.OnnxModel(path).metadata
    assert metadata["names"] == "{0: 'rot', 1: 'gr\ufffden', 2: 'blau'}"
    assert "img\ufffdz" in metadata
    assert ff.OnnxDetector(path).names == ("rot", "gr\ufffden", "blau")


@pytest.mark.parametrize(
    ("suffix", "way"),
    [
        (".pt", "PyTorch .*yolo export model=FILE format=onnx"),
        (".pth", "PyTorch .*torch.onnx.export"),
        (".engine", "TensorRT"),
        (".tflite", "TensorFlow Lite .*tf2onnx"),
    ],
)
def test_files_of_other_formats_are_named_with_the_way_to_onnx(tmp_path: Path, suffix: str, way: str) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_bytes(b"PK\x03\x04" + bytes(1000))
    with pytest.raises(ff.OptionError, match=way):
        ff.OnnxDetector(path)


def test_a_file_that_is_no_onnx_file_is_called_so(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_text("version https://git-lfs.github.com/spec/v1")
    with pytest.raises(ff.OptionError, match=r"model\.onnx.* The file is corrupt or not an ONNX file$"):
        ff.OnnxDetector(path)


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
def test_outputs_of_other_floats_are_decoded(tmp_path: Path, dtype: type[Any]) -> None:
    rows = np.array([[[1.5, 2.25, 11.5, 21, 0.75, 3], [-1e-7, 6e-8, 9, 8, 0.5, 1]]], dtype)
    detector = ff.OnnxDetector(constant(tmp_path / "half.onnx", {"output0": rows}), layout="end2end")
    picture = ff.Frame.from_array(np.zeros((64, 64), np.uint8), "gray")
    (found,) = ff.testing.run_node(detector, [picture])
    assert found.value.xyxy.tolist() == [
        [1.5, 2.25, 11.5, 21.0],
        [0.0, pytest.approx(6e-8, abs=1e-8), 9.0, 8.0],
    ]
    assert found.value.class_id.tolist() == [3, 1]
    assert found.value.confidence.tolist() == [0.75, 0.5]


def test_outputs_of_whole_numbers_are_refused_at_once(tmp_path: Path) -> None:
    path = constant(tmp_path / "whole.onnx", {"output0": np.zeros((1, 1, 6), np.int32)})
    with pytest.raises(ff.OptionError, match=r"(?s)whole.onnx.*output 0 must be float32, float16 or float64"):
        ff.OnnxDetector(path, layout="end2end")
