"""Imports within functions hold the fork lock, so that a fork waits for them, and explain why they are not at
the top.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import freshframe as ff

PACKAGE = Path(ff.__file__).parent
# A command is a separate program, which does not fork.
NEVER_FORKED = ("_cli",)


HELD = ("fork.explaining(), fork.loading()", "_fork.explaining(), _fork.loading()")
# Takes fork.loading() from the caller, because gil-budget is another distribution.
GIVEN = "loading or nullcontext()"


def unheld(node: ast.AST, inside: bool = False) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yields import statements within functions that do not hold the lock, or have no explanation."""
    for part in ast.iter_child_nodes(node):
        if isinstance(part, ast.With) and ", ".join(map(ast.unparse, part.items)) in (*HELD, GIVEN):
            continue
        if isinstance(part, ast.Import | ast.ImportFrom) and inside:
            yield part
        yield from unheld(part, inside or isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef))


def test_a_fork_waits_for_every_import_of_a_function() -> None:
    # If another thread was importing a module during the fork, the interpreter's lock for it is never
    # released in the child.
    found = [
        f"{path.relative_to(PACKAGE)}:{each.lineno}: {ast.unparse(each)}"
        for path in PACKAGE.rglob("*.py")
        if path.relative_to(PACKAGE).parts[0] not in NEVER_FORKED
        for each in unheld(ast.parse(path.read_text()))
    ]
    assert not found, "write `with fork.explaining(), fork.loading():` around them"
