"""The table of docs/reference/platforms.md: written from the figures, whole, with a run's minutes."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = Path("docs/reference/platforms.md")
FIGURES = Path("tools/platform_rows/figures.json")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The program, and the files that it reads and writes."""
    shutil.copytree(ROOT / "tools" / "platform_rows", tmp_path / "tools" / "platform_rows")
    for path in (Path("tools/platforms.py"), PAGE, FIGURES):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    return tmp_path


def write_page(tree: Path) -> str:
    subprocess.run([sys.executable, tree / "tools" / "platforms.py", "--page"], check=True)
    return (tree / PAGE).read_text()


def test_the_page_of_platforms_shows_the_figures(tree: Path) -> None:
    assert write_page(tree) == (ROOT / PAGE).read_text(), "./dev platforms --page writes it again"


def test_a_row_shows_its_minutes_where_they_are_known(tree: Path) -> None:
    row = {"python": "3.12.1", "python tests": "2 passed"}
    (tree / FIGURES).write_text(json.dumps({"3.12": row | {"minutes": "7"}, "3.14": row}))
    rows = [line for line in write_page(tree).splitlines() if line.startswith(("|  |", "| 3."))]
    cells = [[cell.strip() for cell in line.split("|")] for line in rows]
    at = cells[0].index("Minutes")
    assert [line[at] for line in cells] == ["Minutes", "7", ""]


def test_a_column_without_a_value_is_left_out(tree: Path) -> None:
    row = {"python": "3.12.1", "compiler": "none", "notes": "the wheel in a bare root of Debian GNU/Linux 12"}
    (tree / FIGURES).write_text(json.dumps({"wheel-bookworm": row}))
    page = write_page(tree)
    assert "|  | Python | Notes |\n|---|---|---|\n| wheel-bookworm | 3.12.1 | Debian 12 |\n" in page


def test_rows_of_other_commits_stand_apart(tree: Path) -> None:
    rows = {
        "3.12": {"commit": "aaaa", "date": "2026-11-22", "order": "1"},
        "3.13": {"commit": "bbbb", "date": "2026-11-22", "order": "3"},
        "3.14": {"commit": "aaaa", "date": "2026-11-23"},
        "3.15": {"commit": "bbbb", "date": "2026-11-22", "order": "2"},
    }
    (tree / FIGURES).write_text(json.dumps(rows))
    now, before = write_page(tree).split("Measured at commit bbbb")[1].split("Measured at other commits")
    assert [line.split()[1] for line in now.splitlines() if line.startswith("| 3.")] == ["3.13", "3.15"]
    assert [line.split()[1] for line in before.splitlines() if line.startswith("| 3.")] == ["3.12", "3.14"]


def test_damaged_figures_are_named(tree: Path) -> None:
    (tree / FIGURES).write_text('{"3.12": ')
    program = tree / "tools" / "platforms.py"
    ended = subprocess.run([sys.executable, program, "--page"], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "figures.json must be JSON of an earlier run: " in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_test_that_passes_alone_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    from platform_rows.row import counts  # noqa: PLC0415

    run = "=== {}40 passed, 2 skipped in 78.66s (0:01:18) ==="
    again = "== 2 failed; once more, alone (2256 s)\n=== {} in 3.97s ===\n"
    last = (
        "pytest:  2 failed, 40 passed, 2 skipped in 78.66s (0:01:18)\nGIL watch on 3.14: 9 passed in 3.4s\n"
    )
    assert counts(run.format("")) == "40 passed, 2 skipped"
    first = run.format("2 failed, ") + "\n"
    assert counts(first + again.format("2 passed") + last) == "42 passed, 2 skipped"
    assert counts(first + again.format("1 failed, 1 passed") + last) == "41 passed, 1 failed, 2 skipped"
    assert counts("") == "did not finish: failed"


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("3.10", "cp310-cp310"),
        ("3.11", "cp311-cp311"),
        ("3.12", "cp312-abi3"),
        ("3.15", "cp312-abi3"),
        ("3.14t", "cp314-cp314t"),
        ("3.15t", "cp315-cp315t"),
    ],
)
def test_a_wheel_is_found_by_the_tag_in_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, tag: str
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    from platform_rows.wheels import make_tag  # noqa: PLC0415

    assert make_tag(name) == tag


def test_a_step_that_is_left_out_has_not_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    from platform_rows.wheels import count_steps  # noqa: PLC0415

    steps: list[dict[str, object]] = [
        {"system": "Debian", "python": "3.15.0"},
        {"step": "import", "found": {}},
        {"step": "demo", "failed": "no video"},
    ]
    assert count_steps(steps) == "1 steps passed"
    gil: dict[str, object] = {"step": "gil", "found": "left out: there is no gil-budget for this Python"}
    assert count_steps([*steps, gil]) == "1 steps passed, left out: gil"
