"""Hooks that run at interpreter exit, once all pipelines were asked to stop; Ctrl-C without traceback."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType

_hooks: list[Callable[[], object]] = []


def add(hook: Callable[[], object]) -> None:
    """Registers a hook for interpreter exit. It runs when all pipelines were asked to stop, before joins."""
    _hooks.append(hook)


def run() -> None:
    """Calls the hooks in the order in which they were added."""
    for hook in _hooks:
        hook()


def without_traceback(interrupt: KeyboardInterrupt) -> KeyboardInterrupt:
    """Returns a KeyboardInterrupt that ends the program without printing a traceback.

    Programs, debuggers and notebooks that display exceptions themselves still show it.
    """
    interrupt.__dict__["_freshframe_is_wanted"] = True
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _show
    return interrupt


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if not error.__dict__.get("_freshframe_is_wanted"):
        sys.__excepthook__(kind, error, trace)
