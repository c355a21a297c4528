"""The contract of a node lists everything that the package uses of it besides its public methods."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

import freshframe as ff
from freshframe._graph.contract import Contract

ROOT = Path(ff.__file__).parent

# Private names that are read by string, and the modules that define them. They are not part of a node's
# contract.
KNOWN = {
    "_active_limbo_lock": "threading",
    "_freshframe_added": "the mark of a node in Python that belongs to a pipeline",
    "_fields": "a named tuple",
    "_handle": "a native node that is being constructed",
    "_is_gil_enabled": "sys",
    "_is_main_interpreter": "_thread",
    "_is_owned": "a lock",
    "_metrics_text": "a fleet",
    "_path": "a namespace package",
    "_stream": "a loop that is being constructed",
    "_thread": "a Ray actor",
    "_watcher": "a Ray actor",
}
# The private methods that the package may call on a node.
HOOKS = {"_freshframe_added", "_freshframe_contract", "_freshframe_source_gone"}


@functools.cache
def sources() -> list[tuple[Path, ast.Module]]:
    paths = sorted(ROOT.rglob("*.py"))
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


@functools.cache
def names_read() -> set[str]:
    """Returns the attributes that are read outside of the contract's own file."""
    return {
        each.attr
        for path, tree in sources()
        if path.name != "contract.py"
        for each in ast.walk(tree)
        if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Load)
    }


def names_in(tree: ast.AST) -> Iterator[str]:
    """Yields the private names that are passed as strings to hasattr() and similar functions."""
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or len(call.args) < 2:
            continue
        name = call.args[1]
        if call.func.id not in ("hasattr", "getattr", "setattr") or not isinstance(name, ast.Constant):
            continue
        if isinstance(name.value, str) and name.value.startswith("_") and not name.value.startswith("__"):
            yield name.value


@pytest.mark.slow
def test_no_ability_of_a_node_is_asked_for_by_a_string() -> None:
    found = {name: path for path, tree in sources() for name in names_in(tree)}
    new = {name: str(path) for name, path in found.items() if name not in KNOWN}
    assert not new, "make it a field of freshframe._graph.contract.Contract"


def test_a_node_has_no_hidden_attribute_but_its_contract_and_hooks() -> None:
    found = {
        each.attr
        for _, tree in sources()
        for each in ast.walk(tree)
        if isinstance(each, ast.Attribute) and each.attr.startswith("_freshframe_")
    }
    assert found <= HOOKS


@pytest.mark.table(cases=19)
@pytest.mark.parametrize("name", [field.name for field in fields(Contract)])
def test_each_field_of_the_contract_is_explained_and_read(name: str) -> None:
    assert f"    {name}: " in inspect.cleandoc(Contract.__doc__ or "")
    assert name in names_read()


def test_a_look_and_a_camera_declare_what_they_can_do() -> None:
    camera = ff.open("rtsp://127.0.0.1:1/x")._freshframe_contract()
    assert camera.packets is not None
    assert camera.wake is not None
    assert ff.Look()._freshframe_contract().is_part_of is not None
    assert ff.CircleTracker()._freshframe_contract().packets is None
