"""The baseline: names that may hold the GIL for longer than the budget, and for how long.

Each line has a time and a name: ``50ms mypackage._core.so:parse``. Tests and lines of code are left out, and
times are rounded up to steps, so that two runs of the same code write the same file.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from ..limits import LimitError, parse_seconds

_STEPS_MS = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 60_000)

_HEAD = """\
# Holds of the GIL that were there before, and how long each may take: `pytest --gil-baseline FILE`.
# Delete a line when its hold is gone. --gil-write-baseline FILE adds further runs: the longest counts.
"""


class BaselineError(ValueError):
    """Raised if the baseline file is missing or malformed."""


def round_up(seconds: float) -> float:
    """Returns the smallest step that is not shorter than `seconds`, in seconds."""
    return next((step / 1e3 for step in _STEPS_MS if step / 1e3 >= seconds), _STEPS_MS[-1] / 1e3)


def read(path: Path) -> dict[str, float]:
    """Returns the allowed seconds for each name.

    Raises:
        BaselineError: The file cannot be read, or a line is malformed.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BaselineError(f"cannot read the baseline {str(path)!r}: {error}") from error
    found = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        limit, _, name = line.partition(" ")
        try:
            found[name.strip()] = parse_seconds(limit)
        except LimitError as error:
            raise BaselineError(f"{path}:{number}: expected a time and a name: {error}") from error
        if not name.strip():
            raise BaselineError(f"{path}:{number}: expected a time and a name, got {line!r}")
    return found


def write(path: Path, longest: Mapping[str, float]) -> dict[str, float]:
    """Adds the longest holds of a run to the file, or creates it. Returns the file's entries."""
    entries = read(path) if path.exists() else {}
    for name, seconds in longest.items():
        entries[name] = max(round_up(seconds), entries.get(name, 0.0))
    lines = [f"{seconds * 1e3:g}ms {name}\n" for name, seconds in sorted(entries.items())]
    replace_text(path, _HEAD + "".join(lines))
    return entries


def replace_text(path: Path, text: str) -> None:
    """Replaces a file atomically: after an error, such as a full disk, the old file is still there.

    Follows symlinks. Writes directly to a device or a pipe.

    Raises:
        OSError: The file cannot be written.
    """
    if (path.exists() and not path.is_file()) or path.is_relative_to("/dev") or path.is_relative_to("/proc"):
        path.write_text(text, encoding="utf-8")
        return
    target = Path(os.path.realpath(path))
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    part = target.with_name(f".{secrets.token_hex(6)}.part")
    try:
        with part.open("x", encoding="utf-8") as file:
            file.write(text)
        with contextlib.suppress(FileNotFoundError):
            part.chmod(target.stat().st_mode & 0o777)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
