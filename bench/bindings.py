"""What binding one function costs with nanobind, pybind11, PyO3 and Cython: set-up, build, size, calls.

The function is that of examples/fibonacci. Each build begins with an empty cache, but crates that cargo has
fetched before are not fetched again. A call of fibonacci(0) does nothing but cross the border.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib
import importlib.util
import re
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from _measure import ROOT, Result, Row, arguments, median, quantile, take_turns

EXAMPLE = ROOT / "examples" / "fibonacci"
CRATE = ROOT / "bench" / "pyo3"
CALLS = 20_000  # per time that is taken
NAMES = {"nanobind": "gil.hpp on nanobind", "pybind11": "pybind11", "pyo3": "PyO3", "cython": "Cython"}
# What a project of one module has beside the C++ function itself.
FILES = {
    "nanobind": (
        EXAMPLE / "src/fibonacci_nanobind.cpp",
        EXAMPLE / "CMakeLists.txt",
        EXAMPLE / "pyproject.toml",
    ),
    "pybind11": (
        EXAMPLE / "src/fibonacci_pybind11.cpp",
        EXAMPLE / "CMakeLists.txt",
        EXAMPLE / "pyproject.toml",
    ),
    "pyo3": (CRATE / "src/lib.rs", CRATE / "Cargo.toml", CRATE / "pyproject.toml"),
    "cython": (EXAMPLE / "src/fibonacci_cython.pyx",),
}


def build_seconds(binding: str) -> float:
    """Seconds of build_twins.py into an empty folder."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, str(EXAMPLE / "build_twins.py"), binding, "--cache", cache]
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.perf_counter() - began


def module_of(binding: str) -> tuple[ModuleType, Path]:
    """The module of the twin, built if it is not in the cache, and its file."""
    spec = importlib.util.spec_from_file_location("build_twins", EXAMPLE / "build_twins.py")
    assert spec is not None
    assert spec.loader is not None
    builder = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(builder)
    folder = builder.build(binding)
    sys.path.insert(0, str(folder))
    module = importlib.import_module(f"fibonacci_{binding}")
    return module, Path(str(module.__file__))


def lines_of_code(file: Path) -> int:
    """Lines that are neither empty nor a comment."""
    lines = (line.strip() for line in file.read_text(encoding="utf-8").splitlines())
    return sum(1 for line in lines if line and not re.match(r"//|#(?!include|\[)", line))


def ns_per_call(module: ModuleType, release: bool) -> Callable[[], float]:
    """Nanoseconds of one fibonacci(0, release)."""
    timer = timeit.Timer("call(0, release)", globals={"call": module.fibonacci, "release": release})
    return lambda: 1e9 * timer.timeit(CALLS) / CALLS


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "bindings", rounds=15)
    modules = {binding: module_of(binding) for binding in NAMES}
    calls = take_turns(
        {
            f"{binding} {how}": ns_per_call(module, how == "released")
            for binding, (module, _) in modules.items()
            for how in ("held", "released")
        },
        options.rounds,
    )
    builds = take_turns({binding: partial(build_seconds, binding) for binding in NAMES}, 3)
    versions = {
        name: importlib.import_module(name).__version__ for name in ("nanobind", "pybind11", "Cython")
    }
    lock = (CRATE / "Cargo.lock").read_text(encoding="utf-8")
    (versions["pyo3"],) = re.findall(r'name = "pyo3"\nversion = "([^"]+)"', lock)
    result = Result("bindings", "one module, one function", {"rounds": options.rounds}, versions)
    for binding, name in NAMES.items():
        figures: dict[str, Any] = {
            "files": len(FILES[binding]),
            "lines": sum(lines_of_code(file) for file in FILES[binding]),
            "build_s": median(builds[binding]),
            "module_kb": modules[binding][1].stat().st_size / 1e3,
        }
        for how in ("held", "released"):
            times = calls[f"{binding} {how}"]
            figures |= {f"{how}_ns": median(times), f"{how}_ns_p99": quantile(times, 0.99)}
        result.add(Row(name, figures))
    result.keep(options.out)


if __name__ == "__main__":
    main()
