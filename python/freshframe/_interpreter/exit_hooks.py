"""Hooks for the exit of the interpreter, at the moment when all pipelines were asked to stop."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable

_hooks: list[Callable[[], object]] = []


def add(hook: Callable[[], object]) -> None:
    """Calls ``hook`` when the interpreter exits: all pipelines are asked to stop, and none is joined yet."""
    _hooks.append(hook)


def run() -> None:
    """Calls the hooks in the order in which they were added."""
    for hook in _hooks:
        hook()
