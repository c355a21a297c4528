"""The results of a lab: tables, a sentence that explains them, and notes; as text or as JSON lines."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .machine import Machine

if TYPE_CHECKING:
    from rich.console import Console

Value = float | int | str | bool | None
Record = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Table:
    """A table for people, and its records for programs.

    Attributes:
        name: Name of the table in the records.
        title: The line above the table.
        headings: Headings of its columns.
        cells: Its rows.
        records: One mapping per row; times in seconds.
        left: Number of columns with words, counted from the first one.
    """

    name: str
    title: str
    headings: Sequence[str]
    cells: Sequence[Sequence[str]]
    records: Sequence[Record]
    left: int = 1


@dataclass(frozen=True, slots=True)
class Result:
    """The results of one run of a lab.

    Attributes:
        lab: Name of the lab.
        tables: The figures.
        meaning: One sentence that explains the figures.
        drawing: Lines that show the figures, between the tables and the sentence.
        notes: Figures that could not be measured, with advice.
    """

    lab: str
    tables: Sequence[Table]
    meaning: str
    drawing: Sequence[str] = ()
    notes: Sequence[str] = field(default_factory=list)


def as_json(result: Result, machine: Machine) -> list[str]:
    """One object per line: the machine, every row, and the sentence."""
    records: list[dict[str, object]] = [{"table": "machine", **machine.as_record()}]
    records += [{"table": table.name, **row} for table in result.tables for row in table.records]
    records.append({"table": "meaning", "text": result.meaning, "notes": [*result.notes, *machine.warnings]})
    return [json.dumps({"lab": result.lab, **record}, allow_nan=False) for record in records]


def show(result: Result, machine: Machine, console: Console) -> None:
    """Prints the results as text."""
    from rich.table import Table as RichTable  # noqa: PLC0415  (60 ms that --json does not need)

    console.print(f"lab {result.lab}, {machine}", style="bold")
    for table in result.tables:
        console.print(table.title)
        drawn = RichTable()
        for number, heading in enumerate(table.headings):
            drawn.add_column(heading, justify="left" if number < table.left else "right")
        for row in table.cells:
            drawn.add_row(*row)
        console.print(drawn)
    for line in result.drawing:
        console.print(line, no_wrap=True, crop=False, overflow="ignore")
    console.print(result.meaning, soft_wrap=not console.is_terminal)
    for note in (*result.notes, *machine.warnings):
        console.print(f"Note: {note}", soft_wrap=not console.is_terminal)


def ms(seconds: float) -> str:
    """`12.3`: milliseconds, with a useful number of digits."""
    value = seconds * 1e3
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def ratio(value: float | None) -> str:
    """`2.01`; a dash if it is not known."""
    return "-" if value is None else f"{value:.2f}" if value < 100 else f"{value:.0f}"
