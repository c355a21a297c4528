#!/usr/bin/env python3
"""Fails if a class, function, file or pair of folders of the product exceeds a size limit.

A class has at most 45 methods and 40 fields; a larger one must be split. A function has fewer
than 20 branches (its cyclomatic complexity, as lizard counts it). A file of the product has at most 600
lines. A header of src with its `.cpp` has at least 60, unless files of two folders include it. A header that
only one `.cpp` includes must be merged into that file. At least half of the lines of C++ and of Python are in
files of 200 lines and more. Two folders of a layer must not include each other. At most 2 % of the comments
and docstrings of a folder may start with a fragment. tools/house.toml lists what exceeds a limit today, with
its number, which may only shrink: `check_house.py --write` writes smaller numbers, but never larger ones.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import ast
import math
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import lizard
import tree_sitter
import tree_sitter_cpp

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]
LIMITS = {
    "methods": 45,
    "fields": 40,
    "branches": 19,
    "lines": 600,
    "small ideas": 0,
    "headers of one file": 0,
    "percent of lines in short files": 50,
    "mutual includes": 0,
    "fragments in percent": 2,
}
SMALL = 60  # minimum lines of a header plus its .cpp
SHORT = 200  # lines of a file
ENOUGH = 2000  # lines of a language below which the share in short files is not checked
PRODUCT = (
    "src",
    "include",
    "python",
    "web",
    "gil/src",
    "gil/include",
    "gil/python",
    "fleet/python",
    "fleet/web",
)
SUFFIXES = {".cpp", ".hpp", ".h", ".py", ".js", ".css", ".html"}
VENDORED = re.compile(r"(^|/)(vendor|third_party)/|uPlot", re.IGNORECASE)
CPP = tree_sitter.Parser(tree_sitter.Language(tree_sitter_cpp.language()))
# clang's thread safety annotations are in places where the grammar does not expect them.
ANNOTATION = re.compile(rb"FRESHFRAME_[A-Z_]+\([^()]*(?:\([^()]*\)[^()]*)*\)|FRESHFRAME_[A-Z_]+\b")
INCLUDE = re.compile(r'^#include "([^"]+/[^"]+)"', re.MULTILINE)
COMMENT = re.compile(r"^\s*///?\s+(.*)")
FRAGMENTS = re.compile(
    r"Of (?!course)|As [a-zA-Z_]+\(|As (?:the|above|before|an?) |The same\b"
    r"|(?:It|Its|They|Their|This one|One of (?:its|them))\b"
    r"|(?:Also|Else|Otherwise|Then|Instead)\b|(?:None|Null|nullopt|False|True|Empty|Nothing)[:. ]"
)

Rows = dict[str, int]  # a place -> the number that a limit applies to


def product_files(root: Path) -> list[Path]:
    """Returns the source files of the product, without vendored and generated ones."""
    found = (path for top in PRODUCT for path in sorted((root / top).rglob("*")))
    return [
        path
        for path in found
        if path.suffix in SUFFIXES
        and path.is_file()
        and not path.is_symlink()
        and not VENDORED.search(path.relative_to(root).as_posix())
    ]


def in_src(path: Path, root: Path) -> Path:
    """Returns a path relative to the root, or to gil/ for a file of gil/src."""
    place = path.relative_to(root)
    return Path(*place.parts[1:]) if place.parts[:2] == ("gil", "src") else place


def cpp_classes(text: bytes) -> Iterator[tuple[str, int, int]]:
    """Yields name, methods and fields of each class that a C++ file defines."""
    # Blanks preserve all offsets.
    tree = CPP.parse(ANNOTATION.sub(lambda match: b" " * len(match[0]), text))
    waiting = [(tree.root_node, "")]
    while waiting:
        node, scope = waiting.pop()
        inside = scope
        if node.type in {"class_specifier", "struct_specifier"}:
            name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
            if name is not None and body is not None:
                inside = f"{scope}::{(name.text or b'').decode()}".removeprefix("::")
                yield inside, *members(body)
        waiting.extend((child, inside) for child in node.children)


def members(body: tree_sitter.Node) -> tuple[int, int]:
    """Returns the numbers of methods and fields in a class body."""
    methods = fields = 0
    for member in body.children:
        inner = member.children[-1] if member.type == "template_declaration" else member
        if inner.type == "function_definition":
            methods += 1
        elif inner.type in {"field_declaration", "declaration"}:
            declared = inner.children_by_field_name("declarator")
            calls = [one for one in declared if is_method(one)]
            methods += len(calls)
            fields += len(declared) - len(calls)
    return methods, fields


def is_method(declarator: tree_sitter.Node) -> bool:
    """Returns True if a declarator is a method (`f()`, `*f()` or `&f()`), not a pointer to a function."""
    while declarator.type in {"pointer_declarator", "reference_declarator"}:
        declarator = declarator.named_children[-1]
    if declarator.type != "function_declarator":
        return False
    named = declarator.child_by_field_name("declarator")
    return named is not None and named.type != "parenthesized_declarator"


def python_classes(text: str) -> Iterator[tuple[str, int, list[str]]]:
    """Yields name, number of methods and names of the parents of each class that a Python file defines."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef):
            methods = {x.name for x in node.body if isinstance(x, (ast.FunctionDef, ast.AsyncFunctionDef))}
            parents = [getattr(base, "id", getattr(base, "attr", "")) for base in node.bases]
            yield node.name, len(methods), parents


