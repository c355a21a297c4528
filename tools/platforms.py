"""Runs the tests on several Pythons and distributions and writes what came of it into docs/platforms.md.

    ./dev platforms                       all Pythons
    ./dev platforms 3.10 3.14t            these
    ./dev platforms 3.14t -- -k reader    a part of the Python tests: the table says so
    ./dev platforms --root 'PROGRAM -s {suite}' bookworm trixie
                                          ./dev test in bare Debian roots; PROGRAM runs a command in a clone
    ./dev platforms wheel-3.11            the Python tests against the wheel of dist/ for this Python
    ./dev platforms wheel-bookworm        tools/wheel/prove.sh, which wants FRESH_ROOT: the wheels in a bare
                                          Debian root
    ./dev platforms aarch64               cross-built, the C++ tests and some Python tests under QEMU
    ./dev platforms wheel-aarch64         the wheel for aarch64 of dist/, used as above and by some Python
                                          tests, under QEMU

A Python is taken from pyenv or the PATH, else built by tools/interpreters.sh. Each has an environment and a
build of its own below build/. A package of the tests that has no wheel for a Python is left out there: its
tests are skipped.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results" / "platforms.json"
PAGE = ROOT / "docs" / "platforms.md"
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14", "3.14t", "3.15")
SUITES = ("bookworm", "trixie", "forky")
AARCH64 = "aarch64"
WHEELS = tuple(f"wheel-{name}" for name in (*PYTHONS, *SUITES, AARCH64))
ROWS = (*PYTHONS, *SUITES, AARCH64, *WHEELS)
OLDEST_NUMPY = "numpy==1.24.*"  # has wheels for 3.10 and 3.11 only
RUN_PARALLEL = "pytest-run-parallel==0.10.0"
PARALLEL = [
    f"tests/python/test_{name}.py"
    for name in (
        "annotate",
        "batch",
        "counting",
        "detect_circles",
        "detections",
        "frame",
        "frame_colours",
        "merge",
        "nodes",
        "numeric",
        "option_errors",
        "pipeline",
        "queue",
        "reader",
        "run_node",
        "sample",
        "stats",
        "tracker",
        "types",
        "wiring_errors",
    )
]
# Under QEMU worker processes do not start.
ON_AARCH64 = ["tests/python/test_gil_header.py", *PARALLEL, "-k", "not worker and not process"]
ON_WHEEL_AARCH64 = ON_AARCH64[1:]  # the tests of the header need modules of a build
BEGIN, END = "<!-- written by ./dev platforms -->", "<!-- end -->"
FACTS = """
import importlib.metadata, json, platform, subprocess
def first(*command):
    lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    return lines[0] if lines else ""
