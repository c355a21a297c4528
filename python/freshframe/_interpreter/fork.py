"""Forks: hooks for the child, where the parent's threads do not exist, and imports that a fork waits for."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

_hooks: list[Callable[[], object]] = []


def in_child(hook: Callable[[], object]) -> None:
    """Calls ``hook`` in each forked child, after the hooks that were registered before."""
    _hooks.append(hook)


_loading = threading.RLock()


def loading() -> AbstractContextManager[object]:
    """Held while this package imports modules after its own import.

    The interpreter has a lock for each module. A child that is forked while another thread imports one would
    wait for that thread forever when it imports the same module. Therefore a fork waits for the import.
    """
    return _loading


def _forked() -> None:
    for hook in _hooks:
        hook()


os.register_at_fork(
    before=_loading.acquire, after_in_parent=_loading.release, after_in_child=_loading.release
)
os.register_at_fork(after_in_child=_forked)
