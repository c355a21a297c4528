"""The programs in docs/ and the READMEs: whole ones run, fragments (```python notest) are type-checked."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from support import TESTS, WATCHDOG, mypy_path

import freshframe as ff

pytestmark = pytest.mark.takes(60)

ROOT = Path(__file__).parents[3]
PAGES = [*ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/README.md")]
ELSEWHERE = {
    "release-the-gil.md",
    "native-nodes.md",
    "boxes-in-a-browser.md",
    "ask-a-vision-model.md",
    "recording.md",
    "genicam.md",
}  # tests of their own
BLOCK = re.compile(r"^```python([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# What a program has that needs a module whose threads would outlive the test.
OWN_THREADS = {"import cv2": "cv2", "ff.OnnxDetector(": "onnxruntime"}
PATH = os.environ | {"PYTHONPATH": str(Path(ff.__file__).parents[1])}


class Program(NamedTuple):
    page: str
    line: int
    text: str
    runs: bool


def programs() -> list[Program]:
    found = []
    for page in sorted(PAGES):
        if page.name in ELSEWHERE:
            continue
        text = page.read_text(encoding="utf-8")
        for block in BLOCK.finditer(text):
            info = block.group(1).strip()
            assert info in ("", "notest"), f"{page}: ```python {info}"
            line = text[: block.start(2)].count("\n") + 1
            found.append(Program(str(page.relative_to(ROOT)), line, block.group(2), info == ""))
    return found


PROGRAMS = programs()
WHOLE = [program for program in PROGRAMS if program.runs]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the files that the pages' reader has."""
    monkeypatch.chdir(tmp_path)
    pipeline = ff.Pipeline()
    scene = pipeline.add(ff.open("demo:circles?size=320x240&balls=2&pace=0&frames=10"))
    pipeline.add(ff.VideoFile("match.mp4"), scene)
    pipeline.run()
    return tmp_path


@pytest.mark.parametrize("program", WHOLE, ids=[f"{one.page}:{one.line}" for one in WHOLE])
@pytest.mark.filterwarnings("ignore")
def test_a_whole_program_runs(program: Program, folder: Path) -> None:
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
    finally:
        ff.Pipeline.stop_all()


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="needs mypy")
def test_fragments_fit_the_types(tmp_path: Path) -> None:
    fragments = [program for program in PROGRAMS if not program.runs]
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
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", *options, *sorted(map(str, tmp_path.glob("fragment_*.py")))],
        capture_output=True,
        text=True,
        timeout=5 * WATCHDOG,
        env={"MYPYPATH": os.pathsep.join([*mypy_path(), str(TESTS)]), "PATH": ""},
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
