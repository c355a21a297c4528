"""The programs of the pages about the GIL: compiles C++, runs Python, translates Cython."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from rigs.watchdog import run_to_end
from support import WATCHDOG

import freshframe as ff

ROOT = Path(__file__).parents[3]
PAGES = ["release-the-gil", "call-python-from-a-thread", "release-the-gil-in-cython"]
HOW_TO = "".join((ROOT / "docs" / "how-to" / f"{page}.md").read_text(encoding="utf-8") for page in PAGES)
COMPILER = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")


def programs(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", HOW_TO, re.MULTILINE | re.DOTALL)


def headers() -> list[Path]:
    nanobind = importlib.util.find_spec("nanobind")
    assert nanobind is not None
    assert nanobind.origin is not None
    return [
        Path(ff.native.get_include()),
        Path(sysconfig.get_path("include")),
        Path(nanobind.origin).parent / "include",
    ]


def test_the_page_has_the_programs_that_are_tried_here() -> None:
    assert [len(programs(language)) for language in ("cpp", "python", "cython")] == [2, 1, 1]


@pytest.mark.slow
@pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")
@pytest.mark.skipif(importlib.util.find_spec("nanobind") is None, reason="needs nanobind")
@pytest.mark.parametrize("number", range(len(programs("cpp"))))
def test_the_cpp_of_the_page_compiles(number: int) -> None:
    check_compiles(programs("cpp")[number], [f"-isystem{path}" for path in headers()[1:]])


@pytest.mark.parametrize(("language", "file"), [("cmake", "CMakeLists.txt"), ("cpp", "main.cpp")])
def test_the_page_about_cpp_shows_the_project_that_is_built(language: str, file: str) -> None:
    """tests/cmake_package builds and runs it."""
    page = (ROOT / "docs" / "how-to" / "use-the-engine-from-cpp.md").read_text(encoding="utf-8")
    (shown,) = re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert shown in (ROOT / "examples/cpp_project" / file).read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")
def test_the_program_of_the_page_about_cpp_has_no_warnings() -> None:
    check_compiles((ROOT / "examples/cpp_project/main.cpp").read_text(encoding="utf-8"), [])


def check_compiles(program: str, include: list[str]) -> None:
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]
    done = run_to_end(
        [
            str(COMPILER),
            "-std=c++20",
            "-fsyntax-only",
            *warnings,
            f"-I{ROOT / 'include'}",
            *include,
            "-x",
            "c++",
            "-",
        ],
        input=program,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_the_python_of_the_page_runs() -> None:
    pytest.importorskip("numba")
    (program,) = programs("python")
    path = os.pathsep.join([str(Path(ff.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    ended = run_to_end([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": path})
    assert (ended.returncode, ended.stdout.partition(";")[0]) == (0, "30 frames"), ended.stderr


@pytest.mark.slow
def test_the_cython_of_the_page_is_translated(tmp_path: Path) -> None:
    pytest.importorskip("Cython")
    (program,) = programs("cython")
    (tmp_path / "page.pyx").write_text(program)
    command = [sys.executable, "-m", "cython", "-3", str(tmp_path / "page.pyx")]
    subprocess.run(command, check=True, timeout=WATCHDOG)
    assert "PyEval_SaveThread()" in (tmp_path / "page.c").read_text()
