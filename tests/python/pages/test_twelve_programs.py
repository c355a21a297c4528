"""Runs examples/programs unchanged, with the built-in scene instead of cameras."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rigs import twelve_programs
from rigs.watchdog import run_to_end
from support import TESTS, WATCHDOG

import freshframe as ff

PROGRAMS = sorted(twelve_programs.PROGRAMS.glob("*.py"))
NEEDS = {"01": ["cv2"], "02": ["pygame"], "08": ["flask"], "09": ["onnxruntime", "pandas"]}
NEEDS |= {number: ["onnxruntime"] for number in ("03", "06", "11")}
LONGEST = 25  # maximum number of non-empty lines

CHECKS: dict[str, Callable[[dict[str, Any], Path], bool]] = {
    "01": lambda seen, _: seen["shown"] == [[360, 640, 3]] * 20,
    "02": lambda seen, _: seen["circles"] >= 20,
    "03": lambda seen, _: seen["printed"][0].startswith("http://127.0.0.1:"),
    "04": lambda seen, _: {line.split()[0] for line in seen["printed"]} <= {"left", "right"},
    "05": lambda _, folder: any(folder.glob("gate-*.mp4")),
    "06": lambda seen, _: seen["printed"][-1].endswith("out"),
    "07": lambda seen, _: seen["driven"] > 0,
    "08": lambda seen, _: set(seen["circles"][0]) >= {"x", "y", "r", "tracker_id"} and "<img" in seen["page"],
    "09": lambda seen, _: seen["rows"] == 3,
    "10": lambda seen, _: len(seen["printed"]) > 0,
    "11": lambda seen, _: seen["printed"][-1] == f"{twelve_programs.FRAMES} frames, complete",
    "12": lambda seen, _: len(seen["printed"]) == 40,
}


@pytest.mark.slow
@pytest.mark.table(cases=4)
@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_the_program_runs(path: Path, tmp_path: Path) -> None:
    number = path.name[:2]
    for module in NEEDS.get(number, []):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"needs {module}")
    environment = {**os.environ, "PYTHONPATH": f"{Path(ff.__file__).parents[1]}:{TESTS}"}
    ended = run_to_end(
        [sys.executable, twelve_programs.__file__, number],
        cwd=tmp_path,
        env=environment,
        timeout=4 * WATCHDOG,
    )
    assert ended.returncode == 0, ended.stderr
    seen = json.loads(ended.stdout.splitlines()[-1])
    assert CHECKS[number](seen, tmp_path), (seen, ended.stderr)


def test_the_programs_are_twelve_and_short_and_the_page_lists_each() -> None:
    page = (twelve_programs.PROGRAMS / "README.md").read_text(encoding="utf-8")
    assert [path.name[:2] for path in PROGRAMS] == sorted(CHECKS)
    for path in PROGRAMS:
        assert f"[{path.name}]({path.name})" in page
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        assert len(lines) <= LONGEST, path.name
