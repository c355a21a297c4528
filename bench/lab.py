"""The experiments of `freshframe lab`, whose figures docs/gil.md quotes, kept with machine, commit and date.

Other bindings are measured when examples/fibonacci/build_twins.py finds compiler, pybind11 and cargo.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from typing import Any

from _measure import arguments, provenance

import freshframe as ff
from freshframe._cli.lab import LABS


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "lab")
    load_before = os.getloadavg()[0]
    rows: list[dict[str, Any]] = []
    for name in LABS:
        command = [sys.executable, "-m", "freshframe", "lab", name, "--json"]
        lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
        rows += [rounded(json.loads(line)) for line in lines]
    for row in rows:
        if row["table"] == "meaning":
            print(f"{row['lab']}: {row['text']}")
    if options.out is None:
        return
    document = {
        "bench": "lab",
        **provenance(load_before),
        "versions": {"python": platform.python_version(), "freshframe": ff.__version__},
        "rows": rows,
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(document, indent=1) + "\n")
    print(f"written to {options.out}")


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
