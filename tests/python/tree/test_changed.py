"""tools/changed.py finds the tests for changed files."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import subprocess
from pathlib import Path
from types import ModuleType

import pytest
from rigs.tool_modules import load_tool

ROOT = Path(__file__).parents[3]


@pytest.fixture(name="changed")
def fixture_changed() -> ModuleType:
    return load_tool("changed")


def test_each_folder_of_the_product_has_its_tests(changed: ModuleType) -> None:
    folders = [path for parent in ("src", "python/freshframe") for path in (ROOT / parent).iterdir()]
    names = [str(path.relative_to(ROOT)) for path in folders if any(path.glob("**/*.[ch]pp"))]
    names += [str(path.relative_to(ROOT)) for path in folders if any(path.glob("**/*.py"))]
    assert len(names) > 20
    assert [name for name in names if name not in changed.TABLE] == []


def test_each_folder_of_the_table_exists_and_so_do_its_tests(changed: ModuleType) -> None:
    assert [name for name in changed.TABLE if not (ROOT / name).is_dir()] == []
    tests = {changed._long(name) for names in changed.TABLE.values() for name in names}
    assert [name for name in tests if not (ROOT / name).is_dir()] == []
    parts = {part for plot in changed.PLOTS.values() for names in plot for part in names}
    assert [part for part in parts if not (ROOT / part).exists()] == []


def test_the_longest_folder_counts_and_a_test_stands_for_its_folder(changed: ModuleType) -> None:
    assert changed.find_folder("python/freshframe/_sinks/clips.py") == "python/freshframe/_sinks"
    assert changed.find_folder("python/freshframe/_check.py") == "python/freshframe"
    assert changed.find_folder("README.md") == "."
    assert changed.find_tests(["tests/python/live/test_live.py"]) == ["tests/python/live"]
    assert changed.find_tests(["src/why/judge.cpp"]) == [
        "tests/cpp/why",
        "tests/python/graph",
        "tests/python/reports",
    ]


def test_the_suites_of_a_folder_are_found(changed: ModuleType) -> None:
    assert "Inbox" in changed.suites("tests/cpp/core")


@pytest.fixture(name="clone")
def fixture_clone(changed: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A repository with the files of the plots, whose main branch has been published."""
    for path in ("gil/watch.py", "fleet/fleet.py", "examples/main.py", "src/core/queue.cpp", "README.md"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("1\n")
    for command in (
        "init -q -b main",
        "config user.name nobody",
        "config user.email nobody@localhost",
        "add .",
        "commit -q -m first",
        "update-ref refs/remotes/origin/main HEAD",
    ):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)
    monkeypatch.setattr(changed, "ROOT", tmp_path)
    monkeypatch.setattr(changed, "GREEN", tmp_path / "build" / "green")
    return tmp_path


def test_an_unchanged_plot_is_left_out_until_a_file_changes(changed: ModuleType, clone: Path) -> None:
    assert changed.unchanged_plots() == ["gil", "fleet", "extensions", "interleavings"]
    (clone / "README.md").write_text("2\n")
    assert changed.unchanged_plots() == ["gil", "fleet", "extensions", "interleavings"]
    (clone / "gil/new.py").write_text("new\n")
    assert changed.unchanged_plots() == ["fleet", "extensions", "interleavings"]
    changed.GREEN.parent.mkdir()
    changed.GREEN.write_text("\n".join(changed.digest(plot) for plot in changed.PLOTS))
    assert changed.unchanged_plots() == ["gil", "fleet", "extensions", "interleavings"]
    (clone / "gil/watch.py").write_text("2\n")
    assert changed.unchanged_plots() == ["fleet", "extensions", "interleavings"]
    (clone / "examples/main.py").write_text("2\n")
    assert changed.unchanged_plots() == ["fleet", "interleavings"]
    (clone / "src/core/queue.cpp").write_text("2\n")
    assert changed.unchanged_plots() == ["fleet"]


def test_without_a_published_branch_the_last_commit_is_what_has_changed(
    changed: ModuleType, clone: Path
) -> None:
    subprocess.run(["git", "update-ref", "-d", "refs/remotes/origin/main"], cwd=clone, check=True)
    assert changed.unchanged_plots() == [], "the first commit has all"
    (clone / "gil/watch.py").write_text("2\n")
    subprocess.run(["git", "commit", "-qam", "second"], cwd=clone, check=True)
    assert changed.unchanged_plots() == ["fleet", "extensions", "interleavings"]
    (clone / "README.md").write_text("2\n")
    subprocess.run(["git", "commit", "-qam", "third"], cwd=clone, check=True)
    assert changed.unchanged_plots() == ["gil", "fleet", "extensions", "interleavings"]
    (clone / "fleet/new.py").write_text("new\n")
    assert changed.unchanged_plots() == ["gil", "extensions", "interleavings"]


def test_where_all_is_published_the_last_commit_is_what_has_changed(changed: ModuleType, clone: Path) -> None:
    (clone / "src/core/queue.cpp").write_text("2\n")
    subprocess.run(["git", "commit", "-qam", "second"], cwd=clone, check=True)
    assert changed.differing_files(counts_published=True) == ["src/core/queue.cpp"]
    subprocess.run(["git", "update-ref", "refs/remotes/origin/main", "HEAD"], cwd=clone, check=True)
    (clone / "gil/new.py").write_text("new\n")
    assert changed.differing_files(counts_published=True) == ["src/core/queue.cpp", "gil/new.py"]
