"""tools/check_circles.py: cycles of files and folders are found, and exceptions can only shrink."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from pathlib import Path

import pytest
from rigs.tool_modules import load_tool

check = load_tool("check_circles")


@pytest.mark.parametrize(
    ("graph", "circles"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"a"}, "c": {"a"}}, [["a", "b"]]),
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"e"}, "e": {"d", "a"}}, [["a", "b", "c"], ["d", "e"]]),
    ],
)
def test_circles_are_the_strongly_connected_parts(
    graph: dict[str, set[str]], circles: list[list[str]]
) -> None:
    assert check.find_circles(graph) == circles


def tree(root: Path) -> dict[str, set[str]]:
    for name, text in {
        "src/one/a.hpp": '#include "two/b.hpp"\n',
        "src/one/a.cpp": '#include "one/a.hpp"\n',
        "src/two/b.hpp": "#include <vector>\n",
        "src/two/b.cpp": '#include "two/b.hpp"\n#include "one/a.hpp"\n',
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found: dict[str, set[str]] = check.read_includes(root)
    return found


def test_a_source_file_and_its_header_are_one(tmp_path: Path) -> None:
    files = tree(tmp_path)
    assert files == {"src/one/a": {"src/two/b"}, "src/two/b": {"src/one/a"}}
    assert check.join_folders(files) == {"src/one": {"src/two"}, "src/two": {"src/one"}}


def test_a_circle_fails_unless_it_is_listed_and_an_exception_must_shrink_with_it(tmp_path: Path) -> None:
    files = tree(tmp_path)
    (line,) = check.complain("files", files, [])
    assert line.startswith("files include each other: src/one/a, src/two/b")
    assert check.complain("files", files, [["src/one/a", "src/two/b"]]) == []
    (line,) = check.complain("files", files, [["src/one/a", "src/two/b", "src/three/c"]])
    assert "remove src/three/c from" in line
    (line,) = check.complain("files", {"src/one/a": set()}, [["src/one/a", "src/two/b"]])
    assert "remove src/one/a, src/two/b from" in line
