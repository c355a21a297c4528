"""Resolves '' in sys.path for other processes: the working directory when this package was imported."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
from collections.abc import Iterable


def _present() -> str | None:
    try:
        return os.getcwd()
    except OSError:  # the directory was deleted
        return None


_at_start = _present()  # at import, because the program may change its directory later


def import_path(entries: Iterable[object]) -> list[str]:
    """Returns the folders of ``sys.path`` for another process, independent of its working directory.

    If the program has changed its directory, a relative entry stands for two folders: modules that were
    imported before are from the first one, and later ones from the second.
    """
    found: list[str] = []
    for entry in entries:
        if not isinstance(entry, str):
            continue  # ignored by the interpreter, too
        if os.path.isabs(entry):
            found.append(entry)
            continue
        folders = dict.fromkeys(folder for folder in (_at_start, _present()) if folder is not None)
        found += [os.path.join(folder, entry) if entry else folder for folder in folders]
    return found
