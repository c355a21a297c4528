"""What happens in a forked child: the threads of its parent are not there."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import Callable

_hooks: list[Callable[[], object]] = []


def in_child(hook: Callable[[], object]) -> None:
    """Calls ``hook`` in each forked child, after those that were given before."""
    _hooks.append(hook)


def _forked() -> None:
    for hook in _hooks:
        hook()


os.register_at_fork(after_in_child=_forked)
