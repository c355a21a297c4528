"""Pages about trackers and counters: the conversion to supervision, and the image that a script draws."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import freshframe as ff

ROOT = Path(__file__).parents[3]


def programs(page: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_way_to_supervision_and_back_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("supervision")
    names: dict[str, Any] = {"ff": ff, "__name__": "program"}
    exec(next(text for text in programs("reference/detections.md") if "supervision" in text), names)
    tracks = names["tracker"].update(names["found"], pts=0.08)
    assert names["smoothed"](tracks).class_name.tolist() == ["car"]


@pytest.mark.slow
def test_the_picture_of_the_page_is_the_one_that_the_script_draws(tmp_path: Path) -> None:
    made = tmp_path / "line.png"
    subprocess.run([sys.executable, ROOT / "tools" / "counting_picture.py", made], check=True)
    kept = ff.Frame.read(ROOT / "docs" / "pictures" / "line.png").bgr.astype(int)
    again = ff.Frame.read(made).bgr.astype(int)
    assert np.abs(kept - again).mean() < 1
