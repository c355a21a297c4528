"""Whether this Python has a GIL, whether it is on, and which module switched it on.

On a free-threaded Python a module that does not say that it can do without switches the GIL on for the
whole program.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from types import ModuleType

from . import _native

FREE_THREADED = "t" in getattr(sys, "abiflags", "")
UNKNOWN = "unknown"

_switched_on: list[str] = []  # by whom, as seen when it happened


def enabled() -> bool:
    """Whether threads take turns with a GIL now."""
    return not FREE_THREADED or bool(sys._is_gil_enabled())  # type: ignore[attr-defined,unused-ignore]


def enabled_by() -> tuple[str, ...]:
    """Who keeps the GIL of a free-threaded Python on: names of modules, or how the program was started.

    The one that switched it on comes first where that was seen, which it is when freshframe was imported
    before. Of others the definition tells, except for modules with single-phase initialisation: "unknown"
    stands for those.
    """
    if not FREE_THREADED or not enabled():
        return ()
    if getattr(sys.flags, "gil", None) == 1:
        return ("-X gil=1 or PYTHON_GIL=1",)
    silent = [name for name, module in list(sys.modules.items()) if _native.does_without_gil(module) is False]
    return tuple(dict.fromkeys([*_switched_on, *silent])) or (UNKNOWN,)


def summary() -> str:
    """One line for people."""
    if not FREE_THREADED:
        return "this Python has a GIL"
    if not enabled():
        return "free-threaded, the GIL is off"
    return f"free-threaded, but the GIL is on, switched on by {', '.join(enabled_by())}"


def _look_at_imports() -> None:
    """From now on it is seen which extension module switches the GIL on."""
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
