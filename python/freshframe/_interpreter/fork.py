"""Forks: hooks for the child, where the parent's threads do not exist, and imports that a fork waits for."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from .._errors import FreshframeError

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


class _Explaining:
    """Replaces the OSError of an import that the system has no descriptor or memory for."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if (
            isinstance(error, OSError)
            and error.errno in _EXHAUSTED
            and not isinstance(error, FreshframeError)
        ):
            raise FreshframeError(
                f"a part of freshframe that is loaded at its first use could not be read ({error}): close "
                "files or raise the limit (ulimit -n), and call it again"
            ) from error


_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_explaining = _Explaining()


def explaining() -> AbstractContextManager[None]:
    """Goes around loading().

    It is separate because a context manager in Python could be left locked by a signal's handler.

    Raises:
        FreshframeError: The system has no descriptor or memory for the import. A later call may succeed.
    """
    return _explaining


def _forked() -> None:
    for hook in _hooks:
        hook()


os.register_at_fork(
    before=_loading.acquire, after_in_parent=_loading.release, after_in_child=_loading.release
)
os.register_at_fork(after_in_child=_forked)
