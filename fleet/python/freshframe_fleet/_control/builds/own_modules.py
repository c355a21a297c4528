"""The program's own modules that a `build` needs: how they differ from another program's modules."""

# SPDX-License-Identifier: Apache-2.0
#
# Note [Own modules]
# A build is pickled by reference where it can be: an agent imports its module, and keeps what it has
# imported. So the fleet remembers the modules of the first build that names them, by a digest of their
# sources. A build whose modules differ from those comes with their sources, and the agent runs them beside
# the modules that it has (_agent/sent_modules.py). A module is a program's own if it lies outside of the
# folders in which Python and pip install.
from __future__ import annotations

import ast
import contextlib
import dis
import functools
import hashlib
import importlib.machinery
import importlib.util
import inspect
import sys
import sysconfig
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_INSTALLED = ("stdlib", "platstdlib", "purelib", "platlib")
_PACKAGES = {"site-packages", "dist-packages"}
_PARSES = 4  # attempts before the last one


@dataclass(frozen=True)
class OwnModule:
    """A module as the program has it."""

    name: str
    path: str
    is_package: bool
    source: str = field(repr=False)
    imports: frozenset[str] = field(repr=False)  # names that may be modules

    @functools.cached_property
    def digest(self) -> str:
        """Returns the digest of the module's source."""
        return hashlib.sha256(self.source.encode()).hexdigest()


_known: dict[str, tuple[Any, OwnModule]] = {}  # by name, with the spec that a reload replaces


def find_modules(build: Any) -> dict[str, OwnModule]:
    """Returns the own modules that a function needs, as its import statements show, by name."""
    found: dict[str, OwnModule] = {}
    names = list(_named_by(build, set()))
    while names:
        name = names.pop()
        if name in found or not name:
            continue
        module = _own(name)
        names.append(name.rpartition(".")[0])  # a package is imported before its modules
        if module is not None:
            found[name] = module
            names += module.imports
    return found


def find_specs(modules: Iterable[str]) -> list[Any]:
    """Returns the specs of modules, which a reload replaces."""
    return [getattr(sys.modules.get(name), "__spec__", None) for name in modules]


def _own(name: str) -> OwnModule | None:
    """The module of this name, if it is there and is the program's own."""
    spec = _find_spec(name)
    known = _known.get(name)
    if known is not None and spec is not None and known[0] is spec:
        return known[1]
    origin = getattr(spec, "origin", None)
    if spec is None or not isinstance(origin, str) or not _is_own(name, origin):
        return None
    try:
        source = Path(origin).read_text(encoding="utf-8")
        is_package = spec.submodule_search_locations is not None
        module = OwnModule(name, origin, is_package, source, _imports(source, name, is_package))
    except (OSError, ValueError, SyntaxError):
        return None
    if name in sys.modules:
        _known[name] = spec, module
    return module


def _find_spec(name: str) -> Any:
    """Finds the spec of a module without importing anything."""
    module = sys.modules.get(name)
    if module is not None:
        return getattr(module, "__spec__", None)
    parent = name.rpartition(".")[0]
    path = getattr(sys.modules.get(parent), "__path__", None) if parent else None
    if parent and path is None:
        return None
    with contextlib.suppress(Exception):  # a finder of the user's
        return importlib.machinery.PathFinder.find_spec(name, path)
    return None


def _is_own(name: str, origin: str) -> bool:
    if name.partition(".")[0] in ("freshframe", "freshframe_fleet", "__main__") or not origin.endswith(".py"):
        return False
    path = Path(origin).resolve()
    return not (_PACKAGES & set(path.parts)) and not any(path.is_relative_to(each) for each in _folders())


@functools.cache
def _folders() -> tuple[Path, ...]:
    paths = sysconfig.get_paths()
    return tuple(Path(paths[each]).resolve() for each in _INSTALLED if each in paths)


def _imports(source: str, name: str, is_package: bool) -> frozenset[str]:
    """Names in import statements, also in those within functions."""
    package = name if is_package else name.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(_parsed(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                with contextlib.suppress(ImportError):
                    base = importlib.util.resolve_name("." * node.level + base, package)
            found.add(base)
            found.update(f"{base}.{alias.name}" for alias in node.names if alias.name != "*")
    return frozenset(found)


def _parsed(source: str) -> ast.Module:
    """CPython counts the depth of a parse for all threads, so two at a time may fail (its issue 106905)."""
    for _ in range(_PARSES):
        with contextlib.suppress(SystemError):
            return ast.parse(source)
    return ast.parse(source)


def _named_by(value: Any, seen: set[int]) -> Iterator[str]:
    """Names of modules that a function, or a part of it, refers to."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, types.ModuleType):
        yield value.__name__
        return
    if isinstance(value, functools.partial):
        for part in (value.func, *value.args, *value.keywords.values()):
            yield from _named_by(part, seen)
        return
    if inspect.ismethod(value):
        yield from _named_by(value.__self__, seen)
        value = value.__func__
    module = getattr(value, "__module__", None)
    if isinstance(module, str) and module != "__main__":
        yield module
    if isinstance(value, types.FunctionType):
        yield from _named_by_function(value, seen)
    elif isinstance(value, type) and module == "__main__":
        for part in vars(value).values():
            yield from _named_by(part, seen)
    elif not isinstance(value, type) and type(value).__module__ not in ("builtins", None):
        yield from _named_by(type(value), seen)


def _named_by_function(function: types.FunctionType, seen: set[int]) -> Iterator[str]:
    """Names what travels with a function: its variables, and functions of the program's file that it uses."""
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # empty
            yield from _named_by(cell.cell_contents, seen)
    if function.__module__ != "__main__":
        return  # its module's source has the rest
    for code in _codes(function.__code__):
        for each in dis.get_instructions(code):
            if each.opname == "IMPORT_NAME":
                yield str(each.argval)
        for name in code.co_names:
            if name in function.__globals__:
                yield from _named_by(function.__globals__[name], seen)


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _codes(constant)
