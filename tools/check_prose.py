#!/usr/bin/env python3
r"""Fails when the prose of the tree has more of some formulas than tools/prose.toml allows.

A formula is a turn of phrase over which a native reader stumbles. The check reads pages, the docstrings and
comments of Python, and the comments of C++. Each formula has a limit for each of these places. A limit may
only shrink: `--tighten` writes today's smaller numbers, and never a larger one. A count below its limit is
reported without failing, because others may lower the same limit at the same time.

    check_prose.py                  fails if a count exceeds its limit
    check_prose.py --tighten        writes the counts that have become smaller
    check_prose.py --show "one that"   lists the places of a formula
    check_prose.py FILE...          lists all places in these files, and fails if there are any

Titles of commits that are not in origin/main yet are read too. A bad one is reported without failing,
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
TITLE = 72  # letters of a commit's title
# Each formula: its name, what it matches within a paragraph, and what to write instead.
FORMULAS: dict[str, tuple[str, str]] = {
    "behind": (
        r"(?<!fall )(?<!falls )(?<!falling )(?<!further )(?<!\.)\b[Bb]ehind\b"
        r"(?!:| (?:nginx|a proxy|NAT|a firewall))",
        "after, beyond, following; of lag: late",
    ),
    "is none": (
        r"\b(?:[Tt]here (?:is|are) none|is none|are none|[Nn]one is)\b",
        "no NOUN exists; is not one",
    ),
    "that of": (r"\b(?:[Tt]hat|[Tt]hose) of\b", "repeat the noun"),
    "one that": (r"\b(?:[Oo]nes? that|[Tt]hose (?:that|whose|with|which))\b", "repeat the noun"),
    "told": (r"\b(?:is|are|was|were|be) told\b|\b[Tt]ells?\b", "is reported, shows, notifies"),
    "says so": (
        r"\b(?:says? so|said so|as it says|says? (?:which|by how|by what))\b",
        "reports, lists, shows; or delete it",
    ),
    "what as subject": (
        r"(?:^|[.:] )What (?!do\b|does|is the|are the|to\b|now|if|else|next|for\b)[a-z]+ [^?.]*(?:\.|$)",
        "name the noun: unsent frames are counted",
    ),
    "of which": (r"\bof (?:which|whose)\b", "a second sentence"),
    "no more": (r"\b(?:no more(?! than)|not [a-z ]{0,30}any more)\b", "no longer"),
    "each 2 s": (
        r"\b[Ee]ach (?:\d[\d.,]* ?(?:ms|s|minutes?|seconds?|frames|pictures)\b(?! old)|third|fourth|few)",
        "every 2 s; every third",
    ),
    ", for it": (r", for (?:it|its|the|a|an|no|there|they|some|each)\b", "because"),
    "stands": (
        r"\b(?:stands?|stood) (?:in|on|at|there|above|below|between|around|beside|still)\b",
        "is, is listed; of a picture: is frozen",
    ),
    "page has": (
        r"\b(?i:pages?|table|file|log|lines?|message|list|statistics|rows?|section) (?:has|have)\b",
        "lists, shows, contains",
    ),
    "of its own": (
        r"\bof (?:its|their|your|his|our) own\b|\bof (?:yours|ours|mine)\b",
        "its own NOUN, your NOUN",
    ),
    "nevertheless": (
        r"\b(?:[Nn]evertheless|all the same|in spite of all|[Aa]lso (?:if|when|where))\b",
        "anyway; even if, even when",
    ),
    "once more": (r"\b(?:[Aa]new|once more|for ever)\b", "again; forever"),
    "books, mended": (r"\b(?:[Bb]ooks(?!:)|[Mm]end(?:s|ed|ing)?)\b", "counters; fixed"),
    "so many": (r"\b(?:for so long|so many|so much|as far as)\b", "that long; n; give the number"),
    ".8 ms": (r"(?<![\w.\d])\.\d+ ?(?:ms|s|%|of)\b", "0.8 ms"),
    "fragments": (
        r"(?:^|[;.] )(?i:null|empty|false|true|none|nullopt): "
        r"|(?:^|\. )(?:As (?:above|before|the|[A-Za-z_:]+\()|Its |Their |Of (?!course)(?:the|its|a) )",
        "a subject and a verb: returns X, or null if Y",
    ),
    LONG_SENTENCE: (r"$^", f"at most {LONG} words: one case, one sentence"),
}
PATTERNS = {name: re.compile(pattern) for name, (pattern, _) in FORMULAS.items()}
PLACES = ("docs", "Python", "C++")
KINDS = {".md": "docs", ".py": "Python", ".pyi": "Python", ".cpp": "C++", ".hpp": "C++", ".h": "C++"}
BEFORE_A_STATEMENT = (tokenize.ENCODING, tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT)
CPP_COMMENT = re.compile(r"(?:^|\s)//[/!<]*(?:\s+(.*))?$")

Counts = dict[str, dict[str, int]]  # counts of each formula, by place


class Hit(NamedTuple):
    """A place where a formula occurs."""

    formula: str
    file: str
    line: int
    text: str

    def __str__(self) -> str:
        """Returns the place as a compiler writes it, with what to write instead."""
        return f"{self.file}:{self.line}: {self.text!r} ({self.formula}): {FORMULAS[self.formula][1]}"


Line = tuple[int, str]  # its number and its prose


def paragraphs(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Joins lines that follow each other, up to a line without text."""
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
    """Yields the lines of a page without its programs, comments and the targets of links."""

    def without(match: re.Match[str]) -> str:
        return "\n" * match[0].count("\n")

    text = re.sub(r"^ *```.*?^ *```", without, text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"<!--.*?-->", without, text, flags=re.DOTALL)
    text = re.sub(r"`[^`\n]*`", "X", text)
    text = re.sub(r"\]\([^)\n]*\)", "]", text)
    for number, line in enumerate(text.split("\n"), 1):
        words = line.strip()
        if re.match(r"[-|#>]|\d+\. ", words):  # an item, a row and a title begin a paragraph
            yield number, ""
        yield number, words


