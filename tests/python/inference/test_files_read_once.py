"""A detector runs the model that it has checked, even if the file changes afterwards."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.onnx_files import constant, external_constant
from support import Pictures, check_books

import freshframe as ff

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

COUNT = 10
OPTIONS: dict[str, Any] = {"layout": "end2end", "size": (64, 64), "names": ["a", "b", "c"]}


def write(path: Path, number: int) -> Path:
    """Writes a detector that finds one box of the class `number` in each frame."""
    return constant(path, {"output0": rows(number)}, shape=(1, 3, 64, 64))


def rows(number: int) -> np.ndarray[Any, Any]:
    return np.array([[[10, 10, 20, 20, 0.9, number]]], np.float32)


def classes(
    detector: ff.OnnxDetector, *, size: int, before_start: Callable[[], object] = lambda: None
) -> list[int]:
    """Returns the classes of all boxes in COUNT frames."""
    pipeline = ff.Pipeline()
    source = pipeline.add(Pictures(COUNT, size=(64, 64)))
    batch = ff.Batch(size, max_wait=1000.0) if size else None
    reader = pipeline.reader(pipeline.add(detector, source, name="detector", batch=batch))
    before_start()
    with pipeline:
        found = [int(each) for sample in reader for each in sample.value.class_id]
    check_books(pipeline)
    return found


def replace(path: Path) -> None:
    os.replace(write(path.with_suffix(".new"), 2), path)


def overwrite(path: Path) -> None:
    path.write_bytes(write(path.with_suffix(".new"), 2).read_bytes())


def link(path: Path) -> None:
    path.unlink()
    path.symlink_to(write(path.with_suffix(".new"), 2))


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def damage(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def nothing(path: Path) -> None:
    assert path.exists()


CHANGES: dict[str, Callable[[Path], object]] = {
    "nothing": nothing,
    "replaced": replace,
    "overwritten": overwrite,
    "a link": link,
    "gone": Path.unlink,
    "damaged": damage,
    "empty": lambda path: path.write_bytes(b""),
    "a folder": replace_by_folder,
    "its folder is gone": lambda path: shutil.rmtree(path.parent),
    "renamed": lambda path: path.rename(path.with_suffix(".old")),
    "unreadable": lambda path: path.chmod(0),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("size", [0, 1, 4])
@pytest.mark.parametrize("late", [False, True], ids=["before add()", "after add()"])
def test_a_file_that_changes_does_not_change_the_model(
    tmp_path: Path, change: str, size: int, late: bool
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    path = write(folder / "m.onnx", 1)
    detector = ff.OnnxDetector(path, threads=2, **OPTIONS)
    if late:
        assert classes(detector, size=size, before_start=lambda: CHANGES[change](path)) == [1] * COUNT
        return
    CHANGES[change](path)
    assert classes(detector, size=size) == [1] * COUNT


@pytest.mark.parametrize("change", ["replaced", "gone", "damaged"])
def test_a_changed_file_is_reported_once_where_batches_become_slower(
    tmp_path: Path, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "m.onnx", 1)
    detector = ff.OnnxDetector(path, threads=2, **OPTIONS)
    CHANGES[change](path)
    assert classes(detector, size=4) == [1] * COUNT
    assert sum("m.onnx' cannot be loaded a second time" in line for line in caplog.messages) == 1


@pytest.mark.parametrize("size", [0, 4])
def test_a_relative_path_means_the_directory_of_the_constructor(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "m.onnx", 1)
    (tmp_path / "other").mkdir()
    write(tmp_path / "other" / "m.onnx", 2)
    monkeypatch.chdir(tmp_path)
    detector = ff.OnnxDetector("m.onnx", threads=2, **OPTIONS)
    monkeypatch.chdir(tmp_path / "other")
    assert classes(detector, size=size) == [1] * COUNT
    assert not caplog.messages


@pytest.mark.parametrize("change", ["nothing", "replaced", "gone", "truncated"])
def test_weights_in_another_file_are_part_of_the_model(tmp_path: Path, change: str) -> None:
    path = external_constant(tmp_path / "m.onnx", "weights.data", "output0", rows(1))
    weights = tmp_path / "weights.data"
    detector = ff.OnnxDetector(path, threads=2, **OPTIONS)
    if change == "replaced":
        weights.with_suffix(".new").write_bytes(rows(2).tobytes())
        os.replace(weights.with_suffix(".new"), weights)
    elif change == "gone":
        weights.unlink()
    elif change == "truncated":
        weights.rename(tmp_path / "old.data")
        weights.write_bytes(b"")
    assert classes(detector, size=4) == [1] * COUNT


def test_a_detector_still_detects_alone_after_its_file_has_gone(tmp_path: Path) -> None:
    path = write(tmp_path / "m.onnx", 1)
    detector = ff.OnnxDetector(path, threads=2, **OPTIONS)
    path.unlink()
    frame = ff.Frame.from_array(np.zeros((64, 64, 3), np.uint8))
    assert detector.detect(frame).class_id.tolist() == [1]


@pytest.mark.parametrize("kind", [ff.OnnxModel, ff.OnnxClassifier])
def test_other_nodes_of_models_do_not_read_their_file_again(tmp_path: Path, kind: Any) -> None:
    scores = np.array([[0.1, 0.9]], np.float32)
    path = constant(tmp_path / "m.onnx", {"output0": scores}, shape=(1, 3, 8, 8))
    node = kind(path, threads=2) if kind is ff.OnnxModel else kind(path, column="kind", names=["a", "b"])
    path.unlink()
    pipeline = ff.Pipeline()
    source = pipeline.add(Pictures(3))
    if kind is ff.OnnxModel:
        reader: Any = pipeline.reader(pipeline.add(node, source))
        with pipeline:
            values = [sample.value["output0"].tolist() for sample in reader]
        assert values == [scores.tolist()] * 3
        return
    boxes = pipeline.add(lambda frame: ff.Detections([[0, 0, 40, 40]]), source)
    reader = pipeline.reader(pipeline.add(node, boxes))
    with pipeline:
        assert [sample.value.data["kind"].tolist() for sample in reader] == [["b"]] * 3
