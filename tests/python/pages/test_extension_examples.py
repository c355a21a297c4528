"""Builds the extension projects in examples/ as their READMEs say, and runs them for a short time."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from rigs.watchdog import LONG_WATCHDOG, run_to_end

import freshframe as ff

EXAMPLES = Path(__file__).parents[3] / "examples"
PACKAGE = Path(ff.__file__).parents[1]

pytestmark = pytest.mark.timeout(2000)

Install = Callable[[str], Path]


def run(
    *command: str | Path, path: tuple[Path, ...] = (), folder: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs a command in a folder, with freshframe and `path` importable."""
    search = os.pathsep.join(str(folder) for folder in (PACKAGE, *path))
    return run_to_end(
        command, timeout=LONG_WATCHDOG, env={**os.environ, "PYTHONPATH": search, **environment}, cwd=folder
    )


def output_of(program: str, *arguments: str | Path, path: tuple[Path, ...] = ()) -> str:
    """Returns the stdout of a program. Fails if it writes to stderr."""
    ended = run(sys.executable, EXAMPLES / program, *arguments, path=path)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def installation(readme: Path) -> list[str]:
    """Returns the arguments of `pip install` in the README of an example."""
    (shown,) = re.findall(r"^```\n(.*?)^```", readme.read_text(), re.M | re.S)[:1]
    environment, command, *_ = (line.removeprefix("$ ") for line in shown.splitlines())
    assert environment == "python3 -m venv env && . env/bin/activate", (
        readme
    )  # pip refuses to install into Debian's own Python
    assert command.startswith("pip install "), f"{readme}: {command}"
    return shlex.split(command, comments=True)[command.split().index("install") + 1 :]


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a folder that looks like a checkout: CMake package, headers, and an empty wheel in dist/."""
    root = tmp_path_factory.mktemp("checkout")
    for folder in ("cmake", "include"):
        (root / folder).symlink_to(EXAMPLES.parent / folder)
    (root / "dist").mkdir()
    with zipfile.ZipFile(root / "dist" / "freshframe-0.1.0-py3-none-any.whl", "w") as wheel:
        facts = "freshframe-0.1.0.dist-info"
        wheel.writestr(f"{facts}/METADATA", "Metadata-Version: 2.1\nName: freshframe\nVersion: 0.1.0\n")
        wheel.writestr(f"{facts}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{facts}/RECORD", "")
    return root


@pytest.fixture(scope="session")
def install(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Install:
    """Installs a project as its README says, once per run. Returns the folder of its modules."""
    done: dict[str, Path] = {}

    def install_once(project: str) -> Path:
        if project not in done:
            target = tmp_path_factory.mktemp(project)
            copied = shutil.copytree(EXAMPLES / project, checkout / "examples" / project)
            options: list[str | Path] = [
                "--quiet",
                "--no-index",
                "--no-build-isolation",
                "--no-deps",
                "--target",
                target,
            ]
            words = installation(copied / "README.md")
            ended = run(sys.executable, "-m", "pip", "install", *options, *words, folder=copied)
            assert ended.returncode == 0, ended.stdout + ended.stderr
            done[project] = target
        return done[project]

    return install_once


def refused(source: Path, *includes: str, compiler: str = "c++") -> str:
    """Returns the compiler's output for a file that must fail with exactly one error, the expected one."""
    folders = [f"-I{folder}" for folder in (ff.native.get_include(), *includes)]
    python = run(
        sys.executable, "-c", "import sysconfig; print(sysconfig.get_path('include'))"
    ).stdout.strip()
    said = run(compiler, "-std=c++20", "-fsyntax-only", f"-I{python}", *folders, source).stderr
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
        if path.name != "__init__.py"
    }
    assert programs == set(re.findall(r'"([a-z_]+/[a-z_]+\.py)"', Path(__file__).read_text()))


@pytest.mark.parametrize("readme", sorted(EXAMPLES.glob("*/README.md")), ids=lambda path: path.parent.name)
def test_the_first_command_of_a_readme_installs_what_its_programs_import(readme: Path) -> None:
    programs = "".join(path.read_text() for path in readme.parent.rglob("*.py"))
    if not programs:
        assert readme.parent.name == "cpp_project"  # docs/how-to/use-the-engine-from-cpp.md has its commands
        return
    words = installation(readme)
    assert ("." in words) == (readme.parent / "pyproject.toml").exists()
    needs = re.search(r'^(?:import|from) freshframe|_package\("freshframe\b', programs, re.M) is not None
    assert any(word.startswith("freshframe") for word in words) == needs
    assert (words[:2] == ["--find-links", "../../dist"]) == needs


