"""Writes the tables of names that a package loads at their first use, based on its import statements.

python tools/late_names.py            # writes the tables
python tools/late_names.py --check    # fails if a table differs from the imports above it

A name is written once, in an import: at the top if every program needs it, otherwise below `TYPE_CHECKING`.
Type checkers, editors and packaging tools read those. This program fills in `__all__` and the modules of the
late names.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILES = (
    "python/freshframe/__init__.py",
    "python/freshframe/_agent.py",
    "python/freshframe/types.py",
    "fleet/python/freshframe_fleet/__init__.py",
)
BEGIN = "# ---- written by tools/late_names.py\n"
END = "# ----\n"


def imported(statements: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Yields the public names that import statements bind, each with its module; "" for a module."""
    for each in statements:
        if isinstance(each, ast.ImportFrom) and each.level > 0:
            for alias in each.names:
                name = alias.asname or alias.name
                if not name.startswith("_"):
                    yield name, "." * (each.level - 1) + (each.module or "")


def _is_for_checkers(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and ast.unparse(statement.test).endswith("TYPE_CHECKING")


def defined(statements: list[ast.stmt]) -> Iterator[str]:
    """Yields the public names that a module assigns."""
    for each in statements:
        if isinstance(each, ast.Assign):
            names = [target.id for target in each.targets if isinstance(target, ast.Name)]
            yield from (name for name in names if not name.startswith("_"))


def tables(text: str) -> str:
    """Returns the code between the marks: `_MODULES`, `_LATER` and `__all__`."""
    before = ast.parse(text.partition(BEGIN)[0]).body
    late = {
        name: module
        for each in before
        if _is_for_checkers(each) and isinstance(each, ast.If)
        for name, module in imported(each.body)
    }
    modules = sorted(name for name, module in late.items() if not module.strip("."))
    later = sorted((module, name) for name, module in late.items() if module.strip("."))
    now = [name for name, module in imported(before) if module.strip(".")]
    names = [*now, *defined(before), *(name for _, name in later)]
    lines = [f"_MODULES = {tuple(modules)!r}"] if modules else []
    lines += ["_LATER = {", *(f"    {name!r}: {module!r}," for module, name in later), "}", "__all__ = ["]
    lines += [f"    {name!r}," for name in names]
    return "\n".join([*lines, "]", ""])


def written(text: str) -> str:
    """Returns a file's text with the correct tables."""
    head, _, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2]
    made = head + BEGIN + tables(text) + END + tail
    for command in (["check", "--select", "RUF022", "--fix", "--quiet"], ["format"]):
        arguments = ["ruff", *command, "--stdin-filename", str(ROOT / "python/freshframe/__init__.py"), "-"]
        made = subprocess.run(
            [sys.executable, "-m", *arguments], input=made, check=True, capture_output=True, text=True
        ).stdout
    return made


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = []
    for path in (ROOT / name for name in FILES):
        text = path.read_text(encoding="utf-8")
        if (made := written(text)) != text:
            stale.append(path)
            if not check:
                path.write_text(made, encoding="utf-8")
    if check and stale:
        print(*(f"{path.relative_to(ROOT)} is stale: run tools/late_names.py" for path in stale), sep="\n")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
