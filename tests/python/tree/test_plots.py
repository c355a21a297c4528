"""A plot of tools/changed.py contains everything that its tests import and read."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
from rigs.tool_modules import load_tool

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[3]

# The files and folders with the tests of each plot. pytest also imports each conftest.py in the folders
# above.
STARTS = {
    "gil": ("gil/tests", "tests/python/gil", "tests/gil_package"),
    "fleet": ("fleet/tests/python",),
    "extensions": ("tests/python/pages/test_extension_examples.py",),
    "interleavings": (
        "tests/cpp/core/interleave",
        "tests/cpp/core/join/play.cpp",
        "tests/cpp/core/join/rules_test.py",
    ),
}
# Paths that the tests need but a plot leaves out, with the reason. `./dev test --all` runs the tests of all
# plots.
LEFT_OUT: dict[str, dict[str, str]] = {
    "gil": {
        "python/freshframe": "a test copies the whole package to include its headers",
        "python/freshframe/__init__.py": "each program imports it",
    },
    "fleet": {"docs": "docs/grafana-fleet.json is a part"},
    "extensions": {
        "python/freshframe/__init__.py": "each program imports it",
        "docs": "the only page that the tests read is a part",
        "tests/web": "no extension has a page",
    },
    "interleavings": {},
}
SUFFIXES = (".py", ".cpp", ".hpp", ".cmake", ".txt")
TESTS = ("tests/", "gil/tests/", "fleet/tests/")
INCLUDES = ("src", "tests", "include", "gil/src", "gil/tests", "gil/include")
IMPORT = re.compile(r"^[ \t]*(?:from ([\w.]+) import ([\w, ]+)|import ([\w.]+))", re.M)
INCLUDE = re.compile(r'^\s*#\s*include "([^"{]+)"', re.M)
SOURCE_DIR = re.compile(r"\$\{(?:source_dir|PROJECT_SOURCE_DIR)\}/([\w./]+\w)")


@pytest.fixture(name="changed", scope="module")
def fixture_changed() -> ModuleType:
    return load_tool("changed")


@functools.cache
def module_folders() -> tuple[Path, ...]:
    """Returns the folders in which the tests find modules."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    return (*(ROOT / name for name in settings["pythonpath"]), ROOT / "python", ROOT)


@functools.cache
def find_module(name: str, beside: Path) -> Path | None:
    """Returns the file of a module in this tree, or of the nearest parent package that has a file."""
    parts = name.split(".")
    for folder in (beside, *module_folders()):
        for count in range(len(parts), 0, -1):
            path = folder.joinpath(*parts[:count])
            for file in (path.with_suffix(".py"), path / "__init__.py"):
                if file.is_file():
                    return file
    return None


class Walk:
    """Finds the files of the tree that a Python file imports, and the paths that it refers to."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.tree = ast.parse(file.read_text(encoding="utf-8"))
        self.values: dict[str, Path] = {}
        self.assigned: set[ast.expr] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                value = self.path_of(node.value)
                if value is not None:
                    self.values[node.targets[0].id] = value
                    self.assigned.add(node.value)

    def path_of(self, node: ast.AST) -> Path | None:
        """Returns the path that an expression evaluates to, without the parts that vary."""
        if isinstance(node, ast.Name):
            return self.values.get(node.id)
        if isinstance(node, ast.Call):
            return self.path_of_call(node)
        if isinstance(node, ast.Attribute) and node.attr == "parent":
            base = self.path_of(node.value)
            return base and base.parent
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Attribute):
            base = self.path_of(node.value.value) if node.value.attr == "parents" else None
            return base and base.parents[ast.literal_eval(node.slice)]
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            base = self.path_of(node.left)
            return base / str(node.right.value) if base and isinstance(node.right, ast.Constant) else base
        return None

    def path_of_call(self, node: ast.Call) -> Path | None:
        """Returns the path that Path(__file__), path.resolve() or path.with_name("name") evaluates to."""
        argument = node.args[0] if node.args else None
        if isinstance(node.func, ast.Name) and node.func.id == "Path":
            return self.file if isinstance(argument, ast.Name) and argument.id == "__file__" else None
        if not isinstance(node.func, ast.Attribute) or node.func.attr not in ("resolve", "with_name"):
            return None
        base = self.path_of(node.func.value)
        return base.with_name(str(argument.value)) if base and isinstance(argument, ast.Constant) else base

    def paths(self, node: ast.AST | None = None) -> Iterator[Path]:
        """Yields the paths that the file refers to, except those that it only assigns."""
        for child in ast.iter_child_nodes(node or self.tree):
            path = self.path_of(child)
            if child in self.assigned:
                continue
            if path is not None:
                yield path
            elif isinstance(child, ast.Constant) and isinstance(child.value, str):
                if re.fullmatch(r"[\w.-]+(/[\w.-]+)+", child.value):
                    yield ROOT / child.value
            else:
                yield from self.paths(child)

    def imports(self) -> Iterator[Path]:
        """Yields the files of the modules that the file imports, including imports in program strings."""
        names: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                names |= {each.name for each in node.names}
            elif isinstance(node, ast.ImportFrom):
                package = node.module or ""
                if node.level:
                    folder = self.file.parents[node.level - 1]
                    base = next((one for one in module_folders() if folder.is_relative_to(one)), folder)
                    package = ".".join((*folder.relative_to(base).parts, *package.split("."))).strip(".")
                names |= {f"{package}.{each.name}" for each in node.names}
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                for package, objects, module in IMPORT.findall(node.value):
                    names |= (
                        {module} if module else {f"{package}.{one.strip()}" for one in objects.split(",")}
                    )
        for name in names:
            found = find_module(name, self.file.parent)
            if found is not None:
                yield found


@functools.cache
def find_needs(file: Path) -> tuple[list[Path], list[Path]]:
    """Returns the files that a test file imports or includes, and the paths that it refers to."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".py":
        walk = Walk(file)
        return list(walk.imports()), list(walk.paths())
    if file.suffix in (".cpp", ".hpp"):
        folders = (file.parent, *(ROOT / each for each in INCLUDES))
        return [(folder / name).resolve() for name in INCLUDE.findall(text) for folder in folders], []
    if file.name == "CMakeLists.txt":
        return [], [folder / file.name for folder in file.parents if folder.is_relative_to(ROOT)]
    return [], [ROOT / name for name in SOURCE_DIR.findall(text)]


