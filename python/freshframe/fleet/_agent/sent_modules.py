"""Modules that came with a build: they run beside those of the same names that the agent has imported."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import builtins
import importlib
import importlib.machinery
import importlib.util
import io
import pickle
import threading
import types
from collections.abc import Mapping, Sequence
from typing import Any

from ..._process import pickling

Sources = dict[str, tuple[str, bool, str]]  # path, whether it is a package, and the source, by name


class SentModules:
    """One program's version of its own modules.

    Their import statements find each other here and everything else as usual: each of these modules has an
    ``__import__`` of its own. They are not in ``sys.modules``, so ``importlib.import_module`` does not find
    them. Their classes are pickled by name in results, so that a program gets its own class of that name.
    """

    def __init__(self, sources: Sources) -> None:
        """Runs none of them yet."""
        self._sources = sources
        self._modules: dict[str, types.ModuleType] = {}
        self._lock = threading.RLock()
        self._builtins = {**vars(builtins), "__import__": self._import}

    def loads(self, pickled: bytes) -> Any:
        """As pickle.loads(), with these modules."""
        return _Unpickler(pickled, self).load()

    def __contains__(self, name: str) -> bool:
        return name in self._sources

    def module(self, name: str) -> types.ModuleType:
        """Returns a module that was sent. Its first caller runs it."""
        with self._lock:
            known = self._modules.get(name)
            if known is not None:
                return known
            parent = name.rpartition(".")[0]
            if parent in self._sources:
                self.module(parent)  # which may have run this one
            return self._modules.get(name) or self._run(name)

    def _run(self, name: str) -> types.ModuleType:
        path, is_package, source = self._sources[name]
        module = types.ModuleType(name)
        loader: Any = self
        spec = importlib.machinery.ModuleSpec(name, loader, origin=path, is_package=is_package)
        module.__spec__, module.__loader__, module.__file__ = spec, loader, path
        module.__package__ = name if is_package else name.rpartition(".")[0]
        if is_package:
            module.__path__ = [path.rpartition("/")[0]]
        module.__dict__["__builtins__"] = self._builtins
        parent, _, last = name.rpartition(".")
        above = vars(self._modules[parent]) if parent in self._modules else {}
        self._modules[name] = above[last] = module  # before it runs: modules may import each other
        try:
            exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)
        except BaseException:
            del self._modules[name], above[last]
            raise
        for value in list(vars(module).values()):
            _name(value, name)
        return module

    def get_source(self, name: str) -> str:
        """For tracebacks."""
        return self._sources[name][2]

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002  (as __import__ names it)
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> types.ModuleType:
        """Imports like __import__(), and finds modules that were sent."""
        if level:
            name = importlib.util.resolve_name("." * level + name, (globals or {}).get("__package__") or "")
        top = name.partition(".")[0]
        if name not in self._sources and (fromlist or top not in self._sources):
            return builtins.__import__(name, None, None, fromlist or ())
        module = self.find(name)
        if not fromlist:
            return self.find(top)
        for each in fromlist:
            if f"{name}.{each}" in self._sources:
                self.module(f"{name}.{each}")
            elif each != "*" and not hasattr(module, each) and _is_package(module):
                setattr(module, each, importlib.import_module(f"{name}.{each}"))
        return module

    def find(self, name: str) -> types.ModuleType:
        """Returns a module that was sent, or any other."""
        if name in self._sources:
            return self.module(name)
        module = importlib.import_module(name)
        parent, _, last = name.rpartition(".")
        if parent in self._sources:
            setattr(self.module(parent), last, module)
        return module


class _Unpickler(pickle.Unpickler):
    def __init__(self, pickled: bytes, modules: SentModules) -> None:
        super().__init__(io.BytesIO(pickled))
        self._modules = modules

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("cloudpickle.cloudpickle", "subimport"):
            return self._modules.find
        if module not in self._modules:
            return super().find_class(module, name)
        value: Any = self._modules.module(module)
        for part in name.split("."):
            value = getattr(value, part)
        return value


def _is_package(module: types.ModuleType) -> bool:
    return hasattr(module, "__path__")


def _name(value: Any, module: str) -> None:
    """Classes of a module, and those within them."""
    if isinstance(value, type) and value.__module__ == module and value not in pickling.by_name:
        pickling.by_name[value] = (module, value.__qualname__)
        for each in list(vars(value).values()):
            _name(each, module)
