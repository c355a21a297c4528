"""OpenVINO through ONNX Runtime: its boxes, its threads, and nodes that it does not take.

`./dev test-openvino` installs onnxruntime-openvino into an environment of its own, because it has the same
module as onnxruntime, and names its ONNX Runtime in FRESHFRAME_TEST_OPENVINO.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.onnx_files import OnnxFile, node, tensor
from support import until

import freshframe as ff
from freshframe._vision import onnx_runtime

LIBRARY = Path(os.environ.get("FRESHFRAME_TEST_OPENVINO", ""))

pytestmark = pytest.mark.skipif(not LIBRARY.is_file(), reason="./dev test-openvino installs OpenVINO")

OF_RUNS = 40
ONE_CORE = 1.05  # CPU time of all threads, by that of the busiest


@pytest.fixture(autouse=True)
def openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_runtime, "library", lambda: str(LIBRARY))


@pytest.fixture(scope="module")
def frames() -> list[ff.Frame]:
    with ff.stream(ff.open("demo:shapes?frames=40&pace=0")) as samples:
        return [sample.frame for sample in samples]


def convolutions(path: Path) -> Path:
    """A model of ten convolutions, large enough that threads pay."""
    rng = np.random.default_rng(0)
    file = OnnxFile(inputs={"images": ((1, 3, 320, 320), "float32")})
    last, channels = "images", 3
    for i, (width, stride) in enumerate(
        [(32, 2), (64, 2), (64, 1), (64, 1), (128, 2), (128, 1), (128, 1), (256, 2), (256, 1), (256, 1)]
    ):
        scale = np.sqrt(2 / (9 * channels))
        weights = (rng.standard_normal((width, channels, 3, 3)) * scale).astype(np.float32)
        file.tensors.append(tensor(f"w{i}", weights))
        file.nodes.append(node("Conv", [last, f"w{i}"], [f"c{i}"], strides=[stride, stride], pads=[1] * 4))
        file.nodes.append(node("Relu", [f"c{i}"], [f"r{i}"]))
        last, channels = f"r{i}", width
    file.outputs[last] = ((1, 256, 20, 20), "float32")
    return file.save(path)


def cpu_times() -> dict[str, int]:
    """The CPU time of each thread of this process in nanoseconds."""
    times = {}
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # it ended in the meantime
            times[thread.name] = int((thread / "schedstat").read_text().split()[0])
    return times


def sorted_boxes(found: ff.Detections) -> Any:
    order = np.lexsort(found.xyxy.T)
    return np.column_stack([found.xyxy, found.class_id, found.confidence])[order]


@pytest.mark.parametrize("name", ["openvino", "OpenVINO", "OpenVINOExecutionProvider", "auto"])
def test_the_boxes_are_those_of_the_cpu(frames: list[ff.Frame], name: str) -> None:
    by_cpu = ff.OnnxDetector(ff.demo.shapes_model(), provider="cpu", threads=1)
    options = None if name == "auto" else {"device_type": "CPU"}
    detector = ff.OnnxDetector(ff.demo.shapes_model(), provider=name, provider_options=options, threads=1)
    assert (by_cpu.provider, detector.provider) == ("cpu", "openvino")
    found = 0
    for frame in frames:
        wanted = sorted_boxes(by_cpu.detect(frame))
        assert sorted_boxes(detector.detect(frame)) == pytest.approx(wanted, abs=1e-2)
        found += len(wanted)
    assert found > len(frames)


def test_one_thread_takes_one_core(tmp_path: Path) -> None:
    model = ff.OnnxModel(convolutions(tmp_path / "ten.onnx"), provider="openvino", threads=1)
    assert (model.provider, model.threads) == ("openvino", 1)
    image = np.random.default_rng(1).random((1, 3, 320, 320), np.float32)
    model.run(image)
    before = cpu_times()
    for _ in range(OF_RUNS):
        model.run(image)
    spent = [after - before.get(thread, 0) for thread, after in cpu_times().items()]
    assert sum(spent) <= ONE_CORE * max(spent), spent


def test_the_number_of_threads_is_given_once(tmp_path: Path) -> None:
    path = ff.demo.shapes_model()
    model = ff.OnnxModel(path, provider="openvino", provider_options={"num_of_threads": 3})
    assert model.threads == 3
    with pytest.raises(ff.OptionError, match="threads= sets num_of_threads of openvino: pass only one"):
        ff.OnnxModel(path, provider="openvino", threads=2, provider_options={"num_of_threads": 3})
    for wrong in ("0", "x", "2 ", 257):
        with pytest.raises(ff.OptionError, match="num_of_threads must be 1 to 256, got"):
            ff.OnnxModel(path, provider="openvino", provider_options={"num_of_threads": wrong})


@pytest.mark.parametrize("kind", [ff.OnnxModel, ff.OnnxDetector, ff.OnnxClassifier])
def test_an_unknown_option_is_refused_with_the_options_that_there_are(kind: Any) -> None:
    with pytest.raises(ff.OptionError, match="openvino has no option 'device': its options are device_type"):
        kind(ff.demo.shapes_model(), provider="openvino", provider_options={"device": "CPU"})


def test_a_device_that_is_not_there_is_refused_with_openvinos_own_reason() -> None:
    with pytest.raises(ff.OptionError, match=r"shapes\.onnx.*_options: .*Device NPU is not available$"):
        ff.OnnxDetector(ff.demo.shapes_model(), provider="openvino", provider_options={"device_type": "NPU"})


def test_a_device_that_takes_no_node_is_refused() -> None:
    with pytest.raises(ff.OptionError, match="openvino runs none of its 25 nodes, so the CPU"):
        ff.OnnxDetector(ff.demo.shapes_model(), provider="openvino", provider_options={"device_type": "XPU"})


@pytest.mark.parametrize(("left", "level"), [(9, "WARNING"), (1, "INFO")])
def test_nodes_that_are_left_to_the_cpu_are_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, left: int, level: str
) -> None:
    file = OnnxFile(inputs={"images": ((1, 3, 8, 8), "float32")}, outputs={"out": ((1, 3, 8, 8), "float32")})
    last = "images"
    for i, operator in enumerate(["Hardmax"] * left + ["Relu", "Sigmoid"] * 2):  # OpenVINO has no Hardmax
        file.nodes.append(node(operator, [last], [f"n{i}"]))
        last = f"n{i}"
    file.nodes.append(node("Relu", [last], ["out"]))
    with caplog.at_level(logging.INFO, "freshframe"):
        ff.OnnxModel(file.save(tmp_path / "some.onnx"), provider="openvino")
        said = f"some.onnx': openvino runs 5 of its {left + 5} nodes, the CPU runs the others: Hardmax"
        until(lambda: said in caplog.text, lambda: caplog.text)
    assert [record.levelname for record in caplog.records] == [level]
