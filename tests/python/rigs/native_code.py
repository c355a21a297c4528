"""Helpers for the tests of native nodes: C and C++ compiled into a shared library."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

import freshframe as ff
from rigs.watchdog import LONG_WATCHDOG, run_to_end


def _compile(library: Path, code: str, *flags: str, language: str = "c") -> subprocess.CompletedProcess[str]:
    compiler = os.environ.get("CC" if language == "c" else "CXX") or ("cc" if language == "c" else "c++")
    if shutil.which(compiler) is None:
        pytest.skip(f"no compiler: {compiler}")
    standard = "-std=c11" if language == "c" else "-std=c++17"
    return run_to_end(
        [
            compiler,
            *f"-x {language} {standard} -O2 -Wall -Wextra -Werror -pedantic -shared -fPIC".split(),
            f"-I{ff.native.get_include()}",
            *flags,
            "-o",
            str(library),
            "-",
        ],
        input=textwrap.dedent(code) + "\n",
        timeout=LONG_WATCHDOG,
    )


def compiled(folder: Path, code: str, *flags: str, language: str = "c", name: str = "mine") -> Path:
    """Compiles `code` into a shared library. `language` is "c" (C11) or "c++" (C++17)."""
    library = folder / f"lib{name}.so"
    ended = _compile(library, code, *flags, language=language)
    assert ended.returncode == 0, ended.stderr
    return library


def compiler_errors(folder: Path, code: str, *flags: str) -> list[str]:
    """Returns the compiler errors for `code`, C++17 with a mistake."""
    ended = _compile(folder / "wrong.so", code, *flags, language="c++")
    assert ended.returncode != 0
    return [line for line in ended.stderr.splitlines() if re.search(r"\berror:", line)]
