"""tools/check_prose.py: formulas are found in pages, comments and docstrings, and limits only shrink."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tools"))
from check_prose import (  # noqa: E402
    FORMULAS,
    LONG,
    LONG_SENTENCE,
    compare,
    counted,
    find_hits,
    hits_in,
    without_conflict,
    written,
    wrong_titles,
)

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# For each formula a sentence with it, and a sentence that a reader expects instead.
PAIRS = [
    ("behind", "Frames behind the gap are dropped.", "Frames after the gap are dropped."),
    ("behind", "It waits behind the lock.", "The page runs behind nginx, and the loop may fall behind."),
    ("is none", "There is none to read.", "No frame exists."),
    ("that of", "The age is that of the frame.", "The age is the age of the frame."),
    ("one that", "A queue, and one that blocks.", "A queue that blocks."),
    ("told", "The caller is told.", "The caller gets an error."),
    ("says so", "The log says so.", "The log reports it."),
    ("what as subject", "What was not sent is counted.", "Unsent frames are counted."),
    ("of which", "Queues, of which two block.", "Two of the queues block."),
    ("no more", "It comes no more.", "It no longer comes, and no more than twice."),
    ("each 2 s", "Each third frame is read.", "Every third frame is read."),
    (", for it", "It waits, for it has no frame.", "It waits because it has no frame."),
    ("stands", "The name stands in the list.", "The name is in the list."),
    ("page has", "The page has the numbers.", "The page lists the numbers."),
    ("of its own", "A thread of its own.", "It has its own thread."),
    ("nevertheless", "It runs nevertheless.", "It runs anyway."),
    ("once more", "It runs once more.", "It runs again."),
    ("books, mended", "The books are mended.", "The counters are fixed."),
    ("so many", "It keeps so many frames.", "It keeps n frames."),
    (".8 ms", "It takes .8 ms.", "It takes 0.8 ms."),
    ("fragments", "Looks it up. Null: no frame.", "Returns the frame, or null if no frame exists."),
]
IN_A_FILE = {
    "docs": ("page.md", "# A title\n\n{}\n"),
    "Python": ("a.py", 'def f():\n    """{}"""\n    # nothing\n'),
    "C++": ("a.cpp", "int x;\n\n// {}\nint y;\n"),
}


@pytest.mark.parametrize("kind", IN_A_FILE)
@pytest.mark.parametrize(("formula", "wrong", "right"), PAIRS, ids=[wrong for _, wrong, _ in PAIRS])
def test_a_formula_is_found_and_its_rewrite_is_not(kind: str, formula: str, wrong: str, right: str) -> None:
    name, around = IN_A_FILE[kind]
    assert {hit.formula for hit in find_hits(name, kind, around.format(wrong))} == {formula}
    assert list(find_hits(name, kind, around.format(right))) == []


def test_each_formula_has_a_pair_and_a_rewrite() -> None:
    assert {formula for formula, _, _ in PAIRS} == set(FORMULAS) - {LONG_SENTENCE}
    assert all(better for _, better in FORMULAS.values())


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("docs", "The age is\nthat of the frame.\n"),
        ("Python", "# The age is that\n# of the frame.\n"),
        ("Python", 'x = 1\n"""The age is that\n    of the frame.\n"""\n'),
        ("C++", "// The age is that\n// of the frame.\n"),
        ("C++", "int a;  // The age is that of the frame.\n"),
    ],
)
def test_a_formula_is_found_across_lines(kind: str, text: str) -> None:
    (hit,) = find_hits("a", kind, text)
    assert (hit.formula, hit.text.lower()) == ("that of", "that of")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("docs", "```\nthat of the frame\n```\n\n<!-- that of -->\n\n`that of` [it](that of)\n"),
        ("Python", 'x = "that of"\n'),
        ("C++", 'auto x = "that of";\nauto y = "rtsp://that of";\n'),
        ("C++", "int a;  // that\nint b;  // of the frame\n"),
    ],
)
def test_programs_and_texts_are_no_prose(kind: str, text: str) -> None:
    assert list(find_hits("a", kind, text)) == []


def test_a_sentence_of_a_page_has_a_longest_length() -> None:
    assert list(find_hits("a.md", "docs", "word " * LONG + ". " + "word " * LONG + ".")) == []
    (hit,) = find_hits("a.md", "docs", "Short.\n" + "word " * LONG + "\nword.")
    assert (hit.formula, hit.line) == (LONG_SENTENCE, 2)


def test_a_limit_may_shrink_and_not_grow(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("That of one, that of two.\n")
    found = counted(hits_in(tmp_path, ["a.md"]))
    assert compare(found, {"that of": {"docs": 2}})[:2] == ([], [])
    above, below, _ = compare(found, {"that of": {"docs": 1}})
    assert (above, below) == (["'that of' in docs: 2, at most 1. Write: repeat the noun"], [])
    above, below, smaller = compare(found, {"that of": {"docs": 5}})
    assert (above, below) == ([], ["'that of' in docs: 2, below its limit 5"])
    assert smaller["that of"]["docs"] == 2
    assert compare(found, {"that of": {"docs": 1}})[2]["that of"]["docs"] == 1  # never larger


def tree(folder: Path, limit: int) -> Path:
    (folder / "tools").mkdir()
    (folder / "tools/prose.toml").write_text(written({"that of": {"docs": limit}}))
    (folder / "a.md").write_text("That of one, that of two.\n")
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    return folder


def run(folder: Path, *options: str) -> tuple[int, str]:
    command = [sys.executable, str(ROOT / "tools/check_prose.py"), "--root", str(folder), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_the_program_fails_above_a_limit_and_tightens_one_that_is_too_high(tmp_path: Path) -> None:
    assert run(tree(tmp_path, 1))[0] == 1
    (tmp_path / "tools/prose.toml").write_text(written({"that of": {"docs": 3}}))
    status, said = run(tmp_path)
    assert (status, "check_prose.py --tighten" in said) == (0, True)
    assert run(tmp_path, "--tighten")[0] == 0
    limits = tomllib.loads((tmp_path / "tools/prose.toml").read_text())
    assert limits["that of"] == {"docs": 2, "Python": 0, "C++": 0}
    assert run(tmp_path, "--show", "that of")[1].count("a.md:1: ") == 2


def test_tightening_settles_the_conflict_of_two_people_who_tightened() -> None:
    ours, theirs = '"docs" = 4\n"Python" = 1\n', '"docs" = 3\n"Python" = 2\n'
    text = f'["that of"]\n<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> other\n"C++" = 9\n'
    assert tomllib.loads(without_conflict(text)) == {"that of": {"docs": 3, "Python": 1, "C++": 9}}


@pytest.mark.parametrize(
    ("title", "wrongs"),
    [
        ("core: bound the reader's queue", 0),
        ("core: bound the queue; media: too", 1),
        ("core: " + "x" * 67, 1),
        ("core: a block that stays is told", 1),
    ],
)
def test_a_title_of_a_commit_is_short_and_plain(title: str, wrongs: int) -> None:
    assert len(wrong_titles([title])) == wrongs
