"""Native log lines in Python's logging, rate-limited so that a fault never floods a log."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import logging
import re
import time

logger = logging.getLogger("freshframe")

_LEVELS = (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR)
_EVERY = 10.0  # seconds between two lines of the same kind
_MAX_KINDS = 256


class _Limiter:
    """Lets the first line of a kind pass, then one every 10 seconds with the number of those held back."""

    def __init__(self) -> None:
        self._kinds: dict[str, tuple[float, int]] = {}

    def __call__(self, level: int, text: str) -> None:
        now = time.monotonic()
        kind = re.sub(r"\d+", "#", text)
        last, held_back = self._kinds.get(kind, (float("-inf"), 0))
        if now - last < _EVERY:
            self._kinds[kind] = (last, held_back + 1)
            return
        if len(self._kinds) >= _MAX_KINDS:
            self._kinds.clear()
        self._kinds[kind] = (now, 0)
        suffix = f" (and {held_back} more like it)" if held_back else ""
        logger.log(_LEVELS[level], "%s%s", text, suffix)


handle_line = _Limiter()
