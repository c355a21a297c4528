#!/usr/bin/env python3
"""Compiles every file in cases/ twice: as it is, with its mistake, and with FIXED defined.

The mistake must give exactly one error line, with the text that the file's `// expect:` line names (`A | B`:
one of them). The fixed program must compile without a warning. The headers of Python and of each binding
library are precompiled, so a file takes a fraction of a second. With nanobind and pybind11 in one precompiled
header each file would take a second: g++ and clang instantiate the templates of pybind11 once more in each.
The fixed programs are compiled all in one, and one by one only if there is something to say about them or if
they specialise a template of the header, which has to be done outside of any namespace.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
SKIPPED = 77  # what ctest counts as skipped
TIME_LIMIT = 300  # seconds for one file, on a busy machine
LONGEST = 600  # characters of an error that can still be read
EXPECT = "// expect: "
BINDING = re.compile("<(nanobind|pybind11)/")
HEADERS = {
    "": (),
    "nanobind": ("nanobind/nanobind.h", "nanobind/ndarray.h"),
    "pybind11": ("pybind11/pybind11.h", "pybind11/numpy.h"),
}
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wno-unused-function")


@dataclass(frozen=True)
class Compiler:
    """A compiler with its flags, and the options that include what is precompiled for a binding library."""

    command: tuple[str, ...]
    ready: Mapping[str, tuple[str, ...]]

    def run(self, source: Path, binding: str, *, fixed: bool) -> subprocess.CompletedProcess[str]:
        """Checks one file without writing an object file."""
        return subprocess.run(
            [
                *self.command,
                *self.ready[binding],
                *(["-DFIXED"] if fixed else []),
                "-fsyntax-only",
                str(source),
            ],
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )


def binding_of(source: Path) -> str:
    """The binding library that a file includes: `nanobind`, `pybind11` or none."""
    found = BINDING.search(source.read_text(encoding="utf-8"))
    return found.group(1) if found else ""


def prepare(name: str, includes: list[str], scratch: Path, bindings: Collection[str]) -> Compiler:
    """Compiles the common headers into `scratch`, once for each of `bindings`."""
    clang = "clang" in subprocess.run([name, "--version"], capture_output=True, text=True, check=True).stdout
    own = f"-I{HERE.parents[1] / 'include'}"
    flags = ["-std=c++20", "-fvisibility=hidden", *WARNINGS, own, *(f"-isystem{path}" for path in includes)]
    flags.append("-fno-caret-diagnostics" if clang else "-fno-diagnostics-show-caret")
    scratch.mkdir(parents=True, exist_ok=True)

    def compiled(binding: str) -> tuple[str, ...]:
        common = scratch / f"{binding or 'plain'}.hpp"
        headers = ("freshframe/gil.hpp", *HEADERS[binding])
        common.write_text("".join(f"#include <{header}>\n" for header in headers), encoding="utf-8")
        made = common.with_suffix(".hpp.pch" if clang else ".hpp.gch")
        make = [name, *flags, "-x", "c++-header", str(common), "-o", str(made)]
        subprocess.run(make, check=True, timeout=TIME_LIMIT)
        return ("-include-pch", str(made)) if clang else ("-include", str(common))

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return Compiler((name, *flags), dict(zip(bindings, pool.map(compiled, bindings), strict=True)))


def refused(compiler: Compiler, source: Path) -> str | None:
    """What is wrong with the error for the mistake in `source`; None when nothing is."""
    lines = source.read_text(encoding="utf-8").splitlines()
    expected = next(line.removeprefix(EXPECT) for line in lines if line.startswith(EXPECT)).split(" | ")
    done = compiler.run(source, binding_of(source), fixed=False)
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


def all_allowed(compiler: Compiler, sources: Sequence[Path], scratch: Path) -> bool:
    """Whether the fixed programs compile without a warning as one, each in a namespace of its own."""
    by_binding: dict[str, list[Path]] = {}
    for source in sources:
        by_binding.setdefault(binding_of(source), []).append(source)

    def compiles(binding: str) -> bool:
        texts = [source.read_text(encoding="utf-8") for source in by_binding[binding]]
        lines = [line for text in texts for line in text.splitlines()]
        headers = sorted({line for line in lines if line.startswith("#include ")})
        parts = [
            f'namespace {source.stem}_ {{\n#include "{source}"\n}}  // namespace {source.stem}_'
            for source in by_binding[binding]
        ]
        joined = scratch / f"fixed_{binding or 'plain'}.cpp"
        joined.write_text("\n".join([*headers, *parts, ""]), encoding="utf-8")
        done = compiler.run(joined, binding, fixed=True)
        return done.returncode == 0 and not done.stderr.strip()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return all(pool.map(compiles, by_binding))


def allowed(compiler: Compiler, source: Path) -> str | None:
    """Why the fixed program of `source` does not compile; None when it does."""
    done = compiler.run(source, binding_of(source), fixed=True)
    return done.stderr.strip() if done.returncode or done.stderr.strip() else None


def usable(binding: str, includes: list[str]) -> bool:
    """Whether a binding library is installed, or none is needed."""
    return not binding or any((Path(folder) / binding).is_dir() for folder in includes)


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
    ready = [path for path in sources if usable(binding_of(path), options.include)]
    bindings = sorted({binding_of(path) for path in ready})
    compiler = prepare(options.compiler, options.include, options.scratch, bindings)

    joined = [path for path in ready if "template <>" not in path.read_text(encoding="utf-8")]
    known = set(joined) if all_allowed(compiler, joined, options.scratch) else set()

    def check(source: Path) -> list[str]:
        fixed = None if source in known else allowed(compiler, source)
        found = {"the mistake": refused(compiler, source), "FIXED": fixed}
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