# --- numpy_sum ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_sum_of_an_array_of_any_layout(install: Install) -> None:
    code = """if True:
        import numpy as np, numpy_sum
        numbers = np.arange(10_000.0)
        numbers.flags.writeable = False
        assert numpy_sum.sum(numbers) == numbers.sum()
        assert numpy_sum.sum(numbers[::-3]) == numbers[::-3].sum()
        assert numpy_sum.sum(np.broadcast_to(2.0, 1000)) == 2000
        assert numpy_sum.sum(np.empty(0)) == 0
        for wrong in ([1.0, 2.0], np.arange(3), np.ones(3, np.float32), np.ones((2, 2)), None, 1.0):
            try:
                numpy_sum.sum(wrong)
            except TypeError as error:
                assert "float64" in str(error), error
            else:
                raise AssertionError(f"{wrong!r} was taken")
        """
    ended = run(sys.executable, "-c", code, path=(install("numpy_sum"),))
    assert ended.returncode == 0, ended.stderr


def test_the_table_has_the_loop_numpy_and_freshframe(install: Install) -> None:
    out = output_of("numpy_sum/main.py", "--count", "3000000", "--repeats", "2", path=(install("numpy_sum"),))
    rows = re.findall(r"^  +([\w. ]+?) {2,}([\d.]+) +([\d.]+) +([\d.e+-]+) +(\d+)$", out, re.M)
    assert [name for name, *_ in rows] == ["numpy_sum.sum", "numpy.sum", "ff.numeric.sum", "two threads"], out
    errors = {name: float(error) for name, _, _, error, _ in rows}
    assert errors["ff.numeric.sum"] == errors["two threads"] <= errors["numpy.sum"]
    assert errors["ff.numeric.sum"] < errors["numpy_sum.sum"]


def test_an_array_is_written_in_place_and_halves_by_two_threads(install: Install) -> None:
    code = """if True:
        import numpy as np, numpy_sum
        numbers = np.arange(10_000.0)
        numpy_sum.scale(numbers[1::2], -3)
        assert (numbers[::2] == np.arange(0.0, 10_000, 2)).all()
        assert (numbers[1::2] == -3 * np.arange(1.0, 10_000, 2)).all()
        read_only = np.ones(3)
        read_only.flags.writeable = False
        for wrong in (read_only, [1.0, 2.0], np.arange(3), np.ones((2, 2))):
            try:
                numpy_sum.scale(wrong, 2.0)
            except TypeError as error:
                assert "float64" in str(error), error
            else:
                raise AssertionError(f"{wrong!r} was taken")
        """
    ended = run(sys.executable, "-c", code, path=(install("numpy_sum"),))
    assert ended.returncode == 0, ended.stderr
    out = output_of("numpy_sum/write.py", "--count", "300001", "--repeats", "2", path=(install("numpy_sum"),))
    rows = re.findall(r"^  +([\w. *=,]+?) {2,}([\d.]+) +(\d+)$", out, re.M)
    ways = ["numbers *= 2", "numpy_sum.scale", "two halves, two threads"]
    assert [(name, wrong) for name, _, wrong in rows] == [(name, "0") for name in ways], out


@pytest.mark.slow
def test_an_array_in_the_released_scope_does_not_compile_and_the_readme_says_so() -> None:
    nanobind = run(sys.executable, "-m", "nanobind", "--include_dir").stdout.strip()
    said = refused(EXAMPLES / "numpy_sum/array_inside.cpp", nanobind)
    assert said in " ".join((EXAMPLES / "numpy_sum/README.md").read_text().split())


