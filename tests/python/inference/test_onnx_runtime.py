"""ONNX Runtime itself: missing, broken, too old, silenced."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path

import pytest
from rigs.native_code import compiled
from rigs.onnx_files import mean_colour
from support import run_program

import freshframe as ff
from freshframe._vision import onnx_runtime

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime's own threads live as long as the model, which a test's pipelines keep."""
    monkeypatch.setattr("freshframe._vision.onnx_model._CHOSEN_NATIVELY", 1)


def test_a_missing_runtime_is_an_import_error_that_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install 'freshframe\[onnx\]'"):
        ff.OnnxDetector(mean_colour(tmp_path / "mean.onnx"))


def test_a_library_that_is_broken_or_another_one_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = mean_colour(tmp_path / "mean.onnx")
    broken = tmp_path / "libonnxruntime.so.1.20.0"
    broken.write_bytes(b"\x7fELF broken")
    monkeypatch.setattr(onnx_runtime, "library", lambda: str(broken))
    with pytest.raises(ff.FreshframeError, match=r"ONNX Runtime cannot be loaded.*pip install"):
        ff.OnnxDetector(model)
    monkeypatch.setattr(onnx_runtime, "library", lambda: "libc.so.6")
    with pytest.raises(ff.FreshframeError, match="is not ONNX Runtime"):
        ff.OnnxDetector(model)


def test_a_runtime_that_is_too_old_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
        static const void* get(unsigned version) { return version > 12 ? 0 : "old"; }
        static const char* version(void) { return "1.12.1"; }
        static const struct {
          const void* (*get)(unsigned);
          const char* (*version)(void);
        } base = {get, version};
        const void* OrtGetApiBase(void) { return &base; }
    """
    library = compiled(tmp_path, code)
    monkeypatch.setattr(onnx_runtime, "library", lambda: str(library))
    with pytest.raises(ff.FreshframeError, match=r"1\.20 or newer is required, found 1\.12\.1.*pip install"):
        ff.OnnxDetector(mean_colour(tmp_path / "mean.onnx"))


@pytest.mark.slow
def test_the_runtime_is_neither_imported_nor_lets_it_send_usage_data(tmp_path: Path) -> None:
    model = mean_colour(tmp_path / "mean.onnx")
    program = f"""
        import os, sys
        os.environ.pop("ORT_DISABLE_TELEMETRY", None)
        import freshframe as ff
        ff.OnnxDetector({str(model)!r})
        assert "onnxruntime" not in sys.modules
        assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"
        import onnxruntime  # beside it
        session = onnxruntime.InferenceSession({str(model)!r}, providers=["CPUExecutionProvider"])
        ff.OnnxDetector({str(model)!r})
        print("both", len(session.get_inputs()))
    """
    ended = run_program(program)
    assert ended.out == "both 1\n"
