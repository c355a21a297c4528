"""The pages about circles: the programs run, and the images and chapters exist."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import freshframe as ff

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "explanation" / "circles.md"
TEXT = PAGE.read_text(encoding="utf-8")
REFERENCE = (ROOT / "docs" / "reference" / "circles.md").read_text(encoding="utf-8")


def test_the_program_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    program, selecting = re.findall(r"^```python\n(.*?)^```", REFERENCE, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(program.replace("match.mp4", "demo:circles?frames=4&pace=0"), names)
    lines = capsys.readouterr().out.splitlines()
    exec(selecting, {})
    assert capsys.readouterr().out == "20.0 1\n[ 80.5  30.5 120.5  70.5]\n300.0\n"
    assert re.fullmatch(r"(70|69\.\d|70\.\d) (50|49\.\d|50\.\d) radius (29|30)\.\d \(\d\.\d\d\)", lines[0])
    assert len(lines) == 1 + 4  # one per frame
    assert len(names["found"]) == 1


def test_the_pictures_of_the_page_are_there() -> None:
    pictures = re.findall(r"!\[.+?\]\((.+?)\)", TEXT)
    assert len(pictures) == 7
    for picture in pictures:
        assert ff.Frame.read(PAGE.parent / picture).width >= 480
