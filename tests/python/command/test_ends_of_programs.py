"""A file that exits by itself: `freshframe run` exits as `python` does, without a traceback."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import Callable

import pytest
from rigs.command_line import Command

ENDS = {
    "sys.exit(7)": (7, ""),
    "sys.exit()": (0, ""),
    "sys.exit(0)": (0, ""),
    "sys.exit(None)": (0, ""),
    "sys.exit(True)": (1, ""),
    "sys.exit(256 + 3)": (3, ""),
    "sys.exit(-1)": (255, ""),
    "sys.exit('no camera')": (1, "no camera\n"),
    "sys.exit((1, 2))": (1, "(1, 2)\n"),
    "raise SystemExit(9)": (9, ""),
    "exit(4)": (4, ""),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_file_that_ends_at_its_top_level_ends_the_command(
    freshframe: Command, app: Callable[[str], str], end: str
) -> None:
    code, said = ENDS[end]
    path = app(f"import sys\n{end}\n")
    assert freshframe("run", path) == (code, "", said)


@pytest.mark.parametrize("end", ["sys.exit(7)", "sys.exit('no camera')"])
def test_a_function_that_builds_the_pipeline_may_end_the_command(
    freshframe: Command, app: Callable[[str], str], end: str
) -> None:
    code, said = ENDS[end]
    path = app(f"import sys\ndef build():\n    {end}\n")
    assert freshframe("run", f"{path}:build") == (code, "", said)


def test_an_exception_at_the_top_level_still_has_its_traceback(
    freshframe: Command, app: Callable[[str], str]
) -> None:
    code, _, said = freshframe("run", app("1 / 0\n"))
    assert code == 1
    assert "ZeroDivisionError" in said
