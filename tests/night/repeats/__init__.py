"""Each test of the Python package again and again, in one process: what each run leaves behind is a leak.

The tests reach every promise, most of them once. Each file runs in a process of its own, with the plugin
beside this file.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from night.watched import watched

_TESTS = Path(__file__).parents[2] / "python"
_BOOK = "FRESHFRAME_TEST_REPEATS"  # of the environment: where the plugin writes a line for each test
_MOST = 1200.0  # seconds for a file that hangs
_ENDED = (0, 1, 5)  # exit codes of pytest: all passed, some failed, none was chosen
# What other libraries keep: x265 1168 bytes of each encoder, GnuTLS 200 of each thread that has shaken hands.
_OF_OTHERS = re.compile(r"h265|hevc|tls|handshake")
_THEIR_MOST = {"blocks": 4, "bytes": 3000}


@dataclass
class _Book:
    """What the files of a piece have said."""

    tests: int = 0
    once: int = 0  # tests that can run once in a process
    found: list[str] = field(default_factory=list)
    begun: int = 0  # files


def files(root: Path = _TESTS) -> list[Path]:
    """All files of tests, in an order in which neighbours are of different folders."""
    return sorted(
        root.rglob("test_*.py"),
        key=lambda path: hashlib.sha256(str(path.relative_to(root)).encode()).digest(),
    )


def repeats(
    seconds: float, first: int, environment: dict[str, str], root: Path = _TESTS
) -> tuple[int, list[str], dict[str, float]]:
    """Repeats the tests of one file after the other, as many files beside each other as there are processors.

    Args:
        seconds: After which no other file begins.
        first: The place of the first file; behind the last one the first one comes again.
        environment: With the preloaded ``blocks.c``.
        root: The folder of the tests.

    Returns:
        Tests that ran, what they leave behind, and figures with the place at which the next piece begins.
    """
    book, all_files, ends = _Book(), files(root), time.monotonic() + seconds
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                if time.monotonic() >= ends or book.begun == len(all_files):
                    return
                path = all_files[(first + book.begun) % len(all_files)]
                book.begun += 1
            lines, trouble = _run(path, environment)
            with lock:
                _add(book, lines)
                book.found += trouble

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for done in [pool.submit(work) for _ in range(os.cpu_count() or 1)]:
            done.result()
    figures = {"next": float((first + book.begun) % len(all_files)), "files": float(book.begun)}
    return book.tests, book.found, figures | {"run once": float(book.once)}


def _run(path: Path, environment: dict[str, str]) -> tuple[list[Any], list[str]]:
    """The lines of a file's tests, and what is wrong with its process."""
    with tempfile.TemporaryDirectory(prefix="repeats-") as folder:
        lines = Path(folder) / "lines"
        lines.touch()
        plugins = ["-p", "night.repeats.plugin", "-p", "no:cacheprovider"]
        same_paths = [
            "-o",
            "tmp_path_retention_policy=failed",
        ]  # in each run: libc keeps all values of variables
        given = ["-q", *same_paths, f"--basetemp={folder}/t", f"--timeout={_MOST:g}", str(path)]
        command = [sys.executable, "-X", "faulthandler", "-m", "pytest", *plugins, *given]
        own = {"PYTHONPATH": os.pathsep.join(sys.path), _BOOK: str(lines)}
        code, said, errors = watched(command, _MOST + 60, environment | own)
        text = lines.read_text(encoding="utf-8")
    if code in _ENDED:
        return [json.loads(line) for line in text.splitlines()], []
    print(said[-20_000:], errors[-20_000:], flush=True)
    last = (errors.splitlines() or said.splitlines() or ["no output"])[-1]
    return [json.loads(line) for line in text.splitlines()], [f"{path.name}: ended with {code}: {last[:200]}"]


def _add(book: _Book, lines: list[Any]) -> None:
    """Adds what a file's tests have left behind."""
    for test, outcome, turns, _, growth, kinds in lines:
        book.tests += outcome != "skipped"
        book.once += outcome == "once"
        if outcome == "failed":
            book.found.append(f"{test} fails")
        if growth and not _is_of_others(test, growth):
            amounts = ", ".join(f"{count} {name}" for name, count in growth.items())
            of = f" ({', '.join(kinds[:5])})" if kinds else ""
            book.found.append(f"{test}: each of {turns} runs leaves at least {amounts}{of}")


def _is_of_others(test: str, growth: dict[str, int]) -> bool:
    """Whether another library keeps as much after such a test."""
    is_little = all(count <= _THEIR_MOST.get(name, 0) for name, count in growth.items())
    return is_little and _OF_OTHERS.search(test) is not None
