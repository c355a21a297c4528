"""The tests on another system: a Debian release, or Debian for another architecture."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Sequence

from platform_rows.pythons import PARALLEL, remarks
from platform_rows.row import FACTS, ROOT, Row, counts, logged, minutes_since, read_facts

SUITES = ("bookworm", "trixie", "forky")
SYSTEMS = (*SUITES, *(f"{suite}-clang" for suite in SUITES))
# Worker processes do not start under QEMU.
ON_AARCH64 = ["tests/python/gil/test_gil_header.py", *PARALLEL, "-k", "not worker and not process"]


def run_suite(name: str, program: str) -> Row:
    """Runs ./dev test in a bare root, with g++ or clang of that release."""
    suite, _, compiler = name.partition("-")
    inside = f"./dev test --all; .venv/bin/python -c {shlex.quote(FACTS)}"
    if compiler:
        inside = f"export CC=clang CXX=clang++; {inside}"
    command = [*shlex.split(program.format(suite=suite)), "sh", "-c", inside]
    began = time.monotonic()
    text = logged(command, ROOT / "build" / f"platform-{name}.log")
    cpp = re.findall(r"^(?:ctest|GoogleTest) dev: (.*)$", text, re.MULTILINE)
    return {
        **read_facts(text),
        "c++ tests": "; ".join(cpp) or "did not run",
        "python tests": counts(text),
        "minutes": minutes_since(began),
        "notes": "from a bare root: ./dev test" + (", compiled by clang" if compiler else ""),
    }


def run_aarch64(arguments: Sequence[str]) -> Row:
    """Cross-builds on this machine and runs the tests that QEMU can run."""
    log = ROOT / "build" / "platform-aarch64.log"
    began = time.monotonic()
    lines = logged(["tools/aarch64/run.sh", *(arguments or ON_AARCH64)], log)
    found = re.search(r"^row (\{.*\})$", lines, re.MULTILINE)
    if found is None:
        raise SystemExit(f"platforms.py: the run for aarch64 failed; its whole output is in {log}")
    row: Row = json.loads(found.group(1))
    notes = "; ".join([row["notes"], *remarks([], arguments)])
    return {**read_facts(""), **row, "minutes": minutes_since(began), "notes": notes}
