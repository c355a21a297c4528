"""The offset of the GIL's record that a module assumes, compared with the headers of each Python on this
machine.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LAYOUT = ROOT / "gil/src/gil_watch/cpython/layout.cpp"
RECORD = LAYOUT.with_name("gil_record.hpp")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "freshframe/interpreters"
# Debian's interpreter, and the interpreters of tools/interpreters.sh.
HEADERS = sorted(
    {
        header.parent
        for root in (Path("/usr/include"), *CACHE.glob("3.*/include"))
        for header in root.glob("python3.*/Python.h")
        if (header.parent / "internal").is_dir()
    }
)

needs_compiler = pytest.mark.skipif(not shutil.which("g++") or not HEADERS, reason="no g++, or no headers")


def compiled(headers: Path, sources: Path) -> str:
    """Returns the compiler's messages about the layout, with gil_watch/cpython of this folder first."""
    folders = (sources, ROOT / "gil/src", ROOT / "gil/include", ROOT / "include")
    options = [f"-I{folder}" for folder in folders] + ["-isystem", str(headers)]
    command = ["g++", "-std=c++20", "-fsyntax-only", *options, str(sources / "gil_watch/cpython/layout.cpp")]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


@needs_compiler
@pytest.mark.parametrize("headers", HEADERS, ids=lambda path: f"{path.parents[1].name}-{path.name}")
def test_each_python_has_the_record_where_the_engine_looks(headers: Path) -> None:
    assert compiled(headers, ROOT / "gil/src") == ""


@needs_compiler
def test_another_place_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "gil_watch/cpython"
    shutil.copytree(LAYOUT.parent, folder)
    moved = re.sub(r"return (\d+);", lambda number: f"return {int(number[1]) + 8};", RECORD.read_text())
    (folder / RECORD.name).write_text(moved)
    assert "gil_offset" in compiled(HEADERS[0], tmp_path)
