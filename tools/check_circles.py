#!/usr/bin/env python3
"""Fails if C++ files or folders include each other in a cycle that tools/circles.toml does not list.

A .cpp and its .hpp count as one file. Subfolders do not count as part of their folder. The exceptions may
only shrink: an exception that is larger than the remaining cycle is an error, too.

    check_circles.py [ROOT]     prints cycles, and the includes that cause them
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
SOURCES = ("src", "gil/src")
SUFFIXES = {".cpp", ".hpp", ".h"}

Graph = Mapping[str, set[str]]


def read_includes(root: Path) -> dict[str, set[str]]:
    """Returns the files that each file below SOURCES includes, by their paths without suffixes."""
    found: dict[str, set[str]] = defaultdict(set)
    for sources in (root / name for name in SOURCES):
        for path in sorted(sources.rglob("*")):
            if path.suffix not in SUFFIXES:
                continue
            name = path.relative_to(root).with_suffix("").as_posix()
            for header in INCLUDE.findall(path.read_text(encoding="utf-8")):
                for candidate in (sources / header, path.parent / header, root / "src" / header):
                    if candidate.is_file():
                        other = candidate.resolve().relative_to(root).with_suffix("").as_posix()
                        found[name].update({other} - {name})
                        break
            found[name]  # so that a file without includes is a node, too
    return found


def join_folders(files: Graph) -> dict[str, set[str]]:
    """Returns the folders that the files of each folder include."""
    found: dict[str, set[str]] = defaultdict(set)
    for name, others in files.items():
        folder = name.rpartition("/")[0]
        found[folder].update({other.rpartition("/")[0] for other in others} - {folder})
    return found


def reach(graph: Graph, start: str) -> set[str]:
    """Returns the nodes that can be reached from `start`, which include `start` only if it is in a cycle."""
    found: set[str] = set()
    left = [start]
    while left:
        more = graph.get(left.pop(), set()) - found
        found |= more
        left += more
    return found


def find_circles(graph: Graph) -> list[list[str]]:
    """Returns the sets of nodes that can all reach each other, sorted."""
    reached = {node: reach(graph, node) for node in graph}
    circles = {
        tuple(sorted(other for other in others if node in reached.get(other, ())))
        for node, others in reached.items()
    }
    return sorted(list(circle) for circle in circles if len(circle) > 1)


def complain(kind: str, graph: Graph, exceptions: Iterable[Iterable[str]]) -> list[str]:
    """Returns a line for each cycle that is not listed, and for each exception that can shrink."""
    found = find_circles(graph)
    allowed = [set(one) for one in exceptions]
    lines = []
    for circle in found:
        if not any(set(circle) <= one for one in allowed):
            arrows = [f"{a} -> {b}" for a in circle for b in sorted(graph[a] & set(circle))]
            lines.append(f"{kind} include each other: {', '.join(circle)} ({'; '.join(arrows)})")
    for one in allowed:
        left = {node for circle in found if set(circle) <= one for node in circle}
        if left != one:
            gone = ", ".join(sorted(one - left))
            lines.append(
                f"tools/circles.toml: remove {gone} from an exception of {kind}: no longer in a circle"
            )
    return lines


def main() -> int:
    """Prints the complaints. The exit status is 1 if there are any."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    exceptions = tomllib.loads((root / "tools/circles.toml").read_text(encoding="utf-8"))
    files = read_includes(root)
    lines = complain("files", files, exceptions.get("files", []))
    lines += complain("folders", join_folders(files), exceptions.get("folders", []))
    print("\n".join(lines) or f"check_circles: {len(files)} files, no circle that is not listed")
    return int(bool(lines) or not files)


if __name__ == "__main__":
    sys.exit(main())
