"""docs/how-to/genicam.md, with the fake camera of Aravis."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import WATCHDOG

PAGE = Path(__file__).parents[3] / "docs/how-to/genicam.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_source_has_at_most_25_lines() -> None:
    program = BLOCKS[0][BLOCKS[0].index("class GenICam") :]
    assert len(program.splitlines()) <= 25


@pytest.mark.skipif(importlib.util.find_spec("gi") is None, reason="needs PyGObject (python3-gi)")
def test_the_programs_read_the_fake_camera(tmp_path: Path) -> None:
    program = tmp_path / "genicam.py"
    program.write_text("\n".join(BLOCKS), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=2 * WATCHDOG, check=False
    )
    if "Namespace Aravis not available" in done.stderr:
        pytest.skip("needs Aravis (gir1.2-aravis-0.8)")
    assert done.returncode == 0, done.stderr
    numbers, statistics = done.stdout.splitlines()[:20], done.stdout.splitlines()[20]
    assert [int(number) for number in numbers] == sorted({int(number) for number in numbers})
    completed = re.search(r"n_completed_buffers=(\d+), n_failures=0", statistics)
    assert completed, statistics
    assert int(completed[1]) >= 20