# --- call_guard ---------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.repeats
@pytest.mark.needs_gil
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
            m.scoped([1, "a"], 0)
        except TypeError as error:
            assert str(error) == "numbers must be integers of 64 bits"
        else:
            raise AssertionError("a string is no number")
        """
    ended = run(sys.executable, "-c", code, path=(install("call_guard"),))
    assert ended.returncode == 0, ended.stderr


@pytest.mark.slow
def test_a_python_object_in_the_released_scope_does_not_compile_and_the_readme_says_so() -> None:
    nanobind = run(sys.executable, "-m", "nanobind", "--include_dir").stdout.strip()
    said = refused(EXAMPLES / "call_guard/python_object_inside.cpp", nanobind)
    readme = " ".join((EXAMPLES / "call_guard/README.md").read_text().split())
    assert said in readme


# --- fibonacci ----------------------------------------------------------------------------------------------


def twins_in(folder: Path, *bindings: str, path: tuple[Path, ...] = ()) -> dict[str, dict[str, str | None]]:
    """Returns the JSON records of build_twins.py by the name of the binding."""
    ended = run(
        sys.executable, EXAMPLES / "fibonacci/build_twins.py", *bindings, "--cache", folder, path=path
    )
    records = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.returncode == any(record["problem"] for record in records), ended.stderr
    return {record["binding"]: record for record in records}


@pytest.fixture(scope="session")
def pyo3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the folder of the PyO3 version. Skips if cargo or a crate is missing."""
    record = twins_in(tmp_path_factory.mktemp("twins"), "pyo3")["pyo3"]
    problem = record["problem"] or ""
    missing = re.search(
        r"cargo was not found|failed to (?:download|fetch|query|get)[^\n]*|[Cc]ould not resolve[^\n]*"
        r"|requires rustc[^\n]*|is not supported by the following package|lock file version[^\n]*"
        r"|you're using offline mode",
        problem,
    )
    if missing is not None:
        pytest.skip(f"the PyO3 twin cannot be built here: {missing[0]}")
    assert record["folder"] is not None, problem
    return Path(record["folder"])


def check_twin(binding: str, folder: Path) -> None:
    """Checks the numbers, and that another Python thread runs in the meantime only if the GIL is released."""
    code = f"""if True:
        import threading
        from fibonacci_{binding} import fibonacci

        for release in (False, True):
            assert [fibonacci(n, release) for n in range(9)] == [0, 1, 1, 2, 3, 5, 8, 13, 21]
            assert fibonacci(94, release) == 19740274219868223167 % 2**64
            assert fibonacci(n=7, release=release) == 13

        steps = {{}}
        for release in (False, True):
            def work():
                marks.append(count)
                fibonacci(500_000_000, release)
                marks.append(count)

            marks, count = [], 0
            thread = threading.Thread(target=work)
            thread.start()
            while len(marks) < 2:
                count += 1
            thread.join()
            steps[release] = marks[1] - marks[0]
        assert steps[True] > 3 * (steps[False] + 1), steps
        """
    ended = run(sys.executable, "-c", code, path=(folder,))
    assert ended.returncode == 0, ended.stderr


@pytest.mark.slow
@pytest.mark.table(cases=1)
@pytest.mark.repeats
@pytest.mark.needs_gil
@pytest.mark.parametrize("binding", ["nanobind", "pybind11"])
def test_python_runs_while_a_call_that_releases_works(install: Install, binding: str) -> None:
    check_twin(binding, install("fibonacci"))


@pytest.mark.slow
@pytest.mark.needs_gil
def test_the_pyo3_twin_does_the_same(pyo3: Path) -> None:
    check_twin("pyo3", pyo3)


@pytest.mark.slow
@pytest.mark.needs_gil
def test_the_cython_twin_does_the_same(tmp_path: Path) -> None:
    pytest.importorskip("Cython")
    record = twins_in(tmp_path, "cython")["cython"]
    assert record["folder"] is not None, record
    check_twin("cython", Path(record["folder"]))


@pytest.mark.slow
def test_acquiring_twice_is_harmless_but_for_the_tokens(install: Install) -> None:
    out = output_of("fibonacci/main.py", "--n", "1", "--repeats", "1", path=(install("fibonacci"),))
    for name in ("pybind11", "gil.hpp, nanobind"):
        assert f"{name}: gil_scoped_acquire twice is harmless\n" in out


@pytest.mark.slow
def test_the_table_has_every_pattern_for_every_binding(install: Install) -> None:
    out = output_of("fibonacci/main.py", "--n", "1000000", "--repeats", "1", path=(install("fibonacci"),))
    table = re.findall(r"^  ([\w, +]+?) {2,}([\d. ()]+)$", out, re.M)
    patterns = ["gil", "nogil", "gil + gil", "nogil, then gil", "gil, then nogil", "nogil + nogil"]
    assert [pattern for pattern, _ in table] == patterns, out
    assert table[0][1].split() == ["1.00", "(1.00)"] * 2
    assert all(len(re.findall(r"\d\.\d\d \(\d+\.\d\d\)", ratios)) == 2 for _, ratios in table), out
    assert "\nPyO3 is missing: " in out


