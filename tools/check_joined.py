#!/usr/bin/env python3
"""Fails if unnamed namespaces of two files of a layer define the same name, or one hides a header's name.

Builds of ./dev join files of a layer into one translation unit (CMAKE_UNITY_BUILD), where the second
definition is an error, and so is the use of a name that a header declares in the same namespace. Which files
are joined depends on their number, so the rule applies to the whole layer, and to those tests of a layer that
share a namespace.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UNNAMED = re.compile(r"^namespace \{$(.*?)^\}  // namespace$", re.MULTILINE | re.DOTALL)
QUALIFIERS = r"(?:(?:inline|static|constexpr|const|constinit|thread_local) )+"
VARIABLE = re.compile(rf"^{QUALIFIERS}[^\s(=][^(=\n]*?[ *&](\w+)(?:\[[^\n]*\])*(?: =|\{{|;)", re.MULTILINE)
TYPE = re.compile(r"^(?:class|struct|enum class|enum) (?:\[\[\w+\]\] )?(\w+)", re.MULTILINE)
ADDRESS = re.compile(r"&(\w+)\b(?!::)")  # address of a function, which must not have overloads then
ALIAS = re.compile(r"^(using \w+ = [^;]+;)", re.MULTILINE)
FUNCTION = re.compile(r"^\w[^\n;={}()]*[ *&]\w+\([^;{}]*?\)(?= (?:noexcept )?\{)", re.MULTILINE)
NAMESPACE = re.compile(r"^namespace ([\w:]+) \{$", re.MULTILINE)
WORDS = re.compile(r"\s+")


def signature(text: str) -> str:
    """Returns a function's name and the types of its parameters, without their names and defaults."""
    head, _, parameters = text.partition("(")
    name = re.split(r"[ *&]", head)[-1]
    kinds = [re.sub(r"\s*\w+(\s*=.*)?$", "", one.strip()) for one in parameters.rstrip(")").split(",")]
    return f"{name}({', '.join(WORDS.sub(' ', kind) for kind in kinds)})"


def definitions(text: str) -> set[str]:
    """Returns the names that unnamed namespaces define at their outermost level, except aliases."""
    found: set[str] = set()
    for inside in UNNAMED.findall(text):
        found.update(VARIABLE.findall(inside), TYPE.findall(inside))
        found.update(signature(function) for function in FUNCTION.findall(inside))
    return found


def aliases(text: str) -> dict[str, str]:
    """Returns the aliases in the unnamed namespaces.

    Two files may define the same alias with the same meaning.
    """
    lines = [alias for inside in UNNAMED.findall(text) for alias in ALIAS.findall(inside)]
    return {line.split()[1]: WORDS.sub(" ", line) for line in lines}


def clashes(files: dict[Path, str]) -> list[str]:
    """Returns messages about names that several of these files define."""
    places: dict[str, list[Path]] = defaultdict(list)
    meanings: dict[str, dict[str, Path]] = defaultdict(dict)
    for path, text in sorted(files.items()):
        for name in definitions(text):
            places[name].append(path)
        for name, meaning in aliases(text).items():
            meanings[name].setdefault(meaning, path)
    overloads: dict[str, set[Path]] = defaultdict(set)
    for name, paths in places.items():
        if "(" in name:
            overloads[name.partition("(")[0]].update(paths)
    several = {name: paths for name, paths in places.items() if len(paths) > 1}
    for name, different in meanings.items():
        paths = [*different.values(), *places.get(name, [])]
        if len(paths) > 1:
            several[name] = paths
    for path, text in files.items():
        for name in set(ADDRESS.findall(text)):
            if path in overloads[name] and len(overloads[name]) > 1:
                several[name] = sorted(overloads[name])
    return [
        f"'{name}' is defined in {' and in '.join(map(str, paths))}"
        for name, paths in sorted(several.items())
    ]


def hidden(files: dict[Path, str], headers: dict[Path, str]) -> list[str]:
    """Returns messages about names in these files that a header declares in the same namespace."""
    found = []
    for path, text in sorted(files.items()):
        names = {name.partition("(")[0] for name in definitions(text)} | aliases(text).keys()
        spaces = set(NAMESPACE.findall(text))
        for header, its in sorted(headers.items()):
            if spaces.isdisjoint(NAMESPACE.findall(its)):
                continue
            functions = {signature(function).partition("(")[0] for function in FUNCTION.findall(its)}
            kinds = {alias.split()[1] for alias in ALIAS.findall(its)}
            both = names & {*VARIABLE.findall(its), *TYPE.findall(its), *functions, *kinds}
            found += [f"'{name}' is defined in {path} and in {header}" for name in sorted(both)]
    return found


def main() -> int:
    """Prints the findings. The exit status is 1 if there are any."""
    layers: dict[str, dict[Path, str]] = defaultdict(dict)
    headers: dict[str, dict[Path, str]] = defaultdict(dict)
    for sources in (ROOT / "src", ROOT / "gil" / "src"):
        for path in sources.rglob("*.hpp"):
            headers[path.relative_to(sources).parts[0]][path.relative_to(ROOT)] = path.read_text(
                encoding="utf-8"
            )
        for path in sources.rglob("*.cpp"):
            text = path.read_text(encoding="utf-8")
            if "hwy/foreach_target.h" not in text:  # these are not joined
                layers[path.relative_to(sources).parts[0]][path.relative_to(ROOT)] = text
    for tests in (ROOT / "tests" / "cpp", ROOT / "gil" / "tests" / "cpp"):
        shared = {path.relative_to(tests): path.read_text(encoding="utf-8") for path in tests.rglob("*.hpp")}
        for path in tests.rglob("*_test.cpp"):
            text = path.read_text(encoding="utf-8")
            short = path.relative_to(tests)
            namespace = NAMESPACE.search(text)
            layer = f"tests of {short.parts[0]} in {namespace and namespace[1]}"
            layers[layer][path.relative_to(ROOT)] = text
            if layer not in headers:
                headers[layer] = {
                    header: its
                    for header, its in shared.items()
                    if header.parts[0] == short.parts[0] or len(header.parts) == 1
                }
    found = [line for files in layers.values() for line in clashes(files)]
    found += [line for layer, files in layers.items() for line in hidden(files, headers[layer])]
    for line in found:
        print(f"check_joined: {line}: give one of them a name that says more")
    if not found:
        print(f"check_joined: {sum(map(len, layers.values()))} files, no name twice in a layer")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
