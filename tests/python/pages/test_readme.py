"""The programs in README.md, run as they stand there."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import WATCHDOG

import freshframe as ff

README = Path(__file__).parents[3] / "README.md"
PROGRAMS = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_readme_has_the_two_programs_that_are_run_here() -> None:
    assert len(PROGRAMS) == 2
    assert all(len([line for line in program.splitlines() if line]) <= 8 for program in PROGRAMS)


@pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="needs onnxruntime")
def test_the_detector_of_the_readme_serves_its_page(tmp_path: Path) -> None:
    """In a process of its own, which the runtime's threads do not outlive."""
    program = PROGRAMS[0].replace("demo:shapes", "demo:shapes?frames=20&pace=0")
    assert program != PROGRAMS[0]
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            program
            + "print([n.processed for name, n in pipeline.stats().nodes.items() if 'nnotate' in name])",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(ff.__file__).parents[1])},
        text=True,
        capture_output=True,
        timeout=WATCHDOG,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    url, frames = ended.stdout.splitlines()
    assert "http://127.0.0.1:" in url
    assert frames == "[20]"


def test_the_game_loop_of_the_readme_gets_circles(capsys: pytest.CaptureFixture[str]) -> None:
    program = PROGRAMS[1].replace("fps=60", "fps=60&frames=60")
    assert program != PROGRAMS[1]
    exec(program, {})
    assert re.match(r"\d+ \[\[ ?\d+\. ", capsys.readouterr().out)
