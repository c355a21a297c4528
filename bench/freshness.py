"""How old is a picture when a program has it, and how much of that does `age` hide? Beside the peers.

A camera on loopback (tests/python/rigs/live/truth) sends pictures that were encoded before, each at its time,
and notes when it sent each picture's first packet. Every picture carries its number in its pixels. Each
library reads in a process of its own, one after the other, in rounds. The true age is the time from the first
packet to the moment at which the decoded picture is in the program's hands; of HLS it is the time since the
camera took the picture. What `age` hides is how much later than the first packet `captured` is. Below 0, it
is earlier than the moment at which the camera took the picture.

Printed at the end: the table of the documentation, in Markdown.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from _freshness_cases import BEFORE, BURST, SERVERS, Case, cases
from _freshness_runs import AGAIN, GSTREAMER, OURS, PAUSE_AFTER, WARM_UP, Run, quantiles, read, readers
from _measure import RESULTS, Result, Row, median, spread, take_turns
from _peer_tables import markdown

HIDDEN_GOAL = 0.5  # ms, p99, of RTSP on loopback
SHARES = (0.5, 0.99)


def figures(runs: dict[str, list[Run]]) -> dict[str, float | str]:
    """The medians of the rounds."""
    shown: dict[str, float | str] = {}
    for reader, its in runs.items():
        key = reader.replace(" ", "_")
        for share in SHARES:
            values = quantiles(its, "ages", share)
            shown |= {f"{key}_p{round(100 * share)}_ms": median(values)} if values else {}
        torn = sum(run.torn for run in its)
        shown |= {f"{key}_torn": torn} if torn else {}
        failed = [run.failed for run in its if run.failed]
        shown |= {f"{key}_failed": f"{len(failed)} of {len(its)}: {failed[0]}"} if failed else {}
    return shown


def rows_of(case: Case, runs: dict[str, list[Run]]) -> list[Row]:
    """Age beside that of the freshest peer, p50 and p99, and what is hidden."""
    rows = []
    for share in SHARES:
        first, again = (quantiles(runs[name], "ages", share) for name in (OURS, AGAIN))
        apart = spread(first, again) if first and again else None
        others = [
            median(values)
            for name, its in runs.items()
            if name not in (OURS, AGAIN, BURST, BEFORE) and (values := quantiles(its, "ages", share))
        ]
        own = quantiles(runs[OURS], "ages", share)
        ratio = median(own) / min(others) if own and others else None
        name = f"{case.name}: age p{round(100 * share)}, of the freshest peer's"
        shown = figures(runs) if share == SHARES[0] else {}
        rows.append(Row(name, shown, ratio, None if ratio is None else 1.0, spread=apart))
    if quantiles(runs[OURS], "hidden", 0.5):
        found = {share: quantiles(runs[OURS], "hidden", share) for share in SHARES}
        hidden = {f"p{round(100 * share)}_ms": median(its) for share, its in found.items()}
        goal = HIDDEN_GOAL if SERVERS[case.way] == "rtsp" else None
        rows.append(Row(f"{case.name}: hidden by age", hidden, hidden["p99_ms"], goal))
    return rows


def page(measured: dict[str, dict[str, list[Run]]], names: list[str]) -> str:
    """The table of the documentation: milliseconds, p50 / p99."""
    shown = [name for name in names if name not in (OURS, AGAIN)]
    table = [["", OURS, "hidden by `age`", *shown]]
    for case, runs in measured.items():
        cells = [pair(runs[OURS], "ages"), pair(runs[OURS], "hidden")]
        table.append([case, *cells, *(pair(runs[name], "ages") if name in runs else "" for name in shown)])
    return markdown(table)


def pair(runs: list[Run], of: str) -> str:
    """p50 / p99, and what went wrong."""
    low, high = (quantiles(runs, of, share) for share in SHARES)
    if not low:
        return runs[0].failed
    torn, looked_at = sum(run.torn for run in runs), sum(run.torn + len(run.ages) for run in runs)
    wrong = f", {torn} of {looked_at} torn" if torn and of == "ages" else ""
    return f"{text(median(low))} / {text(median(high))}{wrong}"


def text(value: float) -> str:
    """Three digits, without an exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def measure(case: Case, names: list[str], options: argparse.Namespace) -> dict[str, list[Run]]:
    """All readers in turns, with a server of their own."""
    taking_part = [name for name in names if name in (OURS, AGAIN, GSTREAMER, *case.beside)]
    with tempfile.TemporaryDirectory() as folder, case.serve(Path(folder)) as server:
        kinds: dict[str, Callable[[], Run]] = {
            name: partial(read, name, case, server, options.seconds, options.before) for name in taking_part
        }
        return take_turns(kinds, options.rounds)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = list(dict.fromkeys(case.part for case in cases()))
    parser.add_argument("--part", choices=parts, action="append", help="default: all")
    parser.add_argument("--rounds", type=int, default=7, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a reading; default: %(default)s")
    parser.add_argument(
        "--only", action="append", metavar="TEXT", help="streams whose names have it: 'H.264, 5'"
    )
    parser.add_argument("--before", type=Path, metavar="PACKAGE", help="another build of freshframe")
    parser.add_argument("--commit", default="", help="of that build")
    parser.add_argument("--folder", type=Path, default=RESULTS, help="of the results; default: %(default)s")
    parser.add_argument("--dry", action="store_true", help="write no result")
    return parser.parse_args()


def main() -> None:
    """Measures, shows, keeps: a result for each part."""
    options = parse()
    names, versions, missing = readers(options.before)
    for name, why in missing.items():
        print(f"{name} is missing: {why}", file=sys.stderr)
    settings = {
        "rounds": options.rounds,
        "seconds": options.seconds,
        "warm_up": WARM_UP,
        "pause_after": PAUSE_AFTER,
        "missing": missing,
        "before": options.commit,
    }
    parts: dict[str, list[Case]] = {}
    for case in cases():
        if not options.only or any(text in case.name for text in options.only):
            parts.setdefault(case.part, []).append(case)
    for part, found in parts.items():
        if options.part and part not in options.part:
            continue
        name = f"freshness_{part.replace('-', '_')}"
        result = Result(name, f"the true age of a decoded picture: {part}", settings, versions)
        measured = {}
        for case in found:
            print(case.name, end=" ", file=sys.stderr, flush=True)
            measured[case.name] = measure(case, names, options)
            for row in rows_of(case, measured[case.name]):
                result.add(row)
        result.keep(None if options.dry else options.folder / f"{name}.json")
        print("\n" + page(measured, names))


if __name__ == "__main__":
    main()
