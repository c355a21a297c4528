"""Runs the tests on several Pythons and distributions, and fills docs/development/reliability.md.

    ./dev platforms                       all Pythons
    ./dev platforms 3.10 3.14t            these
    ./dev platforms 3.14t -- -k reader    a part of the Python tests: the table says so
    ./dev platforms --root 'PROGRAM -s {suite}' bookworm trixie
                                          ./dev test in bare Debian roots; PROGRAM runs a command in a clone;
                                          bookworm-clang: compiled by clang
    ./dev platforms wheel-3.11            the Python tests against the wheel of dist/ for this Python
    ./dev platforms wheel-bookworm        tools/wheel/prove.sh: the wheels in a bare
                                          Debian root; wheel-forky-3.15: with another Python of it
    ./dev platforms pip-3.12              the same with an interpreter of tools/interpreters.sh
                                          instead of Debian's
    ./dev platforms 3.14ts                tests of concurrency; the interpreter and freshframe have
                                          ThreadSanitizer
    ./dev platforms aarch64               cross-built, the C++ tests and some Python tests under QEMU
    ./dev platforms wheel-aarch64         the wheel for aarch64 of dist/, used as above and by some Python
                                          tests, under QEMU; wheel-aarch64-3.13: the one for that Python
    ./dev platforms --page                only writes the table of the page again, from the figures

A Python is taken from pyenv or the PATH, else built by tools/interpreters.sh. Each has its own environment
and build below build/. A package of the tests that has no wheel for a Python is left out there: its
tests are skipped.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence

from platform_rows.pythons import PYTHONS, run_python
from platform_rows.row import AARCH64, ROOT, Row
from platform_rows.systems import SUITES, SYSTEMS, run_aarch64, run_suite
from platform_rows.thread_sanitizer import INSTRUMENTED, run_instrumented
from platform_rows.wheels import run_emulated_wheel, run_proof, run_wheel

FIGURES = ROOT / "tools" / "platform_rows" / "figures.json"
PAGE = ROOT / "docs" / "development" / "reliability.md"
OF_CROSS_WHEELS = ("3.10", "3.12", "3.13", "3.14", "3.14t", "3.15", "3.15t")
ON_AARCH64_TOO = tuple(f"{AARCH64}-{version}" for version in OF_CROSS_WHEELS)
IN_ROOTS = (*SUITES, "forky-3.13", "forky-3.15")
WHEELS = tuple(f"wheel-{name}" for name in (*PYTHONS, *IN_ROOTS, AARCH64, *ON_AARCH64_TOO))
BARE = tuple(f"pip-{name}" for name in PYTHONS)
ROWS = (*PYTHONS, *INSTRUMENTED, *SYSTEMS, AARCH64, *WHEELS, *BARE)
COLUMNS = {  # fields of a row and their titles
    "date": "Date",
    "commit": "Commit",
    "python": "Python",
    "numpy": "NumPy",
    "compiler": "Compiler",
    "avcodec": "libavcodec",
    "c++ tests": "C++ tests",
    "python tests": "Python tests",
    "minutes": "Minutes",
    "notes": "Notes",
}
FAILED = re.compile(r"\b[1-9]\d* (tests? )?(failed|errors?)\b|failed:|did not")
BEGIN, END = "<!-- written by ./dev platforms -->", "<!-- end -->"


def main() -> int:
    """Command line."""
    words, rest = _split(sys.argv[1:])
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--root", help="program that runs a command in a bare Debian; {suite} is its name")
    parser.add_argument("--dry", action="store_true", help="write neither figures nor page")
    parser.add_argument("--page", action="store_true", help="run nothing, write the page from the figures")
    options = parser.parse_args(words)
    if options.page:
        write_page(figures())
        return 0
    if unknown := [name for name in options.names if name not in ROWS]:
        parser.error(f"expected names of {', '.join(ROWS)}; got {', '.join(unknown)}")
    suites = [name for name in options.names if name in SYSTEMS]
    if options.root is None and suites:
        parser.error(
            f"--root is needed for {', '.join(suites)}: a program that runs a command in a bare Debian"
        )
    failed = False
    for name in options.names or PYTHONS:
        row = measured(name, options.root, rest)
        print(f"{name}: {row}", flush=True)
        outcome = "; ".join(row[column] for column in ("c++ tests", "python tests", "notes"))
        failed = failed or FAILED.search(outcome) is not None
        if not options.dry:
            keep(name, row)
    return int(failed)


def measured(name: str, root: str | None, rest: Sequence[str]) -> Row:
    """Returns the row of a platform after running its tests."""
    if name in SYSTEMS:
        return run_suite(name, str(root))
    if name in PYTHONS:
        return run_python(name, rest)
    if name in INSTRUMENTED:
        return run_instrumented(name, rest)
    if name == AARCH64:
        return run_aarch64(rest)
    inside = name.removeprefix("pip-").removeprefix("wheel-")
    if name in BARE or inside in IN_ROOTS:
        return run_proof(inside)
    return run_emulated_wheel(inside, rest) if inside.startswith(AARCH64) else run_wheel(inside, rest)


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    if "--" not in words:
        return list(words), []
    cut = words.index("--")
    return list(words[:cut]), list(words[cut + 1 :])


def figures() -> dict[str, Row]:
    """Reads the rows of earlier runs."""
    try:
        rows: dict[str, Row] = json.loads(FIGURES.read_text())
    except (OSError, ValueError) as error:
        raise SystemExit(f"platforms.py: {FIGURES} must be JSON of an earlier run: {error}") from error
    return rows


def keep(name: str, row: Row) -> None:
    """Writes the figures and the page."""
    rows = figures() if FIGURES.exists() else {}
    rows[name] = {**row, "order": str(1 + max((_order(each) for each in rows.values()), default=0))}
    rows = {each: rows[each] for each in ROWS if each in rows}
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
    FIGURES.write_text(f"{{\n{lines}\n}}\n")
    write_page(rows)


def write_page(rows: Mapping[str, Row]) -> None:
    """Puts the table into the page."""
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}\n{tables(rows)}\n{END}{after}")


def _order(row: Row) -> int:
    """Returns a number that increases from run to run; 0 for old runs, which have no number."""
    return int(row.get("order", 0))


def tables(rows: Mapping[str, Row]) -> str:
    """Returns a table of the rows measured at the latest commit, and a separate one of the others."""
    last = max(rows.values(), key=lambda row: (_order(row), row.get("date", "")), default={}).get(
        "commit", ""
    )
    now = {name: row for name, row in rows.items() if row.get("commit", "") == last}
    before = {name: row for name, row in rows.items() if name not in now}
    parts = [f"Measured at commit {last}, the last measured one:" if last else "", table(now)]
    if before:
        parts += [
            "Measured at other commits, so they prove nothing about that one:",
            table(before),
        ]
    return "\n\n".join(part for part in parts if part)


def table(rows: Mapping[str, Row]) -> str:
    """Returns a Markdown table without the columns that are empty in all rows."""
    heads = [head for head in COLUMNS if any(_shown(row.get(head, "")) for row in rows.values())]
    titles = ["", *(COLUMNS[head] for head in heads)]
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    for name, row in rows.items():
        lines.append(f"| {name} | " + " | ".join(_shown(row.get(head, "")) for head in heads) + " |")
    return "\n".join(lines)


def _shown(cell: str) -> str:
    """Shortens a cell: no package version of the compiler, the total if ctest passed, "" for "none"."""
    if cell == "none":
        return ""
    cell = re.sub(r"^the wheel in a bare root of Debian GNU/Linux ", "Debian ", cell)
    cell = re.sub(r"^(\S*(?:\+\+|gcc)) \(.*?\) ", r"\1 ", cell)
    cell = re.sub(r"^100% tests passed, 0 tests failed out of \d+; ", "", cell)
    cell = re.sub(r"(\d+) tests ran, (\d+) of them were skipped", r"\1 ran, \2 skipped", cell)
    cell = re.sub(r"^from a bare root: (\./dev test(; |$))?", "", cell)
    return cell.replace("|", "\\|")


if __name__ == "__main__":
    sys.exit(main())
