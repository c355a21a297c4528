"""The experiments of `freshframe lab`, whose figures docs/gil.md quotes, kept with machine, commit and date.

Other bindings are measured when examples/fibonacci/build_twins.py finds compiler, pybind11 and cargo.

    ./dev bench lab fibonacci contention --free-threaded PATH_OF_PYTHON

adds the columns of a free-threaded Python, into whose environment freshframe's wheel is installed.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from _measure import RESULTS, provenance

import freshframe as ff
from freshframe._cli.lab import LABS


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="these labs only; the results of others stay"
    )
    parser.add_argument(
        "--free-threaded", metavar="PYTHON", help="a free-threaded Python that has freshframe"
    )
    parser.add_argument("--out", type=Path, default=RESULTS / "lab.json", help="default: %(default)s")
    parser.add_argument("--dry", action="store_true", help="write no result")
    options = parser.parse_args()
    kept = json.loads(options.out.read_text())["labs"] if options.out.exists() else {}
    for name in options.names or LABS:
        load_before = os.getloadavg()[0]
        rows = [rounded(row) for row in rows_of(name, options.free_threaded)]
        print(f"{name}: {rows[-1]['text']}")
        versions = {"python": platform.python_version(), "freshframe": ff.__version__}
        if options.free_threaded:
            versions["free_threaded"] = output_of(
                [options.free_threaded, "-c", "import platform; print(platform.python_version())"]
            ).strip()
        kept[name] = {**provenance(load_before), "versions": versions, "rows": rows}
    if options.dry:
        return
    labs = {name: kept[name] for name in LABS if name in kept}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps({"bench": "lab", "labs": labs}, indent=1) + "\n")
    print(f"written to {options.out}")


def rows_of(name: str, free_threaded: str | None) -> list[dict[str, Any]]:
    """What a lab prints. PYTHONPATH leads to modules of this Python, so the other one starts without it."""
    command = [sys.executable, "-m", "freshframe", "lab", name, "--json"]
    with tempfile.TemporaryDirectory() as folder:
        if free_threaded is not None:
            program = Path(folder) / "python"
            program.write_text(f'#!/bin/sh\nunset PYTHONPATH\nexec {shlex.quote(free_threaded)} "$@"\n')
            program.chmod(0o755)
            command += ["--free-threaded", str(program)]
        return [json.loads(line) for line in output_of(command).splitlines()]


def output_of(command: list[str]) -> str:
    """The command's output on stdout."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def rounded(record: dict[str, Any]) -> dict[str, Any]:
    """Five digits; messages of compilers lose the folders of this machine, and all but their first lines."""
    result: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, float):
            result[key] = float(f"{value:.5g}")
        elif key == "message" and value:
            wrong = next((line for line in value.splitlines() if "rror" in line), value)
            result[key] = wrong[wrong.find("freshframe/gil.hpp") :] if "gil.hpp" in wrong else wrong
        else:
            result[key] = value
    return result


if __name__ == "__main__":
    main()
