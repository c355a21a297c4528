"""The folders of each package import each other in only one direction, including imports for types and in
functions.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import freshframe as ff
from freshframe import _agent

PACKAGE = Path(ff.__file__).parent
FLEET = Path(__file__).resolve().parents[3] / "fleet/python/freshframe_fleet"


def imported(path: Path, package: Path = PACKAGE) -> Iterator[str]:
    """Yields the modules of the package that a file imports, as paths from the package's root."""
    here = path.relative_to(package).parts
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level:
            base = [*here[: len(here) - node.level], *(node.module or "").split(".")]
        elif (node.module or "").split(".")[0] == package.name:
            base = (node.module or "").split(".")[1:]
        else:
            continue
        base = [part for part in base if part]
        yield from [".".join([*base, name.name]) for name in node.names] if not base else [".".join(base)]


def rooms(package: Path = PACKAGE) -> dict[str, set[str]]:
    """Returns each folder or file at the root, and those that it imports."""
    found: dict[str, set[str]] = {}
    for path in package.rglob("*.py"):
        room = path.relative_to(package).parts[0].removesuffix(".py")
        if room in ("__init__", "__main__"):
            continue
        names = {name.split(".")[0] for name in imported(path, package)}
        known = {name for name in names if (package / name).is_dir() or (package / f"{name}.py").exists()}
        found.setdefault(room, set()).update(known - {room})
    return found


@pytest.mark.parametrize(
    ("package", "room", "sees"),
    [(PACKAGE, "_pipeline", {"_graph", "_interpreter"}), (FLEET, "_fleet", {"_control", "_read"})],
)
def test_no_two_rooms_import_each_other(package: Path, room: str, sees: set[str]) -> None:
    arrows = rooms(package)
    assert arrows[room] >= sees
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


@pytest.mark.slow
def test_the_rooms_below_know_nothing_of_pipelines() -> None:
    above = {"_pipeline", "_shortcuts", "_cli", "fleet"}
    low = ("_check", "_errors", "_interpreter", "_graph", "_process", "_media", "_vision", "_plugin", "_look")
    assert {room: sorted(rooms()[room] & above) for room in low if rooms()[room] & above} == {}


@pytest.mark.parametrize(
    ("room", "above"),
    [
        ("_decide", {"_control", "_agent", "_read", "_fleet", "_sites", "_command"}),
        ("_wire", {"_control", "_agent", "_read", "_fleet", "_sites", "_command"}),
        ("_read", {"_control", "_agent", "_fleet", "_sites", "_command"}),
        ("_agent", {"_fleet", "_sites", "_command", "_read"}),
        ("_control", {"_agent", "_fleet", "_sites", "_command"}),
        ("_fleet", {"_agent", "_sites", "_command"}),
        ("_sites", {"_agent", "_command"}),
    ],
)
def test_the_rooms_of_fleets_know_nothing_of_those_above(room: str, above: set[str]) -> None:
    assert rooms(FLEET)[room] & above == set()


def test_at_most_twenty_names_are_lent_to_fleets() -> None:
    assert len(_agent.__all__) <= 20
