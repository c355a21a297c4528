"""Hooks for a forked child, in which its parent's threads do not exist."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import Callable

_hooks: list[Callable[[], object]] = []


def in_child(hook: Callable[[], object]) -> None:
    """Calls ``hook`` in each forked child, after the hooks that were registered before."""
    _hooks.append(hook)


def _forked() -> None:
    for hook in _hooks:
        hook()


os.register_at_fork(after_in_child=_forked)
