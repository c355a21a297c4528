"""The folders of the package import each other in one direction, in types and in functions too."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import freshframe as ff

PACKAGE = Path(ff.__file__).parent


def imported(path: Path) -> Iterator[str]:
    """The modules of the package that a file names in import statements, from the package's root."""
    here = path.relative_to(PACKAGE).parts
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level:
            base = [*here[: len(here) - node.level], *(node.module or "").split(".")]
        elif (node.module or "").split(".")[0] == "freshframe":
            base = (node.module or "").split(".")[1:]
        else:
            continue
        base = [part for part in base if part]
        yield from [".".join([*base, name.name]) for name in node.names] if not base else [".".join(base)]


def rooms() -> dict[str, set[str]]:
    """Each folder or file at the root, and those that it imports."""
    found: dict[str, set[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if room in ("__init__", "__main__"):
            continue
        names = {name.split(".")[0] for name in imported(path)}
        known = {name for name in names if (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").exists()}
        found.setdefault(room, set()).update(known - {room})
    return found


def test_no_two_rooms_import_each_other() -> None:
    arrows = rooms()
    assert arrows["_pipeline"] >= {"_graph", "_interpreter"}  # it sees them
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


def test_the_rooms_below_know_nothing_of_pipelines() -> None:
    above = {"_pipeline", "_shortcuts", "_cli", "fleet"}
    low = ("_check", "_errors", "_interpreter", "_graph", "_process", "_media", "_vision", "_plugin", "_look")
    assert {room: sorted(rooms()[room] & above) for room in low if rooms()[room] & above} == {}
