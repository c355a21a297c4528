"""mypy --strict on programs with this API: correct ones pass, and each mistake is found on its line."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import mypy_path

pytest.importorskip("mypy")
FOLDER = Path(__file__).parent / "typing"
ROOT = Path(__file__).parents[3]
MARK = re.compile(r"  # type: ignore\[[a-z-]+\]")


def mypy(path: Path, cache: Path) -> tuple[int, str]:
    environment = {**os.environ, "MYPYPATH": os.pathsep.join(mypy_path())}
    ended = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", os.devnull, "--cache-dir", cache, path],
        capture_output=True,
        text=True,
        check=False,
        cwd=cache,
        env=environment,
    )
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.slow
def test_good_programs_are_accepted_with_the_types_that_they_state(tmp_path: Path) -> None:
    code, said = mypy(FOLDER / "accepts.py", tmp_path)
    assert code == 0, said


@pytest.mark.slow
def test_each_marked_mistake_is_found_and_no_other_line_is(tmp_path: Path) -> None:
    text = (FOLDER / "rejects.py").read_text()
    wanted = {number for number, line in enumerate(text.splitlines(), 1) if MARK.search(line)}
    unmarked = tmp_path / "unmarked.py"
    unmarked.write_text(MARK.sub("", text))
    _, said = mypy(unmarked, tmp_path)
    found = {int(number) for number in re.findall(r"unmarked\.py:(\d+): error", said)}
    assert found == wanted, said
