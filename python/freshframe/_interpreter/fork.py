"""Fork safety: hooks for the child, which has none of the parent's threads, and imports that delay a fork."""

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
    """Registers a hook to be called in each forked child, after those registered earlier."""
    _hooks.append(hook)


_loading = threading.RLock()


def loading() -> AbstractContextManager[object]:
    """Returns the lock to hold while this package imports modules after its own import.

    A child forked while another thread imports a module would deadlock on that module's import lock, so a
    fork waits for the import.
    """
    return _loading


class _Explaining:
    """Replaces the OSError of an import that fails for lack of file descriptors or memory."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if (
            isinstance(error, OSError)
            and error.errno in _EXHAUSTED
            and not isinstance(error, FreshframeError)
        ):
            remedy = (
                "free some memory"
                if error.errno == errno.ENOMEM
                else "close some files or raise the limit (ulimit -n)"
            )
            raise FreshframeError(
                f"freshframe could not load a module that this call needs ({error}): {remedy}, and repeat "
                "the call"
            ) from error


_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_explaining = _Explaining()


def explaining() -> AbstractContextManager[None]:
    """Returns a context manager to use around loading().

    The two are separate, because a signal handler that raises could leave a lock held by a Python context
    manager.

    Raises:
        FreshframeError: There are too few file descriptors or too little memory for the import. A later call
            may succeed.
    """
    return _explaining


def _forked() -> None:
    for hook in _hooks:
        hook()


os.register_at_fork(
    before=_loading.acquire, after_in_parent=_loading.release, after_in_child=_loading.release
)
os.register_at_fork(after_in_child=_forked)
