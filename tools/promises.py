"""Writes docs/development/promises.md, the list of everything that the tests guarantee, for `./dev docs`.

A test's name is a sentence. The page is not checked in, because it changes with each test.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "development" / "promises.md"
PLACES = ("tests/python", "tests/cpp", "fleet/tests/python", "gil/tests/python", "gil/tests/cpp")
HEAD = """# What is promised

Each sentence here is the name of a test, folder by folder. `./dev docs` writes this page from the tests.
[The tests](tests.md) explains which command runs which of them.
"""
CPP_TEST = re.compile(r"^\s*(?:TYPED_)?TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\)", re.MULTILINE)
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z]+|[a-z]+|\d+")


def sentence(words: str) -> str:
    """Returns words with a capital letter and a full stop."""
    return f"{words[:1].upper()}{words[1:]}."


def read_python(path: Path) -> Iterator[str]:
    """Yields the sentences of a file, in order."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield sentence(node.name.removeprefix("test_").replace("_", " "))


def read_cpp(path: Path) -> Iterator[str]:
    """Yields the sentences of a file, with the suite as the subject."""
    for suite, name in CPP_TEST.findall(path.read_text(encoding="utf-8")):
        words = [word if word.isupper() and len(word) > 1 else word.lower() for word in WORD.findall(name)]
        yield f"{suite}: {' '.join(words)}."


def folders(root: Path = ROOT) -> dict[str, list[Path]]:
    """Returns the test files of each folder."""
    found: dict[str, list[Path]] = {}
    for place in PLACES:
        for path in sorted((root / place).rglob("*")):
            if re.fullmatch(r"test_\w+\.py|\w+_test\.cpp", path.name):
                found.setdefault(str(path.parent.relative_to(root)), []).append(path)
    return dict(sorted(found.items()))


def page(root: Path = ROOT) -> str:
    """Returns the page: a section for each folder, with the subject of each file above its sentences."""
    parts = [HEAD]
    for folder, paths in folders(root).items():
        parts.append(f"\n## {folder}")
        for path in paths:
            sentences = list(read_python(path) if path.suffix == ".py" else read_cpp(path))
            if sentences:
                parts.append(f"\n**{path.name}**\n")
                parts += [f"- {one}" for one in sentences]
    return "\n".join(parts) + "\n"


def main() -> None:
    """Writes the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, nargs="?", default=PAGE)
    parser.parse_args().file.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
