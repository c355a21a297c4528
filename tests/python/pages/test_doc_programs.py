"""Runs the programs in docs/ and the READMEs, by the word after ```python.

No word: the program runs to its end. `forever`: it runs until Ctrl-C. `notest`: a fragment, of which only the
types are checked.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from rigs import stand_ins
from rigs.ports import free_port
from rigs.watchdog import run_to_end
from support import TESTS, WATCHDOG, mypy_path

import freshframe as ff

ROOT = Path(__file__).parents[3]
PAGES = [*ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/README.md")]
ELSEWHERE = {
    "release-the-gil-in-cython.md",
    "step-in-other-languages.md",
    "step-in-cpp.md",
    "native-forms.md",
    "boxes-in-a-browser.md",
    "genicam.md",
}  # separate tests
OUTPUT = re.compile(r"\n\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)  # directly below the program
NEEDS_A_MODEL = "ff.Ask("  # a server: test_ask_a_vision_model.py has one
BLOCK = re.compile(r"^```python([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# Code that loads a module whose threads would outlive the test -> the module. Such a program runs in a
# process of its own.
OWN_THREADS = {
    "import cv2": "cv2",
    "ff.OnnxDetector(": "onnxruntime",
    "import prometheus_client": "prometheus_client",  # its registry would keep the pipeline
}
PIPELINE_THREADS = 2 + (os.cpu_count() or 1)  # NumPy has one per processor
PATH = os.environ | {"PYTHONPATH": f"{Path(ff.__file__).parents[1]}:{TESTS}"}


class Program(NamedTuple):
    page: str
    line: int
    text: str
    tag: str
    shown: tuple[str, ...]  # lines of its output that the page shows, numbers replaced


def without_numbers(output: str) -> list[str]:
    return [re.sub(r"-?[\d.]*\d", "#", line) for line in output.splitlines() if line != "..."]


def programs() -> list[Program]:
    found = []
    for page in sorted(PAGES):
        if page.name in ELSEWHERE:
            continue
        text = page.read_text(encoding="utf-8")
        for block in BLOCK.finditer(text):
            info = block.group(1).strip()
            assert info in ("", "forever", "notest"), f"{page}: ```python {info}"
            if info != "notest" and NEEDS_A_MODEL in block.group(2):
                continue
            line = text[: block.start(2)].count("\n") + 1
            shown = OUTPUT.match(text, block.end())
            found.append(
                Program(
                    str(page.relative_to(ROOT)),
                    line,
                    block.group(2),
                    info,
                    tuple(without_numbers(shown[1])) if shown else (),
                )
            )
    return found


PROGRAMS = programs()
WHOLE = [program for program in PROGRAMS if program.tag == ""]
FOREVER = [program for program in PROGRAMS if program.tag == "forever"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Changes to a folder with the files that the programs read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["program.py"])  # a program may read its arguments
    pipeline = ff.Pipeline()
    scene = pipeline.add(ff.open("demo:circles?size=320x240&balls=2&pace=0&frames=10"))
    pipeline.add(ff.VideoFile("match.mp4"), scene)
    pipeline.run()
    image = np.full((240, 320, 3), 200, np.uint8)  # what the first program of debug-a-failed-frame.md saves
    np.savez("failed.npz", array=image, format="bgr", seq=0, pts=0.0, source="VideoSource")
    return tmp_path


@pytest.mark.slow
@pytest.mark.table(cases=16)
@pytest.mark.parametrize("program", WHOLE, ids=[f"{one.page}:{one.line}" for one in WHOLE])
@pytest.mark.filterwarnings("ignore")
def test_a_whole_program_runs_and_prints_what_the_page_shows(
    program: Program, folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run_whole(program, folder)
    if "away_total" not in program.text:  # it prints when a camera was away: test_camera_pages.py
        printed = without_numbers(capfd.readouterr().out)
        assert [line for line in program.shown if line not in printed] == []


def run_whole(program: Program, folder: Path) -> None:
    for sign, module in OWN_THREADS.items():
        if sign not in program.text:
            continue
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"needs {module}")
        (folder / "program.py").write_text(program.text, encoding="utf-8")
        subprocess.run([sys.executable, "program.py"], env=PATH, check=True, timeout=WATCHDOG)
        return
    picture = np.zeros((120, 160), np.uint8)
    code = compile(program.text, f"{program.page}:{program.line}", "exec")
    names = {"__name__": "__main__", "ff": ff, "picture": picture}
    try:
        exec(code, names)
        for name, value in list(names.items()):
            if name.startswith("test_") and callable(value):
                value()
    finally:
        ff.Pipeline.stop_all()


def imported_packages(program: Program) -> set[str]:
    """Returns the packages that a program imports."""
    names = set(re.findall(r"^ *(?:import|from) (\w+)", program.text, re.MULTILINE))
    return names | {module for sign, module in OWN_THREADS.items() if sign in program.text}


def missing_packages(program: Program) -> list[str]:
    """Returns the packages that a program imports and that are not installed."""
    names = imported_packages(program) - set(stand_ins.MODULES)
    return sorted(name for name in names if importlib.util.find_spec(name) is None)


def is_starting(process: subprocess.Popen[str]) -> bool:
    """Returns True while the program has only the threads of NumPy, and none of a pipeline."""
    threads = Path(f"/proc/{process.pid}/task")
    return process.poll() is None and len(list(threads.iterdir())) < PIPELINE_THREADS


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Program, tuple[int | None, str]]]:
    """Runs all endless programs concurrently. Yields the exit status after Ctrl-C, and stderr.

    The status is None if a program ended by itself.
    """
    with ExitStack() as stack:
        running = {}
        for program in FOREVER:
            if missing_packages(program):
                continue
            folder = tmp_path_factory.mktemp("forever")
            text = re.sub(r"\bport=\d+", lambda _: f"port={free_port()}", program.text)
            (folder / "program.py").write_text(text, encoding="utf-8")
            foreign = imported_packages(program) & set(stand_ins.MODULES)
            module = ["-m", "rigs.stand_ins"] if foreign else []
            running[program] = process = subprocess.Popen(
                # If the tests are a background job, the shell makes their children ignore Ctrl-C.
                ["env", "--default-signal=INT", sys.executable, *module, "program.py"],
                cwd=folder,
                env=PATH,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
        # Not while the program still imports, which takes seconds on a busy machine.
        end = time.monotonic() + 20
        while any(map(is_starting, running.values())) and time.monotonic() < end:
            time.sleep(0.1)
        time.sleep(2)
        ended = [program for program, process in running.items() if process.poll() is not None]
        for process in running.values():
            process.send_signal(signal.SIGINT)
        outcomes: dict[Program, tuple[int | None, str]] = {}
        for program, process in running.items():
            _, said = process.communicate(timeout=WATCHDOG)
            outcomes[program] = (None if program in ended else process.returncode, said)
        yield outcomes


@pytest.mark.table(cases=2)
@pytest.mark.parametrize("program", FOREVER, ids=[f"{one.page}:{one.line}" for one in FOREVER])
def test_a_program_without_an_end_runs_until_ctrl_c(
    program: Program, interrupted: dict[Program, tuple[int | None, str]]
) -> None:
    if missing := missing_packages(program):
        pytest.skip(f"needs {missing[0]}")
    status, said = interrupted[program]
    assert status in (0, -signal.SIGINT), said
    # A program that was interrupted in an import prints a traceback whose lines are indented.
    assert re.search(r"^[\w.]*Error\b", said, re.MULTILINE) is None, said


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="needs mypy")
def test_fragments_fit_the_types(tmp_path: Path) -> None:
    fragments = [program for program in PROGRAMS if program.tag == "notest"]
    assert len(fragments) > 5
    for number, fragment in enumerate(fragments):
        path = tmp_path / f"fragment_{number}.py"
        imports = "from __future__ import annotations\nfrom rigs.doc_names import *\n"
        path.write_text(f"# {fragment.page}:{fragment.line}\n{imports}{fragment.text}", encoding="utf-8")
    options = [
        f"--cache-dir={ROOT / '.mypy_cache'}",
        "--config-file=",
        "--check-untyped-defs",
        "--ignore-missing-imports",
        "--disable-error-code=no-redef",
        "--disable-error-code=empty-body",
    ]
    checked = run_to_end(
        [sys.executable, "-m", "mypy", *options, *sorted(map(str, tmp_path.glob("fragment_*.py")))],
        timeout=5 * WATCHDOG,
        env={
            "MYPYPATH": os.pathsep.join([*mypy_path(), str(ROOT / "fleet" / "python"), str(TESTS)]),
            "PATH": "",
        },
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
