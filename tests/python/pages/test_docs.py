"""The pages about the GIL and their programs: C++ is compiled, Python and Cython run where they can."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from support import WATCHDOG

import freshframe as ff

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "gil.md").read_text(encoding="utf-8")
HOW_TO = (ROOT / "docs" / "how-to" / "release-the-gil.md").read_text(encoding="utf-8")
COMPILER = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")


def programs(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", HOW_TO, re.MULTILINE | re.DOTALL)


def headers() -> list[Path]:
    nanobind = importlib.util.find_spec("nanobind")
    assert nanobind is not None
    assert nanobind.origin is not None
    return [
        Path(ff.get_include()),
        Path(sysconfig.get_path("include")),
        Path(nanobind.origin).parent / "include",
    ]


def test_the_page_has_the_programs_that_are_tried_here() -> None:
    assert [len(programs(language)) for language in ("cpp", "python", "cython")] == [3, 1, 1]


@pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")
@pytest.mark.skipif(importlib.util.find_spec("nanobind") is None, reason="needs nanobind")
@pytest.mark.parametrize("number", range(len(programs("cpp"))))
def test_the_cpp_of_the_page_compiles(number: int) -> None:
    check_compiles(programs("cpp")[number], [f"-isystem{path}" for path in headers()[1:]])


@pytest.mark.parametrize(("language", "file"), [("cmake", "CMakeLists.txt"), ("cpp", "main.cpp")])
def test_the_page_about_cpp_shows_the_project_that_is_built(language: str, file: str) -> None:
    """tests/cmake_package builds and runs it."""
    page = (ROOT / "docs" / "cpp.md").read_text(encoding="utf-8")
    (shown,) = re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert shown == (ROOT / "examples/cpp_project" / file).read_text(encoding="utf-8")


@pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")
def test_the_program_of_the_page_about_cpp_has_no_warnings() -> None:
    check_compiles((ROOT / "examples/cpp_project/main.cpp").read_text(encoding="utf-8"), [])


def check_compiles(program: str, include: list[str]) -> None:
    warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]
    done = subprocess.run(
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
        text=True,
        capture_output=True,
        timeout=WATCHDOG,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_python_of_the_page_runs() -> None:
    pytest.importorskip("numba")
    (program,) = programs("python")
    path = os.pathsep.join([str(Path(ff.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    ended = subprocess.run(
        [sys.executable, "-c", program + "print(len(found))"],
        env={**os.environ, "PYTHONPATH": path},
        text=True,
        capture_output=True,
        timeout=WATCHDOG,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "30\n"), ended.stderr


def test_the_cython_of_the_page_is_translated(tmp_path: Path) -> None:
    pytest.importorskip("Cython")
    (program,) = programs("cython")
    (tmp_path / "page.pyx").write_text(program)
    command = [sys.executable, "-m", "cython", "-3", str(tmp_path / "page.pyx")]
    subprocess.run(command, check=True, timeout=WATCHDOG)
    assert "PyEval_SaveThread()" in (tmp_path / "page.c").read_text()


def test_the_figures_of_the_page_are_those_that_are_kept() -> None:
    labs = json.loads((ROOT / "bench" / "results" / "lab.json").read_text())["labs"]
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for lab, kept in labs.items():
        for row in kept["rows"]:
            rows.setdefault((lab, row["table"]), []).append(row)
    for row in rows["frozen-game", "intervals"]:
        figures = (
            f"| {row['p50'] * 1e3:.1f} ms | {row['p99'] * 1e3:.1f} ms | {row['missed'] / row['frames']:.0%}"
        )
        assert figures.replace("%", " %") in PAGE, figures
    for row in rows["contention", "costs"]:
        if row["work"] == 1e-4 and row["beside_busy_thread"]:
            assert f"{row['released'] * 1e3:.2f} ms" in PAGE
    for row in rows["sum", "kernels"]:
        assert f"| {row['bytes_per_second'] / 1e9:.1f} | " in PAGE
    (busy,) = (
        row for row in rows["contention", "waits"] if (row["busy"], row["switch_interval"]) == (1, 0.005)
    )
    assert f"{busy['p50'] * 1e3:.2f} / {busy['p99'] * 1e3:.2f} ms" in PAGE


def test_the_figures_of_a_free_threaded_python_are_those_that_are_kept() -> None:
    labs = json.loads((ROOT / "bench" / "results" / "lab_free_threaded.json").read_text())["labs"]
    ratios = {
        (row["binding"], row["case"]): f"{row['ratio']:.2f}"
        for row in labs["fibonacci"]["rows"]
        if row["table"] == "threads" and row["ratio"] is not None
    }
    for case in ("gil+gil", "nogil-then-gil", "gil-then-nogil", "nogil+nogil"):
        figures = f"| {ratios['freshframe on nanobind', case]} | {ratios['free-threaded', case]} |"
        assert figures in PAGE, figures
    for row in labs["contention"]["rows"]:
        if row["table"] == "waits" and row["switch_interval"] == 0.005 and row["busy"] > 0:
            p50, p99 = row["free_threaded_p50"] * 1e3, row["free_threaded_p99"] * 1e3
            assert f"{row['p50'] * 1e3:.2f} / " in PAGE
            assert f"| {p50:.4f} / {p99:.4f} ms |" in PAGE
