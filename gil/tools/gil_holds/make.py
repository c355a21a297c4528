"""Measures how long the calls in calls.py hold the GIL, and writes docs/benchmarks/gil-holds.md.

    ./dev gil-holds                installs the packages under build/gil_holds, then measures all calls
    ./dev gil-holds json orjson    only prints the figures of calls with one of these words
    ./dev gil-holds --install      only installs
    ./dev gil-holds --again        only measures what the run before could not, and writes the page
    ./dev gil-holds --page         only writes the page again, from the figures

Measuring takes about two minutes on a quiet machine. On a busy one it stops and writes nothing.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from calls import CALLS, Call
from page import Row, page_of

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
FOLDER = ROOT / "build" / "gil_holds"
PYTHON = FOLDER / "venv" / "bin" / "python"
REQUIREMENTS = HERE / "requirements.txt"
ROWS = HERE / "rows.json"  # the figures on the page
PAGE = ROOT / "docs" / "benchmarks" / "gil-holds.md"
KEPT = FOLDER / "rows.json"
LONGEST = 120  # time limit for the process of one call, in seconds


def install() -> None:
    """Creates the environment with the packages, unless it exists and is up to date."""
    stamp = FOLDER / "installed"
    wanted = REQUIREMENTS.read_text(encoding="utf-8") + sys.version
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(FOLDER / "venv")], check=True)
    options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", str(REQUIREMENTS)]
    subprocess.run([str(PYTHON), "-m", "pip", "install", *options], check=True)
    stamp.write_text(wanted, encoding="utf-8")


def versions() -> dict[str, str]:
    """Returns the versions of the packages in the environment."""
    code = "import json, importlib.metadata as m\n"
    code += "print(json.dumps({d.name: d.version for d in m.distributions()}))"
    found = subprocess.run([str(PYTHON), "-c", code], capture_output=True, text=True, check=True).stdout
    names: dict[str, str] = json.loads(found)
    return {name.lower().replace("_", "-"): version for name, version in names.items()}


def measured(number: int) -> dict[str, Any]:
    """Returns the figures of a call, measured in a separate process."""
    done = subprocess.run(
        [str(PYTHON), str(HERE / "one_call.py"), str(number)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "gil" / "python")},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"gil-holds: {CALLS[number].package}, {CALLS[number].text} failed:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def row_of(number: int, version: dict[str, str]) -> Row | None:
    """Measures a call. Returns None if the machine was too busy."""
    call = CALLS[number]
    found = measured(number)
    if found["busy"]:
        return None
    python = platform.python_version()
    own = python if not call.modules else version[call.package]
    today = datetime.date.today().isoformat()
    return Row(
        call.package, own, call.text, call.amount, call.unit, call.objects, found["rounds"], python, today
    )


def machine() -> str:
    """One line."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    name = next(
        (line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")), ""
    )
    return f"{name or platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}"


def chosen(words: list[str]) -> list[int]:
    """Returns the numbers of the calls that contain one of the words, or of all calls."""

    def has(call: Call) -> bool:
        return not words or any(word in f"{call.package} {call.text}" for word in words)

    return [number for number, call in enumerate(CALLS) if has(call)]


def kept() -> dict[int, Row]:
    """Returns the rows of the previous run, by number of the call."""
    if not KEPT.exists():
        return {}
    rows = [Row(**row) for row in json.loads(KEPT.read_text(encoding="utf-8"))]
    numbers = {(call.package, call.text): number for number, call in enumerate(CALLS)}
    found = {numbers.get((row.package, row.text)): row for row in rows}
    return {number: row for number, row in found.items() if number is not None}


def text_of(results: dict[str, Any]) -> str:
    """Returns JSON with one row per line."""
    rows = ",\n".join(json.dumps(row) for row in results["rows"])
    return f'{{"machine": {json.dumps(results["machine"])}, "rows": [\n{rows}\n]}}\n'


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("words", nargs="*")
    parser.add_argument("--install", action="store_true")
    parser.add_argument(
        "--again", action="store_true", help="only calls that the run before could not measure"
    )
    parser.add_argument("--page", action="store_true")
    options = parser.parse_args()
    if options.page:
        PAGE.write_text(page_of(json.loads(ROWS.read_text(encoding="utf-8"))), encoding="utf-8")
        return
    install()
    if options.install:
        return
    rows = kept() if options.again else {}
    version, busy = versions(), []
    for number in chosen(options.words):
        if number in rows:
            continue
        row = row_of(number, version)
        if row is None:
            busy.append(CALLS[number].text)
            continue
        rows[number] = row
        took = f"{row.hold * 1e3:.1f} of {row.wall * 1e3:.1f} ms in {row.native}"
        print(f"{row.package} {row.version}: {row.text}: {took}; {row.why_not() or 'shown'}", flush=True)
    if options.words:
        return
    KEPT.write_text(json.dumps([vars(row) for row in rows.values()]), encoding="utf-8")
    if busy:
        raise SystemExit(
            f"gil-holds: the machine was too busy to measure {', '.join(busy)}: their threads waited for a "
            "processor. Nothing was written; run it with --again when nothing else runs"
        )
    results = {"machine": machine(), "rows": [vars(rows[number]) for number in sorted(rows)]}
    ROWS.write_text(text_of(results), encoding="utf-8")
    PAGE.write_text(page_of(results), encoding="utf-8")


if __name__ == "__main__":
    main()
