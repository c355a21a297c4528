"""The report of ./dev test-gpu sees a card that gives other pictures, and measures a sound card."""
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
    """Returns the exit status, and the lines by the names of their steps."""
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


def test_a_card_that_leaves_pictures_out_fails_the_step(clips: Path, card_folder: Path) -> None:
    status, steps = report(clips, card_folder, "skip:3", "same pictures h264")
    assert status == 1
    assert "which differ by up to" in str(steps["same pictures h264"]["failed"])
