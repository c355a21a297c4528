"""The list of stable names, the provisional names, and the promises of a release."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from rigs.tool_modules import load_tool
from rigs.watchdog import run_to_end

import freshframe as ff

ROOT = Path(__file__).parents[3]
TOOL = ROOT / "tools" / "signatures.py"

signatures = load_tool("signatures")


def listed() -> list[str]:
    text: str = (ROOT / signatures.LIST).read_text(encoding="utf-8")
    return text.splitlines()


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="other versions write signatures in other words")
def test_the_list_is_that_of_the_package() -> None:
    ended = run_to_end([sys.executable, TOOL, "--check"])
    assert ended.returncode == 0, ended.stderr


def test_each_public_name_is_stable_or_provisional() -> None:
    stable = {signatures.find_name(line).partition(".")[0] for line in listed()}
    provisional = {name.partition(".")[0] for name in signatures.provisional() if "." not in name}
    assert {*ff.__all__, *ff._MODULES} == stable | provisional
    assert stable & provisional == set()


def test_each_provisional_name_exists_and_is_marked_in_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    page = importlib.import_module("python_reference").page()
    for name in signatures.provisional():
        what: object = ff
        for part in name.split("."):
            what = getattr(what, part)
    entry = page.partition("### ff.Spool\n")[2].partition("\n### ")[0]
    assert "[Provisional](stability.md#provisional-names)" in entry
    assert "[Provisional]" not in page.partition("### ff.Queue\n")[2].partition("\n### ")[0]


ADD = "ff.Pipeline.add(node: Any, *, name: str | None = None) -> Port"


@pytest.mark.parametrize(
    ("now", "kept"),
    [
        (ADD, True),
        (ADD.replace(") ->", ", queue: Queue = (1, 2)) ->"), True),
        (ADD.replace("*, name", "*, depth: int = 1, name"), True),
        (ADD.replace(") ->", ", queue: Queue) ->"), False),
        (
            ADD.replace("*, name", "parent: Any = None, *, name"),
            False,
        ),
        (ADD.replace("name:", "label:"), False),
        (ADD.replace("str | None", "str"), False),
        (ADD.replace("Port", "Node"), False),
        ("", False),
    ],
)
def test_a_call_of_a_release_stays_possible(now: str, kept: bool) -> None:
    assert signatures.is_kept(ADD, now) is kept


def test_parameters_without_keywords_may_grow_at_their_end() -> None:
    before = "ff.Batch(size: int, max_wait: float = 0.0)"
    assert signatures.is_kept(before, before[:-1] + ", least: int = 1)")
    assert signatures.is_kept(before, before[:-1] + ", *, least: int = 1)")
    assert not signatures.is_kept(before, "ff.Batch(size: int, least: int = 1, max_wait: float = 0.0)")


def test_a_line_that_is_gone_needs_an_entry_below_breaking() -> None:
    before, now = [ADD, "ff.Queue(depth: int = 1)"], ["ff.Queue(depth: int = 1)"]
    assert signatures.broken(before, now, "### Added\n\n- `Pipeline.add` is new\n") == [ADD]
    entry = "### Breaking\n\n- `Pipeline.add` is gone: write `put`.\n\n### Added\n\n- more\n"
    assert signatures.broken(before, now, entry) == []
    assert signatures.broken([*before, "ff.LATEST = 1"], now, entry) == ["ff.LATEST = 1"]
    assert signatures.broken([ADD], [], "### Breaking\n\n- `ff.Pipeline.add` is gone.\n") == []


def test_the_entry_may_stand_in_any_release_since() -> None:
    changelog = "## Unreleased\n\n## 0.3.0 - today\n\nnew\n\n## 0.2.0 - once\n\nold\n"
    assert "new" in signatures.notes_since(changelog, "0.2.0")
    assert "old" not in signatures.notes_since(changelog, "0.2.0")


def test_a_release_is_compared_with_the_one_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Passes on the commit with the release's own tag, which the release workflow tests."""

    def commit(version: str, promised: str) -> None:
        (tmp_path / signatures.LIST).write_text(f"{promised}\n")
        (tmp_path / "CHANGELOG.md").write_text(f"## Unreleased\n\n## {version} - today\n\nnothing\n")
        name = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.org"]
        for command in (["add", "."], ["commit", "--quiet", "-m", version], ["tag", f"v{version}"]):
            subprocess.run(["git", *name, *command], cwd=tmp_path, check=True)

    (tmp_path / signatures.LIST).parent.mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    monkeypatch.setattr(signatures, "ROOT", tmp_path)
    commit("0.1.0", ADD)
    assert signatures.unkept() == []
    commit("0.2.0", "ff.Queue(depth: int = 1)")
    (problem,) = signatures.unkept()
    assert problem.startswith(f"v0.1.0 promised {ADD}")
