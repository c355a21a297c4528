"""The baseline of a GIL budget: it allows what was there before, and may only shrink."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path

import pytest
from budget_runs import run, run_seen
from gil_budget._plugin import baseline

HOLDS = "def test_holds(): hold()"
QUIET = "def test_holds(): pass"


@pytest.mark.slow
@pytest.mark.needs_gil
def test_a_run_writes_it_and_the_next_one_passes(tmp_path: Path) -> None:
    written = run_seen(tmp_path, HOLDS, "--gil-write-baseline", "base.txt", wanted={"test_holds"})
    assert written.code == 0, written.text
    (name,) = baseline.read(tmp_path / "base.txt").items()
    assert name[0] == "libc.so.6:usleep"
    assert name[1] >= 0.3
    for _ in range(5):  # the sleep takes longer on a machine that stands still meanwhile
        done = run(tmp_path, HOLDS, "--gil-baseline", "base.txt")
        if done.code == 0:
            break
    assert done.code == 0, done.text
    # Above 1.2 times the entry.
    (tmp_path / "base.txt").write_text("100ms libc.so.6:usleep\n")
    assert run_seen(tmp_path, HOLDS, "--gil-baseline", "base.txt", wanted={"test_holds"}).code == 1


@pytest.mark.slow
@pytest.mark.needs_gil
def test_a_name_that_no_full_run_has_seen_any_more_is_to_be_removed(tmp_path: Path) -> None:
    (tmp_path / "base.txt").write_text("500ms libc.so.6:usleep\n")
    options = ("--gil-baseline", "base.txt", "--gil-baseline-strict")
    for _ in range(2):
        done = run(tmp_path, QUIET, *options)
        assert done.code == 0, done.text
    part = run(tmp_path, QUIET, *options, "-k", "holds")
    assert part.code == 0, part.text
    done = run(tmp_path, QUIET, *options)
    assert done.code == 1
    assert "no hold of 'libc.so.6:usleep' in 3 full runs: remove it from the baseline" in done.text
    assert run(tmp_path, QUIET, "--gil-baseline", "base.txt").code == 0, "only strict fails"


def test_the_longest_of_several_runs_counts(tmp_path: Path) -> None:
    path = tmp_path / "base.txt"
    baseline.write(path, {"a": 0.011, "b": 0.3})
    baseline.write(path, {"a": 0.06, "b": 0.009})
    assert baseline.read(path) == {"a": 0.1, "b": 0.5}


def test_a_name_may_have_spaces(tmp_path: Path) -> None:
    path = tmp_path / "base.txt"
    baseline.write(path, {"blur.so:blur(Image const&)": 0.02})
    assert baseline.read(path) == {"blur.so:blur(Image const&)": 0.02}


@pytest.mark.parametrize("text", ["20 name", "name", "20ms", "20ms  "])
def test_a_line_that_is_none_is_refused_with_its_number(tmp_path: Path, text: str) -> None:
    path = tmp_path / "base.txt"
    path.write_text(f"# a comment\n\n{text}\n")
    with pytest.raises(baseline.BaselineError, match=r"base\.txt:3: expected a time and a name"):
        baseline.read(path)


def test_a_file_is_replaced_as_a_whole_or_stays(tmp_path: Path) -> None:
    path = tmp_path / "far"
    link = tmp_path / "link"
    link.symlink_to("far")
    baseline.replace_text(link, "old")
    path.chmod(0o604)
    with pytest.raises(UnicodeEncodeError):
        baseline.replace_text(link, "new\ud800")
    assert path.read_text() == "old"
    baseline.replace_text(link, "new")
    assert link.is_symlink()
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new", 0o604)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["far", "link"]
    baseline.replace_text(Path("/dev/null"), "x")
    assert Path("/dev/null").is_char_device()
