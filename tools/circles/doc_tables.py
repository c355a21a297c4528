"""Writes the tables of docs/circles.md from bench/results/circles.json: `python tools/circles/doc_tables.py`.

They stand between `<!-- NAME -->` and `<!-- end -->`.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "circles.md"
RESULT = ROOT / "bench" / "results" / "circles.json"

Row = dict[str, Any]
GROUPS = ("VGA video", "720p video", "stills", "real pictures", "all")
DETECTORS = ("freshframe", "HoughCircles", "HoughCircles ALT", "EDCircles (quoted)")
TRACKERS = ("CircleTracker", "CircleTracker, whole frames", "ByteTrack", "norfair")


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Markdown; the first column to the left."""
    head = list(head)
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(row: Row, key: str, digits: int = 3) -> str:
    """A figure, or a dash."""
    value = row.get(key)
    return "-" if value is None else f"{value:.{digits}f}"


def accuracy(rows: dict[str, Row]) -> str:
    """The accuracy in single frames."""
    keys = ("F1@0.5", "F1@0.8", "F1@0.9", "P", "R", "centre_px", "radius_px")
    head = ("frames", "detector", "F1 at 0.5", "0.8", "0.9", "precision", "recall", "centre px", "radius px")
    named = [(g, d, rows[f"{g}: {d}"]) for g in GROUPS for d in DETECTORS if f"{g}: {d}" in rows]
    return table(head, ([g, d, *(number(row, key) for key in keys)] for g, d, row in named))


def times(rows: dict[str, Row]) -> str:
    """Milliseconds per frame on one core."""
    lines = []
    for group in ("VGA video", "720p video"):
        for detector in DETECTORS[:3]:
            row = rows[f"{group}, ms: {detector}"]
            lines.append([group, detector, *(number(row, key, 1) for key in ("mean", "p50", "p99"))])
    return table(("frames", "detector", "mean ms", "median", "99th percentile"), lines)


def identities(rows: dict[str, Row]) -> str:
    """How well identities last."""
    lines = []
    for share in ("100%", "50%", "20%"):
        for tracker in TRACKERS:
            row = rows.get(f"{share} of the frames: {tracker}")
            if row is None:
                continue
            scores = [number(row, key) for key in ("IDF1", "HOTA", "MOTA")]
            lines.append([share.replace("%", " %"), tracker, *scores, str(row["IDSW"])])
    return table(("frames kept", "tracker", "IDF1", "HOTA", "MOTA", "id switches"), lines)


TABLES: dict[str, Callable[[dict[str, Row]], str]] = {
    "accuracy": accuracy,
    "times": times,
    "identities": identities,
}


def with_tables(page: str, result: str) -> str:
    """The page, with the tables of the result's text in place of its own."""
    rows = {row["name"]: row for row in json.loads(result)["rows"]}
    for name, make in TABLES.items():
        start = f"<!-- {name} -->\n"
        before, found, rest = page.partition(start)
        _, end, after = rest.partition("<!-- end -->")
        if not found or not end:
            raise SystemExit(f"{PAGE} has no place for the table {name}")
        page = before + start + make(rows) + "\n" + end + after
    return page


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=Path, default=PAGE, help="rewritten in place; default: %(default)s")
    page: Path = parser.parse_args().page
    page.write_text(with_tables(page.read_text(encoding="utf-8"), RESULT.read_text()), encoding="utf-8")


if __name__ == "__main__":
    main()
