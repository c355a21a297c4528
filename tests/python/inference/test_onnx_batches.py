"""One model for many cameras: a detector with a batch finds the same as for single images."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.onnx_files import bright_box, constant, slow
from support import Pictures, check_books, until

import freshframe as ff
from freshframe import _native

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

LONG = 1000.0  # seconds; long enough that each batch is completed in another way
COUNT = 22  # images, of which the last batch of 4 has two


def found(detector: Any, **options: Any) -> tuple[dict[int, float], ff.stats.NodeStats]:
    """Returns the left edge of the only box in each of COUNT images, by number, and the node's statistics."""
    pipeline = ff.Pipeline()
    source = pipeline.add(Pictures(COUNT, size=(64, 64)))
    reader = pipeline.reader(pipeline.add(detector, source, name="detector", **options))
    with pipeline:
        boxes = {sample.seq: float(sample.value.xyxy[0, 0]) for sample in reader}
    check_books(pipeline)
    return boxes, pipeline.stats().nodes["detector"]


class AsTensors(ff.OnnxDetector):
    """Passes each batch to the model as one tensor, on a CPU too."""

    def __init__(self, path: Path, *, threads: int, roi: tuple[int, int, int, int] | None = None) -> None:
        super().__init__(path, threads=threads)
        options = _native.OnnxDetectorOptions()
        options.tensor_batches = True
        options.roi = roi
        model = ff.OnnxModel(path, threads=threads)._model
        self._handle = _native.make_onnx_detector(model, options)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_boxes_of_a_batch_are_those_of_single_calls(tmp_path: Path, threads: int) -> None:
    path = bright_box(tmp_path / "one.onnx")
    alone, stats = found(ff.OnnxDetector(path, threads=1))
    assert len(alone) == len(set(alone.values())) == COUNT  # each image has its own box
    batched, stats = found(ff.OnnxDetector(path, threads=threads), batch=ff.Batch(4, max_wait=LONG))
    assert batched == alone
    assert stats.batches == {4: 5, 2: 1}


@pytest.mark.parametrize(
    ("pictures", "kind"),
    [
        ("batch", ff.OnnxDetector),  # on a CPU, one run per image
        ("batch", AsTensors),
        (4, ff.OnnxDetector),  # the last batch is padded
        (3, ff.OnnxDetector),  # 3 and 1 of each 4
        (64, ff.OnnxDetector),
    ],
)
def test_a_file_for_several_pictures_gives_the_same_boxes(
    tmp_path: Path, pictures: int | str, kind: type[ff.OnnxDetector]
) -> None:
    alone, _ = found(ff.OnnxDetector(bright_box(tmp_path / "one.onnx"), threads=1))
    detector = kind(bright_box(tmp_path / "several.onnx", pictures), threads=1)
    assert detector.batch_size == (None if pictures == "batch" else pictures)
    batched, _ = found(detector, batch=ff.Batch(4, max_wait=LONG))
    assert batched == pytest.approx(alone)


def test_a_file_for_several_pictures_takes_single_ones_too(tmp_path: Path) -> None:
    alone, _ = found(ff.OnnxDetector(bright_box(tmp_path / "one.onnx"), threads=1))
    assert found(ff.OnnxDetector(bright_box(tmp_path / "four.onnx", 4), threads=1))[0] == pytest.approx(alone)


def test_an_output_that_is_not_one_for_each_picture_is_refused(tmp_path: Path) -> None:
    rows = np.zeros((1, 1, 6), np.float32)
    path = constant(tmp_path / "four.onnx", {"output0": rows}, shape=(4, 3, 64, 64))
    with pytest.raises(ff.OptionError, match=r"^'.*four\.onnx' returned .*output0 \[1, 1, 6\] for 4 images"):
        ff.OnnxDetector(path, layout="end2end")
    pipeline = ff.Pipeline()
    camera = pipeline.add(ff.testing.MockCamera(fps=30))
    with pytest.raises(ff.OptionError, match="fixes its batch size at 4"):
        pipeline.add(ff.OnnxModel(path), camera)


@pytest.mark.slow
def test_a_stop_ends_all_computations_of_a_batch(tmp_path: Path) -> None:
    path = slow(tmp_path / "slow.onnx", steps=100)
    pipeline = ff.Pipeline()
    source = pipeline.add(Pictures(50, size=(64, 64)))
    pipeline.add(ff.OnnxDetector(path, threads=2), source, name="detector", batch=ff.Batch(4, max_wait=LONG))
    pipeline.start()
    until(lambda: pipeline.stats().nodes["detector"].state == "working", "the detector to work")
    pipeline.stop()
    check_books(pipeline)
    assert pipeline.stats().nodes["detector"].errors == 0


def test_statistics_metrics_and_state_have_the_provider_and_times_of_the_network(tmp_path: Path) -> None:
    from rich.console import Console  # noqa: PLC0415

    from freshframe._cli.top_table import page  # noqa: PLC0415  (rich takes 60 ms)

    path = bright_box(tmp_path / "one.onnx")
    pipeline = ff.Pipeline()
    source = pipeline.add(Pictures(COUNT, size=(64, 64)), name="source")
    pipeline.add(ff.OnnxDetector(path, threads=2), source, name="detector", batch=ff.Batch(4, max_wait=LONG))
    pipeline.add(ff.OnnxModel(path, threads=1), source, name="model")
    pipeline.run()
    nodes = pipeline.stats().nodes
    assert nodes["source"].inference is None
    for name, threads in (("detector", 2), ("model", 1)):
        known = nodes[name].inference
        assert known is not None
        assert (known.provider, known.threads, known.runs) == ("cpu", threads, COUNT)
        assert 0 < known.duration_p50 <= known.duration_p99
    with pipeline.serve() as dashboard:
        text = urllib.request.urlopen(dashboard.url + "metrics").read().decode()
        state = json.loads(urllib.request.urlopen(dashboard.url + "api/state").read())
    label = 'pipeline="pipeline",node="detector",provider="cpu"'
    assert f"freshframe_node_inference_runs_total{{{label}}} {COUNT}" in text
    assert f"freshframe_node_inference_duration_p50_seconds{{{label}}}" in text
    assert 'freshframe_node_inference_runs_total{pipeline="pipeline",node="source"' not in text
    inference = {node["name"]: node.get("inference") for node in state["nodes"]}
    assert inference["source"] is None
    assert inference["detector"]["provider"] == "cpu"
    assert inference["detector"]["runs"] == COUNT
    console = Console(width=140, highlight=False)
    with console.capture() as shown:
        console.print(page(state, None, 140))
    assert "detector (cpu " in shown.get()
    assert "source (" not in shown.get()
