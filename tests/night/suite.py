"""The files of the Python tests, one after the other, a few beside each other, from piece to piece."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from night.watched import watched

TESTS = Path(__file__).parents[1] / "python"
MOST = 1200.0  # seconds for a file that hangs
ENDED = (0, 1, 5)  # exit codes of pytest: all passed, some failed, none was chosen


def files(root: Path = TESTS) -> list[Path]:
    """All files of tests, in an order in which neighbours are of different folders."""
    return sorted(root.rglob("test_*.py"), key=lambda path: hashlib.sha256(_name(path, root)).digest())


def _name(path: Path, root: Path) -> bytes:
    return str(path.relative_to(root)).encode()


def each_file(seconds: float, first: int, work: Callable[[Path], None], root: Path) -> dict[str, float]:
    """Calls `work` for one file after the other, on as many threads as there are processors.

    Args:
        seconds: After which no other file begins.
        first: The place of the first file; after the last one the first one comes again.
        work: One call at a time for each thread.
        root: The folder of the tests.

    Returns:
        Figures, with the place at which the next piece begins.
    """
    all_files, ends = files(root), time.monotonic() + seconds
    place = first % len(all_files)

    def run(number: int, path: Path) -> bool:
        begins = number == 0 or time.monotonic() < ends
        if begins:
            work(path)
        return begins

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        begun = sum(pool.map(run, range(len(all_files)), all_files[place:] + all_files[:place]))
    return {"next": float((place + begun) % len(all_files)), "files": float(begun)}


def run_pytest(
    tests: list[str], options: list[str], variables: dict[str, str], timeout: float = MOST
) -> tuple[int, str, str]:
    """Runs pytest in a separate process.

    Args:
        tests: Paths, or names of tests.
        options: Others for pytest.
        variables: Of its environment, besides those of this process.
        timeout: Seconds for one test.

    Returns:
        The exit code, and what it wrote.
    """
    with tempfile.TemporaryDirectory(prefix="night-") as folder:
        given = ["-q", "-p", "no:cacheprovider", f"--basetemp={folder}/t", f"--timeout={timeout:g}"]
        command = [sys.executable, "-X", "faulthandler", "-m", "pytest", *given, *options, *tests]
        own = {"PYTHONPATH": os.pathsep.join(sys.path)}
        return watched(command, MOST + 60, os.environ | own | variables)
