"""Checks docs/development/walks.md against the tree: each named function is in its file."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "development" / "walks.md").read_text(encoding="utf-8")
WALKS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
NAME = re.compile(r"`((?:src|python|fleet)/[\w./]+)`|`(\w+(?:::\w+)?)\(\)`")


def is_defined(function: str, file: str) -> bool:
    """Returns True if the file defines the function, or calls it and a class of another file defines it."""
    if not (ROOT / file).is_file():
        return False
    text = (ROOT / file).read_text(encoding="utf-8")
    before = r"def " if file.endswith(".py") else r"(?<![\w.>])"
    if re.search(before + re.escape(function) + r"\(", text):
        return True
    of_class, _, member = function.rpartition("::")
    body = (
        re.search(rf"^class {of_class}\b[^;]*?\{{\n(.*?)^\}};", text, re.MULTILINE | re.DOTALL)
        if of_class
        else None
    )
    return body is not None and re.search(rf"^  \w.*\b{member}\(", body[1], re.MULTILINE) is not None


def misplaced(walk: str) -> list[str]:
    """Returns the names of a walk that are in neither the file named before them nor the one after."""
    names = [match.groups() for match in NAME.finditer(walk)]
    wrong = []
    for place, (file, function) in enumerate(names):
        if file is not None:
            wrong += [] if (ROOT / file).is_file() else [file]
            continue
        before = next((name for name, _ in reversed(names[:place]) if name), None)
        behind = next((name for name, _ in names[place:] if name), None)
        if not any(is_defined(function, near) for near in (before, behind) if near):
            wrong.append(f"{function}()")
    return wrong


def test_the_page_has_five_walks() -> None:
    assert len(WALKS) == 5
    assert all(len(NAME.findall(walk)) > 10 for walk in WALKS.values())


@pytest.mark.parametrize("walk", WALKS)
def test_each_function_of_a_walk_is_in_its_file(walk: str) -> None:
    assert misplaced(WALKS[walk]) == []


def test_a_function_that_has_moved_and_a_file_that_has_gone_are_found() -> None:
    walk = "1. `src/core/edge/inbox.cpp`: `Inbox::put()`, `Inbox::no_such()`.\n2. `src/core/gone.cpp`."
    assert misplaced(walk) == ["Inbox::no_such()", "src/core/gone.cpp"]


def test_a_member_that_its_class_defines_is_found_there_alone() -> None:
    file = "src/sinks/recording/packet_forms.hpp"
    assert misplaced(f"1. `{file}`: `PacketRecording::write()`, `PacketRecording::no_such()`.") == [
        "PacketRecording::no_such()"
    ]
