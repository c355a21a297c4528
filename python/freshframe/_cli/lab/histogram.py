"""A histogram of intervals as lines of text."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Mapping, Sequence

_BOUNDS = (0.015, 0.018, 0.025, 0.035, 0.050, 0.070, 0.100)  # seconds; the second column is a game on time
_HEADING = "share of frames, by ms"
_BARS = " ▁▂▃▄▅▆▇█"


def histogram(series: Mapping[str, Sequence[float]]) -> list[str]:
    """One line per series: the share of its intervals in each range, as bars and per cent."""
    words = [f"<{_BOUNDS[0] * 1e3:.0f}"]
    words += [f"{low * 1e3:.0f}-{high * 1e3:.0f}" for low, high in itertools.pairwise(_BOUNDS)]
    words.append(f">{_BOUNDS[-1] * 1e3:.0f}")
    width = max(map(len, (_HEADING, *series)))
    lines = [f"{_HEADING:<{width}}  " + "".join(f"{word:>9}" for word in words)]
    for name, values in series.items():
        counts = [0] * len(words)
        for value in values:
            counts[bisect_right(_BOUNDS, value)] += 1
        lines.append(f"{name:<{width}}  " + "".join(_cell(count, len(values)) for count in counts))
    return lines


def _cell(count: int, whole: int) -> str:
    if not count:
        return f"{'.':>9}"
    share = count / whole
    bar = _BARS[max(1, round(share * (len(_BARS) - 1)))]
    return f"{bar * 3 + f'{share:4.0%}':>9}"
