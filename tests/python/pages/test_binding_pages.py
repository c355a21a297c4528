"""The pages about releasing the GIL in pybind11 and PyO3: their programs, built as the pages say."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest
from rigs.watchdog import LONG_WATCHDOG, run_to_end

import freshframe as ff

HOW_TO = Path(__file__).parents[3] / "docs/how-to"
COMPILER = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
MOST_LINES = 25  # maximum length of a program on a page
CHECK = "import my_extension, numpy; print(my_extension.energy(numpy.ones(10)))"
WRONG = "import my_module, numpy; print(my_module.energy(numpy.ones(10)))"

needs_pybind11 = pytest.mark.skipif(
    COMPILER is None or importlib.util.find_spec("pybind11") is None, reason="needs pybind11 and a compiler"
)


def page(binding: str) -> str:
    return (HOW_TO / f"release-the-gil-in-{binding}.md").read_text(encoding="utf-8")


def blocks(binding: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page(binding), re.MULTILINE | re.DOTALL)


def compiled(program: str, folder: Path, name: str) -> str:
    """Builds a module as the page does, with warnings, and returns the compiler's output."""
    includes = run_to_end([sys.executable, "-m", "pybind11", "--includes"]).stdout.split()
    system = [word.replace("-I", "-isystem", 1) for word in includes]
    target = folder / f"{name}{sysconfig.get_config_var('EXT_SUFFIX')}"
    return run_to_end(
        [
            str(COMPILER),
            *("-std=c++20", "-O2", "-shared", "-fPIC", "-Wall", "-Wextra", "-Wpedantic"),
            *(*system, f"-I{ff.native.get_include()}", "-x", "c++", "-", "-o", target),
        ],
        input=program,
        timeout=LONG_WATCHDOG,
    ).stderr


def run(code: str, folder: Path) -> tuple[int, str]:
    ended = run_to_end([sys.executable, "-c", code], cwd=folder, env={**os.environ, "PYTHONPATH": ""})
    return ended.returncode, ended.stdout


@pytest.mark.parametrize(("binding", "language"), [("pybind11", "cpp"), ("pyo3", "rust")])
def test_the_programs_are_short_and_the_page_says_how_to_check_them(binding: str, language: str) -> None:
    assert max(len(program.splitlines()) for program in blocks(binding, language)) <= MOST_LINES
    assert f'python -c "{CHECK}"    # 10.0\n' in page(binding)


@needs_pybind11
def test_the_program_with_pybind11_prints_what_the_page_says(tmp_path: Path) -> None:
    _, program = blocks("pybind11", "cpp")
    assert compiled(program, tmp_path, "my_extension") == ""
    assert run(CHECK, tmp_path) == (0, "10.0\n")
    status, _ = run(CHECK.replace("numpy.ones(10)", "[1.0]"), tmp_path)
    assert status == 1


@needs_pybind11
@pytest.mark.needs_gil
def test_the_call_guard_on_a_function_with_objects_compiles_and_crashes(tmp_path: Path) -> None:
    wrong, _ = blocks("pybind11", "cpp")
    assert compiled(wrong, tmp_path, "my_module") == ""
    status, _ = run(WRONG, tmp_path)
    assert status != 0


@needs_pybind11
def test_an_array_in_the_released_part_is_refused_with_the_words_of_the_page(tmp_path: Path) -> None:
    _, program = blocks("pybind11", "cpp")
    wrong = program.replace("&energy, values)", "[](const Array& a) { return *a.data(); }, array)")
    assert wrong != program
    (shown,) = (" ".join(text.split()) for text in blocks("pybind11", "text"))
    assert shown in compiled(wrong, tmp_path, "my_extension")


def cargo(folder: Path, program: str) -> str:
    """Builds the crate of the page with this program, and returns cargo's output.

    Skips if crates are missing.
    """
    if shutil.which("cargo") is None:
        pytest.skip("needs cargo")
    (folder / "src").mkdir(exist_ok=True)
    (folder / "Cargo.toml").write_text(blocks("pyo3", "toml")[0])
    (folder / "src/lib.rs").write_text(program)
    said = run_to_end(
        ["cargo", "build", "--release"],
        cwd=folder,
        env={**os.environ, "PYO3_PYTHON": sys.executable},
        timeout=LONG_WATCHDOG,
    ).stderr
    missing = re.search(
        r"failed to (?:download|fetch|query|get)[^\n]*|[Cc]ould not resolve[^\n]*|requires rustc[^\n]*"
        r"|is not supported by the following package|you're using offline mode",
        said,
    )
    if missing is not None:
        pytest.skip(f"the crates cannot be built here: {missing[0]}")
    return said


@pytest.mark.slow
def test_the_program_with_pyo3_prints_what_the_page_says_and_an_array_in_detach_is_refused(
    tmp_path: Path,
) -> None:
    (program,) = blocks("pyo3", "rust")
    said = cargo(tmp_path, program)
    assert "Finished" in said, said
    assert "warning" not in said, said
    shutil.copy(tmp_path / "target/release/libmy_extension.so", tmp_path / "my_extension.so")
    assert run(CHECK, tmp_path) == (0, "10.0\n")
    wrong = program.replace("energy(values)))", "energy(array.as_slice().unwrap())))")
    assert wrong != program
    (shown,) = blocks("pyo3", "text")
    assert shown.strip() in cargo(tmp_path, wrong)
