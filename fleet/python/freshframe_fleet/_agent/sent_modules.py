"""Runs the modules that were sent with a build, even if the agent has imported others of the same name."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import builtins
import contextlib
import importlib
import importlib.machinery
import importlib.util
import io
import pickle
import threading
import types
from collections.abc import Mapping, Sequence
from typing import Any

from freshframe._agent import by_name

Sources = dict[str, tuple[str, bool, str]]  # name -> (path, whether it is a package, source)


class SentModules:
    """A program's own modules, in the version that was sent with its build.

    Each module has its own ``__import__``, so that import statements find the others here and everything else
    as usual. They are not in ``sys.modules``, so ``importlib.import_module`` does not find them. Classes are
    pickled by name in results, so the program that reads them gets its own class of that name.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._changed = threading.Condition()  # guards the rest
        self._modules: dict[str, types.ModuleType] = {}  # started or finished
        self._runs: dict[str, int] = {}  # being executed -> thread
        self._awaited: dict[int, str] = {}  # waiting thread -> module
        self._builtins = {**vars(builtins), "__import__": self._import}

    def loads(self, pickled: bytes) -> Any:
        """Like pickle.loads(), but with these modules."""
        return _Unpickler(pickled, self).load()

    def __contains__(self, name: str) -> bool:
        return name in self._sources

    def module(self, name: str) -> types.ModuleType:
        """Returns a sent module. The first caller executes it; other threads wait until it has finished.

        As in Python, threads that wait for each other in a cycle get a partially initialised module.
        """
        parent = name.rpartition(".")[0]
        if parent in self._sources:
            self.module(parent)  # executing the parent may already import this one
        thread = threading.get_ident()
        with self._changed:
            while name in self._runs:
                if self._waits_for(name, thread):
                    return self._modules[name]
                self._awaited[thread] = name
                try:
                    self._changed.wait()
                finally:
                    del self._awaited[thread]
            known = self._modules.get(name)
            if known is not None:
                return known
            self._runs[name] = thread
            module = self._begin(name)
        try:
            self._run(name, module)
        finally:
            with self._changed:
                del self._runs[name]
                self._changed.notify_all()
        return module

    def _waits_for(self, name: str, thread: int) -> bool:
        """Whether the module's execution waits, directly or not, for this thread. Call with the lock held."""
        while (runner := self._runs.get(name)) != thread:
            if runner is None or runner not in self._awaited:
                return False
            name = self._awaited[runner]
        return True

    def _begin(self, name: str) -> types.ModuleType:
        """Creates a module without executing it. Call with the lock held."""
        path, is_package, _ = self._sources[name]
        module = types.ModuleType(name)
        loader: Any = self
        spec = importlib.machinery.ModuleSpec(name, loader, origin=path, is_package=is_package)
        module.__spec__, module.__loader__, module.__file__ = spec, loader, path
        module.__package__ = name if is_package else name.rpartition(".")[0]
        if is_package:
            module.__path__ = [path.rpartition("/")[0]]
        module.__dict__["__builtins__"] = self._builtins
        above, last = self._above(name)
        self._modules[name] = above[last] = module  # before it is executed, because of circular imports
        return module

    def _run(self, name: str, module: types.ModuleType) -> None:
        path, _, source = self._sources[name]
        try:
            exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)
        except BaseException:
            with self._changed:
                above, last = self._above(name)
                del self._modules[name]
                above.pop(last, None)
            raise
        for value in list(vars(module).values()):
            _name(value, name)

    def _above(self, name: str) -> tuple[dict[str, Any], str]:
        """Returns the namespace of the module's package, and the module's name in it."""
        parent, _, last = name.rpartition(".")
        return (vars(self._modules[parent]) if parent in self._modules else {}), last

    def get_source(self, name: str) -> str:
        """Returns the source of a module, for tracebacks."""
        return self._sources[name][2]

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,  # noqa: A002  (as __import__ names it)
        locals: Mapping[str, Any] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> types.ModuleType:
        """Like __import__(), but also finds the sent modules."""
        if level:
            name = importlib.util.resolve_name("." * level + name, (globals or {}).get("__package__") or "")
        top = name.partition(".")[0]
        if top not in self._sources:
            return builtins.__import__(name, None, None, fromlist or ())
        module = self.find(name)
        if not fromlist:
            return self.find(top)
        if _is_package(module):
            for each in fromlist if "*" not in fromlist else getattr(module, "__all__", ()):
                self._find_part(module, f"{name}.{each}")
        return module

    def _find_part(self, package: types.ModuleType, name: str) -> None:
        """Imports a submodule, unless the package already has a different attribute of that name."""
        last = name.rpartition(".")[2]
        known = self._modules.get(name)
        if not hasattr(package, last):
            with contextlib.suppress(_NoModuleError):  # the import statement reports it
                setattr(package, last, self.find(name))
        elif known is not None and getattr(package, last) is known:
            self.module(name)  # another thread may still be executing it

    def find(self, name: str) -> types.ModuleType:
        """Returns a sent module or, if there is none of this name, imports one."""
        if name in self._sources:
            return self.module(name)
        parent, _, last = name.rpartition(".")
        if name.partition(".")[0] not in self._sources:
            return importlib.import_module(name)
        package = self.find(parent)
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise  # the module exists, but something that it imports is missing
            more = "" if _is_package(package) else f"; {parent!r} is not a package"
            raise _NoModuleError(f"No module named {name!r}{more}", name=name) from None
        setattr(package, last, module)
        return module


class _NoModuleError(ModuleNotFoundError):
    """Neither the sent package nor the agent has this module."""


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
    """Registers the names of a module's classes, including nested ones."""
    if isinstance(value, type) and value.__module__ == module and value not in by_name:
        by_name[value] = (module, value.__qualname__)
        for each in list(vars(value).values()):
            _name(each, module)
