"""tools/check_prose.py: private words are found in pages, comments and docstrings, and limits can only
shrink.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tools"))
from check_prose import (  # noqa: E402
    BETTER,
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

# For each word, a sentence with it, and a sentence with the word to use instead.
PAIRS = [
    ("text", "Returns an empty text.", "Returns an empty string, and the text file that it came from."),
    ("picture", "Decodes a picture.", "Decodes an image of docs/pictures."),
    ("card", "Copies it to the card.", "Copies it to the GPU."),
    ("above, below", "A step below the camera.", "A step downstream of the camera."),
    ("takes the place", "It takes the place of the old one.", "It replaces the old one."),
    ("any thread", "Stops it. Any thread.", "Stops it. Thread-safe, on any thread of the pool."),
    ("any thread", "The node's thread, once.", "Called once, on the node's thread."),
    ("goes on", "The loop goes on.", "The loop continues."),
    ("is over", "When the file is over.", "When the file has ended."),
    ("at once", "Ends at once.", "Ends immediately."),
    ("is no", "It is no JPEG.", "It is not a JPEG, and is no longer read."),
    ("takes no", "The source takes no size.", "The source does not accept size."),
    ("computes a network", "It computes the network twice.", "It runs the network twice."),
    ("lacks", "The header lacks a length.", "The header is missing a length."),
    ("twin", "Keep it equal to its twin.", "Keep it equal to its counterpart."),
    ("that nothing uses", "Deletes names that nothing uses.", "Deletes unused names."),
    ("of before", "Keeps the counts of before.", "Keeps the previous counts."),
    ("mend", "Mends the header.", "Fixes the header."),
    ("frame rate", "25 images per second.", "25 frames per second."),
    ("timestamp", "Reads the time stamp.", "Reads the timestamp."),
    ("cheat sheet", "See the one-page card.", "See the cheat sheet."),
    ("oriented box", "Draws a turned box.", "Draws an oriented box."),
    ("worker process", "The helper process of a node.", "The worker process of a node."),
]
IN_A_FILE = {
    "docs": ("page.md", "# A title\n\n{}\n"),
    "Python": ("a.py", 'def f():\n    """{}"""\n    # nothing\n'),
    "C++": ("a.cpp", "int x;\n\n// {}\nint y;\n"),
}


@pytest.mark.parametrize("kind", IN_A_FILE)
@pytest.mark.parametrize(("word", "wrong", "right"), PAIRS, ids=[wrong for _, wrong, _ in PAIRS])
def test_a_word_is_found_and_its_replacement_is_not(kind: str, word: str, wrong: str, right: str) -> None:
    name, around = IN_A_FILE[kind]
    assert {hit.word for hit in find_hits(name, kind, around.format(wrong))} == {word}
    assert list(find_hits(name, kind, around.format(right))) == []


def test_each_word_has_a_pair_and_a_replacement() -> None:
    assert {word for word, _, _ in PAIRS} == set(BETTER) - {LONG_SENTENCE}
    assert all(BETTER.values())


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("docs", "The source takes\nno size.\n"),
        ("Python", "# The source takes\n# no size.\n"),
        ("Python", 'x = 1\n"""The source takes\n    no size.\n"""\n'),
        ("C++", "// The source takes\n// no size.\n"),
        ("C++", "int a;  // The source takes no size.\n"),
    ],
)
def test_a_phrase_is_found_across_lines(kind: str, text: str) -> None:
    (hit,) = find_hits("a", kind, text)
    assert (hit.word, hit.text.lower()) == ("takes no", "takes no")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("docs", "```\ntakes no the frame\n```\n\n<!-- takes no -->\n\n`takes no` [it](takes no)\n"),
        ("Python", 'x = "takes no"\n'),
        ("C++", 'auto x = "takes no";\nauto y = "rtsp://takes no";\n'),
        ("C++", "int a;  // takes\nint b;  // no size\n"),
    ],
)
def test_programs_and_strings_are_not_prose(kind: str, text: str) -> None:
    assert list(find_hits("a", kind, text)) == []


def test_a_sentence_of_a_page_has_a_longest_length() -> None:
    assert list(find_hits("a.md", "docs", "word " * LONG + ". " + "word " * LONG + ".")) == []
    (hit,) = find_hits("a.md", "docs", "Short.\n" + "word " * LONG + "\nword.")
    assert (hit.word, hit.line) == (LONG_SENTENCE, 2)


def test_a_limit_may_shrink_and_not_grow(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("Takes no one, takes no two.\n")
    found = counted(hits_in(tmp_path, ["a.md"]))
    assert compare(found, {"takes no": {"docs": 2}})[:2] == ([], [])
    above, below, _ = compare(found, {"takes no": {"docs": 1}})
    assert (above, below) == (
        ["'takes no' in docs: 2, at most 1. Write: does not accept, cannot be combined with"],
        [],
    )
    above, below, smaller = compare(found, {"takes no": {"docs": 5}})
    assert (above, below) == ([], ["'takes no' in docs: 2, below its limit 5"])
    assert smaller["takes no"]["docs"] == 2
    assert compare(found, {"takes no": {"docs": 1}})[2]["takes no"]["docs"] == 1  # never larger


def tree(folder: Path, limit: int) -> Path:
    (folder / "tools").mkdir()
    (folder / "tools/prose.toml").write_text(written({"takes no": {"docs": limit}}))
    (folder / "a.md").write_text("Takes no one, takes no two.\n")
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    return folder


def run(folder: Path, *options: str) -> tuple[int, str]:
    command = [sys.executable, str(ROOT / "tools/check_prose.py"), "--root", str(folder), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.slow
def test_the_program_fails_above_a_limit_and_tightens_one_that_is_too_high(tmp_path: Path) -> None:
    assert run(tree(tmp_path, 1))[0] == 1
    (tmp_path / "tools/prose.toml").write_text(written({"takes no": {"docs": 3}}))
    status, said = run(tmp_path)
    assert (status, "check_prose.py --tighten" in said) == (0, True)
    assert run(tmp_path, "--tighten")[0] == 0
    limits = tomllib.loads((tmp_path / "tools/prose.toml").read_text())
    assert limits["takes no"] == {"docs": 2, "Python": 0, "C++": 0}
    assert run(tmp_path, "--show", "takes no")[1].count("a.md:1: ") == 2


def test_tightening_settles_the_conflict_of_two_people_who_tightened() -> None:
    ours, theirs = '"docs" = 4\n"Python" = 1\n', '"docs" = 3\n"Python" = 2\n'
    text = f'["takes no"]\n<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> other\n"C++" = 9\n'
    assert tomllib.loads(without_conflict(text)) == {"takes no": {"docs": 3, "Python": 1, "C++": 9}}


@pytest.mark.parametrize(
    ("title", "wrongs"),
    [
        ("core: bound the reader's queue", 0),
        ("core: bound the queue; media: too", 1),
        ("core: " + "x" * 67, 1),
        ("core: delete names that nothing uses", 1),
    ],
)
def test_a_title_of_a_commit_is_short_and_plain(title: str, wrongs: int) -> None:
    assert len(wrong_titles([title])) == wrongs
