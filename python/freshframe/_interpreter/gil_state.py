"""Whether the GIL is enabled, and which module enabled it.

On free-threaded Python, importing an extension module that does not declare support for running without the
GIL enables it for the whole process.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from types import ModuleType

from .. import _native

FREE_THREADED = "t" in getattr(sys, "abiflags", "")
UNKNOWN = "unknown"

_switched_on: list[str] = []  # the modules, in the order in which they were seen


def enabled() -> bool:
    """Returns True if the GIL is currently enabled."""
    return not FREE_THREADED or bool(sys._is_gil_enabled())  # type: ignore[attr-defined,unused-ignore]


def enabled_by() -> tuple[str, ...]:
    """Returns why the GIL is enabled on free-threaded Python: names of modules, or the interpreter option.

    The module that enabled it comes first, if freshframe was imported before it. Other modules are found by
    their definition, except for those with single-phase initialization, which are "unknown".
    """
    if not FREE_THREADED or not enabled():
        return ()
    if getattr(sys.flags, "gil", None) == 1:
        return ("-X gil=1 or PYTHON_GIL=1",)
    silent = [name for name, module in list(sys.modules.items()) if _native.does_without_gil(module) is False]
    return tuple(dict.fromkeys([*_switched_on, *silent])) or (UNKNOWN,)


def summary() -> str:
    """Returns the state as one line of text."""
    if not FREE_THREADED:
        return "this Python has a GIL"
    if not enabled():
        return "free-threaded, the GIL is off"
    return f"free-threaded, but the GIL is on, switched on by {', '.join(enabled_by())}"


def _look_at_imports() -> None:
    """Starts to record which extension module enables the GIL."""
    create = ExtensionFileLoader.create_module

    def create_module(self: ExtensionFileLoader, spec: ModuleSpec) -> ModuleType:
        before = enabled()
        module = create(self, spec)
        # The GIL is also enabled temporarily while another thread loads a module.
        if not before and enabled() and _native.does_without_gil(module) is not True:
            _switched_on.append(spec.name)
        return module

    ExtensionFileLoader.create_module = create_module  # type: ignore[method-assign]


if FREE_THREADED and not enabled():
    _look_at_imports()
