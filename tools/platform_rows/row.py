"""A row of docs/development/reliability.md: what was run, and the result."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import datetime
import json
import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
AARCH64 = "aarch64"
FACTS = """
import importlib.metadata, json, os, platform, shlex, subprocess
def first(*command):
    lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    return lines[0] if lines else ""
print("facts " + json.dumps({
    "python": platform.python_version(),
    "numpy": importlib.metadata.version("numpy"),
    "compiler": first(*shlex.split(os.environ.get("CXX") or "c++"), "--version"),
    "avcodec": first("pkg-config", "--modversion", "libavcodec"),
}))
"""
Row = dict[str, str]


def minutes_since(began: float) -> str:
    """Returns the number of whole minutes, at least one."""
    return str(max(1, round((time.monotonic() - began) / 60)))


def logged(command: Sequence[str | Path], log: Path, settings: Mapping[str, str] | None = None) -> str:
    """Runs a command with these environment variables. Returns its output, which is also written to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as lines:
        subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **(settings or {})},
            stdout=lines,
            stderr=subprocess.STDOUT,
            check=False,
        )
    return log.read_text()


def facts(python: Path) -> Row:
    """Returns the facts about a Python and its build."""
    return read_facts(
        subprocess.run([python, "-c", FACTS], capture_output=True, text=True, check=True).stdout
    )


def read_facts(text: str) -> Row:
    """Returns the facts in a log, with the date and the commit."""
    found = re.search(r"^facts (\{.*\})$", text, re.MULTILINE)
    known: Row = json.loads(found.group(1)) if found else {}
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {"date": datetime.date.today().isoformat(), "commit": commit.stdout.strip(), **known}


def short(word: str) -> str:
    """Returns the short name of a Python test file, or another pytest argument unchanged."""
    return re.sub(r"^tests/python/(?:\w+/)*test_(\w+)\.py$", r"\1", word)


_SUMMARY = r"((?:\d+ [a-z]+(?:, )?)+) in [0-9.:]+s"


def _numbers(summary: str) -> dict[str, int]:
    return {word: int(number) for number, word in re.findall(r"(\d+) ([a-z]+)", summary)}


def counts(text: str) -> str:
    """Returns `2043 passed, 7 failed, 12 skipped` of the last run of pytest or `./dev test`.

    `./dev test` runs failed tests again, alone: a test that passes then counts as passed.
    """
    lines = re.findall(rf"^pytest:\s*{_SUMMARY}", text, re.MULTILINE)
    lines = lines or re.findall(rf"^=*\s*{_SUMMARY}", text, re.MULTILINE)
    if not lines:
        return "did not finish: failed"
    found = _numbers(lines[-1])
    _, again, rest = text.partition("once more, alone")
    if again and (alone := re.search(rf"^=+ {_SUMMARY}", rest, re.MULTILINE)):
        left = _numbers(alone[1]).get("failed", 0)
        found["passed"] += found.pop("failed", 0) - left
        if left:
            found["failed"] = left
    return ", ".join(
        f"{found[word]} {word}"
        for word in ("passed", "failed", "errors", "error", "skipped")
        if word in found
    )
