#!/usr/bin/env python3
r"""Fails if the prose of the tree has more long sentences or private words than tools/prose.toml allows.

Three checks, over pages, the docstrings and comments of Python, and the comments of C++: the length of a
page's sentences, words that this project once used for the field's own (SWAPS), and second names for one
thing (NAMES). docs/development/words.md lists the words to use. Each check has a limit for each of these
places. A limit may only shrink: `--tighten` writes today's smaller numbers, but never larger ones.

    check_prose.py                  fails if a count exceeds its limit
    check_prose.py --tighten        writes the counts that have decreased
    check_prose.py --show picture   lists the places of a word
    check_prose.py FILE...          lists all places in these files, and fails if there are any

Titles of commits that are not in origin/main yet are checked, too. A bad title is reported without failing,
because a pushed title cannot be changed.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import io
import re
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
LONG = 35  # words of a sentence
LONG_SENTENCE = "long sentences"
TITLE = 72  # maximum length of a commit title
# For each word: a pattern for it within a paragraph, and what to write instead.
SWAPS: dict[str, tuple[str, str]] = {
    "text": (
        r"\b(?:[Ee]mpty|[Aa]n?|[Ee]ach|[Tt]his|[Tt]he) texts?\b(?! (?:file|node|field|editor|box|track))",
        "string, empty string",
    ),
    "picture": (r"(?<![/<])\b[Pp]ictures?\b", "image (pixels), frame (one image of a video)"),
    "card": (
        r"\b(?:[Gg]raphics cards?|(?:[Tt]he|[Aa]|[Ee]ach|own) card)\b",
        "GPU; device in code for any GPU",
    ),
    "above, below": (
        r"\b(?:[Aa]bove|[Bb]elow) (?:an?|the|each|every|this|its) (?:camera|node|step|source|file|join)s?\b",
        "upstream of, downstream of",
    ),
    "takes the place": (
        r"\b(?:(?:take|takes|took|taken|taking) (?:its|the|their) places?)\b",
        "replace, replacement",
    ),
    "any thread": (
        r"(?:^|[.;] )(?:Any thread|The [a-z']+(?: [a-z']+)?'s thread)\b(?=[.,;]|$)",
        "thread-safe; called on the node's thread",
    ),
    "goes on": (r"\b(?:go|goes|went|going) on\b(?! to\b)", "continue"),
    "is over": (r"\b(?:is|are|was|were|be) over(?=[.,;:]|$)", "finish, end"),
    "at once": (
        r"\b(?:[Aa]t once|[Aa]ll in all|[Mm]eanwhile)\b",
        "immediately, at the same time; in total; in the meantime",
    ),
    "is no": (
        r"(?<![Tt]here )\b(?:is|are|was|were) no (?!longer\b|more\b|one\b)\w",
        "is not a; no NOUN exists",
    ),
    "takes no": (r"\b[Tt]akes? no\b", "does not accept, cannot be combined with"),
    "computes a network": (r"\bcomput(?:e|es|ed|ing) (?:a|the|its) (?:network|model)\b", "run a model"),
    "lacks": (r"\b[Ll]acks?\b", "is missing"),
    "twin": (r"\b[Tt]wins?\b", "duplicate, counterpart"),
    "that nothing uses": (r"\bthat (?:nothing|nobody) (?:uses|needs)\b", "unused"),
    "of before": (r"\bof before\b", "previous, earlier"),
    "mend": (r"\b[Mm]end(?:s|ed|ing)?\b", "fix"),
}
# Second names for the same thing.
NAMES: dict[str, tuple[str, str]] = {
    "frame rate": (r"\b(?:pictures|images) (?:per|a) second\b", "frame rate; frames per second"),
    "timestamp": (r"\b[Tt]ime[ -]stamps?\b", "timestamp"),
    "cheat sheet": (r"\bone-page card\b", "cheat sheet"),
    "oriented box": (r"\b(?:turned|Turned|rotated|Rotated) box(?:es)?\b", "oriented box"),
    "worker process": (r"\b(?:helper|child|slave) process(?:es)? of (?:a|the) node\b", "worker process"),
}
WORDS = {**SWAPS, **NAMES}
BETTER = {name: better for name, (_, better) in WORDS.items()} | {
    LONG_SENTENCE: f"at most {LONG} words: one case, one sentence"
}
PATTERNS = {name: re.compile(pattern) for name, (pattern, _) in WORDS.items()}
PLACES = ("docs", "Python", "C++")
OF_WORDS = ("docs/development/words.md", "docs/reference/glossary.md")  # they list both words of each pair
KINDS = {".md": "docs", ".py": "Python", ".pyi": "Python", ".cpp": "C++", ".hpp": "C++", ".h": "C++"}
BEFORE_A_STATEMENT = (tokenize.ENCODING, tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT)
CPP_COMMENT = re.compile(r"(?:^|\s)//[/!<]*(?:\s+(.*))?$")

Counts = dict[str, dict[str, int]]  # counts of each word, by place


class Hit(NamedTuple):
    """A place where a word or a long sentence occurs."""

    word: str
    file: str
    line: int
    text: str

    def __str__(self) -> str:
        """Returns the place in a compiler's format, with what to write instead."""
        return f"{self.file}:{self.line}: {self.text!r} ({self.word}): {BETTER[self.word]}"


