"""Runs report.py on this machine's card, or on a simulated card, or packs it for another machine.

Without arguments the report is build/gpu/report.jsonl. ``--pack FOLDER`` makes a folder for a machine
without a network: the wheel of dist/, the clips, report.py, and run.sh.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from clips import make

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
WORK = ROOT / "build" / "gpu"
MOST_BYTES = 25 * 2**20
RUN = """#!/bin/sh
# Decodes the clips on the card and on the processor, and writes report.jsonl. It wants Python 3.12 or newer
# with NumPy, and installs nothing: the wheel is unpacked beside it.
cd "$(dirname "$0")" || exit 1
[ -d site ] || python3 -m zipfile -e freshframe-*.whl site || exit 1
PYTHONPATH=$PWD/site python3 report.py clips "$@" | tee report.jsonl
"""


def on_this_machine() -> int:
    """Runs every step. With a simulated card they are short."""
    make(WORK / "clips")
    settings = dict(os.environ)
    if not Path("/dev/nvidiactl").exists():
        sys.path.insert(0, str(ROOT / "tests/python"))
        from rigs.card import build  # noqa: PLC0415

        fake = WORK / "card"
        fake.mkdir(exist_ok=True)
        build(fake)
        print("this machine has no card: a simulated card decodes, which can show no speed")
        settings |= {"LD_LIBRARY_PATH": str(fake), "REPORT_PAINTED": "1"}
        settings = {"REPORT_SECONDS": "1", "REPORT_CAMERAS": "2", **settings}
    with (WORK / "report.jsonl").open("w") as report:
        program = [sys.executable, str(HERE / "report.py"), str(WORK / "clips")]
        with subprocess.Popen(program, env=settings, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                print(line, end="", flush=True)
                report.write(line)
    return process.returncode


def pack(folder: Path) -> int:
    """Makes the folder for another machine."""
    wheels = sorted((ROOT / "dist").glob("freshframe-*-cp312-abi3-*_x86_64.whl"))
    if not wheels:
        print("dist/ has no wheel for Python 3.12 and newer: ./dev wheel --python python3.12 makes one")
        return 1
    make(folder / "clips")
    shutil.copy(wheels[-1], folder)
    shutil.copy(HERE / "report.py", folder)
    (folder / "run.sh").write_text(RUN)
    (folder / "run.sh").chmod(0o755)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: {size / 2**20:.1f} MiB; run.sh there runs all steps")
    if size > MOST_BYTES:
        print(f"at most {MOST_BYTES / 2**20:.0f} MiB are wanted")
    return int(size > MOST_BYTES)


def main() -> int:
    """Runs the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pack", type=Path, metavar="FOLDER", help="make a folder for another machine")
    options = parser.parse_args()
    return on_this_machine() if options.pack is None else pack(options.pack)


if __name__ == "__main__":
    sys.exit(main())