def read_python(text: str) -> Iterator[Line]:
    """Yields the comments and docstrings of a program."""
    begins = True  # a statement: a string elsewhere is no docstring
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
            if line[: match.start()].strip():  # a comment beside code begins a paragraph
                yield number, ""
            yield number, re.sub(r"`[^`]+`", "X", match[1] or "").strip()


READERS = {"docs": read_markdown, "Python": read_python, "C++": read_cpp}


def find_hits(file: str, kind: str, text: str) -> Iterator[Hit]:
    """Yields the places of all formulas in the text of a file."""
    for paragraph in paragraphs(READERS[kind](text)):
        whole = ""
        starts: list[tuple[int, int]] = []  # for each line: its place in `whole`, its number
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
        if (kind := KINDS.get(path.suffix)) and path.is_file() and not path.is_symlink():
            for hit in find_hits(name, kind, path.read_text(encoding="utf-8", errors="replace")):
                yield kind, hit


def git(root: Path, *command: str) -> list[str]:
    """Returns the lines that git prints, or nothing if it fails."""
    done = subprocess.run(["git", "-C", str(root), *command], capture_output=True, text=True, check=False)
    return done.stdout.splitlines() if done.returncode == 0 else []


def counted(hits: Iterable[tuple[str, Hit]]) -> Counts:
    """Returns how often each formula occurs in each place."""
    counts = Counter((hit.formula, place) for place, hit in hits)
    return {name: {place: counts[name, place] for place in PLACES} for name in FORMULAS}


def compare(found: Counts, limits: Counts) -> tuple[list[str], list[str], Counts]:
    """Returns sentences about counts above and below their limits, and the limits with the smaller counts."""
    above, below = [], []
    smaller: Counts = {}
    for name, (_, better) in FORMULAS.items():
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
    """Returns the text of tools/prose.toml. A number a line lets two people seldom change the same one."""
    lines = [
        "# How often the formulas of tools/check_prose.py may occur. Each number may only shrink:",
        "# `tools/check_prose.py --tighten` writes today's smaller ones, also after a conflict.",
        "# SPDX-License-Identifier: Apache-2.0",
    ]
    for name, places in limits.items():
        lines += ["", f'["{name}"]', *(f'"{place}" = {places.get(place, 0)}' for place in PLACES)]
    return "\n".join(lines) + "\n"


def without_conflict(text: str) -> str:
    """Returns prose.toml with the smaller number where a merge has left two."""

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
    """Returns sentences about titles of commits that break the rules."""
    wrong = []
    for title in titles:
        if len(title) > TITLE:
            wrong.append(f"title of {len(title)} letters, at most {TITLE}: {title}")
        if ";" in title:
            wrong.append(f"title with a semicolon: {title}")
        wrong += [
            f"title with {match[0]!r}, write {FORMULAS[name][1]}: {title}"
            for name, pattern in PATTERNS.items()
            if (match := pattern.search(title))
        ]
    return wrong


def main() -> int:
    """Prints what exceeds its limit; the exit status is 1 when there is anything."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, help="list the places in these files")
    parser.add_argument("--root", type=Path, default=ROOT, help="the tree to read")
    parser.add_argument("--show", choices=tuple(FORMULAS), metavar="FORMULA", help="list its places")
    parser.add_argument("--tighten", action="store_true", help="write the counts that have become smaller")
    options = parser.parse_args()
    if options.files:
        own = [hit for _, hit in hits_in(Path(), map(str, options.files))]
        print("\n".join(map(str, own)) or "check_prose: no formula")
        return int(bool(own))
    tree = options.root
    names = git(tree, "ls-files", "--cached", "--others", "--exclude-standard")
    hits = sorted(hits_in(tree, names))
    if options.show:
        print("\n".join(str(hit) for _, hit in hits if hit.formula == options.show))
        return 0
    file = tree / "tools/prose.toml"
    limits = tomllib.loads(without_conflict(file.read_text(encoding="utf-8"))) if file.exists() else {}
    above, below, smaller = compare(counted(hits), limits)
    if options.tighten:
        file.write_text(written(smaller), encoding="utf-8")
        below = []
    grown = {line.split("'")[1] for line in above}
    said = above + [str(hit) for hit in newest(tree, (hit for _, hit in hits)) if hit.formula in grown]
    said += [*below, "Run tools/check_prose.py --tighten."] if below else []
    said += wrong_titles(git(tree, "log", "--format=%s", "--no-merges", "origin/main..HEAD"))
    print("\n".join([*said, f"check_prose: {len(above)} of {len(FORMULAS) * len(PLACES)} limits exceeded"]))
    return int(bool(above))


if __name__ == "__main__":
    sys.exit(main())