def count_classes(files: Iterable[Path], root: Path) -> tuple[Rows, Rows]:
    """Counts methods and fields per class. Python classes include inherited methods."""
    methods: Rows = {}
    fields: Rows = {}
    python: Classes = {}
    for path in files:
        place = path.relative_to(root).as_posix()
        if path.suffix in {".hpp", ".cpp", ".h"}:
            for name, own, kept in cpp_classes(path.read_bytes()):
                methods[f"{place} {name}"], fields[f"{place} {name}"] = own, kept
        elif path.suffix == ".py":
            for name, own, parents in python_classes(path.read_text(encoding="utf-8")):
                python.setdefault(name, {})[place] = (own, parents)
    for name, places in python.items():
        for place in places:
            methods[f"{place} {name}"] = with_parents(name, place, python, set())
    return methods, fields


Classes = dict[str, dict[str, tuple[int, list[str]]]]  # by name and file: methods and parents


def with_parents(name: str, place: str, classes: Classes, seen: set[tuple[str, str]]) -> int:
    """Returns the number of methods of a Python class and its parents.

    If several classes have a parent's name, the largest counts.
    """
    if (name, place) in seen:
        return 0
    seen.add((name, place))
    own, parents = classes[name][place]
    for parent in parents:
        places = classes.get(parent, {})
        own += max(
            (with_parents(parent, each, classes, seen) for each in ([place] if place in places else places)),
            default=0,
        )
    return own


def count_branches(files: Iterable[Path], root: Path) -> Rows:
    """Returns the cyclomatic complexity of each function; for several with the same name, the largest."""
    branches: Rows = {}
    for path in files:
        if path.suffix not in {".cpp", ".hpp", ".h", ".py"}:
            continue
        place = path.relative_to(root).as_posix()
        # lizard skips functions that ask for it, and mistakes annotations for names.
        text = path.read_bytes().replace(b"lizard forgives", b"")
        code = ANNOTATION.sub(lambda match: b" " * len(match[0]), text).decode()
        functions = lizard.analyze_file.analyze_source_code(str(path), code).function_list
        if path.suffix == ".cpp" and not functions and code.count(";") > 20:
            sys.exit(f"check_house: lizard reads no function in {place}: is a `<` a template to it?")
        for function in functions:
            name = f"{place} {function.name}"
            branches[name] = max(branches.get(name, 0), function.cyclomatic_complexity)
    return branches


def count_pairs(files: Iterable[Path], root: Path) -> Rows:
    """Returns, for each pair of folders that include each other, the includes in the rarer direction."""
    arrows: Counter[tuple[str, str]] = Counter()
    for path in files:
        place = in_src(path, root)
        if place.parts[0] != "src" or path.suffix not in {".cpp", ".hpp"}:
            continue
        own = "/".join(place.parts[1:-1])
        sources = path.parents[len(place.parts) - 2]
        for header in INCLUDE.findall(path.read_text(encoding="utf-8")):
            other = header.rpartition("/")[0]
            inside = other.split("/")[0] == own.split("/")[0] and (sources / other).is_dir()
            if other != own and inside:
                arrows[own, other] += 1
    return {
        f"{a} and {b}": min(number, arrows[b, a])
        for (a, b), number in arrows.items()
        if a < b and (b, a) in arrows and not a.startswith(f"{b}/") and not b.startswith(f"{a}/")
    }


def includers(root: Path) -> dict[str, set[str]]:
    """Returns the files that include each header, without its own `.cpp`. Tests and benchmarks count."""
    found: dict[str, set[str]] = defaultdict(set)
    for top in ("src", "include", "gil", "tests", "bench", "examples"):
        for path in (root / top).rglob("*"):
            if path.suffix in {".cpp", ".hpp", ".h", ".c"} and path.is_file():
                place = in_src(path, root).as_posix()
                for header in INCLUDE.findall(path.read_text(encoding="utf-8")):
                    if place != f"src/{header}".replace(".hpp", ".cpp"):
                        found[f"src/{header}"].add(place)
    return found


def beside(place: str) -> str:
    """Returns the `.cpp` of a header, or the header of a `.cpp`. src/platform has a folder per system."""
    if place.endswith(".cpp"):
        return place[:-4].replace("src/platform/linux/", "src/platform/") + ".hpp"
    return place[:-4].replace("src/platform/", "src/platform/linux/") + ".cpp"


