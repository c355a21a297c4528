"""The extension projects under examples/: built as their reader would build them, then run for a short time."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import freshframe as ff

EXAMPLES = Path(__file__).parents[2] / "examples"
PACKAGE = Path(ff.__file__).parents[1]
BUILD_WATCHDOG = 110.0  # seconds; a compiler on a busy machine

pytestmark = pytest.mark.slow

Install = Callable[[str], Path]


def run(*command: str | Path, path: tuple[Path, ...] = (), **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command that can import freshframe and what lies in `path`."""
    search = os.pathsep.join(str(folder) for folder in (PACKAGE, *path))
    return subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        timeout=BUILD_WATCHDOG,
        env={**os.environ, "PYTHONPATH": search, **environment},
    )


def output_of(program: str, *arguments: str | Path, path: tuple[Path, ...] = ()) -> str:
    """What a program of an example prints; it may complain of nothing."""
    ended = run(sys.executable, EXAMPLES / program, *arguments, path=path)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


@pytest.fixture(scope="session")
def install(tmp_path_factory: pytest.TempPathFactory) -> Install:
    """Installs a project with pip when a test first asks for it, and returns the folder of its modules."""
    done: dict[str, Path] = {}

    def install_once(project: str) -> Path:
        if project not in done:
            target = tmp_path_factory.mktemp(project)
            options = ["--quiet", "--no-index", "--no-build-isolation", "--no-deps", "--target", target]
            ended = run(sys.executable, "-m", "pip", "install", *options, EXAMPLES / project)
            assert ended.returncode == 0, ended.stdout + ended.stderr
            done[project] = target
        return done[project]

    return install_once


def refused(source: Path, *includes: str) -> str:
    """What the compiler says to a file that must not compile; exactly one error, the one that the file expects."""
    folders = [f"-I{folder}" for folder in (ff.get_include(), *includes)]
    python = run(sys.executable, "-c", "import sysconfig; print(sysconfig.get_path('include'))").stdout.strip()
    said = run("c++", "-std=c++20", "-fsyntax-only", f"-I{python}", *folders, source).stderr
    mark = "// EXPECT: "
    (expected,) = (line[len(mark) :] for line in source.read_text().splitlines() if line.startswith(mark))
    errors = [line for line in said.splitlines() if " error: " in line]
    assert len(errors) == 1, said
    assert expected in errors[0]
    return errors[0].split(" error: ")[1]


def test_every_program_of_a_project_is_run_here() -> None:
    programs = {
        path.relative_to(EXAMPLES).as_posix()
        for project in EXAMPLES.glob("*/pyproject.toml")
        for path in project.parent.rglob("*.py")
    }
    assert programs == set(re.findall(r'"([a-z_]+/[a-z_]+\.py)"', Path(__file__).read_text()))


# --- call_guard ---------------------------------------------------------------------------------------------


def test_calls_overlap_with_the_call_guard_and_with_the_scoped_release_only(install: Install) -> None:
    out = output_of("call_guard/main.py", "--seconds", "0.1", "--repeats", "1", path=(install("call_guard"),))
    row = re.compile(r"^  (\w[\w ]+?) +5 calls +([\d.]+) s, one +([\d.]+) s = +([\d.]+) : 1 +(\d)$", re.M)
    rows = [(name, float(five), float(ratio), int(most)) for name, five, _, ratio, most in row.findall(out)]
    assert [name for name, *_ in rows] == ["held", "call guard", "scoped release"] * 2, out
    for name, five, _ratio, most in rows:
        if name == "held":
            assert most == 1
            assert five >= 5 * 0.1
        else:
            assert most > 1
    waiting = {name: ratio for name, _, ratio, _ in rows[:3]}
    assert waiting["held"] > waiting["call guard"]
    assert waiting["held"] > waiting["scoped release"]


def test_all_ways_compute_the_same(install: Install) -> None:
    code = """if True:
        import call_guard as m
        numbers = list(range(100))
        assert m.held(numbers, 0) == m.released(numbers, 0, compute=True) == 4950
        assert m.scoped(numbers, 0) == {"count": 100, "sum": 4950}
        try:
            m.scoped(["a"], 0)
        except RuntimeError as error:
            assert "bad_cast" in str(error)
        """
    ended = run(sys.executable, "-c", code, path=(install("call_guard"),))
    assert ended.returncode == 0, ended.stderr


def test_a_python_object_in_the_released_scope_does_not_compile_and_the_readme_says_so() -> None:
    nanobind = run(sys.executable, "-m", "nanobind", "--include_dir").stdout.strip()
    said = refused(EXAMPLES / "call_guard/python_object_inside.cpp", nanobind)
    readme = " ".join((EXAMPLES / "call_guard/README.md").read_text().split())
    assert said in readme


# --- fibonacci ----------------------------------------------------------------------------------------------
