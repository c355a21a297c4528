"""Python tests of concurrency under ThreadSanitizer, which the interpreter is compiled with, too."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from platform_rows.pythons import (
    PARALLEL,
    environment,
    interpreter,
    make_folder,
    packages,
    remarks,
    run_tests,
)
from platform_rows.row import ROOT, Row, facts, minutes_since, short

INSTRUMENTED = ("3.14ts",)
# Tests in which threads use the same objects at the same time.
STRESS = ("tests/python/life/test_thread_safety.py", "tests/python/numeric/test_numeric_threads.py")
# The ThreadSanitizer of g++ 12 aborts if addresses have more than 28 random bits.
FIXED_ADDRESSES = ("setarch", platform.machine(), "-R")
# ThreadSanitizer does not see the atomics with which FFmpeg, Cairo and NumPy synchronise, because they are
# built without it. tests/cpp/core/sanitizer_suppressions_test.cpp explains Cairo's lock order. Cairo also
# frees memory that contains a mutex and reuses it, and ThreadSanitizer mistakes the new mutex for the old
# one. The last two are in CPython and missing in its own list: a decimal context that threads share, and
# faulthandler, which reads the frames of all threads if a test hangs.
OTHERS_REPORTS = """
race:libavutil.so
race:libavcodec.so
race:libavformat.so
race:libcairo.so
deadlock:libcairo.so
mutex:libcairo.so
race:PyArrayIdentityHash_
race_top:dec_addstatus
race:_Py_DumpTracebackThreads
"""


def run_instrumented(name: str, arguments: Sequence[str]) -> Row:
    """Builds for it, runs the tests and counts the reports of ThreadSanitizer."""
    folder = make_folder(name)
    # pip takes minutes on such an interpreter, so the same version without ThreadSanitizer installs the
    # packages.
    plain = name.removesuffix("s")
    installer = environment(plain)
    left_out = packages(plain, installer)
    _install(name, folder, installer)
    began = time.monotonic()
    python = _environment(name, folder, installer)
    stress, reports = _run(python, folder, "stress", arguments or STRESS)
    notes = ["freshframe and the interpreter have ThreadSanitizer, NumPy and FFmpeg do not"]
    if not arguments:
        names = " ".join(map(short, STRESS))
        together, more = _run(python, folder, "parallel", ["--parallel-threads=2", *PARALLEL])
        reports += more
        notes.append(f"`{names}`; each test of other files on two threads at once: {together}")
    notes += remarks(left_out, arguments)
    outcome = f"{stress}; {f'failed: {reports}' if reports else 'no'} reports of ThreadSanitizer"
    return {
        **facts(installer),
        "c++ tests": "",
        "python tests": outcome,
        "minutes": minutes_since(began),
        "notes": "; ".join(notes),
    }


def _install(name: str, folder: Path, installer: Path) -> None:
    """Installs freshframe into a folder: in the tree, it would replace modules without ThreadSanitizer."""
    settings = {
        "build-dir": str(ROOT / "build" / f"cmake-{name}"),
        "cmake.build-type": "RelWithDebInfo",
        "cmake.define.FRESHFRAME_SANITIZE": "thread",
        "cmake.define.CMAKE_UNITY_BUILD": "ON",
        "cmake.define.FRESHFRAME_QUICKLY_COMPILED": "ON",
    }
    if shutil.which("ccache"):
        settings["cmake.define.CMAKE_CXX_COMPILER_LAUNCHER"] = "ccache"
    options = ["-v", "--no-build-isolation", "--no-deps", "--upgrade", f"--target={folder / 'site'}"]
    options += [f"-C{key}={value}" for key, value in settings.items()]
    command = [str(installer), "-m", "pip", "install", *options, "."]
    with (folder / "build.log").open("w") as log:
        subprocess.run(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=True)


def _environment(name: str, folder: Path, installer: Path) -> Path:
    """Creates an environment of the instrumented Python, with freshframe and the packages of the tests."""
    venv = folder / "venv"
    original = interpreter(name)
    subprocess.run([*FIXED_ADDRESSES, original, "-m", "venv", "--without-pip", venv], check=True)
    packages_of = next(installer.parents[1].glob("lib/python*/site-packages"))
    site = next(venv.glob("lib/python*/site-packages"))
    (site / "packages.pth").write_text(f"{folder / 'site'}\n{packages_of}\n")
    of_python = Path(original).parents[1] / "share" / "tsan-suppressions.txt"
    (folder / "suppressions.txt").write_text(of_python.read_text() + OTHERS_REPORTS)
    python = venv / "bin" / "python"
    _expect_instruments(python, folder / "site")
    return python


def _run(python: Path, folder: Path, part: str, arguments: Sequence[str]) -> tuple[str, int]:
    """Runs these tests.

    Returns pytest's counts and the number of reports, including those of child processes.
    """
    for old in folder.glob(f"{part}-report.*"):
        old.unlink()
    options = {
        "log_path": folder / f"{part}-report",
        "suppressions": folder / "suppressions.txt",
        "second_deadlock_stack": 1,
        "history_size": 4,
    }
    settings = {
        "FRESHFRAME_TEST_PATIENCE": "10",
        "PYTHONPATH": f"{folder / 'site'}:{ROOT / 'fleet/python'}",
        "TSAN_OPTIONS": ":".join(f"{key}={value}" for key, value in options.items()),
    }
    found = run_tests(
        python, folder / f"{part}.log", ["--timeout=900", *arguments], settings, FIXED_ADDRESSES
    )
    written = [path.read_text(errors="replace") for path in folder.glob(f"{part}-report.*")]
    return found, sum(max(1, text.count("WARNING: ThreadSanitizer")) for text in written if text)


def _expect_instruments(python: Path, site: Path) -> None:
    """Fails if the tests would use modules without ThreadSanitizer, which would not report anything."""
    look = "import freshframe._native as m; print(b'__tsan_init' in open(m.__file__, 'rb').read())"
    said = subprocess.run(
        [*FIXED_ADDRESSES, str(python), "-c", look],
        env={**os.environ, "PYTHONPATH": str(site), "TSAN_OPTIONS": "report_bugs=0"},
        capture_output=True,
        text=True,
        check=True,
    )
    if said.stdout.strip() != "True":
        raise SystemExit("platforms.py: the tests would use a freshframe without ThreadSanitizer")
