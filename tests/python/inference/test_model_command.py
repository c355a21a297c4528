"""`freshframe model`, and `freshframe track --model`."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.command_line import process, records
from rigs.onnx_files import constant, mean_colour

import freshframe as ff
from freshframe._cli import model as model_command

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

SCENE = "demo:circles?size=160x120&frames=10&pace=0"


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime's own threads live as long as the model."""
    monkeypatch.setattr("freshframe._vision.onnx_model._CHOSEN_NATIVELY", 1)


def always_a_box(path: Path) -> Path:
    """Writes a detector that finds the left half of each image."""
    rows = np.array([[[0, 0, 80, 160, 0.9, 1]]], np.float32)
    metadata = {"names": "{0: 'cat', 1: 'dog'}", "end2end": "True", "description": "YOLO"}
    return constant(path, {"output0": rows}, shape=(1, 3, 160, 160), metadata=metadata)


@pytest.mark.slow
def test_a_detector_is_described_with_the_reason_and_its_speed(tmp_path: Path, freshframe: Any) -> None:
    path = mean_colour(tmp_path / "mean.onnx")
    code, out, err = freshframe("model", path, "--json")
    assert (code, err) == (0, "")
    described = json.loads(out)
    assert described["layout"] == "yolov8"
    assert "grid of strides 8" in described["layout_reason"]
    assert described["classes"] == ["red", "green", "blue"]
    assert described["size"] == [8, 8]
    assert described["batch_size"] == 1
    assert described["provider"] == "cpu"
    assert described["runs"] >= 3
    assert 0 < described["p50_seconds"] <= described["p99_seconds"]
    assert described["inputs"] == [{"name": "images", "dtype": "float32", "shape": [1, 3, 8, 8]}]


@pytest.mark.slow
def test_a_model_that_is_no_detector_is_described_too(tmp_path: Path, freshframe: Any) -> None:
    path = constant(tmp_path / "classes.onnx", {"output0": np.zeros((1, 1000), np.float32)})
    code, out, _ = freshframe("model", path)
    assert code == 0
    assert "output0 float32 [1, 1000]" in out
    assert "classification" in out
    assert "speed here" in out


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ((1, 3, "h", "w"), None, [1, 3, 640, 640]),
        ((1, 3, "h", "w"), "320x240", [1, 3, 240, 320]),
        ((1, 3, 240, "w"), "320x240", [1, 3, 240, 320]),
        ((1, 3, "h", 320), "320x240", [1, 3, 240, 320]),
        (("n", 3, "h", "w"), "320x240", [1, 3, 240, 320]),
    ],
)
def test_the_size_is_width_and_height(
    tmp_path: Path,
    freshframe: Any,
    monkeypatch: pytest.MonkeyPatch,
    shape: tuple[int | str, ...],
    size: str | None,
    expected: list[int],
) -> None:
    monkeypatch.setattr(model_command, "_MEASURE_SECONDS", 0.0)
    shapes: list[list[int]] = []
    run = ff.OnnxModel.run

    def note(model: ff.OnnxModel, inputs: dict[str, Any], **options: Any) -> Any:
        shapes.append(list(inputs["images"].shape))
        return run(model, inputs, **options)

    monkeypatch.setattr(ff.OnnxModel, "run", note)
    path = constant(tmp_path / "open.onnx", {"output0": np.zeros((1, 6), np.float32)}, shape=shape)
    code, _, err = freshframe("model", path, *([] if size is None else ["--size", size]))
    assert (code, err) == (0, "")
    assert set(map(tuple, shapes)) == {tuple(expected)}


def test_the_memory_is_that_of_one_model(
    tmp_path: Path, freshframe: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = 0

    def uses(owner: Any, name: str, size: int) -> None:
        work = getattr(owner, name)

        def counted(*arguments: Any, **options: Any) -> Any:
            nonlocal used
            used += size
            return work(*arguments, **options)

        monkeypatch.setattr(owner, name, counted)

    path = mean_colour(tmp_path / "mean.onnx")
    monkeypatch.setattr(model_command, "_memory", lambda: used)
    monkeypatch.setattr(model_command, "_MEASURE_SECONDS", 0.0)
    uses(ff.OnnxModel, "run", 1)
    uses(ff, "OnnxModel", 1000)
    uses(ff, "OnnxDetector", 100_000)
    code, out, _ = freshframe("model", path, "--json")
    described = json.loads(out)
    assert (code, described["memory_bytes"]) == (0, 1000 + 1 + described["runs"])


def test_a_file_that_cannot_be_run_is_an_error(tmp_path: Path, freshframe: Any) -> None:
    code, out, err = freshframe("model", tmp_path / "none.onnx")
    assert code != 0
    assert out == ""
    assert "none.onnx" in err
    assert "no such file" in err


def test_track_follows_what_a_model_finds(tmp_path: Path, freshframe: Any) -> None:
    path = always_a_box(tmp_path / "dog.onnx")
    lines, video = tmp_path / "dogs.jsonl", tmp_path / "dogs.mp4"
    code, _, err = freshframe(
        "track",
        SCENE,
        "--model",
        path,
        "--classes",
        "dog",
        "--min-confidence",
        "0.3",
        "-o",
        lines,
        "-o",
        video,
        "-q",
    )
    assert (code, err) == (0, "")
    found = [json.loads(line)["detections"] for line in lines.read_text(encoding="utf-8").splitlines()]
    assert len(found) == 10
    last = found[-1]
    assert [(box["tracker_id"], box["class_name"]) for box in last] == [(1, "dog")]
    assert [last[0][side] for side in ("x1", "x2")] == pytest.approx([0, 80], abs=1)
    assert video.stat().st_size > 0


@pytest.mark.slow
def test_track_says_what_computes(tmp_path: Path) -> None:
    ended = process("track", SCENE, "--model", always_a_box(tmp_path / "dog.onnx"), "--detect", "--json")
    assert ended.returncode == 0
    assert "layout end2end, input 160x160, run by cpu" in ended.stderr
    assert "10 boxes" in ended.stderr
    assert len(records(ended.stdout)) == 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--classes", "dog"], "--model"),
        (["--min-confidence", "0.5"], "--min-confidence needs a model: add --model"),
        (["--model", "FILE", "--radius", "5:9"], "--radius is for circles"),
        (["--model", "FILE", "--classes", "horse"], "has no class 'horse'; its classes are cat, dog"),
        (["--model", "FILE", "--layout", "maze"], "layout must be one of"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    tmp_path: Path, freshframe: Any, arguments: list[str], message: str
) -> None:
    path = str(always_a_box(tmp_path / "dog.onnx"))
    code, out, err = freshframe("track", SCENE, *[path if text == "FILE" else text for text in arguments])
    assert code == 2
    assert out == ""
    assert message in err


@pytest.mark.parametrize("command", [["model", "FILE"], ["track", SCENE, "--model", "FILE"]])
def test_the_error_of_a_missing_runtime_names_the_package_to_install(
    tmp_path: Path, freshframe: Any, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    path = str(always_a_box(tmp_path / "dog.onnx"))
    code, out, err = freshframe(*[path if text == "FILE" else text for text in command])
    assert (code, out) == (2, "")
    assert "pip install 'freshframe[onnx]'" in err
    assert "Traceback" not in err
