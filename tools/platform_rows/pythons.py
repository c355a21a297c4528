"""The Python tests on one Python, with a build for it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from platform_rows.row import ROOT, Row, counts, facts, logged, minutes_since

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14", "3.14t", "3.15", "3.15t")
OLDEST_NUMPY = "numpy==1.24.*"  # has wheels only for 3.10 and 3.11
RUN_PARALLEL = "pytest-run-parallel==0.10.0"
PARALLEL = [
    "tests/python/api/test_option_errors.py",
    "tests/python/api/test_wiring_errors.py",
    "tests/python/frame/test_frame.py",
    "tests/python/frame/test_frame_colours.py",
    "tests/python/graph/test_merge.py",
    "tests/python/graph/test_pipeline.py",
    "tests/python/graph/test_queue.py",
    "tests/python/graph/test_types.py",
    "tests/python/nodes/test_batch.py",
    "tests/python/nodes/test_nodes.py",
    "tests/python/nodes/test_run_node.py",
    "tests/python/numeric/test_numeric.py",
    "tests/python/reading/test_reader.py",
    "tests/python/reading/test_sample.py",
    "tests/python/reports/test_stats.py",
    "tests/python/vision/test_annotate.py",
    "tests/python/vision/test_counting.py",
    "tests/python/vision/test_counting_pipelines.py",
    "tests/python/vision/test_counting_refusals.py",
    "tests/python/vision/test_circle_detector.py",
    "tests/python/vision/test_detections.py",
    "tests/python/vision/test_tracker.py",
]


def run_python(name: str, arguments: Sequence[str]) -> Row:
    """Builds for one Python, and runs the Python tests."""
    folder, python = make_folder(name), environment(name)
    left_out = packages(name, python)
    _build(name, folder, python)
    began = time.monotonic()
    in_tree = {"PYTHONPATH": f"{ROOT / 'python'}:{ROOT / 'fleet/python'}"}
    with side_by_side() as options:
        tests = run_tests(python, folder / "pytest.log", arguments or options, in_tree)
    row = {**facts(python), "c++ tests": "", "python tests": tests}
    notes = remarks(left_out, arguments)
    if name.endswith("t") and not arguments:
        together = run_tests(python, folder / "parallel.log", ["--parallel-threads=2", *PARALLEL], in_tree)
        notes.append(f"each test on two threads at once: {together}")
    return {**row, "minutes": minutes_since(began), "notes": "; ".join(notes)}


def remarks(left_out: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """Returns notes on tests that did not run, due to missing packages or the arguments."""
    without = [f"without {', '.join(left_out)}"] if left_out else []
    return without + ([f"a part: `{shlex.join(arguments)}`"] if arguments else [])


@contextmanager
def side_by_side() -> Iterator[list[str]]:
    """Yields options with which pytest runs files in parallel, as in ./dev test."""
    # The path of a Unix socket may have at most 107 bytes, so the folder's name is short.
    with tempfile.TemporaryDirectory(prefix="ff-") as short:
        yield ["-n", "4", "--dist=loadfile", "--no-loadscope-reorder", f"--basetemp={short}/t"]


def run_tests(
    python: Path,
    log: Path,
    arguments: Sequence[str],
    settings: Mapping[str, str],
    launcher: Sequence[str] = (),
) -> str:
    """Runs pytest with these environment variables, started by `launcher`. Returns its counts."""
    command: list[str | Path] = [
        *launcher,
        python,
        "-m",
        "pytest",
        "-v",
        "-rs",
        "-p",
        "no:cacheprovider",
        *arguments,
    ]
    return counts(logged(command, log, {"VIRTUAL_ENV": str(python.parents[1]), **settings}))


def interpreter(name: str) -> str:
    """Returns the path of a Python of this version and kind."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for place in sorted(root.glob(f"versions/{name}.*/bin/python3"), reverse=True):
        if re.fullmatch(r"\d+\.\d+\.\d+", place.parents[1].name):
            return str(place)
    if found := shutil.which(f"python{name}"):
        return found
    made = subprocess.run(
        [ROOT / "tools" / "interpreters.sh", name], stdout=subprocess.PIPE, text=True, check=True
    )
    return made.stdout.strip()


def make_folder(name: str) -> Path:
    """Returns the folder for the environment and the logs of a Python. Creates it if necessary."""
    folder = ROOT / "build" / f"python-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def environment(name: str) -> Path:
    """Returns the Python of an environment in its folder. Creates it if necessary."""
    venv = make_folder(name) / "venv"
    python = venv / "bin" / "python"
    if not python.exists():
        subprocess.run([interpreter(name), "-m", "venv", venv], check=True)
    return python


def packages(name: str, python: Path) -> list[str]:
    """Installs the packages for builds and tests. Returns the test packages without a wheel."""
    numpy = OLDEST_NUMPY if name in ("3.10", "3.11") else "numpy"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--upgrade", "pip"], check=True)
    subprocess.run([*pip, "--group", "build", numpy, "cloudpickle", "rich"], cwd=ROOT, check=True)
    left_out = []
    for package in [*_group("test"), *([RUN_PARALLEL] if name.endswith("t") else [])]:
        if package.startswith("numba"):  # 190 MB; ./dev test runs it
            continue
        # A package without a wheel does not support this Python. NumPy's version is pinned.
        ended = subprocess.run(
            [*pip, "--only-binary", ":all:", package, numpy], capture_output=True, text=True, check=False
        )
        if ended.returncode != 0:
            left_out.append(re.split("[=><;]", package)[0])
    return left_out


def _group(name: str) -> list[str]:
    """Returns a dependency group of pyproject.toml, without tomllib, which Python 3.10 does not have."""
    text = (ROOT / "pyproject.toml").read_text()
    found = re.search(rf"^{name} = \[\n(.*?)^\]", text, re.DOTALL | re.MULTILINE)
    assert found is not None
    return re.findall(r'^  "([^"]+)"', found.group(1), re.MULTILINE)


def _build(name: str, folder: Path, python: Path) -> None:
    """Builds into python/freshframe. Modules for several Pythons fit there, as their file names differ."""
    build = str(folder.parent / f"cmake-{name}")  # as many levels deep as build/dev
    variables = {**os.environ, "VIRTUAL_ENV": str(python.parents[1])}
    settings = [f"-DPython_EXECUTABLE={python}"]
    if shutil.which("ccache"):
        settings.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
    targets = ["freshframe_python", "gil_plain", "gil_nanobind", "gil_lies"]
    with (folder / "build.log").open("w") as log:
        for command, must in (
            (["cmake", "--preset", "dev", "-B", build, *settings], True),
            (["cmake", "--build", build, "--target", *targets], True),
            (["cmake", "--build", build, "--target", "gil_pybind11"], False),  # needs a pybind11
        ):
            subprocess.run(command, cwd=ROOT, env=variables, stdout=log, stderr=subprocess.STDOUT, check=must)
