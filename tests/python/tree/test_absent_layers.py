"""A build without some layers still has their names: each of their functions has a stub that raises."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import re
from pathlib import Path

BINDINGS = Path(__file__).parents[3] / "src/bindings"


def bound(*paths: Path) -> set[str]:
    """Returns the functions of parts.hpp that files define."""
    declared = set(re.findall(r"^void (bind_\w+)\(", (BINDINGS / "parts.hpp").read_text(), re.MULTILINE))
    found = {name for path in paths for name in re.findall(r"^void (bind_\w+)\(", path.read_text(), re.M)}
    return found & declared


def test_each_function_of_a_layer_that_may_be_absent_has_a_refusal() -> None:
    absent = ("fleet", "process", "serve", "inference")
    rooms = [path for room in absent for path in (BINDINGS / room).glob("*.cpp")]
    assert len(bound(*rooms)) >= 10
    assert bound(BINDINGS / "absent_layers.cpp") == bound(*rooms)
