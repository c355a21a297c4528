"""Traces of cameras for bench/join.py, and the maximum number of sets that a join could make of them."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

SILENT = (5.0, 15.0)  # seconds
Stream = list[tuple[float, float]]  # time and arrival of each sample, in seconds


@dataclass(frozen=True)
class Case:
    """One kind of cameras. `trace` makes the streams of a schedule."""

    name: str
    within: float
    wait: float
    trace: Callable[[random.Random], list[Stream]]
    partial: bool = False
    goal: float | None = None  # minimum fraction of the optimum's sets


def camera(
    dice: random.Random,
    fps: float,
    latency: tuple[float, float],
    *,
    phase: float | None = None,
    jitter: float = 0.003,
    silent: bool = False,
    seconds: float = 20.0,
) -> Stream:
    """Simulates a camera with 5 % loss. If `silent`, it sends nothing for a while.

    Its frames arrive in order, after a constant latency and a random network delay.
    """
    begin = dice.random() / fps if phase is None else phase
    delay = dice.uniform(*latency)
    stream: Stream = []
    last_time, arrival, number = -1.0, 0.0, 0
    while (time := begin + number / fps + dice.gauss(0, jitter / 3)) < seconds:
        number += 1
        lost = dice.random() < 0.05 or (silent and SILENT[0] < time < SILENT[1])
        if time <= last_time or lost:
            continue
        last_time = time
        arrival = max(arrival + 1e-6, time + delay + abs(dice.gauss(0, 0.004)))
        stream.append((time, arrival))
    return stream


def _cameras(
    rates: Sequence[float],
    latency: tuple[float, float] = (0.01, 0.04),
    *,
    jitter: float = 0.003,
    silent: bool = False,
) -> Callable[[random.Random], list[Stream]]:
    def trace(dice: random.Random) -> list[Stream]:
        last = len(rates) - 1
        return [
            camera(dice, fps, latency, jitter=jitter, silent=silent and i == last)
            for i, fps in enumerate(rates)
        ]

    return trace


def _locked(count: int) -> Callable[[random.Random], list[Stream]]:
    """Cameras with a common trigger."""

    def trace(dice: random.Random) -> list[Stream]:
        return [camera(dice, 30, (0.01, 0.04), phase=0.0, jitter=0.002) for _ in range(count)]

    return trace


CASES = (
    Case("2 x 30 fps, random phase", 0.0167, 0.1, _cameras([30, 30]), goal=0.999),
    Case("the same, 10 ms of jitter", 0.0167, 0.1, _cameras([30, 30], jitter=0.01), goal=0.99),
    Case("3 x 30 fps, one trigger", 0.008, 0.1, _locked(3), goal=0.999),
    Case("8 x 30 fps, one trigger", 0.008, 0.1, _locked(8), goal=0.999),
    Case("30, 25 and 10 fps", 0.033, 0.15, _cameras([30, 25, 10]), goal=0.999),
    Case("30 fps and a sensor of 200 Hz", 0.02, 0.1, _cameras([30, 200], (0.002, 0.03)), goal=0.999),
    Case("2 x 30 fps, links 0 to 90 ms", 0.0167, 0.1, _cameras([30, 30], (0.0, 0.09)), goal=0.999),
    Case("3 x 30 fps, one silent 10 of 20 s", 0.03, 0.1, _cameras([30] * 3, silent=True), goal=0.995),
    Case(
        "the same, partial", 0.03, 0.1, _cameras([30] * 3, silent=True), partial=True, goal=0.98
    ),  # the goal is for sets with all members
)


def optimum(streams: Sequence[Stream], within: float) -> int:
    """Returns the maximum number of disjoint sets in order, found greedily because all samples are known."""
    at = [0] * len(streams)
    sets = 0
    while all(i < len(stream) for i, stream in zip(at, streams, strict=True)):
        heads = [stream[i][0] for i, stream in zip(at, streams, strict=True)]
        old = [k for k, time in enumerate(heads) if time < max(heads) - within]
        for k in old or range(len(at)):
            at[k] += 1
        sets += not old
    return sets
