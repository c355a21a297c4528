"""The ledger of what ran after hours, and the table of docs/development/reliability.md that is made of it."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

LEDGER = Path(__file__).with_name("ledger.json")
PAGE = Path(__file__).parents[2] / "docs" / "development" / "reliability.md"
_BEGIN, _END = "<!-- ledger -->\n", "<!-- end of the ledger -->\n"
_WORDS = {
    "random": "random pipelines",
    "fuzz": "inputs",
    "soak": "outages of a receiver and a camera",
    "churn": "rounds of connections and nodes",
    "repeats": "tests, again and again",
    "delays": "tests, with threads that hesitate",
    "limits": "trials of limits",
    "healthy": "healthy programs",
    "chaos": "faults of a rich pipeline",
    "fleets": "faults of a fleet",
    "sanitizers": "suites of tests",
}


@dataclass
class Entry:
    """The work of a part at one commit.

    Attributes:
        part: Its name, and "on 3.14t" where it ran on that Python without a GIL.
        commit: The tree that ran.
        seconds: How long, over all pieces.
        runs: Programs, inputs or faults, as the part counts.
        findings: A line for each.
        figures: Others, of the last piece.
    """

    part: str
    commit: str
    seconds: float = 0.0
    runs: int = 0
    findings: list[str] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)


def read(path: Path = LEDGER) -> list[Entry]:
    """All entries."""
    if not path.exists():
        return []
    return [Entry(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]


def note(piece: Entry, path: Path = LEDGER) -> None:
    """Adds a piece to the entry of its part and commit."""
    entries = read(path)
    for entry in entries:
        if (entry.part, entry.commit) == (piece.part, piece.commit):
            entry.seconds = round(entry.seconds + piece.seconds, 1)
            entry.runs += piece.runs
            entry.findings += piece.findings
            entry.figures = piece.figures
            break
    else:
        entries.append(piece)
    text = json.dumps([asdict(entry) for entry in entries], indent=1)
    path.write_text(text + "\n", encoding="utf-8")


def runs_of(part: str, path: Path = LEDGER) -> int:
    """How many the part has had: its next piece goes on there."""
    return sum(entry.runs for entry in read(path) if entry.part == part)


def table(entries: list[Entry]) -> str:
    """Returns the rows of the page: a part's sums over all commits, and its newest commit."""
    lines = ["| part | runs | minutes | newest commit | findings |", "|---|---|---|---|---|"]
    for name, word in _WORDS.items():
        for part in sorted({entry.part for entry in entries if entry.part.split(" on ")[0] == name}):
            own = [entry for entry in entries if entry.part == part]
            seconds = sum(entry.seconds for entry in own)
            runs, findings = sum(entry.runs for entry in own), sum(len(entry.findings) for entry in own)
            newest = own[-1].commit
            lines.append(f"| {part} | {runs:,} {word} | {seconds / 60:.0f} | `{newest}` | {findings} |")
    return "\n".join(lines) + "\n"


def with_table(text: str, entries: list[Entry]) -> str:
    """The page with the table of these entries."""
    before, rest = text.split(_BEGIN)
    return before + _BEGIN + "\n" + table(entries) + "\n" + _END + rest.split(_END)[1]
