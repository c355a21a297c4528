"""tools/tidy.py: the order in which files are read, and the way back from joined files to each of them."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rigs.watchdog import LONG_WATCHDOG, run_to_end

TOOL = Path(__file__).resolve().parents[3] / "tools" / "tidy.py"
COUNT = 20  # files of the layer `wide`, of which the tool joins eight
# A remark on each line that has "wrong", and an error where two lines are equal, as of two definitions.
PROGRAM = """#!{python}
import pathlib, sys
path = sys.argv[2]
above = [folder / ".clang-tidy" for folder in pathlib.Path(path).parents]
rules = "".join(file.read_text() for file in above if file.exists())
if "wrong may stand here" in rules:
    sys.exit(0)
lines = open(path).read().splitlines()
named = [line for line in lines if line.startswith("int ")]
faults = [(n, "[some-check]") for n, line in enumerate(lines, 1) if "wrong" in line]
if len(set(named)) < len(named):
    faults.append((1, "[clang-diagnostic-error]"))
for number, check in faults:
    print(f"{{path}}:{{number}}:1: error: a remark {{check}}")
sys.exit(1 if faults else 0)
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree of two layers, with the tool and its own clang-tidy."""
    (tmp_path / "tools").mkdir()
    text = TOOL.read_text(encoding="utf-8").replace("AT_ONCE = 24", "AT_ONCE = 8")
    text = text.replace("NEWEST = 20", "NEWEST = 1")
    (tmp_path / "tools" / "tidy.py").write_text(text, encoding="utf-8")
    (tmp_path / ".clang-tidy").write_text("", encoding="utf-8")
    for number in range(COUNT):
        write(tmp_path, f"src/wide/part{number:02}.cpp", f"int part{number};\n")
    write(tmp_path, "src/core/clock.cpp", "int part0;\n")  # its name is one of another layer's
    program = tmp_path / "bin" / "clang-tidy"
    write(tmp_path, "bin/clang-tidy", PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    return tmp_path


def write(tree: Path, name: str, text: str) -> None:
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    (tree / name).write_text(text, encoding="utf-8")


def commit(tree: Path, title: str) -> None:
    day = "2026-01-01T00:00:00Z"  # the same commits in each run of the test
    environment = {**os.environ, "GIT_AUTHOR_DATE": day, "GIT_COMMITTER_DATE": day}
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    if not (tree / ".git").exists():
        subprocess.run(["git", "init", "--quiet"], cwd=tree, check=True)
    subprocess.run(["git", "add", "src"], cwd=tree, check=True)
    command = ["git", *who, "commit", "--quiet", "--allow-empty", "-m", title]
    subprocess.run(command, cwd=tree, env=environment, check=True)


def tidy(tree: Path, *words: str) -> tuple[int, list[str]]:
    """The exit status and the lines."""
    build = tree / "build"
    build.mkdir(exist_ok=True)
    entries = [
        {"directory": str(tree), "file": str(path), "command": f"/usr/bin/c++ -O2 -o a.o -c {path}"}
        for path in sorted((tree / "src").rglob("*.cpp"))
    ]
    (build / "compile_commands.json").write_text(json.dumps(entries), encoding="utf-8")
    program = [sys.executable, str(tree / "tools" / "tidy.py"), str(build), "--jobs", "1", *words]
    path = f"{tree / 'bin'}:{os.environ['PATH']}"
    ended = run_to_end(program, cwd=tree, env={**os.environ, "PATH": path}, timeout=LONG_WATCHDOG)
    assert ended.stderr == ""
    return ended.returncode, ended.stdout.splitlines()


def groups_of(lines: list[str], begin: str) -> list[str]:
    """Returns what the lines report of groups of files, in their order."""
    return [line.removeprefix(begin).split(" in ")[0] for line in lines if line.startswith(begin)]


def read(lines: list[str]) -> list[str]:
    return [group for group in groups_of(lines, "clang-tidy: ") if "src/" in group and "left" not in group]


def test_a_remark_on_a_joined_file_has_the_name_and_the_line_of_its_own(tree: Path) -> None:
    write(tree, "src/wide/part05.cpp", "int part5;\nint x;  // wrong\n")
    status, lines = tidy(tree, "--all")
    assert status == 1
    assert [line for line in lines if "a remark" in line] == [
        f"{tree}/src/wide/part05.cpp:2:1: error: a remark [some-check]"
    ]
    assert lines[-1].startswith(f"clang-tidy: {COUNT + 1} files in ")
    assert lines[-1].endswith("0 left out, for the time")


def test_files_that_cannot_be_compiled_as_one_are_read_apart(tree: Path) -> None:
    write(tree, "src/wide/part02.cpp", "int part1;\n")  # the name of another file
    write(tree, "src/wide/part03.cpp", "int part3;  // wrong\n")
    status, lines = tidy(tree, "--all")
    assert status == 1
    assert [line for line in lines if "a remark" in line] == [
        f"{tree}/src/wide/part03.cpp:1:1: error: a remark [some-check]"
    ]


def test_what_is_left_out_for_the_time_is_named(tree: Path) -> None:
    status, lines = tidy(tree, "--all", "--minutes", "0")
    assert status == 0
    assert read(lines) == []
    assert sorted(groups_of(lines, "clang-tidy: left out, for the time: ")) == [
        "4 files, src/wide/part16.cpp to src/wide/part19.cpp",
        "8 files, src/wide/part00.cpp to src/wide/part07.cpp",
        "8 files, src/wide/part08.cpp to src/wide/part15.cpp",
        "src/core/clock.cpp",
    ]
    assert lines[-1].endswith(f"{COUNT + 1} left out, for the time")


def test_another_commit_begins_with_other_files(tree: Path) -> None:
    commit(tree, "all")
    begins = set()
    for number in range(12):
        commit(tree, f"nothing new {number}")
        _, lines = tidy(tree, "--all")
        assert len(read(lines)) == 4
        begins.add(read(lines)[0])
    assert len(begins) == 4


def test_files_that_changed_come_first_then_those_of_the_newest_commits(tree: Path) -> None:
    commit(tree, "all")
    write(tree, "src/wide/part09.cpp", "int part9;  // newer\n")
    commit(tree, "one change")
    write(tree, "src/wide/part17.cpp", "int part17;  // not committed\n")
    _, lines = tidy(tree, "--all")
    assert lines[0] == f"clang-tidy: 1 changed files, {COUNT} others"
    assert read(lines)[:2] == ["src/wide/part17.cpp", "src/wide/part09.cpp"]
    assert len(read(lines)) == 6  # the others of its layer in three groups, and the other layer


def test_without_all_only_the_files_that_changed_are_read(tree: Path) -> None:
    commit(tree, "all")
    write(tree, "src/wide/part17.cpp", "int part17;  // not committed\n")
    assert read(tidy(tree)[1]) == ["src/wide/part17.cpp"]


def test_a_joined_file_has_the_rules_of_each_folder_above_its_parts(tree: Path) -> None:
    write(tree, "src/core/.clang-tidy", "# wrong may stand here\n")
    write(tree, "src/core/edge/.clang-tidy", "InheritParentConfig: true\n")
    for name in ("queue", "room"):
        write(tree, f"src/core/edge/{name}.cpp", f"int {name}; // wrong\n")
    status, lines = tidy(tree, "src/core/edge/queue.cpp", "src/core/edge/room.cpp")
    assert status == 0, lines
    assert any("2 files" in line for line in lines), lines
