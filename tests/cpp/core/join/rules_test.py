"""The engine's join gives the same sets and counters as rules.py on random schedules.

The argument is the path of the program built from play.cpp.
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from rules import Books, Join

SCHEDULES = 1000 if os.environ.get("FRESHFRAME_TEST_TIER", "all") in ("all", "full") else 150
END = 1e6  # seconds; after every wait

Sets = list[tuple[float | None, ...]]  # the times of their members
Played = tuple[Sets, list[Books]]
Event = tuple[float, int, float | None]  # arrival, parent, time; None means the parent ends


@dataclass
class Schedule:
    """The options of a join, and the events that it sees."""

    within: float
    wait: float
    partial: bool
    depth: int
    streams: list[list[Event]]

    @property
    def events(self) -> list[Event]:
        """In the order of arrival."""
        return sorted((event for stream in self.streams for event in stream), key=lambda event: event[:2])


def stream(dice: random.Random, parent: int) -> list[Event]:
    """One parent's samples: some are lost, its clock may be set back, it may fall silent or end."""
    rate = dice.choice((5, 10, 25, 30, 60, 200))
    phase, latency, loss = dice.random() / rate, dice.uniform(0, 0.05), dice.choice((0, 0.1, 0.4))
    back_at = dice.choice((None, None, None, dice.uniform(1, 4)))
    silent_at = dice.choice((None, None, dice.uniform(0, 3)))
    end_at = dice.choice((None, None, dice.uniform(2, 5)))
    arrival, events = 0.0, list[Event]()
    for k in range(rate * 5):
        true = phase + k / rate
        if end_at is not None and true > end_at:
            break
        if dice.random() < loss or (silent_at is not None and 0 < true - silent_at < 1.5):
            continue
        arrival = max(arrival + 1e-6, true + latency + dice.random() * 0.01)
        events.append((arrival, parent, true if back_at is None or true < back_at else true - back_at))
    if end_at is not None:
        events.append((max(arrival, end_at) + 0.02, parent, None))
    return events


def schedule(seed: int) -> Schedule:
    """A random one."""
    dice = random.Random(seed)
    streams = [stream(dice, i) for i in range(dice.randint(2, 5))]
    within, wait = dice.uniform(0.001, 0.05), dice.uniform(0.02, 0.3)
    return Schedule(within, wait, dice.random() < 0.5, dice.choice((32, 32, 32, 4)), streams)


def by_rules(given: Schedule) -> Played:
    """The sets, as times, and the counters."""
    join = Join(len(given.streams), given.within, given.wait, partial=given.partial, depth=given.depth)
    for arrival, parent, time in given.events:
        if time is None:
            join.end(parent, arrival)
        else:
            join.put(parent, time, arrival)
    join.advance(END)
    assert not any(join.queues)
    sets = [tuple(None if item is None else item.time for item in members) for _, members, _ in join.sets]
    return sets, join.books


def text(given: Schedule) -> str:
    """For the program."""
    options = f"{given.within!r} {given.wait!r} {int(given.partial)} {given.depth}"
    lines = [f"schedule {len(given.streams)} {options}"]
    for arrival, parent, time in given.events:
        lines.append(f"end {parent} {arrival!r}" if time is None else f"put {parent} {time!r} {arrival!r}")
    return "\n".join([*lines, f"advance {END}", "done\n"])


def by_engine(program: str, given: list[Schedule]) -> list[Played]:
    """The same results as above, for each schedule."""
    output = subprocess.run(
        [program], input="".join(map(text, given)), capture_output=True, text=True, check=True, timeout=600
    ).stdout
    results = []
    sets, books = Sets(), list[Books]()
    for line in output.splitlines():
        kind, *words = line.split()
        if kind == "set":
            sets.append(tuple(None if word == "-" else float(word) for word in words[1:]))
        elif kind == "books":
            *counts, waiting = map(int, words[1:])
            assert waiting == 0
            books.append(Books(*counts))
        else:
            results.append((sets, books))
            sets, books = [], []
    return results


def main(program: str) -> None:
    """Compares all schedules."""
    schedules = [schedule(seed) for seed in range(SCHEDULES)]
    results = by_engine(program, schedules)
    assert len(results) == SCHEDULES
    sets = 0
    for seed, (given, result) in enumerate(zip(schedules, results, strict=True)):
        wanted = by_rules(given)
        if result != wanted:
            differ = [pair for pair in zip(result[0], wanted[0], strict=False) if pair[0] != pair[1]][:3]
            sys.exit(f"schedule {seed} differs: sets {differ}, engine {result[1]}, rules {wanted[1]}")
        sets += len(result[0])
    print(f"{SCHEDULES} schedules, {sets} sets: the engine and the rules agree")


if __name__ == "__main__":
    main(sys.argv[1])
