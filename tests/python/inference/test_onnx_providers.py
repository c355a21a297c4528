"""Execution providers of ONNX Runtime: their names, their options, and whether they are used."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.onnx_files import OnnxFile, mean_colour

import freshframe as ff
from freshframe import _native
from freshframe._vision import onnx_runtime

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

NODES: list[Callable[..., Any]] = [ff.OnnxModel, ff.OnnxDetector, ff.OnnxClassifier]


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime's own threads live as long as the model, which a test's pipelines keep."""
    monkeypatch.setattr("freshframe._vision.onnx_model._CHOSEN_NATIVELY", 1)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return mean_colour(tmp_path / "mean.onnx")


def available() -> list[str]:
    """The providers of the installed ONNX Runtime."""
    return _native.onnx_runtime(onnx_runtime.prepare())[1]


@pytest.mark.parametrize("name", ["cpu", "CPU", "CPUExecutionProvider", "cpuexecutionprovider"])
def test_a_provider_has_a_short_and_a_long_name(model: Path, name: str) -> None:
    assert ff.OnnxDetector(model, provider=name).provider == "cpu"


@pytest.mark.parametrize("kind", NODES)
def test_an_unknown_name_is_refused_with_the_names_that_there_are(
    model: Path, kind: Callable[..., Any]
) -> None:
    with pytest.raises(ff.OptionError) as refused:
        kind(model, provider="abacus")
    assert f"(auto, {', '.join(available())}), got 'abacus'" in str(refused.value)


@pytest.mark.parametrize("kind", NODES)
def test_options_reach_the_provider_that_they_are_for(model: Path, kind: Callable[..., Any]) -> None:
    with pytest.raises(ff.OptionError, match="cpu has no option 'device_type': it has no options"):
        kind(model, provider="cpu", provider_options={"device_type": "CPU"})
    with pytest.raises(ff.OptionError, match=r"need the name of their provider, one of .*cpu"):
        kind(model, provider_options={"device_type": "CPU"})


@pytest.mark.parametrize("options", ["device_type=CPU", ["device_type"], {"device_id": 0.5}, {0: "CPU"}])
def test_options_of_other_types_are_refused(model: Path, options: Any) -> None:
    with pytest.raises(ff.OptionTypeError, match="provider_options"):
        ff.OnnxModel(model, provider="cpu", provider_options=options)


def test_a_provider_that_takes_no_node_is_an_error(model: Path) -> None:
    if "azure" not in available():
        pytest.skip("this ONNX Runtime has no provider that takes no node")
    with pytest.raises(ff.OptionError, match=r"mean\.onnx.*azure runs none of its \d+ nodes.*provider=.cpu"):
        ff.OnnxDetector(model, provider="azure")


def test_a_model_without_nodes_runs_on_any_provider(tmp_path: Path) -> None:
    if "azure" not in available():
        pytest.skip("this ONNX Runtime has no provider that takes no node")
    file = OnnxFile(
        inputs={"images": ((1, 3, 8, 8), "float32")}, outputs={"images": ((1, 3, 8, 8), "float32")}
    )
    assert ff.OnnxModel(file.save(tmp_path / "empty.onnx"), provider="azure").provider == "azure"


@pytest.mark.usefixtures("card_runtime")
def test_cuda_gets_its_options_and_refuses_others(model: Path) -> None:
    detector = ff.OnnxDetector(model, provider="cuda", provider_options={"device_id": 0})
    assert detector.provider == "cuda"
    with pytest.raises(ff.OptionError, match=r"cuda has no option 'colour': .*device_id, gpu_mem_limit"):
        ff.OnnxDetector(model, provider="cuda", provider_options={"device_id": 0, "colour": "red"})


@pytest.mark.usefixtures("card_runtime")
def test_an_option_is_unknown_only_if_onnx_runtime_says_so(model: Path) -> None:
    """The engine's list of CUDA options does not contain enable_cuda_graph."""
    with pytest.raises(ff.OptionError, match=r'_options: Failed to parse provider option "device_id"'):
        ff.OnnxModel(model, provider="cuda", provider_options={"enable_cuda_graph": 1, "device_id": 9})
    with pytest.raises(ff.OptionError, match=r"cuda has no option 'cuda_graph': .*\"cuda_graph\""):
        ff.OnnxModel(model, provider="cuda", provider_options={"enable_cuda_graph": 1, "cuda_graph": 1})


@pytest.mark.usefixtures("card_runtime")
def test_tensorrt_that_leaves_all_nodes_to_cuda_is_an_error(model: Path) -> None:
    with pytest.raises(ff.OptionError, match=r"tensorrt runs none of its \d+ nodes, so cuda .*\"cuda\""):
        ff.OnnxModel(model, provider="tensorrt")


def test_values_may_be_integers_of_numpy(model: Path) -> None:
    options: dict[str, Any] = {"device_id": np.int64(1)}
    with pytest.raises(ff.OptionError, match="cpu has no option 'device_id'"):
        ff.OnnxModel(model, provider="cpu", provider_options=options)


def test_the_command_line_passes_options_and_doctor_lists_the_providers(model: Path, freshframe: Any) -> None:
    code, _, err = freshframe("model", model, "--provider", "cpu", "--provider-option", "device_type=CPU")
    assert code == 2
    assert "cpu has no option 'device_type'" in err
    code, _, err = freshframe("model", model, "--provider", "cpu", "--provider-option", "device_type")
    assert code == 2
    assert "expected NAME=VALUE such as device_type=GPU, got 'device_type'" in err
    _, out, _ = freshframe("doctor", "--json")
    (found,) = [record for record in map(json.loads, out.splitlines()) if record["check"] == "ONNX Runtime"]
    assert found["found"].endswith(f" with the providers {', '.join(available())}")