@pytest.mark.slow
def test_releasing_twice_ends_the_process_or_does_not_compile(install: Install) -> None:
    out = output_of("fibonacci/main.py", "--n", "1", "--repeats", "1", path=(install("fibonacci"),))
    # Up to Python 3.12 the C API reports the mistake before it aborts. Later versions crash.
    end = "(SIGABRT|SIGSEGV), without a message"
    if sys.version_info < (3, 13):
        end = "SIGABRT:\nFatal Python error: PyEval_SaveThread: "
    for guard in ("py", "nb"):
        assert re.search(f"{guard}::gil_scoped_release twice: the process ended with {end}", out), out
    source = EXAMPLES / "fibonacci/double_release.cpp"
    assert f"error: {refused(source, compiler=os.environ.get('CXX', 'c++'))}\n" in out
    said = refused(source)
    assert said in (EXAMPLES / "fibonacci/README.md").read_text()


def test_releasing_twice_does_not_compile_in_pyo3_either(pyo3: Path) -> None:
    code = "import build_twins, pathlib, sys; print(build_twins.refusal('pyo3', pathlib.Path(sys.argv[1])))"
    ended = run(sys.executable, "-c", code, pyo3.parent, path=(EXAMPLES / "fibonacci",))
    assert ended.returncode == 0, ended.stderr
    readme = (EXAMPLES / "fibonacci/README.md").read_text()
    (shown,) = (line for line in readme.splitlines() if line.startswith("error[E0277]"))
    assert shown in ended.stdout


def test_what_a_twin_needs_and_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "pybind11.py").write_text("raise ImportError")
    ended = run(
        sys.executable,
        EXAMPLES / "fibonacci/build_twins.py",
        *("pybind11", "pyo3", "--cache", tmp_path / "cache"),
        path=(tmp_path,),
        PATH=str(tmp_path),
    )
    problems = [json.loads(line)["problem"] for line in ended.stdout.splitlines()]
    assert ended.returncode == 1
    assert problems == [
        f"pybind11 is not installed in {sys.executable}: pip install pybind11",
        "cargo was not found; install Rust 1.85 or newer from https://rustup.rs",
    ]
    assert not (tmp_path / "cache").exists()


# --- plugin_package -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_package_with_a_native_node_works_with_any_python(install: Install) -> None:
    site = install("plugin_package")
    (facts,) = site.glob("freshframe_example_focus-*.dist-info/WHEEL")
    assert re.search(r"^Tag: py3-none-linux_", facts.read_text(), re.M)
    assert (site / "focus/libfocus.so").is_file()
    out = output_of("plugin_package/main.py", "demo:circles?pace=0&frames=3&size=64x48", path=(site,))
    assert re.fullmatch(r"( +[\d.]+ s +[\d.]+\n){3}", out)
    code = """if True:
        import focus
        import freshframe as ff
        import numpy as np
        flat = np.full((48, 64), 9, np.uint8)
        dot = flat.copy()
        dot[20, 20] = 10
        pictures = [ff.Frame.from_array(each, "gray") for each in (flat, dot, flat[:2])]
        first, second = ff.testing.run_node(focus.sharpness(), pictures)
        assert (first.value, second.value > 0) == (0, True)
        try:
            focus.sharpness(step=0)
        except ff.OptionError as error:
            assert "step must be at least 1 pixel" in str(error)
        """
    ended = run(sys.executable, "-c", code, path=(site,))
    assert ended.returncode == 0, ended.stderr


def test_the_page_about_packages_shows_the_projects_own_files() -> None:
    page = (EXAMPLES.parent / "docs/how-to/step-in-cpp.md").read_text()
    project = EXAMPLES / "plugin_package"
    for language, file in [("toml", "pyproject.toml"), ("cmake", "CMakeLists.txt")]:
        (shown,) = re.findall(rf"```{language}\n(.*?)```", page, re.S)
        lines = {line.split("  #")[0].strip() for line in (project / file).read_text().splitlines()}
        assert {line.strip() for line in shown.splitlines()} <= lines, file
