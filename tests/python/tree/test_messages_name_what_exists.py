"""Package names in the strings of the sources exist, and are not repeated."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
# "freshframe.masks.encode" or "ff.Frame.read"; not the name of a file, nor a part of a longer name
NAMES = re.compile(r"(?<![\w./'-])(?:freshframe|ff)((?:\.[A-Za-z_]\w*)+)(?![\w-])")
DOUBLED = re.compile(r"\b(freshframe|ff|python|masks|gil|numeric)[. ]\1\b")
FILES = {
    "toml",
    "py",
    "log",
    "json",
    "mp4",
    "service",
    "sock",
    "yaml",
    "md",
    "onnx",
    "so",
    "pid",
    "db",
    "h",
    "hpp",
}
BUILT = {"_native", "_numeric", "_gil"}  # modules of the extension, whose parts vary


def strings_of_cpp(path: Path) -> Iterator[str]:
    text = re.sub(r"^\s*//.*$", "", path.read_text(), flags=re.MULTILINE)
    for found in re.finditer(r'"((?:[^"\\\n]|\\.)*)"', re.sub(r'"\s*\n\s*"', "", text)):
        yield found[1]


def strings_of_python(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def strings() -> Iterator[tuple[str, str]]:
    for folder, suffix, read in (
        ("src", "*.?pp", strings_of_cpp),
        ("python", "*.py", strings_of_python),
    ):
        for path in sorted((ROOT / folder).rglob(suffix)):
            for text in read(path):
                yield str(path.relative_to(ROOT)), text


@functools.cache
def exists(parts: tuple[str, ...]) -> bool:
    if parts[0] in BUILT or parts[-1] in FILES or parts[0] == "fleet":
        return True
    found: object = importlib.import_module("freshframe")
    name = "freshframe"
    for part in parts:
        name = f"{name}.{part}"
        if hasattr(found, part):
            found = getattr(found, part)
        elif hasattr(found, "__path__") and importlib.util.find_spec(name) is not None:
            found = importlib.import_module(name)
        else:
            # An attribute that exists only on instances, such as a field.
            return isinstance(found, type) and part in getattr(found, "__annotations__", {})
    return True


def test_each_name_of_the_package_in_a_string_exists() -> None:
    wrong = [
        f"{place}: {found[0]}"
        for place, text in strings()
        for found in NAMES.finditer(text)
        if found[0] != text and not exists(tuple(found[1][1:].split(".")))
    ]
    assert not wrong, "\n".join(sorted(set(wrong)))


def test_no_string_doubles_a_name() -> None:
    wrong = [f"{place}: {found[0]}" for place, text in strings() for found in DOUBLED.finditer(text)]
    assert not wrong, "\n".join(wrong)
