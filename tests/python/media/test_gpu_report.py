"""The report of ./dev test-gpu notices a GPU with wrong images, and measures a working one."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rigs.card.clips import H264, PICTURES, clip
from rigs.watchdog import LONG_WATCHDOG

from freshframe._vision import onnx_runtime

REPORT = Path(__file__).parents[2] / "gpu/report.py"

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    shutil.copy(clip(folder / "h264.mp4", H264["b-frames"]), folder / "full.mp4")
    return folder


def report(
    clips: Path, card_folder: Path, fault: str, *names: str
) -> tuple[int, dict[str, dict[str, object]]]:
    """Returns the exit status, and the report's lines by step."""
    fake = {"LD_LIBRARY_PATH": str(card_folder), "FAKE_CARD": fault}
    ended = subprocess.run(
        [sys.executable, REPORT, clips, *names],
        env={**os.environ, **fake, "REPORT_SECONDS": ".3", "REPORT_CAMERAS": "1"},
        capture_output=True,
        text=True,
        timeout=LONG_WATCHDOG,
        check=False,
    )
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    return ended.returncode, {line["step"]: line for line in lines}


@pytest.mark.slow
def test_each_step_finds_what_a_card_does(clips: Path, card_folder: Path) -> None:
    status, steps = report(clips, card_folder, "")
    assert status == 0
    assert [line for line in steps.values() if "failed" in line] == []
    assert steps["same pictures h264"]["found"] == {
        "pictures": PICTURES,
        "decoder": "cuda:0",
        "reason": None,
        "most difference": 0,
    }
    rate = steps["paced 1 auto"]["found"]
    assert isinstance(rate, dict)
    assert rate["decoder"] == ["cuda:0"]
    assert rate["pictures a second"] > 0


@pytest.mark.slow
def test_a_card_that_leaves_pictures_out_fails_the_step(clips: Path, card_folder: Path) -> None:
    status, steps = report(clips, card_folder, "skip:3", "same pictures h264")
    assert status == 1
    assert "which differ by up to" in str(steps["same pictures h264"]["failed"])


def test_a_detector_finds_on_the_card_what_it_finds_in_the_host(
    clips: Path, card_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    package = tmp_path / "onnxruntime"
    (package / "capi").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "capi/libonnxruntime.so").symlink_to(card_folder / "libonnxruntime.so")
    monkeypatch.setenv("FAKE_CARD_RUNTIME", onnx_runtime.library())
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    status, steps = report(clips, card_folder, "", "detector")
    assert status == 0, steps
    found = steps["detector"]["found"]
    assert isinstance(found, dict)
    assert (found["pictures"], found["copies to the host"]) == (PICTURES, 0)
    assert found["boxes"] > 0


def test_a_runtime_without_a_card_leaves_the_detector_out(clips: Path, card_folder: Path) -> None:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    status, steps = report(clips, card_folder, "", "detector")
    assert status == 0
    assert "provider must be one that this ONNX Runtime" in str(steps["detector"]["found"])
