"""Writes docs/benchmarks/gil-holds.md from the figures of gil/tools/gil_holds/rows.json."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import re
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

SHORTEST = 0.002  # seconds: the shortest hold that the watch can distinguish from nothing
LIMIT = 0.01  # seconds: the default budget of gil-budget
WITNESS = 0.2  # the two measurements may differ by this fraction
SPARE = 2 * SHORTEST  # seconds: added to that difference if a call releases the GIL

HEAD = """\
# GIL holds of well known calls

How long does a call of a well known package keep every other Python thread waiting? Each row is one call
with a usual input, alone in a fresh process. The rows are no ranking: the packages do different work, and a
hold grows with the input.

- *Longest hold* is the longest time in which no other thread got the GIL: the median of {rounds} calls
  (quartiles).
- *10 ms at* is the input with which the hold would last 10 ms. Divide a larger one, or use a worker process
  (`process=True` in freshframe).
- *Python objects* marks a call that makes or reads Python objects, and so must hold the GIL. Others could
  let go of it.

"""

FREE = """\

## Calls that let go of the GIL

No hold of these calls, which take 10 ms or more, reached 2 ms, the shortest that the watch can distinguish
from nothing. They may have many short ones.

"""

TAIL = """\

## How it is measured

{machine}. Wheels of the package index, as `gil/tools/gil_holds/requirements.txt` names them. {measured}
`./dev gil-holds` installs the packages, measures and writes this page.

The watch of [gil-budget](../how-to/find-gil-holds.md) reads the interpreter's record of the GIL. The longest
time in which a Python thread that wakes up every half millisecond got nothing must agree within
{witness:.0f} %, or the row is left out.

{left_out}"""


@dataclass(frozen=True)
class Row:
    """One call with its figures."""

    package: str
    version: str
    text: str
    amount: float
    unit: str
    objects: bool
    rounds: list[dict[str, Any]]
    python: str  # the interpreter's version
    date: str  # day of the measurement

    @property
    def hold(self) -> float:
        """Longest hold of a call, the median of the rounds, in seconds."""
        return float(median(one["hold"] for one in self.rounds))

    @property
    def quartiles(self) -> tuple[float, float]:
        """Quartiles of the longest hold, in seconds."""
        first, _, third = quantiles([one["hold"] for one in self.rounds], n=4, method="inclusive")
        return first, third

    @property
    def wall(self) -> float:
        """Duration of the whole call, the median of the rounds, in seconds."""
        return float(median(one["wall"] for one in self.rounds))

    @property
    def native(self) -> str | None:
        """The native function that most rounds report."""
        names: list[str | None] = [one["native"] for one in self.rounds]
        return max(names, key=names.count)

    @property
    def lets_go(self) -> bool:
        """True if no hold was long enough to be measured."""
        silence = median(one["silence"] for one in self.rounds)
        return self.hold < SHORTEST and silence < WITNESS * self.wall + SPARE

    def why_not(self) -> str | None:
        """Returns the reason why the row is left out, or None."""
        silence = median(one["silence"] for one in self.rounds)
        if self.wall < SHORTEST * 5:
            return f"it takes {_ms(self.wall)} only"
        if self.lets_go:
            return None
        if abs(silence - self.hold) > max(WITNESS * silence, SHORTEST):
            return f"the watch saw a hold of {_ms(self.hold)}, the other thread was silent for {_ms(silence)}"
        if (
            self.native is None
            or ":" not in self.native
            or self.native.partition(":")[2].startswith(("_Z", "0x"))
        ):
            return "its native function has no name"
        return None


def rows_of(results: dict[str, Any]) -> list[Row]:
    """Returns the rows sorted by package; a package's calls keep their order."""
    rows = [Row(**row) for row in results["rows"]]
    return sorted(rows, key=lambda row: row.package.lower())


def page_of(results: dict[str, Any]) -> str:
    """Returns the text of the page."""
    rows = rows_of(results)
    shown = [row for row in rows if row.why_not() is None]
    left = [f"{row.package}, {row.text}: {reason}" for row in rows if (reason := row.why_not()) is not None]
    lines = [
        "| package | call | takes | longest hold | 10 ms at | in | |",
        "|---|---|---|---|---|---|---|",
        *(_line(row) for row in shown if not row.lets_go),
    ]
    free = [
        "| package | call |",
        "|---|---|",
        *(_start(row) for row in shown if row.lets_go),
    ]
    left_out = "No row was left out.\n" if not left else "Left out: " + ". ".join(left) + ".\n"
    head = HEAD.format(rounds=len(rows[0].rounds))
    tail = TAIL.format(
        machine=results["machine"],
        measured=_measured(shown),
        witness=WITNESS * 100,
        left_out=left_out,
    )
    return head + "\n".join(lines) + "\n" + FREE + "\n".join(free) + "\n" + tail


def _measured(rows: list[Row]) -> str:
    """Says which rows are from which day and interpreter: `--again` keeps those of an earlier run."""
    groups: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        groups.setdefault((row.date, row.python), []).append(f"{row.package} {row.version}, {row.text}")
    if len(groups) == 1:
        ((date, python),) = groups
        return f"All rows: CPython {python}, measured on {date}."
    lines = [
        f"- CPython {python}, measured on {date}: {'; '.join(texts)}."
        for (date, python), texts in sorted(groups.items())
    ]
    return "The rows are from several runs:\n\n" + "\n".join(lines)


def _start(row: Row) -> str:
    return f"| {row.package} {row.version} | {row.text} |"


def _line(row: Row) -> str:
    start = f"{_start(row)} {_ms(row.wall)} |"
    first, third = row.quartiles
    hold = f"{_ms(row.hold)} ({first * 1e3:.1f}\u2013{third * 1e3:.1f})"
    name = f"`{_readable(row.native or '')}`"
    if row.hold < row.wall / 2:
        return start + f" {hold} | | {name} | lets go in between |"
    amount = row.amount * LIMIT / row.hold
    size = (
        f"{_short(amount)} MB" if row.unit == "MB" else f"{_count(amount * 1e5)} {row.unit.partition(' ')[2]}"
    )
    return start + f" {hold} | {size} | {name} | {'Python objects' if row.objects else 'holds'} |"


def _readable(native: str) -> str:
    """Returns the name without types and the interpreter's tag; for a mangled name, only the library."""
    library, _, symbol = native.partition(":")
    library = re.sub(r"(\.cpython-[\w-]+|\.abi3)?\.so[\d.]*$", "", library)
    symbol = re.sub(r"<.*>|\(.*", "", symbol)
    return library if symbol.startswith(("_Z", "0x", "__pyx")) else f"{library}:{symbol}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f} ms" if seconds < 0.1 else f"{seconds * 1e3:.0f} ms"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 20 else f"{value:.2g}"


def _count(value: float) -> str:
    digits = 10 ** max(0, len(str(int(value))) - 2)
    return f"{round(value / digits) * digits:,}"
