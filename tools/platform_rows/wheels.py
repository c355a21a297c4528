"""Tests the wheel in dist/ the way that users install it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import platform
import subprocess
import time
from collections.abc import Mapping, Sequence

from platform_rows.pythons import environment, make_folder, packages, remarks, side_by_side
from platform_rows.row import AARCH64, ROOT, Row, counts, facts, logged, minutes_since, read_facts
from platform_rows.systems import ON_AARCH64

ON_WHEEL_AARCH64 = ON_AARCH64[1:]  # the tests of the header need modules of a build


def run_wheel(name: str, arguments: Sequence[str]) -> Row:
    """Runs the Python tests against the wheel in dist/ for one Python, in its own environment."""
    folder, python = make_folder(name), environment(name)
    left_out = packages(name, python)
    tag = make_tag(name)
    wheels = sorted(
        (ROOT / "dist").glob(f"freshframe-*-{tag}-manylinux*_{platform.machine()}.whl"),
        key=lambda path: path.stat().st_mtime,
    )
    if not wheels:
        raise SystemExit(
            f"platforms.py: dist/ has no wheel for {name}; ./dev wheel --python PYTHON makes one"
        )
    began = time.monotonic()
    with side_by_side() as options:
        command = ["tools/wheel/suite.sh", str(wheels[-1]), "-q", *(arguments or options)]
        lines = logged(command, folder / "wheel.log", {"TESTS_ENVIRONMENT": str(python.parents[1])})
    notes = [f"`{wheels[-1].name}`", *remarks(left_out, arguments)]
    return {
        **facts(python),
        "avcodec": "the wheel's",
        "c++ tests": "",
        "python tests": counts(lines),
        "minutes": minutes_since(began),
        "notes": "; ".join(notes),
    }


def make_tag(name: str) -> str:
    """Returns the tag of the wheel for a Python such as 3.13 or 3.14t."""
    if not name.endswith("t") and int(name.partition(".")[2]) >= 12:
        return "cp312-abi3"
    tag = "cp" + name.replace(".", "")
    return f"{tag.rstrip('t')}-{tag}"


def run_emulated_wheel(name: str, arguments: Sequence[str]) -> Row:
    """Installs the wheel in dist/ for aarch64 under QEMU, then runs Python tests with it."""
    began = time.monotonic()
    row = run_proof(name)
    work = ROOT / "build" / "aarch64"
    version = name.removeprefix(AARCH64).removeprefix("-")
    log = ROOT / "build" / "wheel" / f"pytest-{name}.log"
    # NumPy and freshframe are taken from the proof's folder first; build/aarch64/site has pytest.
    site = ROOT / "build" / "wheel" / "proof" / "site-packages"
    folders = (site, work / "site")
    chosen = arguments or ON_WHEEL_AARCH64
    options = ["-q", "-rs", "-p", "no:cacheprovider", "--timeout-method", "signal"]
    python = work / (f"python{version}-run" if version else "python")
    command = [str(python), "-m", "pytest", *options, *chosen]
    lines = logged(command, log, {"PYTHONPATH": ":".join(map(str, folders))})
    row["minutes"] = minutes_since(began)
    row["python tests"] += f"; tests: {counts(lines)}"
    row["notes"] = "; ".join([row["notes"], *remarks([], arguments)])
    row["numpy"] = next((path.stem.split("-")[1] for path in site.glob("numpy-*.dist-info")), "")
    cross = subprocess.run(["aarch64-linux-gnu-g++", "--version"], capture_output=True, text=True, check=True)
    row["compiler"] = cross.stdout.splitlines()[0]
    return row


def run_proof(suite: str) -> Row:
    """Installs and tries the wheel in dist/ in a bare root, like a user."""
    proof = ROOT / "build" / "wheel" / f"proof-{suite}.jsonl"
    proof.unlink(missing_ok=True)
    began = time.monotonic()
    ended = subprocess.run(["tools/wheel/prove.sh", suite], cwd=ROOT, check=False).returncode
    lines = proof.read_text().splitlines() if proof.exists() else []
    steps = [json.loads(line) for line in lines if line.startswith("{")]
    system = next((step for step in steps if "system" in step), {"system": "did not start: failed"})
    failed = [step["step"] for step in steps if "failed" in step]
    outcome = count_steps(steps)
    if failed or "python" not in system:
        outcome += f", failed: {', '.join(failed) or 'nothing could be installed'}"
    elif ended != 0:
        outcome += f", failed: the proof ended with {ended}"
    where = f"in a bare root of {system['system']}"
    if suite.startswith(AARCH64):
        where = f"for aarch64, cross-built, under `qemu-aarch64` and on no real processor, {where}"
    return {
        **read_facts(""),
        "python": system.get("python", ""),
        "compiler": "none",
        "avcodec": "the wheel's",
        "c++ tests": "",
        "python tests": outcome,
        "minutes": minutes_since(began),
        "notes": f"the wheel {where}",
    }


def count_steps(steps: Sequence[Mapping[str, object]]) -> str:
    """Returns the number of passed steps, and the names of those that were left out."""
    found = {str(step["step"]): str(step["found"]) for step in steps if "found" in step}
    left_out = [name for name, text in found.items() if text.startswith("left out")]
    outcome = f"{len(found) - len(left_out)} steps passed"
    return f"{outcome}, left out: {', '.join(left_out)}" if left_out else outcome
