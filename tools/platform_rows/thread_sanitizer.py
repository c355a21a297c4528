"""Python tests of concurrency under ThreadSanitizer, with which the interpreter is compiled too."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import platform
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from platform_rows.pythons import PARALLEL, environment, interpreter, packages
from platform_rows.row import ROOT, Row, counts, facts, logged, minutes_since

INSTRUMENTED = ("3.14ts",)
# Every thread of these begins at a barrier, with the shortest switch interval.
STRESS = ("tests/python/test_thread_safety.py", "tests/python/test_numeric_threads.py")
# The ThreadSanitizer of g++ 12 ends at addresses with more than 28 random bits.
FIXED_ADDRESSES = ("setarch", platform.machine(), "-R")
# ThreadSanitizer does not see the atomics with which FFmpeg, Cairo and NumPy hand memory over: they are built
# without it. tests/cpp/core/sanitizer_suppressions_test.cpp explains the locks of Cairo. The last two are
# CPython's own and missing in its list: the status of a context of decimal that threads share, and
# faulthandler, which reads the frames of all threads when a test is stuck.
OTHERS_REPORTS = """
race:libavutil.so
race:libavcodec.so
race:libavformat.so
race:libcairo.so
deadlock:libcairo.so
mutex:libcairo.so
race:PyArrayIdentityHash_
race:dec_addstatus
race:_Py_DumpTracebackThreads
"""


def of_instrumented(name: str, arguments: Sequence[str]) -> Row:
    """Builds for it, runs the tests and counts the reports of ThreadSanitizer."""
    folder = ROOT / "build" / f"python-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    # pip takes minutes on such an interpreter. The same version without ThreadSanitizer does its work.
    plain = name.removesuffix("s")
    (ROOT / "build" / f"python-{plain}").mkdir(parents=True, exist_ok=True)
    installer = environment(plain, ROOT / "build" / f"python-{plain}")
    left_out = packages(plain, installer)
    _install(name, folder, installer)
    began = time.monotonic()
    python = _environment(name, folder, installer)
    stress, reports = _run(python, folder, "stress", arguments or STRESS)
    notes = ["freshframe and the interpreter have ThreadSanitizer, NumPy and FFmpeg do not"]
    if arguments:
        notes.append(f"a part: `{' '.join(arguments)}`")
    else:
        names = " ".join(path.removeprefix("tests/python/test_").removesuffix(".py") for path in STRESS)
        together, more = _run(python, folder, "parallel", ["--parallel-threads=2", *PARALLEL])
        reports += more
        notes.append(f"`{names}`; each test of other files on two threads at once: {together}")
    notes += [f"without {', '.join(left_out)}"] if left_out else []
    outcome = f"{stress}; {f'failed: {reports}' if reports else 'no'} reports of ThreadSanitizer"
    return {
        **facts(installer),
        "c++ tests": "",
        "python tests": outcome,
        "minutes": minutes_since(began),
        "notes": "; ".join(notes),
    }


def _install(name: str, folder: Path, installer: Path) -> None:
    """Into a folder: in the tree the modules would have the names of those without ThreadSanitizer."""
    settings = {
        "build-dir": str(ROOT / "build" / f"cmake-{name}"),
        "cmake.build-type": "RelWithDebInfo",
        "cmake.define.FRESHFRAME_SANITIZE": "thread",
        "cmake.define.CMAKE_UNITY_BUILD": "ON",
    }
    if shutil.which("ccache"):
        settings["cmake.define.CMAKE_CXX_COMPILER_LAUNCHER"] = "ccache"
    options = ["-v", "--no-build-isolation", "--no-deps", "--upgrade", f"--target={folder / 'site'}"]
    options += [f"-C{key}={value}" for key, value in settings.items()]
    command = [str(installer), "-m", "pip", "install", *options, "."]
    with (folder / "build.log").open("w") as log:
        subprocess.run(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=True)


def _environment(name: str, folder: Path, installer: Path) -> Path:
    """The instrumented Python, with freshframe and the packages of the tests."""
    environment = folder / "venv"
    original = interpreter(name)
    subprocess.run([*FIXED_ADDRESSES, original, "-m", "venv", "--without-pip", environment], check=True)
    packages_of = next(installer.parents[1].glob("lib/python*/site-packages"))
    site = next(environment.glob("lib/python*/site-packages"))
    (site / "packages.pth").write_text(f"{folder / 'site'}\n{packages_of}\n")
    of_python = Path(original).parents[1] / "share" / "tsan-suppressions.txt"
    (folder / "suppressions.txt").write_text(of_python.read_text() + OTHERS_REPORTS)
    return environment / "bin" / "python"


def _run(python: Path, folder: Path, part: str, arguments: Sequence[str]) -> tuple[str, int]:
    """The counts of pytest, and how many reports were written, by child processes too."""
    for old in folder.glob(f"{part}-report.*"):
        old.unlink()
    options = {
        "log_path": folder / f"{part}-report",
        "suppressions": folder / "suppressions.txt",
        "second_deadlock_stack": 1,
        "history_size": 4,
    }
    lines = logged(
        [
            *FIXED_ADDRESSES,
            python,
            "-m",
            "pytest",
            "-v",
            "-rs",
            "-p",
            "no:cacheprovider",
            "--timeout=900",
            *arguments,
        ],
        folder / f"{part}.log",
        {
            "FRESHFRAME_TEST_PATIENCE": "10",
            "TSAN_OPTIONS": ":".join(f"{key}={value}" for key, value in options.items()),
            "VIRTUAL_ENV": str(python.parents[1]),
        },
    )
    written = [path.read_text(errors="replace") for path in folder.glob(f"{part}-report.*")]
    return counts(lines), sum(text.count("WARNING: ThreadSanitizer") for text in written)
