#!/usr/bin/env python3
"""Fails if a module for the stable ABI imports a symbol outside it, which may be missing in another version.

    tools/check_stable_abi.py dist/freshframe-0.1.0-cp312-abi3-*.whl
    tools/check_stable_abi.py python/freshframe/_native.abi3.so

A module for the stable ABI has a name that ends with `.abi3.so`. Others are ignored.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

OLDEST = (3, 12)  # the version that cmake/python.cmake compiles for
OF_PYTHON = re.compile(r"_?Py[A-Z_]\w*")
ENDING = ".abi3.so"


def stable_symbols() -> dict[str, tuple[int, int]]:
    """Returns the symbols of the stable ABI, each with the version that added it."""
    import abi3info  # noqa: PLC0415  (of the groups `test` and `wheel`)

    return {
        symbol.name: (entry.added.major, entry.added.minor)
        for table in (abi3info.FUNCTIONS, abi3info.DATAS)
        for symbol, entry in table.items()
    }


def outside(symbols: Iterable[str], stable: dict[str, tuple[int, int]]) -> list[str]:
    """Returns the Python symbols that CPython 3.12 does not guarantee for later versions."""
    return sorted(name for name in symbols if OF_PYTHON.fullmatch(name) and stable.get(name, (9, 9)) > OLDEST)


def imported(module: Path) -> set[str]:
    """Returns the names that a module imports."""
    said = subprocess.run(
        ["nm", "-D", "--undefined-only", str(module)], check=True, capture_output=True, text=True
    ).stdout
    return {line.split()[-1].partition("@")[0] for line in said.splitlines()}


def find_modules(path: Path, folder: Path) -> Iterator[Path]:
    """Yields the modules for the stable ABI in a wheel, or the given one."""
    if path.suffix != ".whl":
        if path.name.endswith(ENDING):
            yield path
        return
    with zipfile.ZipFile(path) as wheel:
        names = [name for name in wheel.namelist() if re.fullmatch(r"freshframe/_\w+\..*so", name)]
        others = [name for name in names if not name.endswith(ENDING)]
        if "-abi3-" in path.name and (others or not names):
            found = ", ".join(others) or "none"
            raise SystemExit(f"check_stable_abi: {path.name} must have modules {ENDING}; got {found}")
        for name in names:
            if name.endswith(ENDING):
                yield Path(wheel.extract(name, folder))


def main() -> int:
    """Prints a line for each module. The exit status is 1 if one is rejected."""
    stable = stable_symbols()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for module in (each for path in sys.argv[1:] for each in find_modules(Path(path), Path(folder))):
            symbols = imported(module)
            found = outside(symbols, stable)
            failed |= bool(found)
            count = sum(OF_PYTHON.fullmatch(name) is not None for name in symbols)
            verdict = f"imports {', '.join(found)}" if found else f"{count} symbols of Python, all stable"
            print(f"check_stable_abi: {module.name}: {verdict}", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
