"""Measures joins: how many of the possible sets they make, how soon, and at what cost.

The joins of ROS and DepthAI process the same traces. The cost is compared with that of two merged samples.

The traces are played on a simulated clock (join_player runs the engine's inbox). The paced parts run whole
pipelines in real time. "added" is the time from the arrival of a set's last member until the set is made.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from _join_peers import ApproximateTime, ExactTime, Made, Sync, events, play
from _join_traces import CASES, SILENT, Case, Stream, optimum
from _measure import Result, Row, arguments, median, program, quantile, spread

COST_GOAL = 2.0  # maximum cost of a set, in hops of one sample through a merge
ADDED_GOAL_MS = 1.0
PEERS: dict[str, type[ExactTime | ApproximateTime | Sync]] = {
    "TimeSynchronizer": ExactTime,
    "ApproximateTime": ApproximateTime,
    "Sync": Sync,
}


@dataclass
class Found:
    """Statistics of the sets that one join made of a case's schedules. All times are in milliseconds."""

    whole: int = 0
    partial: int = 0
    spreads: list[float] = field(default_factory=list)
    added: list[float] = field(default_factory=list)
    ages: list[float] = field(default_factory=list)  # ages of the first member
    later: list[float] = field(default_factory=list)  # `added` after a second of silence

    def add(self, made: Sequence[Made]) -> None:
        """Adds the sets of one schedule."""
        for each in made:
            there = [member for member in each.members if member is not None]
            added = max(0.0, each.at - max(arrival for _, arrival in there)) * 1e3
            if len(there) < len(each.members):
                self.partial += 1
                time = there[0][0]
                if len(there) == len(each.members) - 1 and SILENT[0] + 1 < time < SILENT[1]:
                    self.later.append(added)
                continue
            self.whole += 1
            times = [time for time, _ in there]
            self.spreads.append((max(times) - min(times)) * 1e3)
            self.added.append(added)
            self.ages.append((each.at - min(arrival for _, arrival in there)) * 1e3)

    def figures(self, best: int) -> dict[str, Any]:
        """Returns the figures for a row."""
        if not self.whole:
            return {"sets_of_optimum": 0.0}
        figures: dict[str, Any] = {
            "sets_of_optimum": self.whole / best,
            "spread_p50_ms": median(self.spreads),
            "widest_ms": max(self.spreads),
            "added_p50_ms": median(self.added),
            "added_p99_ms": quantile(self.added, 0.99),
            "age_p99_ms": quantile(self.ages, 0.99),
        }
        if self.partial:
            figures |= {"partial": self.partial, "added_when_silent_p99_ms": quantile(self.later, 0.99)}
        return figures


def schedule_text(case: Case, streams: Sequence[Stream]) -> str:
    """Returns a schedule in the format of the engine's player."""
    head = f"schedule {len(streams)} {case.within!r} {case.wait!r} {int(case.partial)} 32"
    puts = [f"put {parent} {time!r} {arrival!r}" for arrival, parent, time in events(streams)]
    return "\n".join([head, *puts, "advance 1000", "done\n"])


def by_engine(case: Case, schedules: Sequence[Sequence[Stream]]) -> list[list[Made]]:
    """Returns the engine's sets of each schedule. Fails if its counters do not balance."""
    given = "".join(schedule_text(case, streams) for streams in schedules)
    output = subprocess.run(
        [program("join_player")], input=given, capture_output=True, text=True, check=True
    ).stdout
    results: list[list[Made]] = []
    made: list[Made] = []
    for line in output.splitlines():
        kind, *words = line.split()
        if kind == "set":
            arrivals = [dict(stream) for stream in schedules[len(results)]]
            members = tuple(
                None if word == "-" else (float(word), arrivals[i][float(word)])
                for i, word in enumerate(words[1:])
            )
            made.append(Made(float(words[0]), members))
        elif kind == "books":
            put, *fates = map(int, words[1:])
            assert put == sum(fates), line
        else:
            results.append(made)
            made = []
    return results


