"""Each test of the Python package again and again, in one process: a leak is left by each run.

The tests reach every promise, most of them once. Each file runs in its own process, with the plugin
beside this file.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import re
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from night.repeats import plugin
from night.suite import ENDED, TESTS, each_file, run_pytest

# Memory that other libraries keep: x265 1168 bytes of each encoder, GnuTLS 200 of each handshaken thread.
_OF_OTHERS = re.compile(r"h265|hevc|tls|handshake")
_THEIR_MOST = {"blocks": 4, "bytes": 3000}


@dataclass
class _Book:
    """Collects the reports of the files of a piece."""

    tests: int = 0
    once: int = 0  # tests that can run once in a process
    found: list[str] = field(default_factory=list)


def repeats(
    seconds: float, first: int, library: dict[str, str], root: Path = TESTS
) -> tuple[int, list[str], dict[str, float]]:
    """Repeats the tests of one file after the other.

    Args:
        seconds: After which no other file begins.
        first: The place of the first file.
        library: The variables that preload ``blocks.c``.
        root: The folder of the tests.

    Returns:
        Tests that ran, their leaks, and figures with the place at which the next piece begins.
    """
    book, lock = _Book(), threading.Lock()

    def run(path: Path) -> None:
        lines, trouble = _run(path, library)
        with lock:
            _add(book, lines)
            book.found += trouble

    figures = each_file(seconds, first, run, root)
    return book.tests, book.found, figures | {"run once": float(book.once)}


def _run(path: Path, library: dict[str, str]) -> tuple[list[Any], list[str]]:
    """The lines of a file's tests, and what is wrong with its process."""
    with tempfile.NamedTemporaryFile("r", prefix="repeats-", encoding="utf-8") as lines:
        options = ["-p", plugin.__name__]
        code, said, errors = run_pytest([str(path)], options, library | {plugin.BOOK: lines.name})
        rows = [json.loads(line) for line in lines]
    if code in ENDED:
        return rows, []
    print(said[-20_000:], errors[-20_000:], flush=True)
    last = (errors.splitlines() or said.splitlines() or ["no output"])[-1]
    return rows, [f"{path.name}: ended with {code}: {last[:200]}"]


def _add(book: _Book, rows: list[Any]) -> None:
    """Adds the leaks of a file's tests."""
    for test, outcome, turns, _, growth, kinds in rows:
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
