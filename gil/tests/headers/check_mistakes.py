#!/usr/bin/env python3
"""Compiles every case of cases/ twice: as it is, with its mistake, and with FIXED defined.

A case begins at a line `// case NAME: what it does`. The lines above the first case of a file belong to
each of its cases. The mistake must give exactly one error line, with the text that the case's `// expect:`
line names (`A | B`: one of them). The fixed program must compile without a warning. The part common to
all cases of a file is precompiled, so a case takes a fraction of a second. With nanobind and pybind11 in one
file each case would take a second: g++ and clang instantiate the templates of pybind11 again in each.
The fixed programs of a file are compiled all in one, and one by one only if there is something to say about
them or if they specialise a template of the header, which has to be done outside of any namespace.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
SKIPPED = 77  # ctest counts this code as skipped
TIME_LIMIT = 3600  # seconds; a compiler beside busy programs has taken more than 300
LONGEST = 600  # characters of an error that can still be read
EXPECT = "// expect: "
CASE = re.compile(r"^// case (\w+): ", re.MULTILINE)
BINDING = re.compile("<(nanobind|pybind11)/")
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wno-unused-function")


@dataclass(frozen=True)
class Case:
    """A program with a mistake.

    Attributes:
        name: Of the case.
        file: The name of its file in cases/, which is also that of what is precompiled for it.
        text: Its text without the common part.
        source: A separate file with the text.
    """

    name: str
    file: str
    text: str
    source: Path


@dataclass(frozen=True)
class Compiler:
    """A compiler with its flags, and the options that include what is precompiled for a file."""

    command: tuple[str, ...]
    ready: Mapping[str, tuple[str, ...]]

    def run(self, source: Path, file: str, *, fixed: bool) -> subprocess.CompletedProcess[str]:
        """Checks one program without writing an object file."""
        return subprocess.run(
            [*self.command, *self.ready[file], *(["-DFIXED"] if fixed else []), "-fsyntax-only", str(source)],
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )


def cases_of(path: Path, scratch: Path) -> tuple[str, list[Case]]:
    """Returns the common part of a file, and its cases, each written into `scratch`."""
    text = path.read_text(encoding="utf-8")
    starts = [*CASE.finditer(text)]
    ends = [*(start.start() for start in starts[1:]), len(text)]
    cases = []
    for start, end in zip(starts, ends, strict=True):
        line = text.count("\n", 0, start.start()) + 1
        case = Case(start[1], path.stem, text[start.start() : end], scratch / f"{start[1]}.cpp")
        case.source.write_text(f'#line {line} "{path}"\n{case.text}', encoding="utf-8")
        cases.append(case)
    return text[: starts[0].start()], cases


def prepare(name: str, includes: list[str], scratch: Path, heads: Mapping[str, str]) -> Compiler:
    """Compiles what belongs to each case of a file into `scratch`."""
    clang = "clang" in subprocess.run([name, "--version"], capture_output=True, text=True, check=True).stdout
    own = [f"-I{folder / 'include'}" for folder in (HERE.parents[1], HERE.parents[2])]  # forks.hpp's, too
    flags = ["-std=c++20", "-fvisibility=hidden", *WARNINGS, *own, *(f"-isystem{path}" for path in includes)]
    flags.append("-fno-caret-diagnostics" if clang else "-fno-diagnostics-show-caret")

    def compiled(file: str) -> tuple[str, ...]:
        common = scratch / f"{file}.hpp"
        common.write_text(heads[file], encoding="utf-8")
        made = common.with_suffix(".hpp.pch" if clang else ".hpp.gch")
        make = [name, *flags, "-x", "c++-header", str(common), "-o", str(made)]
        subprocess.run(make, check=True, timeout=TIME_LIMIT)
        return ("-include-pch", str(made)) if clang else ("-include", str(common))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return Compiler((name, *flags), dict(zip(heads, pool.map(compiled, heads), strict=True)))


def refused(compiler: Compiler, case: Case) -> str | None:
    """Returns the fault of the error for the mistake of a case, or None."""
    lines = case.text.splitlines()
    expected = next(line.removeprefix(EXPECT) for line in lines if line.startswith(EXPECT)).split(" | ")
    done = compiler.run(case.source, case.file, fixed=False)
    errors = [line for line in done.stderr.splitlines() if " error: " in line]
    if done.returncode == 0:
        return "it compiles"
    if len(errors) != 1:
        return "\n    ".join([f"{len(errors)} errors, wanted 1", *errors])
    text = errors[0].split(" error: ", 1)[1]
    if not any(wanted in text for wanted in expected):
        return f"wanted: {' | '.join(expected)}\n    got:    {text}"
    if len(text) > LONGEST:
        return f"an error of {len(text)} characters is too long to read: {text}"
    return None


def all_allowed(compiler: Compiler, cases: Sequence[Case], scratch: Path) -> bool:
    """Whether the fixed programs of each file compile as one without a warning, each in its namespace."""

    def compiles(file: str) -> bool:
        parts = [
            f'namespace {case.name}_ {{\n#include "{case.source}"\n}}  // namespace {case.name}_\n'
            for case in cases
            if case.file == file
        ]
        joined = scratch / f"fixed_{file}.cpp"
        joined.write_text("".join(parts), encoding="utf-8")
        done = compiler.run(joined, file, fixed=True)
        return done.returncode == 0 and not done.stderr.strip()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return all(pool.map(compiles, sorted({case.file for case in cases})))


def allowed(compiler: Compiler, case: Case) -> str | None:
    """Why the fixed program of a case does not compile; None when it does."""
    done = compiler.run(case.source, case.file, fixed=True)
    return done.stderr.strip() if done.returncode or done.stderr.strip() else None


def usable(head: str, includes: list[str]) -> bool:
    """Returns whether the binding library of a file is installed or not needed."""
    found = BINDING.search(head)
    return found is None or any((Path(folder) / found[1]).is_dir() for folder in includes)


def main() -> int:
    """Prints the wrong cases. The exit status is 1 if there are any, 77 without the compiler."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--include", action="append", default=[])
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    options = parser.parse_args()
    if shutil.which(options.compiler) is None:
        print(f"skipped: there is no {options.compiler}")
        return SKIPPED

    options.scratch.mkdir(parents=True, exist_ok=True)
    files = {path.stem: cases_of(path, options.scratch) for path in sorted((HERE / "cases").glob("*.cpp"))}
    heads = {name: head for name, (head, _) in files.items() if usable(head, options.include)}
    wanted = [case for _, cases in files.values() for case in cases if options.only in case.name]
    ready = [case for case in wanted if case.file in heads]
    compiler = prepare(options.compiler, options.include, options.scratch, heads)

    joined = [case for case in ready if "template <>" not in case.text]
    known = set(joined) if all_allowed(compiler, joined, options.scratch) else set()

    def check(case: Case) -> list[str]:
        fixed = None if case in known else allowed(compiler, case)
        found = {"the mistake": refused(compiler, case), "FIXED": fixed}
        return [f"{case.name} of {case.file}.cpp, {which}: {what}\n" for which, what in found.items() if what]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        wrong = [report for reports in pool.map(check, ready) for report in reports]
    print(*wrong, sep="\n", end="")
    print(f"{options.compiler}: {len(ready)} cases, {len(wrong)} wrong")
    if len(ready) < len(wanted):
        print(f"skipped for want of a binding library: {len(wanted) - len(ready)} cases")
    return 1 if wrong or not ready else 0


if __name__ == "__main__":
    sys.exit(main())
