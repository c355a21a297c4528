"""Names of a package that are loaded at their first use."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from . import fork
from .calls import explained


def getter(
    package: dict[str, Any],
    names: Mapping[str, str],
    modules: Collection[str] = (),
) -> Callable[[str], Any]:
    """The ``__getattr__`` of a package, or of a module of one.

    Type checkers must not see it: they would take a misspelt name for one that is loaded later.

    Args:
        package: Its globals().
        names: The module of each name, in the package.
        modules: Modules of the package that are public themselves.
    """
    own_name, home = package["__name__"], package["__package__"]

    def load(name: str) -> Any:
        with fork.loading():
            import importlib  # noqa: PLC0415

            if name in modules:
                return importlib.import_module(f".{name}", home)
            if name in names:
                value = explained(getattr(importlib.import_module(f".{names[name]}", home), name))
                package[name] = value  # later uses find it without this function
                return value
        raise AttributeError(f"module {own_name!r} has no attribute {name!r}")

    return load
