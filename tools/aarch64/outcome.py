"""Prints what run.sh found, from the logs in build/aarch64, as one line of JSON for ./dev platforms."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import re
import sys
from pathlib import Path


def cpp(results: Path) -> str:
    """Returns the counts in GoogleTest's report, which exists only if the program finished."""
    if not results.exists():
        return "did not finish: failed"
    found = {"passed": 0, "failed": 0, "skipped": 0}
    for suite in json.loads(results.read_text())["testsuites"]:
        for test in suite["testsuite"]:
            if test["status"] == "RUN":
                skipped = test["result"] == "SKIPPED"
                found["failed" if "failures" in test else "skipped" if skipped else "passed"] += 1
    return ", ".join(f"{count} {word}" for word, count in found.items() if count)


def python(log: str) -> str:
    """Returns the counts in pytest's last line."""
    found = re.findall(r"^((?:\d+ [a-z]+(?:, )?)+) in [0-9.:]+s", log, re.MULTILINE)
    return found[-1] if found else "did not finish: failed"


def main() -> None:
    """outcome.py FOLDER LEFT_OUT EMBEDDED_STATUS COMPILER AVCODEC PYTHON NUMPY."""
    folder, left_out, embedded, compiler, avcodec, version, numpy = sys.argv[1:]
    notes = [
        "cross-compiled, run under `qemu-aarch64`",
        f"left out: {left_out}",
        f"threads of an embedded Python: {'passed' if embedded == '0' else 'failed'}",
    ]
    row = {
        "python": version,
        "numpy": numpy,
        "compiler": compiler,
        "avcodec": avcodec,
        "c++ tests": cpp(Path(folder, "cpp.json")),
        "python tests": python(Path(folder, "python.log").read_text()),
        "notes": "; ".join(notes),
    }
    print(f"row {json.dumps(row)}")


if __name__ == "__main__":
    main()
