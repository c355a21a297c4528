#!/usr/bin/env python3
"""Compiles every file in cases/ twice: as it is, with its mistake, and with FIXED defined.

The mistake must give exactly one error line, with the text that the file's `// expect:` line names (`A | B`:
one of them). The fixed program must compile without a warning. The headers of Python and of the binding
libraries are precompiled, so a file takes a fraction of a second.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
SKIPPED = 77  # what ctest counts as skipped
TIME_LIMIT = 300  # seconds for one file, on a busy machine
LONGEST = 600  # characters of an error that can still be read
EXPECT = "// expect: "
BINDING = re.compile("<(nanobind|pybind11)/")
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wno-unused-function")


@dataclass(frozen=True)
class Compiler:
    """A compiler with its flags, and the headers that it has compiled beforehand."""

    command: tuple[str, ...]
    plain: tuple[str, ...]
    bindings: tuple[str, ...]

    def run(self, source: Path, *, fixed: bool) -> subprocess.CompletedProcess[str]:
        """Checks one file without writing an object file."""
        ready = self.bindings if BINDING.search(source.read_text(encoding="utf-8")) else self.plain
        return subprocess.run(
            [*self.command, *ready, *(["-DFIXED"] if fixed else []), "-fsyntax-only", str(source)],
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )


def prepare(name: str, includes: list[str], scratch: Path) -> Compiler:
    """Compiles the common headers into `scratch`: without the binding libraries, and with them."""
    clang = "clang" in subprocess.run([name, "--version"], capture_output=True, text=True, check=True).stdout
    own = f"-I{HERE.parents[1] / 'include'}"
    flags = ["-std=c++20", "-fvisibility=hidden", *WARNINGS, own, *(f"-isystem{path}" for path in includes)]
    flags.append("-fno-caret-diagnostics" if clang else "-fno-diagnostics-show-caret")
    scratch.mkdir(parents=True, exist_ok=True)

    def compiled(kind: str, headers: list[str]) -> tuple[str, ...]:
        common = scratch / f"{kind}.hpp"
        common.write_text("".join(f"#include <{header}>\n" for header in headers), encoding="utf-8")
        made = scratch / f"{kind}.hpp.{'pch' if clang else 'gch'}"
        make = [name, *flags, "-x", "c++-header", str(common), "-o", str(made)]
        subprocess.run(make, check=True, timeout=TIME_LIMIT)
        return ("-include-pch", str(made)) if clang else ("-include", str(common))

    plain = ["freshframe/gil.hpp"]
    wanted = ("nanobind/nanobind.h", "nanobind/ndarray.h", "pybind11/pybind11.h", "pybind11/numpy.h")
    found = [header for header in wanted if any((Path(folder) / header).is_file() for folder in includes)]
    return Compiler((name, *flags), compiled("plain", plain), compiled("bindings", plain + found))


def refused(compiler: Compiler, source: Path) -> str | None:
    """What is wrong with the error for the mistake in `source`; None when nothing is."""
    lines = source.read_text(encoding="utf-8").splitlines()
    expected = next(line.removeprefix(EXPECT) for line in lines if line.startswith(EXPECT)).split(" | ")
    done = compiler.run(source, fixed=False)
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


def allowed(compiler: Compiler, source: Path) -> str | None:
    """Why the fixed program of `source` does not compile; None when it does."""
    done = compiler.run(source, fixed=True)
    return done.stderr.strip() if done.returncode or done.stderr.strip() else None


def usable(source: Path, includes: list[str]) -> bool:
    """Whether the binding library that a file includes is installed."""
    wanted = set(BINDING.findall(source.read_text(encoding="utf-8")))
    return all(any((Path(folder) / name).is_dir() for folder in includes) for name in wanted)


def main() -> int:
    """Prints the wrong cases. The exit status is 1 if there are any, 77 without the compiler."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compiler", required=True)
    parser.add_argument("--include", action="append", default=[])
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--only", default="", help="files whose name contains this")
    options = parser.parse_args()
    if shutil.which(options.compiler) is None:
        print(f"skipped: there is no {options.compiler}")
        return SKIPPED

    sources = sorted(path for path in (HERE / "cases").glob("*.cpp") if options.only in path.name)
    ready = [path for path in sources if usable(path, options.include)]
    compiler = prepare(options.compiler, options.include, options.scratch)

    def check(source: Path) -> list[str]:
        found = {"the mistake": refused(compiler, source), "FIXED": allowed(compiler, source)}
        return [f"{source.relative_to(HERE)}, {which}: {what}\n" for which, what in found.items() if what]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        wrong = [report for reports in pool.map(check, ready) for report in reports]
    print(*wrong, sep="\n", end="")
    print(f"{options.compiler}: {len(ready)} cases, {len(wrong)} wrong")
    if len(ready) < len(sources):
        print(f"skipped for want of a binding library: {len(sources) - len(ready)} files")
    return 1 if wrong or not ready else 0


if __name__ == "__main__":
    sys.exit(main())