print("facts " + json.dumps({
    "python": platform.python_version(),
    "numpy": importlib.metadata.version("numpy"),
    "compiler": first("c++", "--version"),
    "avcodec": first("pkg-config", "--modversion", "libavcodec"),
}))
"""
Row = dict[str, str]


def main() -> int:
    """Command line."""
    words, rest = _split(sys.argv[1:])
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--root", help="program that runs a command in a bare Debian; {suite} is its name")
    parser.add_argument("--dry", action="store_true", help="write neither figures nor page")
    options = parser.parse_args(words)
    failed = False
    for name in options.names or PYTHONS:
        if name in SUITES:
            row = of_suite(name, options.root)
        elif name in PYTHONS:
            row = of_python(name, rest)
        elif name == AARCH64:
            row = of_aarch64(rest)
        elif name in WHEELS:
            name_inside = name.removeprefix("wheel-")
            if name_inside in SUITES:
                row = of_proof(name_inside)
            else:
                row = of_emulated_wheel(rest) if name_inside == AARCH64 else of_wheel(name_inside, rest)
        else:
            parser.error(f"expected one of {', '.join(ROWS)}, got {name!r}")
        print(f"{name}: {row}", flush=True)
        failed = failed or "failed" in row["c++ tests"] + row["python tests"]
        if not options.dry:
            keep(name, row)
    return int(failed)


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    if "--" not in words:
        return list(words), []
    cut = words.index("--")
    return list(words[:cut]), list(words[cut + 1 :])


# ---- one Python


def of_python(name: str, arguments: Sequence[str]) -> Row:
    """Builds for it and runs the Python tests."""
    folder = ROOT / "build" / f"python-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    python = _environment(name, folder)
    left_out = _packages(name, python)
    _build(name, folder, python)
    # Files side by side, as in ./dev test. The path of a Unix socket has room for 107 bytes, so the folder's
    # name is short.
    with tempfile.TemporaryDirectory(prefix="ff-") as short:
        side_by_side = ["-n", "4", "--dist=loadfile", f"--basetemp={short}/t"]
        tests = _run(python, folder / "pytest.log", arguments or side_by_side)
    row = {**_facts(python), "c++ tests": "", "python tests": tests}
    notes = [f"without {', '.join(left_out)}"] if left_out else []
    notes += [f"a part: `{shlex.join(arguments)}`"] if arguments else []
    if name.endswith("t") and not arguments:
        together = _run(python, folder / "parallel.log", ["--parallel-threads=2", *PARALLEL])
        notes.append(f"each test on two threads at once: {together}")
    return {**row, "notes": "; ".join(notes)}


def _run(python: Path, log: Path, arguments: Sequence[str]) -> str:
    with log.open("w") as lines:
        subprocess.run(
            [python, "-m", "pytest", "-v", "-rs", "-p", "no:cacheprovider", *arguments],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT / "python"), "VIRTUAL_ENV": str(python.parents[1])},
            stdout=lines,
            stderr=subprocess.STDOUT,
            check=False,
        )
    return counts(log.read_text())


def _interpreter(name: str) -> str:
    """Path of a Python of that version and kind."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for place in sorted(root.glob(f"versions/{name}.*/bin/python3"), reverse=True):
        if re.fullmatch(r"\d+\.\d+\.\d+", place.parents[1].name):
            return str(place)
    if found := shutil.which(f"python{name}"):
        return found
    made = subprocess.run(
        [ROOT / "tools" / "interpreters.sh", name], stdout=subprocess.PIPE, text=True, check=True
    )
    return made.stdout.strip()


def _environment(name: str, folder: Path) -> Path:
    python = folder / "venv" / "bin" / "python"
    if not python.exists():
        subprocess.run([_interpreter(name), "-m", "venv", folder / "venv"], check=True)
    return python


def _packages(name: str, python: Path) -> list[str]:
    """Installs what builds and tests need; returns the test packages that there are none of."""
    numpy = OLDEST_NUMPY if name in ("3.10", "3.11") else "numpy"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--upgrade", "pip"], check=True)
    subprocess.run([*pip, "--group", "build", numpy, "cloudpickle", "rich"], cwd=ROOT, check=True)
    left_out = []
    for package in [*_group("test"), *([RUN_PARALLEL] if name.endswith("t") else [])]:
        if package.startswith("numba"):  # 190 MB; ./dev test has it
            continue
        # Not from source: what has no wheel for a Python is not made for it. NumPy stays what it is.
        ended = subprocess.run(
            [*pip, "--only-binary", ":all:", package, numpy], capture_output=True, text=True, check=False
        )
        if ended.returncode != 0:
            left_out.append(re.split("[=><;]", package)[0])
    return left_out


def _group(name: str) -> list[str]:
    """A dependency group of pyproject.toml, without a parser: Python 3.10 has none."""
    text = (ROOT / "pyproject.toml").read_text()
    found = re.search(rf"^{name} = \[\n(.*?)^\]", text, re.DOTALL | re.MULTILINE)
    assert found is not None
    return re.findall(r'^  "([^"]+)"', found.group(1), re.MULTILINE)


