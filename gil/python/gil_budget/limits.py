"""Parses limits such as "10ms"."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re

LEAST = 0.002
"""Seconds. Below it the watch samples too rarely: five times per limit, at least 0.5 ms apart."""

MOST = 60.0
"""Seconds."""

DEFAULT = "10ms"

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


class LimitError(ValueError):
    """A limit that is malformed or out of range."""


def parse_seconds(limit: str | float) -> float:
    """Returns the seconds of a limit such as "10ms", "0.5s" or 0.01.

    Raises:
        LimitError: It is malformed, or not between 2 ms and 60 s.
    """
    if isinstance(limit, bool) or not isinstance(limit, (str, int, float)):
        raise LimitError(f'a limit must be a text such as "10ms" or a number of seconds, got {limit!r}')
    if isinstance(limit, str):
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(us|ms|s)\s*", limit)
        if found is None:
            raise LimitError(
                f'a limit must be a number with its unit, such as "10ms" or "0.5s", got {limit!r}'
            )
        value = float(found[1]) * _UNITS[found[2]]
    else:
        value = float(limit)
    if not LEAST <= value <= MOST:
        raise LimitError(f"a limit must be {LEAST * 1e3:g} ms to {MOST:g} s, got {limit!r}")
    return value


def milliseconds(seconds: float) -> str:
    """Formats seconds: ``40.2 ms``."""
    return f"{seconds * 1e3:.1f} ms"
