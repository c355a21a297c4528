"""A second release of the GIL kills the process or does not compile. A second acquire is harmless."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import freshframe as ff

from .measure import Bench
from .table import Record, Table
from .twins import Twins

_TIME_LIMIT = 60  # seconds for the child, which dies at once
_COMPILER_LIMIT = 600.0  # seconds; on a busy machine it takes minutes
_SHOWN = 3  # lines of what was printed
_NO_CORE = "import resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))"  # the process dies on purpose
_REFUSAL = "already released"  # in the message of freshframe/gil.hpp
_SOURCE = """#include <freshframe/gil.hpp>
namespace gil = freshframe::gil;
void let_go_twice(gil::Held& held) {
  gil::release(held, [](gil::Released& released) { gil::release(released, [] {}); });
}
"""


@dataclass(frozen=True, slots=True)
class End:
    """The result for one binding: the printed `message`, or in `missing` why it could not be tried."""

    how: str
    message: str = ""
    missing: str = ""
    exit_code: int | None = None


def table(bench: Bench, twins: Twins) -> tuple[Table, list[str]]:
    """Tries all four. Returns the table and the printed messages."""
    bench.say("releasing the GIL twice, in child processes and compilers ...")
    ends = {
        "nanobind": _dies(twins, "nanobind", "fibonacci_nanobind"),
        "pybind11": _dies(twins, "pybind11", "fibonacci_pybind11"),
        "PyO3": _refused(twins, "PyO3", "pyo3"),
        "freshframe/gil.hpp": _refused_ours(),
    }
    again = {name: _acquired_twice(twins, name) for name in ends} | {"freshframe/gil.hpp": "compile error"}
    cells = [[name, end.how or "not shown", _first(end), again[name]] for name, end in ends.items()]
    records: list[Record] = [
        {
            "binding": name,
            "ends": end.how or None,
            "exit_code": end.exit_code,
            "message": end.message or None,
            "missing": end.missing or None,
            "acquired_twice": again[name],
        }
        for name, end in ends.items()
    ]
    printed = []
    for name, end in ends.items():
        if end.message:
            printed += [f"{name}:", *(f"    {line}" for line in _excerpt(end.message))]
    title = "The GIL released twice by one thread, and acquired by a thread that holds it"
    headings = ("binding", "ends", "because", "acquired twice")
    return Table("double release", title, headings, cells, records, left=4), printed


def _acquired_twice(twins: Twins, name: str) -> str:
    """A guard that finds the GIL held only counts, so this process can try it."""
    if name not in twins.modules:
        return "not shown"
    return "harmless" if twins.modules[name].double_acquire() else "fails"


def _first(end: End) -> str:
    if end.missing:
        return end.missing.splitlines()[0]
    return {"process dies": f"the C API ends it: exit code {end.exit_code}"}.get(end.how, "see below")


def _excerpt(message: str) -> list[str]:
    """The first lines, beginning with the line that has the error."""
    lines = [line for line in message.splitlines() if line.strip()]
    begin = next((n for n, line in enumerate(lines) if "rror" in line), 0)
    shown = lines[begin : begin + _SHOWN]
    rest = len(lines) - begin - len(shown)
    return [*shown, f"... and {rest} more lines"] if rest > 0 else shown


def _dies(twins: Twins, name: str, module: str) -> End:
    if name not in twins.modules:
        return End("", missing=twins.missing[name])
    folder = str(Path(twins.modules[name].__file__).parent)
    code = f"import sys; sys.path.insert(0, {folder!r}); import {module}; {module}.double_release()"
    try:
        child = subprocess.run(
            [sys.executable, "-X", "faulthandler=0", "-c", f"{_NO_CORE}; {code}"],
            capture_output=True,
            text=True,
            timeout=_TIME_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return End("hangs", f"it had not ended after {_TIME_LIMIT} s")
    if child.returncode > 0:
        said = child.stderr.strip().splitlines() or [f"exit code {child.returncode}"]
        return End("", missing=f"the child process failed before the second release: {said[-1]}")
    if child.returncode == 0:
        return End("survives", child.stderr, exit_code=0)
    killed = signal.Signals(-child.returncode).name
    return End("process dies", f"{child.stderr.strip()}\n({killed})", exit_code=128 - child.returncode)


def _refused(twins: Twins, name: str, key: str) -> End:
    if name in twins.missing:
        return End("", missing=twins.missing[name])
    if twins.builder is None:
        return End("", missing="the crate is in freshframe's repository, under bench/pyo3")
    try:
        return End("compile error", twins.builder.refusal(key))
    except twins.builder.BuildError as error:
        return End("", missing=str(error).strip())


def _refused_ours() -> End:
    names = [os.environ["CXX"]] if os.environ.get("CXX") else ["c++", "g++", "clang++"]
    compiler = next((found for name in names if (found := shutil.which(name))), None)
    if compiler is None:
        tried = ", ".join(names)
        return End(
            "", missing=f"no C++ compiler was found ({tried}); on Debian: apt-get install g++, or set CXX"
        )
    try:
        ours = ff.native.get_include()
    except FileNotFoundError as error:
        return End("", missing=str(error))
    include = sysconfig.get_path("include")
    if not (Path(include) / "Python.h").exists():
        return End("", missing=f"Python.h is not in {include}; on Debian: apt-get install python3-dev")
    command = [
        compiler,
        "-std=c++20",
        "-fsyntax-only",
        "-x",
        "c++",
        f"-I{include}",
        f"-I{ours}",
        "-",
    ]
    try:
        done = subprocess.run(
            command, input=_SOURCE, capture_output=True, text=True, timeout=_COMPILER_LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        return End("", missing=f"{compiler} had not ended after {_COMPILER_LIMIT:g} s")
    if done.returncode and _REFUSAL not in done.stderr:
        return End("", missing=f"{compiler} failed for another reason: {' '.join(_excerpt(done.stderr))}")
    return End("compile error" if done.returncode else "compiles", done.stderr, exit_code=done.returncode)