def _build(name: str, folder: Path, python: Path) -> None:
    """The modules lie beside each other in python/freshframe: the names of their files differ."""
    build = str(folder.parent / f"cmake-{name}")  # as deep as build/dev
    environment = {**os.environ, "VIRTUAL_ENV": str(python.parents[1])}
    # Without debugging information ccache finds what does not need Python in the builds for the others.
    settings = [f"-DPython_EXECUTABLE={python}", "-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O2 -DNDEBUG"]
    if shutil.which("ccache"):
        settings.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
    targets = ["freshframe_python", "gil_plain", "gil_nanobind", "gil_lies"]
    with (folder / "build.log").open("w") as log:
        for command, must in (
            (["cmake", "--preset", "dev", "-B", build, *settings], True),
            (["cmake", "--build", build, "--target", *targets], True),
            (["cmake", "--build", build, "--target", "gil_pybind11"], False),  # where there is a pybind11
        ):
            subprocess.run(
                command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT, check=must
            )


# ---- one distribution


def of_suite(suite: str, program: str | None) -> Row:
    """Runs ./dev test in a bare root."""
    if program is None:
        raise SystemExit(
            f"platforms.py: --root is needed for {suite}: a program that runs a command in a bare Debian"
        )
    inside = f"./dev test; .venv/bin/python -c {shlex.quote(FACTS)}"
    command = [*shlex.split(program.format(suite=suite)), "sh", "-c", inside]
    log = ROOT / "build" / f"platform-{suite}.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("w") as lines:
        subprocess.run(command, cwd=ROOT, stdout=lines, stderr=subprocess.STDOUT, check=False)
    text = log.read_text()
    cpp = re.search(r"^ctest dev: (.*)$", text, re.MULTILINE)
    return {
        **_said(text),
        "c++ tests": cpp.group(1) if cpp else "did not run",
        "python tests": counts(text),
        "notes": "from a bare root: ./dev test",
    }


# ---- another architecture


