"""The scene of shapes and its truth; the model of shapes; `freshframe demo --shapes`."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import freshframe as ff
from freshframe import demo
from freshframe._cli.demo.shapes import compare

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

URL = "demo:shapes?size=640x360&fps=10&pace=0&frames=60&shapes=4&seed=3"
TOOLS = Path(__file__).parents[3] / "tools" / "shapes"


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime's own threads live as long as the model."""
    monkeypatch.setattr("freshframe._vision.onnx_model._CHOSEN_NATIVELY", 1)


def frames(url: str) -> list[ff.Frame]:
    pipeline = ff.Pipeline()
    reader = pipeline.reader(pipeline.add(ff.open(url)))
    with pipeline:
        return [sample.value for sample in reader]


def test_the_truth_agrees_with_the_picture() -> None:
    url = "demo:shapes?size=640x360&pace=0&frames=3&shapes=3&seed=2"
    empty = frames(url.replace("shapes=3", "shapes=0"))
    for seq, (frame, wall) in enumerate(zip(frames(url), empty, strict=True)):
        brighter: Any = frame.luma.astype(int) - wall.luma > 40  # shapes are brighter than everything else
        shapes = demo.shapes(url, seq)
        assert [shape.class_name for shape in shapes] == ["ball", "square", "triangle"]
        covered = np.zeros_like(brighter)
        for shape in shapes:
            left, top, right, bottom = (round(v) for v in (shape.x1, shape.y1, shape.x2, shape.y2))
            covered[max(top, 0) : bottom, max(left, 0) : right] = True
            inside = brighter[max(top, 0) : bottom, max(left, 0) : right]
            rows, columns = inside.any(1), inside.any(0)
            # The outermost two rows and columns on each side are not empty: the box is tight.
            if shape.visible == 1:
                assert all(side.any() for side in (rows[:2], rows[-2:], columns[:2], columns[-2:]))
        grown: Any = np.pad(covered, 1)
        grown = grown[1:-1, 1:-1] | grown[:-2, 1:-1] | grown[2:, 1:-1] | grown[1:-1, :-2] | grown[1:-1, 2:]
        assert not (brighter & ~grown).any()


def test_the_truth_of_another_scene_is_refused() -> None:
    with pytest.raises(ff.OptionError, match="needs a URL of demo:shapes"):
        demo.shapes("demo:circles", 0)
    with pytest.raises(ff.OptionError, match=r"demo:circles.*demo\.shapes\(\)"):
        demo.circles("demo:shapes", 0)
    with pytest.raises(ff.OptionError, match="'balls'"):
        ff.open("demo:shapes?balls=3")
    with pytest.raises(ff.OptionError, match="'shapes'"):
        ff.open("demo:circles?shapes=3")


def test_the_model_finds_the_shapes_of_the_scene() -> None:
    pipeline = ff.Pipeline()
    detector = ff.OnnxDetector(demo.shapes_model(), min_confidence=0.65, threads=1)
    assert detector.names == ("ball", "square", "triangle")
    assert demo.shapes_model().stat().st_size < 1_000_000
    reader = pipeline.reader(pipeline.add(detector, pipeline.add(ff.open(URL))))
    with pipeline:
        result = compare(URL, list(reader))
    assert result.frames == 60
    assert result.found >= 0.85 * result.shapes > 0
    assert result.wrong <= 0.5 * result.frames


@pytest.mark.slow
def test_the_model_keeps_the_figures_of_its_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(TOOLS)
    for name in ("shape_scenes", "evaluate_shapes"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    import evaluate_shapes  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

    figures = evaluate_shapes.measure(demo.shapes_model(), scenes=40, noises=20)
    assert figures["mAP50"] >= 0.95
    assert figures["boxes in noise"] == 0


@pytest.mark.slow
def test_the_demo_of_shapes_measures_and_records(tmp_path: Path, freshframe: Any) -> None:
    code, out, _ = freshframe("demo", "--shapes", "--seconds", "0.5", "--out", tmp_path, "--json")
    assert code == 0
    report = json.loads(out)
    assert report["complete"]
    assert report["recorded"] == 300
    assert report["provider"] == "cpu"
    assert Path(report["video"]).stat().st_size > 10_000
    assert Path(report["picture"]).stat().st_size > 10_000
    code, _, err = freshframe("demo", "--shapes", "--process", "--out", tmp_path)
    assert code != 0
    assert "--process" in err
