"""Imports within functions are held, so that a fork waits for them, and explain why they cannot be read."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import freshframe as ff

PACKAGE = Path(ff.__file__).parent
# A command is a separate program.
NEVER_FORKED = ("_cli",)


HELD = ("fork.explaining(), fork.loading()", "_fork.explaining(), _fork.loading()")
# A caller's fork.loading(): gil-budget is another distribution.
GIVEN = "loading or nullcontext()"


def unheld(node: ast.AST, inside: bool = False) -> Iterator[ast.Import | ast.ImportFrom]:
    """The import statements within functions that are not held and explained."""
    for part in ast.iter_child_nodes(node):
        if isinstance(part, ast.With) and ", ".join(map(ast.unparse, part.items)) in (*HELD, GIVEN):
            continue
        if isinstance(part, ast.Import | ast.ImportFrom) and inside:
            yield part
        yield from unheld(part, inside or isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef))


def test_a_fork_waits_for_every_import_of_a_function() -> None:
    # The interpreter's lock of a module that another thread was importing is never released in the child.
    found = [
        f"{path.relative_to(PACKAGE)}:{each.lineno}: {ast.unparse(each)}"
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] not in NEVER_FORKED
        for each in unheld(ast.parse(path.read_text()))
    ]
    assert not found, "write `with fork.explaining(), fork.loading():` around them"