def of_aarch64(arguments: Sequence[str]) -> Row:
    """Cross-builds on this machine and runs what it can under QEMU."""
    log = ROOT / "build" / "platform-aarch64.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("w") as lines:
        command = ["tools/aarch64/run.sh", *(arguments or ON_AARCH64)]
        subprocess.run(command, cwd=ROOT, stdout=lines, stderr=subprocess.STDOUT, check=False)
    found = re.search(r"^row (\{.*\})$", log.read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit(f"platforms.py: the run for aarch64 failed; its whole output is in {log}")
    return {**_said(""), **json.loads(found.group(1))}


# ---- wheels


def of_wheel(name: str, arguments: Sequence[str]) -> Row:
    """Runs the Python tests against the wheel of dist/ for one Python, in an environment of its own."""
    folder = ROOT / "build" / f"python-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    python = _environment(name, folder)
    left_out = _packages(name, python)
    tag = "cp" + name.replace(".", "")
    wheels = sorted(
        (ROOT / "dist").glob(f"freshframe-*-{tag}-manylinux*_{platform.machine()}.whl"),
        key=lambda path: path.stat().st_mtime,
    )
    if not wheels:
        raise SystemExit(
            f"platforms.py: dist/ has no wheel for {name}; ./dev wheel --python PYTHON makes one"
        )
    log = folder / "wheel.log"
    with log.open("w") as lines:
        subprocess.run(
            ["tools/wheel/suite.sh", wheels[-1], "-q", *arguments],
            cwd=ROOT,
            env={**os.environ, "TESTS_ENVIRONMENT": str(python.parents[1])},
            stdout=lines,
            stderr=subprocess.STDOUT,
            check=False,
        )
    notes = [f"`{wheels[-1].name}`"]
    notes += [f"without {', '.join(left_out)}"] if left_out else []
    notes += [f"a part: `{shlex.join(arguments)}`"] if arguments else []
    return {
        **_facts(python),
        "avcodec": "the wheel's",
        "c++ tests": "",
        "python tests": counts(log.read_text()),
        "notes": "; ".join(notes),
    }


def of_emulated_wheel(arguments: Sequence[str]) -> Row:
    """Uses the wheel of dist/ for aarch64 under QEMU, then runs Python tests against it."""
    row = of_proof(AARCH64)
    log = ROOT / "build" / "wheel" / "aarch64" / "pytest.log"
    # NumPy and freshframe of the proof's folder come first; build/aarch64/site has pytest.
    folders = (ROOT / "build" / "wheel" / "proof" / "site-packages", ROOT / "build" / "aarch64" / "site")
    chosen = arguments or ON_WHEEL_AARCH64
    options = ["-q", "-rs", "-p", "no:cacheprovider", "--timeout-method", "signal"]
    with log.open("w") as lines:
        subprocess.run(
            [ROOT / "build" / "aarch64" / "python", "-m", "pytest", *options, *chosen],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": ":".join(map(str, folders))},
            stdout=lines,
            stderr=subprocess.STDOUT,
            check=False,
        )
    names = shlex.join(word.removeprefix("tests/python/test_").removesuffix(".py") for word in chosen)
    row["python tests"] += f"; tests: {counts(log.read_text())}"
    row["notes"] += f". Python tests against it: `{names}`"
    return row


def of_proof(suite: str) -> Row:
    """Uses the wheel of dist/ in a bare root, as its user does."""
    proof = ROOT / "build" / "wheel" / f"proof-{suite}.jsonl"
    proof.unlink(missing_ok=True)
    ended = subprocess.run(["tools/wheel/prove.sh", suite], cwd=ROOT, check=False).returncode
    lines = proof.read_text().splitlines() if proof.exists() else []
    steps = [json.loads(line) for line in lines if line.startswith("{")]
    system = next((step for step in steps if "system" in step), {"system": "did not start: failed"})
    passed = [step["step"] for step in steps if "found" in step]
    failed = [step["step"] for step in steps if "failed" in step]
    outcome = f"{len(passed)} steps passed"
    if failed or "python" not in system:
        outcome += f", failed: {', '.join(failed) or 'nothing could be installed'}"
    elif ended != 0:
        outcome += f", failed: the proof ended with {ended}"
    where = f"in a bare root of {system['system']}"
    if suite == AARCH64:
        where = f"for aarch64, cross-built, under `qemu-aarch64` and on no real processor, {where}"
    return {
        **_said(""),
        "python": system.get("python", ""),
        "compiler": "none",
        "avcodec": "the wheel's",
        "c++ tests": "",
        "python tests": outcome,
        "notes": f"the wheel {where}: {', '.join(passed)}",
    }


# ---- what is kept


def _facts(python: Path) -> Row:
    return _said(subprocess.run([python, "-c", FACTS], capture_output=True, text=True, check=True).stdout)


def _said(text: str) -> Row:
    found = re.search(r"^facts (\{.*\})$", text, re.MULTILINE)
    known: Row = json.loads(found.group(1)) if found else {}
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {"date": datetime.date.today().isoformat(), "commit": commit.stdout.strip(), **known}


def counts(text: str) -> str:
    """`2043 passed, 7 failed, 12 skipped` of pytest's last line."""
    lines = re.findall(r"^=*\s*((?:\d+ [a-z]+(?:, )?)+) in [0-9.:]+s", text, re.MULTILINE)
    if not lines:
        lines = re.findall(r"^pytest:\s*((?:\d+ [a-z]+(?:, )?)+) in", text, re.MULTILINE)
    if not lines:
        return "did not finish: failed"
    found = {word: number for number, word in re.findall(r"(\d+) ([a-z]+)", lines[-1])}
    return ", ".join(
        f"{found[word]} {word}"
        for word in ("passed", "failed", "errors", "error", "skipped")
        if word in found
    )


def keep(name: str, row: Row) -> None:
    """Writes the figures and the page."""
    rows: dict[str, Row] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    rows[name] = row
    rows = {each: rows[each] for each in ROWS if each in rows}
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}\n{table(rows)}\n{END}{after}")


def table(rows: Mapping[str, Row]) -> str:
    """In Markdown."""
    heads = ("date", "commit", "python", "numpy", "compiler", "avcodec", "c++ tests", "python tests", "notes")
    titles = (
        "",
        "Date",
        "Commit",
        "Python",
        "NumPy",
        "Compiler",
        "libavcodec",
        "C++ tests",
        "Python tests",
        "Notes",
    )
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    for name, row in rows.items():
        lines.append(
            f"| {name} | " + " | ".join(row.get(head, "").replace("|", "\\|") for head in heads) + " |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