Line = tuple[int, str]  # line number and prose


def paragraphs(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Joins consecutive lines, up to a line without text."""
    whole: list[Line] = []
    for number, text in lines:
        if whole and (not text or number != whole[-1][0] + 1):
            yield whole
            whole = []
        if text:
            whole.append((number, text))
    if whole:
        yield whole


def read_markdown(text: str) -> Iterator[Line]:
    """Yields the lines of a page without its programs, comments and link targets."""

    def without(match: re.Match[str]) -> str:
        return "\n" * match[0].count("\n")

    text = re.sub(r"^ *```.*?^ *```", without, text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"<!--.*?-->", without, text, flags=re.DOTALL)
    text = re.sub(r"`[^`\n]*`", "X", text)
    text = re.sub(r"\]\([^)\n]*\)", "]", text)
    for number, line in enumerate(text.split("\n"), 1):
        words = line.strip()
        if re.match(r"[-|#>]|\d+\. ", words):  # a list item, a table row and a heading start a paragraph
            yield number, ""
        yield number, words


def read_python(text: str) -> Iterator[Line]:
    """Yields the comments and docstrings of a program."""
    begins = True  # start of a statement: a string elsewhere is not a docstring
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], re.sub(r"`[^`]+`", "X", token.string.lstrip("#: "))
            elif begins and token.type == tokenize.STRING and token.string.startswith(('"""', 'r"""')):
                words = re.sub(r"`[^`\n]+`", "X", token.string.removeprefix("r").strip('"'))
                yield from ((token.start[0] + n, part.strip()) for n, part in enumerate(words.split("\n")))
                yield token.end[0], ""
            begins = token.type in BEFORE_A_STATEMENT or (begins and token.type == tokenize.COMMENT)
    except (tokenize.TokenError, SyntaxError):
        return


def read_cpp(text: str) -> Iterator[Line]:
    """Yields the comments of a C++ file."""
    for number, line in enumerate(text.split("\n"), 1):
        if match := CPP_COMMENT.search(line):
            if line[: match.start()].strip():  # a comment after code starts a paragraph
                yield number, ""
            yield number, re.sub(r"`[^`]+`", "X", match[1] or "").strip()


READERS = {"docs": read_markdown, "Python": read_python, "C++": read_cpp}


def find_hits(file: str, kind: str, text: str) -> Iterator[Hit]:
    """Yields the places of all words in a file's text."""
    for paragraph in paragraphs(READERS[kind](text)):
        whole = ""
        starts: list[tuple[int, int]] = []  # for each line: its offset in `whole`, and its number
        for number, words in paragraph:
            starts.append((len(whole), number))
            whole += words + " "
        whole = whole.rstrip()

        def line_at(place: int, starts: list[tuple[int, int]] = starts) -> int:
            return max(number for start, number in starts if start <= place)

        for name, pattern in PATTERNS.items():
            for match in pattern.finditer(whole):
                yield Hit(name, file, line_at(match.start()), match[0].strip(" .;")[:100])
        if kind == "docs":
            for sentence in re.finditer(r"[^\s.!?:;|](?:[^.!?:;|]|[.!?:;|](?!\s))*", whole):
                if len(re.findall(r"\w+(?:[-'./:]\w+)*", sentence[0])) > LONG:
                    yield Hit(LONG_SENTENCE, file, line_at(sentence.start()), sentence[0][:60] + "...")


def hits_in(root: Path, names: Iterable[str]) -> Iterator[tuple[str, Hit]]:
    """Yields the place (docs, Python, C++) and each hit of these files."""
    for name in names:
        path = root / name
        if name in OF_WORDS:
            continue
        if (kind := KINDS.get(path.suffix)) and path.is_file() and not path.is_symlink():
            for hit in find_hits(name, kind, path.read_text(encoding="utf-8", errors="replace")):
                yield kind, hit


def git(root: Path, *command: str) -> list[str]:
    """Returns the lines that git prints, or nothing if it fails."""
    done = subprocess.run(["git", "-C", str(root), *command], capture_output=True, text=True, check=False)
    return done.stdout.splitlines() if done.returncode == 0 else []


def counted(hits: Iterable[tuple[str, Hit]]) -> Counts:
    """Returns how often each word occurs in each place."""
    counts = Counter((hit.word, place) for place, hit in hits)
    return {name: {place: counts[name, place] for place in PLACES} for name in BETTER}


def compare(found: Counts, limits: Counts) -> tuple[list[str], list[str], Counts]:
    """Returns messages about counts above and below their limits, and the limits with the smaller counts."""
    above, below = [], []
    smaller: Counts = {}
    for name, better in BETTER.items():
        smaller[name] = {}
        for place in PLACES:
            number, limit = found[name][place], limits.get(name, {}).get(place, 0)
            smaller[name][place] = min(number, limit)
            if number > limit:
                above.append(f"{name!r} in {place}: {number}, at most {limit}. Write: {better}")
            elif number < limit:
                below.append(f"{name!r} in {place}: {number}, below its limit {limit}")
    return above, below, smaller


def written(limits: Counts) -> str:
    """Returns the contents of tools/prose.toml. One number per line makes merge conflicts rare."""
    lines = [
        "# How often the words of tools/check_prose.py may occur. Each number may only shrink:",
        "# `tools/check_prose.py --tighten` writes today's smaller ones, also after a conflict.",
        "# SPDX-License-Identifier: Apache-2.0",
    ]
    for name, places in limits.items():
        lines += ["", f'["{name}"]', *(f'"{place}" = {places.get(place, 0)}' for place in PLACES)]
    return "\n".join(lines) + "\n"


def without_conflict(text: str) -> str:
    """Returns prose.toml with the smaller number where a merge conflict has left two."""

    def smaller(match: re.Match[str]) -> str:
        numbers: dict[str, int] = {}
        for place, number in re.findall(r'^"([^"]+)" = (\d+)$', match[0], re.MULTILINE):
            numbers[place] = min(int(number), numbers.get(place, int(number)))
        return "".join(f'"{place}" = {number}\n' for place, number in numbers.items())

    return re.sub(r"^<<<<<<< .*?^>>>>>>> [^\n]*\n", smaller, text, flags=re.MULTILINE | re.DOTALL)


def newest(root: Path, hits: Iterable[Hit]) -> list[Hit]:
    """Returns the hits in lines that this branch adds to origin/main, or the working tree to HEAD."""
    base = git(root, "merge-base", "HEAD", "origin/main") or ["HEAD"]
    added: set[tuple[str, int]] = set()
    file = ""
    for line in git(root, "diff", "-U0", "--no-renames", base[0]):
        if line.startswith("+++ "):
            file = line.removeprefix("+++ ").removeprefix("b/")
        elif match := re.match(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@", line):
            first = int(match[1])
            added.update((file, n) for n in range(first, first + int(match[2] or 1)))
    return [hit for hit in hits if (hit.file, hit.line) in added]


def wrong_titles(titles: Iterable[str]) -> list[str]:
    """Returns messages about commit titles that break the rules."""
    wrong = []
    for title in titles:
        if len(title) > TITLE:
            wrong.append(f"title of {len(title)} letters, at most {TITLE}: {title}")
        if ";" in title:
            wrong.append(f"title with a semicolon: {title}")
        wrong += [
            f"title with {match[0]!r}, write {BETTER[name]}: {title}"
            for name, pattern in PATTERNS.items()
            if (match := pattern.search(title))
        ]
    return wrong


def main() -> int:
    """Prints what exceeds its limit. The exit status is 1 if anything does."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, help="list the places in these files")
    parser.add_argument("--root", type=Path, default=ROOT, help="the tree to read")
    parser.add_argument("--show", choices=tuple(BETTER), metavar="WORD", help="list its places")
    parser.add_argument("--tighten", action="store_true", help="write the counts that have become smaller")
    options = parser.parse_args()
    if options.files:
        own = [hit for _, hit in hits_in(Path(), map(str, options.files))]
        print("\n".join(map(str, own)) or "check_prose: nothing found")
        return int(bool(own))
    tree = options.root
    names = git(tree, "ls-files", "--cached", "--others", "--exclude-standard")
    hits = sorted(hits_in(tree, names))
    if options.show:
        print("\n".join(str(hit) for _, hit in hits if hit.word == options.show))
        return 0
    file = tree / "tools/prose.toml"
    limits = tomllib.loads(without_conflict(file.read_text(encoding="utf-8"))) if file.exists() else {}
    above, below, smaller = compare(counted(hits), limits)
    if options.tighten:
        file.write_text(written(smaller), encoding="utf-8")
        below = []
    grown = {line.split("'")[1] for line in above}
    said = above + [str(hit) for hit in newest(tree, (hit for _, hit in hits)) if hit.word in grown]
    said += [*below, "Run tools/check_prose.py --tighten."] if below else []
    said += wrong_titles(git(tree, "log", "--format=%s", "--no-merges", "origin/main..HEAD"))
    print("\n".join([*said, f"check_prose: {len(above)} of {len(BETTER) * len(PLACES)} limits exceeded"]))
    return int(bool(above))


if __name__ == "__main__":
    sys.exit(main())
