"""Helpers for the tests of native nodes: C and C++ compiled into a shared library."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

import freshframe as ff

WATCHDOG = 120.0  # seconds; a compiler on a busy machine


def compiled(folder: Path, code: str, *flags: str, language: str = "c", name: str = "mine") -> Path:
    """A shared library of `code`; `language` is "c" (C11) or "c++" (C++17)."""
    compiler = os.environ.get("CC" if language == "c" else "CXX") or ("cc" if language == "c" else "c++")
    if shutil.which(compiler) is None:
        pytest.skip(f"no compiler: {compiler}")
    library = folder / f"lib{name}.so"
    standard = "-std=c11" if language == "c" else "-std=c++17"
    ended = subprocess.run(
        [
            compiler,
            *f"-x {language} {standard} -O2 -Wall -Wextra -Werror -pedantic -shared -fPIC".split(),
            f"-I{ff.get_include()}",
            *flags,
            "-o",
            str(library),
            "-",
        ],
        input=textwrap.dedent(code) + "\n",
        text=True,
        capture_output=True,
        timeout=WATCHDOG,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return library