def traces(result: Result, schedules: int) -> None:
    """Adds a row per case and join."""
    for case in CASES:
        dice = random.Random(1)
        made = [case.trace(dice) for _ in range(schedules)]
        best = sum(optimum(streams, case.within) for streams in made)
        ours = Found()
        for sets in by_engine(case, made):
            ours.add(sets)
        figures = ours.figures(best)
        assert figures["widest_ms"] <= case.within * 1e3 + 1e-5
        result.add(
            Row(f"{case.name}: freshframe", figures, figures["sets_of_optimum"], case.goal, at_least=True)
        )
        result.add(
            Row(
                f"{case.name}: added after the last member, p99",
                {},
                figures.get("added_when_silent_p99_ms", figures["added_p99_ms"]),
                ADDED_GOAL_MS,
            )
        )
        if case.partial:
            continue
        for name, peer in PEERS.items():
            theirs = Found()
            for streams in made:
                theirs.add(play(peer(len(streams), case.within), streams))
            result.add(Row(f"{case.name}: {name}", theirs.figures(best)))


def select_runs(
    runs: Sequence[dict[str, Any]], part: str, kind: str = "", hertz: float = 0
) -> list[dict[str, Any]]:
    """Returns the runs of one kind."""
    return [
        run
        for run in runs
        if run["part"] == part and run.get("kind", "") == kind and run.get("hz", 0) == hertz
    ]


def costs(result: Result, runs: Sequence[dict[str, Any]]) -> None:
    """Adds rows with the cost of a set, compared with two merged samples, and with its delay."""
    for part, figure, hertz, name in (
        ("alone", "pair_ns", 0.0, "an inbox alone: a set, in hops of a merge"),
        ("paced", "cpu_us", 1000.0, "2 x 1,000 Hz: processor time of a set, in hops of a merge"),
    ):
        merge = [run[figure] for run in select_runs(runs, part, "merge", hertz)]
        join = [run[figure] for run in select_runs(runs, part, "join", hertz)]
        figures = {
            f"set_{figure.removeprefix('pair_')}": median(join),
            f"merge_pair_{figure[-2:]}": median(merge),
        }
        result.add(
            Row(
                name,
                figures,
                2 * median(join) / median(merge),
                COST_GOAL,
                spread=spread(merge[::2], merge[1::2]),
            )
        )
    for hertz in (30.0, 1000.0):
        paced = select_runs(runs, "paced", "join", hertz)
        p99 = median([run["p99_us"] for run in paced])
        figures = {
            "p50_us": median([run["p50_us"] for run in paced]),
            "p99_us": p99,
            "sets_of_due": min(run["pairs"] / run["due"] for run in paced),
        }
        result.add(
            Row(
                f"2 x {hertz:.0f} fps in real time: from the last member to the node, p99 in ms",
                figures,
                p99 / 1e3,
                ADDED_GOAL_MS,
            )
        )
    silent = select_runs(runs, "silent")
    later = median([run["later_p99_us"] for run in silent])
    whole = median([run["whole_p99_us"] for run in silent])
    result.add(
        Row(
            "3 x 30 fps, one falls silent, partial, in real time: p99 above that before, in ms",
            {
                "before_p99_us": whole,
                "first_sets_us": max(run["first_us"] for run in silent),
                "silent_p99_us": later,
            },
            (later - whole) / 1e3,
            ADDED_GOAL_MS,
        )
    )


def main() -> None:
    """Measures and saves the result."""
    options = arguments(__doc__, "join", schedules=100, rounds=5)
    result = Result(
        "join",
        "Joins: sets of the greatest possible number, and what they cost",
        {"schedules": options.schedules, "rounds": options.rounds},
    )
    traces(result, options.schedules)
    output = subprocess.run(
        [program("join_bench"), str(options.rounds)], capture_output=True, text=True, check=True
    ).stdout
    costs(result, [json.loads(line) for line in output.splitlines()])
    result.keep(options.out)


if __name__ == "__main__":
    main()
