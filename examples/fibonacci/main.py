"""Runs two Fibonacci calls on two threads in three bindings: which of them overlap, and a double release.

Install it as README.md says. With --build, missing modules are built into a cache folder; PyO3 needs cargo.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import importlib
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from threading import Thread
from types import ModuleType
from typing import NamedTuple

import build_twins

BINDINGS = {"nanobind": "gil.hpp, nanobind", "pybind11": "pybind11", "pyo3": "PyO3", "cython": "Cython"}
TO_INSTALL = {
    "nanobind": "pip install . or run with --build",
    "pybind11": "pip install pybind11, then pip install . again or run with --build",
    "pyo3": "install cargo, then run with --build or pip install ../../bench/pyo3",
    "cython": "pip install Cython, then run with --build",
}
# The calls of each pattern, in the order in which the threads start: True for a call that releases the GIL.
PATTERNS = {
    "gil": [False],
    "nogil": [True],
    "gil + gil": [False, False],
    "nogil, then gil": [True, False],
    "gil, then nogil": [False, True],
    "nogil + nogil": [True, True],
}


def load(binding: str, build: bool) -> ModuleType | str:
    """Returns the binding's module, or a string that says how to get it."""
    try:
        return importlib.import_module(f"fibonacci_{binding}")
    except ModuleNotFoundError:
        if not build:
            return TO_INSTALL[binding]
    try:
        sys.path.append(str(build_twins.build(binding)))
    except build_twins.BuildError as error:
        return str(error)
    return importlib.import_module(f"fibonacci_{binding}")


class Times(NamedTuple):
    """Wall-clock time, and CPU time of all threads, both in seconds."""

    wall: float
    cpu: float


def times(fibonacci: Callable[[int, bool], int], n: int, releases: list[bool]) -> Times:
    """Starts the threads one after the other, and measures until all have ended."""
    threads = [Thread(target=fibonacci, args=(n, release)) for release in releases]
    cpu, wall = time.process_time(), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Times(time.perf_counter() - wall, time.process_time() - cpu)


def measure(modules: dict[str, ModuleType], n: int, repeats: int) -> dict[str, dict[str, Times]]:
    """Returns the medians by binding and pattern.

    The bindings alternate, so that a slow moment affects all of them.
    """
    runs: dict[str, dict[str, list[Times]]] = {b: {p: [] for p in PATTERNS} for b in modules}
    for _ in range(repeats):
        for pattern, releases in PATTERNS.items():
            for binding, module in modules.items():
                runs[binding][pattern].append(times(module.fibonacci, n, releases))
    return {
        binding: {
            pattern: Times(*(statistics.median(column) for column in zip(*found, strict=True)))
            for pattern, found in patterns.items()
        }
        for binding, patterns in runs.items()
    }


def print_table(medians: dict[str, dict[str, Times]]) -> None:
    """Prints the times relative to one call that holds the GIL, per binding, and the effect of the order."""
    print("wall (processor) time / one call".ljust(34) + "".join(f"{BINDINGS[b]:>20}" for b in medians))
    for pattern in PATTERNS:
        cells = [_relative(found[pattern], found["gil"]) for found in medians.values()]
        print(f"  {pattern:<32}" + "".join(f"{cell:>20}" for cell in cells))
    print()
    for binding, found in medians.items():
        late = found["gil, then nogil"].wall / found["nogil, then gil"].wall
        print(
            f"{BINDINGS[binding]}: the same two calls take {late:.2f} times as long when the one with the GIL"
            " starts first"
        )
    if len(os.sched_getaffinity(0)) == 1:
        print("There is one processor here: calls that overlap still share it, so no ratio can come near 1.")


def _relative(found: Times, one: Times) -> str:
    return f"{found.wall / one.wall:.2f} ({found.cpu / one.cpu:.2f})"


def end_of(module: ModuleType) -> str:
    """Describes how a process ends that calls the module's double_release()."""
    folder = os.path.dirname(str(module.__file__))
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n"  # no core file
        f"sys.path.append({folder!r}); import {module.__name__} as m; m.double_release()"
    )
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    how = signal.Signals(-ended.returncode).name if ended.returncode < 0 else f"status {ended.returncode}"
    # Since 3.13, CPython does not check for a thread state: it crashes without a message.
    said = f":\n{ended.stderr}" if ended.stderr else ", without a message\n"
    return f"the process ended with {how}{said}"


def print_double_release(modules: dict[str, ModuleType], build: bool) -> None:
    """Prints what happens to a function that releases the GIL twice."""
    if "pybind11" in modules:
        print(f"pybind11's py::gil_scoped_release twice: {end_of(modules['pybind11'])}")
    if "nanobind" in modules:
        print(f"nanobind's nb::gil_scoped_release twice: {end_of(modules['nanobind'])}")
    acquired = {"pybind11": "gil_scoped_acquire", "nanobind": "gil_scoped_acquire", "pyo3": "Python::attach"}
    for binding, guard in acquired.items():
        if binding in modules and modules[binding].double_acquire():
            print(f"{BINDINGS[binding]}: {guard} twice is harmless\n")
    refused = {"freshframe": "gil::release twice (double_release.cpp)"}
    if build:
        refused["pyo3"] = "PyO3's detach twice (../../bench/pyo3/src/double_release.rs)"
    for binding, what in refused.items():
        print(f"{what}: {what_the_compiler_says(binding)}")


def what_the_compiler_says(binding: str) -> str:
    """Returns the compiler's error for a second release, or why it cannot be shown."""
    try:
        return f"does not compile:\n{build_twins.refusal(binding)}"
    except build_twins.BuildError as error:
        return f"cannot be shown: {error}\n"


def main() -> int:
    """Prints the table and the double release. The exit status is 1 if no binding is installed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--n", type=int, default=200_000_000, help="the number to compute (default: %(default)s)"
    )
    parser.add_argument("--repeats", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--build", action="store_true", help="build missing twins with build_twins.py")
    options = parser.parse_args()
    found = {binding: load(binding, options.build) for binding in BINDINGS}
    modules = {binding: module for binding, module in found.items() if isinstance(module, ModuleType)}
    if modules:
        print_table(measure(modules, options.n, options.repeats))
        print()
    for binding, module in found.items():
        if isinstance(module, str):
            print(f"{BINDINGS[binding]} is missing: {module}\n")
    print_double_release(modules, options.build)
    return 0 if modules else 1


if __name__ == "__main__":
    sys.exit(main())
