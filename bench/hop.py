"""Compares the cost of a native hop with a bare condition variable and a bare queue.

Paced: the time from the producer's hand-over to the consumer's first line. Both kinds wait for the producer's
interval in the same way. Bursts: the time from the creation of the first sample to the arrival of the last,
including the work of both ends; the queues block, so that nothing is lost. Pictures: source, node and reader
must see the same memory. The program is hop_bench.cpp.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import subprocess
from typing import Any

from _measure import Result, Row, arguments, median, program, spread

RATIO_GOAL = 1.3
DEEP = 1024
DEEP_GOAL_US = 0.3  # maximum per sample

Run = dict[str, Any]


def select_runs(runs: list[Run], part: str, key: str, value: int) -> dict[str, list[Run]]:
    """Returns the runs of one row, by kind."""
    mine = [run for run in runs if run["part"] == part and run[key] == value]
    return {
        kind: [run for run in mine if run["kind"] == kind] for kind in ("bare", "bare again", "freshframe")
    }


def series(runs: list[Run], figure: str) -> list[float]:
    """Returns one figure of all runs."""
    return [float(run[figure]) for run in runs]


def paced(result: Result, runs: list[Run]) -> None:
    """Adds one row per rate."""
    for hertz in sorted({run["hz"] for run in runs if run["part"] == "paced"}):
        kinds = select_runs(runs, "paced", "hz", hertz)
        bare, again, ours = (
            {q: median(series(kinds[kind], q)) for q in ("p50_us", "p99_us")}
            for kind in ("bare", "bare again", "freshframe")
        )
        figures = {
            "p50_us": ours["p50_us"],
            "p99_us": ours["p99_us"],
            "bare_p50_us": (bare["p50_us"] + again["p50_us"]) / 2,
            "bare_p99_us": (bare["p99_us"] + again["p99_us"]) / 2,
        }
        result.add(
            Row(
                f"paced, {hertz} Hz: one way against a bare wake-up",
                figures,
                figures["p50_us"] / figures["bare_p50_us"],
                RATIO_GOAL,
                spread=spread(series(kinds["bare"], "p50_us"), series(kinds["bare again"], "p50_us")),
            )
        )


def bursts(result: Result, runs: list[Run]) -> None:
    """Adds one row per depth. Small depths are compared with the bare queue, the largest with the clock."""
    for depth in sorted({run["depth"] for run in runs if run["part"] == "burst"}):
        kinds = select_runs(runs, "burst", "depth", depth)
        bare = series(kinds["bare"], "us"), series(kinds["bare again"], "us")
        figures = {
            "us_per_sample": median(series(kinds["freshframe"], "us")),
            "worst_us": max(series(kinds["freshframe"], "us")),
            "bare_us": median(bare[0] + bare[1]),
            "cpu_us": median(series(kinds["freshframe"], "cpu_us")),
            "bare_cpu_us": median(series(kinds["bare"] + kinds["bare again"], "cpu_us")),
        }
        deep = depth == DEEP
        value = figures["us_per_sample"] if deep else figures["us_per_sample"] / figures["bare_us"]
        name = f"burst, depth {depth}: " + ("µs per sample" if deep else "against a bare queue")
        result.add(Row(name, figures, value, DEEP_GOAL_US if deep else RATIO_GOAL, spread=spread(*bare)))


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "hop", rounds=11, share=100)
    output = subprocess.run(
        [program("hop_bench"), str(options.rounds), str(options.share)],
        capture_output=True,
        text=True,
        check=True,
    )
    runs: list[Run] = [json.loads(line) for line in output.stdout.splitlines()]
    result = Result(
        "hop", "one native hop", {"rounds": options.rounds, "share_of_samples_percent": options.share}
    )
    paced(result, runs)
    bursts(result, runs)
    pictures = next(run for run in runs if run["part"] == "pictures")
    figures = {"pictures": pictures["seen"], "planes": 3 * pictures["seen"]}
    result.add(
        Row("source, node, reader: planes that were copied", figures, float(pictures["planes_copied"]), 0.0)
    )
    result.keep(options.out)


if __name__ == "__main__":
    main()