def count_rooms(files: Iterable[Path], root: Path) -> tuple[Rows, Rows]:
    """Returns, by layer, headers that are too small for a file, and those that only one `.cpp` uses."""
    lines = {in_src(p, root).as_posix(): p.read_bytes().count(b"\n") for p in files}
    users = includers(root)
    small: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    for place, number in lines.items():
        path = Path(place)
        if path.parts[0] != "src" or path.suffix not in {".cpp", ".hpp"}:
            continue
        layer, other = "/".join(path.parts[:2]), beside(place)
        if path.suffix == ".cpp" and other in lines:
            continue  # counted with its header
        includes = users.get(place, set())
        folders = {user.rpartition("/")[0] for user in includes}
        small[layer] += number + lines.get(other, 0) < SMALL and len(folders) < 2
        alone[layer] += path.suffix == ".hpp" and len(includes) == 1 and min(includes).endswith(".cpp")
    return dict(small), dict(alone)


def count_short(files: Iterable[Path]) -> Rows:
    """Returns which percentage of the lines of C++ and of Python is in short files."""
    totals: Counter[str] = Counter()
    short: Counter[str] = Counter()
    for path in files:
        language = {".cpp": "C++", ".hpp": "C++", ".h": "C++", ".py": "Python"}.get(path.suffix)
        if language:
            number = path.read_bytes().count(b"\n")
            totals[language] += number
            short[language] += number if number < SHORT else 0
    return {name: math.ceil(100 * short[name] / n) for name, n in totals.items() if n >= ENOUGH}


def texts(path: Path) -> Iterator[str]:
    """Yields the first line of each comment and docstring in a file, except those at its start."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield (ast.get_docstring(node) or "").strip()
        return
    before = False
    for number, line in enumerate(text.split("\n"), 1):
        match = COMMENT.match(line)
        if match and not before and number > 2:
            yield match[1].strip()
        before = match is not None


def count_fragments(files: Iterable[Path], root: Path) -> Rows:
    """Returns each folder's percentage of comments and docstrings that start with a fragment."""
    totals: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    for path in files:
        if path.suffix not in {".py", ".cpp", ".hpp", ".h"}:
            continue
        room = "/".join(in_src(path, root).parts[:2])
        for text in texts(path):
            if text and "SPDX" not in text and not text.startswith(("---", "namespace", "NOLINT", "noqa")):
                totals[room] += 1
                hits[room] += FRAGMENTS.match(text) is not None
    return {room: math.ceil(100 * hits[room] / total) for room, total in totals.items()}


def measure(root: Path) -> dict[str, Rows]:
    """Returns the numbers for each limit, by place."""
    files = product_files(root)
    methods, fields = count_classes(files, root)
    lines = {in_src(p, root).as_posix(): p.read_bytes().count(b"\n") for p in files}
    small, alone = count_rooms(files, root)
    pairs, fragments = count_pairs(files, root), count_fragments(files, root)
    branches = count_branches(files, root)
    counts = (methods, fields, branches, lines, small, alone, count_short(files), pairs, fragments)
    return dict(zip(LIMITS, counts, strict=True))


def compare(found: dict[str, Rows], listed: dict[str, Rows]) -> tuple[list[str], dict[str, Rows]]:
    """Returns messages about exceeded limits or listed numbers, and the list with today's smaller numbers."""
    wrong: list[str] = []
    smaller: dict[str, Rows] = defaultdict(dict)
    for kind, limit in LIMITS.items():
        for place, number in sorted(found[kind].items()):
            allowed = listed.get(kind, {}).get(place, limit)
            if number > max(allowed, limit):
                wrong.append(f"{place}: {kind} {number}, at most {max(allowed, limit)}")
            if number > limit and place in listed.get(kind, {}):
                smaller[kind][place] = min(number, allowed)
    return wrong, smaller


def written(listed: dict[str, Rows]) -> str:
    """Returns the contents of tools/house.toml."""
    lines = [
        "# What exceeds the limits of tools/check_house.py today. Each number may only shrink.",
        "# SPDX-License-Identifier: Apache-2.0",
    ]
    for kind in LIMITS:
        if listed.get(kind):
            lines += [
                "",
                f'["{kind}"]',
                *(f'"{place}" = {number}' for place, number in sorted(listed[kind].items())),
            ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Prints what exceeds its limit. The exit status is 1 if anything does."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("root", nargs="?", type=Path, default=ROOT)
    parser.add_argument("--write", action="store_true", help="write the numbers that have become smaller")
    options = parser.parse_args()
    rules = options.root / "tools/house.toml"
    listed = tomllib.loads(rules.read_text(encoding="utf-8")) if rules.exists() else {}
    wrong, smaller = compare(measure(options.root), listed)
    if options.write:
        rules.write_text(written(smaller), encoding="utf-8")
    left = sum(map(len, smaller.values()))
    print("\n".join(wrong) or f"check_house: {left} exceptions of tools/house.toml are left")
    if wrong:
        print("A class and a function have parts, a file holds one idea, a comment has a subject and a verb.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
