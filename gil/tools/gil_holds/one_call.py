"""Measures one call in a fresh process: how long it keeps the GIL in one go. Prints JSON.

    PYTHONPATH=gil/python python gil/tools/gil_holds/one_call.py NUMBER

The watch of gil-budget measures it. A Python thread that wakes up every half millisecond checks the result.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gc
import json
import sys
import threading
import time
from dataclasses import asdict, dataclass

from calls import CALLS
from gil_budget.holds import Hold
from gil_budget.windows import Window
from row import Prepared

ROUNDS = 7
REPEATED = 3  # give up if more rounds than this have to be repeated
# A round is repeated if its thread waited for a CPU for more than this share of the round and this many
# seconds.
LATE = 0.02
LATE_LEAST = 0.001
SHORTEST = 0.002  # seconds: the shortest limit of a budget
BEAT = 0.0005
REST = 0.02


@dataclass
class Round:
    """The figures of one round; times are in seconds."""

    wall: float
    hold: float
    native: str | None
    silence: float  # the longest time for which the second thread did not run
    holds: int


class Heartbeat:
    """Records the times in which its own thread did not run."""

    def __init__(self) -> None:
        """Starts it."""
        self._gaps: list[tuple[float, float]] = []
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        before = time.monotonic()
        while True:
            time.sleep(BEAT)
            now = time.monotonic()
            if now - before > 2 * BEAT:
                self._gaps.append((before, now))
            before = now

    def longest(self, began: float, ended: float) -> float:
        """Returns the longest such time within a period, in seconds."""
        time.sleep(4 * BEAT)
        return max(
            (min(to, ended) - max(since, began) for since, to in self._gaps if to > began), default=0.0
        )


def waited_for_processor() -> float:
    """Returns how many seconds this thread has waited for a CPU. Raises OSError if that is not counted."""
    with open("/proc/thread-self/schedstat", encoding="ascii") as file:
        return int(file.read().split()[1]) / 1e9


def within(hold: Hold, began: float, ended: float) -> bool:
    """Returns True if most of the hold is within the period."""
    return began <= (hold.started + hold.ended) / 2 <= ended


def one_round(call: Prepared, window: Window, heard: list[Hold], heart: Heartbeat) -> tuple[Round, bool]:
    """Runs the call once. Also returns whether the round counts: not if the thread waited for a CPU."""
    time.sleep(REST)
    heard.clear()
    late, began = waited_for_processor(), time.monotonic()
    result = call()
    ended, late = time.monotonic(), waited_for_processor() - late
    settled = window.settle()
    own = [
        hold for hold in heard if hold.native_id == threading.get_native_id() and within(hold, began, ended)
    ]
    longest = max(own, key=lambda hold: hold.seconds, default=None)
    found = Round(
        wall=ended - began,
        hold=longest.seconds if longest else 0.0,
        native=longest.native if longest else None,
        silence=heart.longest(began, ended),
        holds=len(own),
    )
    del result
    return found, settled and late <= max(LATE * found.wall, LATE_LEAST)


def measure(prepare: Prepared) -> dict[str, object]:
    """Returns the rounds of a call, and how many were repeated because the machine was busy."""
    call: Prepared = prepare()  # type: ignore[assignment]
    call()  # the first call may load modules
    gc.collect()
    gc.freeze()
    gc.disable()
    sys.setswitchinterval(BEAT)
    heard: list[Hold] = []
    window = Window(SHORTEST, heard.append)
    heart = Heartbeat()
    rounds: list[Round] = []
    repeated = 0
    while len(rounds) < ROUNDS and repeated <= REPEATED:
        found, counts = one_round(call, window, heard, heart)
        if counts:
            rounds.append(found)
        else:
            repeated += 1
    window.close()
    return {"rounds": [asdict(each) for each in rounds], "repeated": repeated, "busy": len(rounds) < ROUNDS}


if __name__ == "__main__":
    print(json.dumps(measure(CALLS[int(sys.argv[1])].prepare)))
