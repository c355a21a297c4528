"""Whether this Python has a GIL, whether it is on, and which module switched it on.

On a free-threaded Python a module that does not declare that it works without the GIL switches it on for the
whole program.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from types import ModuleType

from .. import _native

FREE_THREADED = "t" in getattr(sys, "abiflags", "")
UNKNOWN = "unknown"

_switched_on: list[str] = []  # the modules, as observed at that time


def enabled() -> bool:
    """Whether a GIL is active now."""
    return not FREE_THREADED or bool(sys._is_gil_enabled())  # type: ignore[attr-defined,unused-ignore]


def enabled_by() -> tuple[str, ...]:
    """The reason why a free-threaded Python has its GIL on: names of modules, or the option of the start.

    The module that switched it on comes first if that was observed, which requires that freshframe was
    imported before. Other modules are known by their definition, except for modules with single-phase
    initialisation, which are "unknown".
    """
    if not FREE_THREADED or not enabled():
        return ()
    if getattr(sys.flags, "gil", None) == 1:
        return ("-X gil=1 or PYTHON_GIL=1",)
    silent = [name for name, module in list(sys.modules.items()) if _native.does_without_gil(module) is False]
    return tuple(dict.fromkeys([*_switched_on, *silent])) or (UNKNOWN,)


def summary() -> str:
    """One line of text."""
    if not FREE_THREADED:
        return "this Python has a GIL"
    if not enabled():
        return "free-threaded, the GIL is off"
    return f"free-threaded, but the GIL is on, switched on by {', '.join(enabled_by())}"


def _look_at_imports() -> None:
    """From now on the extension module that switches the GIL on is recorded."""
    create = ExtensionFileLoader.create_module

    def create_module(self: ExtensionFileLoader, spec: ModuleSpec) -> ModuleType:
        before = enabled()
        module = create(self, spec)
        # While another thread loads a module the GIL is on for a moment, too.
        if not before and enabled() and _native.does_without_gil(module) is not True:
            _switched_on.append(spec.name)
        return module

    ExtensionFileLoader.create_module = create_module  # type: ignore[method-assign]


if FREE_THREADED and not enabled():
    _look_at_imports()
