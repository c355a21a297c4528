"""mypy and pyright on programs with this API: correct ones pass, and each mistake is found on its line."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rigs.watchdog import LONG_WATCHDOG, run_to_end
from support import mypy_path

pytest.importorskip("mypy")
FOLDER = Path(__file__).parent / "typing"
ROOT = Path(__file__).parents[3]
MARK = re.compile(r"  # type: ignore\[[a-z-]+\]")


def mypy(path: Path, cache: Path) -> tuple[int, str]:
    environment = {**os.environ, "MYPYPATH": os.pathsep.join(mypy_path())}
    ended = run_to_end(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", os.devnull, "--cache-dir", cache, path],
        cwd=cache,
        env=environment,
        timeout=LONG_WATCHDOG,
    )
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.slow
def test_good_programs_are_accepted_with_the_types_that_they_state(tmp_path: Path) -> None:
    code, said = mypy(FOLDER / "accepts.py", tmp_path)
    assert code == 0, said


def test_each_marked_mistake_is_found_and_no_other_line_is(tmp_path: Path) -> None:
    text = (FOLDER / "rejects.py").read_text()
    wanted = {number for number, line in enumerate(text.splitlines(), 1) if MARK.search(line)}
    unmarked = tmp_path / "unmarked.py"
    unmarked.write_text(MARK.sub("", text))
    _, said = mypy(unmarked, tmp_path)
    found = {int(number) for number in re.findall(r"unmarked\.py:(\d+): error", said)}
    assert found == wanted, said


def pyright(folder: Path, *paths: Path) -> list[tuple[Path, int, str, str]]:
    """Returns file, line, rule and message of each error of pyright in strict mode."""
    pytest.importorskip("basedpyright", reason="./dev lint installs it")
    settings = {
        "include": list(map(str, paths)),
        "extraPaths": mypy_path(),
        "typeCheckingMode": "strict",
        "reportMissingTypeStubs": False,  # other packages
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    program = str(Path(sys.executable).with_name("basedpyright"))
    command = [program, "--outputjson", "--project", str(folder), "--pythonpath", sys.executable]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    found: list[dict[str, Any]] = json.loads(ended.stdout)["generalDiagnostics"]
    return [
        (Path(each["file"]), each["range"]["start"]["line"] + 1, each.get("rule", ""), each["message"])
        for each in found
    ]


@pytest.mark.parametrize(
    "given",
    [FOLDER / "accepts.py", pytest.param(ROOT / "examples", marks=pytest.mark.slow)],
    ids=["good programs", "examples"],
)
def test_pyright_accepts_the_examples_and_the_good_programs(tmp_path: Path, given: Path) -> None:
    found = pyright(tmp_path, given)
    # Types of packages that are not installed are unknown.
    missing = {path for path, _, rule, _ in found if rule == "reportMissingImports"}
    assert len(missing) < 10
    unknown = ("reportMissingImports", "reportUnknown")
    errors = [each for each in found if not (each[0] in missing and each[2].startswith(unknown))]
    assert errors == []


def test_pyright_finds_each_marked_mistake_and_no_other_line(tmp_path: Path) -> None:
    text = (FOLDER / "rejects.py").read_text()
    unmarked = tmp_path / "unmarked.py"
    unmarked.write_text(MARK.sub("", text))
    found = pyright(tmp_path, unmarked)
    wanted = {number for number, line in enumerate(text.splitlines(), 1) if MARK.search(line)}
    assert {number for _, number, _, _ in found} == wanted, found
