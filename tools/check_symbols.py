#!/usr/bin/env python3
"""Fails if an archive of the engine refers to a symbol of Python: its threads could then hold the GIL."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import re
import subprocess
import sys

PYTHON = re.compile(r"_?Py[A-Z_]\w*")


def undefined_symbols(nm: str, archive: str) -> set[str]:
    """Returns the names that the archive leaves undefined."""
    output = subprocess.run([nm, "-u", archive], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1] for line in output.splitlines() if line.split()[:1] in (["U"], ["w"], ["v"])}


def main() -> int:
    """Prints the findings. The exit status is 1 if an archive refers to Python, or cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nm", default="nm", help="the program that lists symbols")
    parser.add_argument("archives", nargs="+")
    options = parser.parse_args()
    failed = False
    for archive in options.archives:
        symbols = undefined_symbols(options.nm, archive)
        wanted = sorted(name for name in symbols if PYTHON.fullmatch(name))
        failed |= bool(wanted) or not symbols
        verdict = (
            f"refers to {', '.join(wanted)}"
            if wanted
            else f"{len(symbols)} undefined symbols, none of Python"
        )
        print(f"check_symbols: {archive}: {verdict}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