def list_files(start: str) -> set[Path]:
    """Returns the files of a plot's tests, and each conftest.py above them."""
    path = ROOT / start
    above = {folder / "conftest.py" for folder in path.parents if folder.is_relative_to(ROOT)}
    found = {path} if path.is_file() else set(path.rglob("*"))
    return {file for file in found | above if file.is_file() and file.suffix in SUFFIXES}


def is_below(name: str, parts: Iterable[str]) -> bool:
    """Returns True if a path is one of the parts, or inside one."""
    return any(name == part or name.startswith(f"{part}/") for part in parts)


@functools.cache
def walk_tests(starts: tuple[str, ...]) -> dict[str, str]:
    """Returns the paths that tests need, each with the file that needs it.

    The product modules that a shared rig imports are left out, because every test needs it.
    """
    seen = {file for start in starts for file in list_files(start)}
    found = {str(file.relative_to(ROOT)): "pytest" for file in seen}
    waiting = sorted(seen)
    while waiting:
        file = waiting.pop()
        by = str(file.relative_to(ROOT))
        followed, named = find_needs(file)
        for path in (*followed, *named):
            if path in module_folders() or not path.is_relative_to(ROOT) or not path.exists():
                continue
            name = str(path.relative_to(ROOT))
            if name.startswith(TESTS) or path in named or is_below(by, starts):
                found.setdefault(name, by)
            if name.startswith(TESTS) and path in followed and path not in seen:
                seen.add(path)
                waiting.append(path)
    return found


def find_lacking(plot: str, parts: Iterable[str]) -> dict[str, str]:
    """Returns the paths that the tests of a plot need but its parts do not contain."""
    needed = walk_tests(STARTS[plot]).items()
    return {name: by for name, by in needed if not is_below(name, parts) and name not in LEFT_OUT[plot]}


@pytest.mark.parametrize("plot", STARTS)
def test_a_plot_has_what_its_tests_import_and_read(changed: ModuleType, plot: str) -> None:
    assert find_lacking(plot, changed.PLOTS[plot][1]) == {}


@pytest.mark.parametrize(
    ("plot", "part", "lacking"),
    [
        ("gil", "tests/python/rigs", "tests/python/rigs/gil_holds.c"),
        ("gil", "docs/benchmarks/gil-holds.md", "docs/benchmarks/gil-holds.md"),
        ("gil", "tests/cpp/watchdog.hpp", "tests/cpp/watchdog.hpp"),
        ("fleet", "tests/python/rigs", "tests/python/rigs/checked_tests.py"),
        ("fleet", "python/freshframe", "python/freshframe/_cli/__init__.py"),
        ("extensions", "examples", "examples/fibonacci/build_twins.py"),
        ("interleavings", "tests/cpp/CMakeLists.txt", "tests/cpp/CMakeLists.txt"),
        ("interleavings", "src/core", "src/core/edge/inbox.hpp"),
    ],
)
def test_what_a_plot_lacks_is_found(changed: ModuleType, plot: str, part: str, lacking: str) -> None:
    parts = [each for each in changed.PLOTS[plot][1] if not is_below(each, [part])]
    assert lacking in find_lacking(plot, parts)


def rows(changed: ModuleType, plot: str) -> set[str]:
    """Returns the rows of the table whose tests belong to a plot, or contain some that do."""
    tests = {
        row: {changed._long(name) for name in names} for row, names in changed.TABLE.items() if row != "."
    }
    starts = STARTS[plot]
    return {
        row
        for row, names in tests.items()
        if any(is_below(name, starts) or is_below(start, [name]) for name in names for start in starts)
    }


@pytest.mark.parametrize("plot", STARTS)
def test_a_folder_whose_change_runs_tests_of_a_plot_is_in_it(changed: ModuleType, plot: str) -> None:
    parts = changed.PLOTS[plot][1]
    assert rows(changed, plot)
    assert {row for row in rows(changed, plot) if not is_below(row, parts)} - set(LEFT_OUT[plot]) == set()


def test_what_is_left_out_of_a_plot_is_needed(changed: ModuleType) -> None:
    for plot, reasons in LEFT_OUT.items():
        parts = changed.PLOTS[plot][1]
        needed = {*walk_tests(STARTS[plot]), *rows(changed, plot)}
        assert [name for name in reasons if name not in needed or is_below(name, parts)] == []


def test_gil_and_its_tests_include_no_header_of_the_engine_but_forks() -> None:
    waiting = [file for suffix in ("*.hpp", "*.cpp") for file in (ROOT / "gil").rglob(suffix)]
    found = set(waiting)
    while waiting:
        included = {path for path in find_needs(waiting.pop())[0] if path.is_file()} - found
        found |= included
        waiting += included
    outside = {str(file.relative_to(ROOT)) for file in found if not file.is_relative_to(ROOT / "gil")}
    assert outside == {
        "include/freshframe/forks.hpp",
        "tests/cpp/fingerprint.hpp",
        "tests/cpp/watchdog.hpp",
    }
