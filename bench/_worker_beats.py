"""What other Python code of the program notices of a node that computes: a heartbeat, a game loop.

"other programs" is the same load in processes that have nothing to do with this one, each in a session of its
own as a worker is: the kernel shares the processors by session where it groups tasks.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import inspect
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

from _measure import Result, Row, median, quantile, spread, take_turns
from _worker_nodes import BURN, Push, burn, burn_long
from game_loop import Game, play

import freshframe as ff

HEARTBEATS = 2000
GAME_SECONDS = 5


def fill(source: Push) -> None:
    """More than the node can burn."""
    for _ in range(1000):
        source.items.put(1)


@contextlib.contextmanager
def beside_node(process: bool) -> Iterator[None]:
    """A pipeline whose node burns without a pause."""
    pipeline = ff.Pipeline()
    source = Push()
    pipeline.add(burn_long, pipeline.add(source), process=process, queue=ff.Queue(1, "block"))
    with pipeline:
        threading.Thread(target=fill, args=(source,), daemon=True).start()
        time.sleep(0.5)
        yield


@contextlib.contextmanager
def beside_program() -> Iterator[None]:
    """The same bytecode in a program of its own."""
    code = f"import time\n{inspect.getsource(burn)}\nwhile True: burn({BURN})"
    other = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    time.sleep(0.5)
    try:
        yield
    finally:
        other.kill()
        other.wait()


def beats() -> list[float]:
    """How late, in ms, each beat of 1 ms is."""
    late = []
    for _ in range(HEARTBEATS):
        begin = time.perf_counter()
        time.sleep(0.001)
        late.append(1e3 * (time.perf_counter() - begin - 0.001))
    return late


def p99_beside(load: contextlib.AbstractContextManager[None]) -> float:
    """In ms."""
    with load:
        return quantile(beats(), 0.99)


def heart_row(result: Result, rounds: int) -> None:
    """The heartbeat."""
    runs = take_turns(
        {
            "alone": lambda: p99_beside(contextlib.nullcontext()),
            "thread": lambda: p99_beside(beside_node(False)),
            "program": lambda: p99_beside(beside_program()),
            "process": lambda: p99_beside(beside_node(True)),
            "program again": lambda: p99_beside(beside_program()),
        },
        rounds,
    )
    late = {kind: median(found) for kind, found in runs.items()}
    program = median(runs["program"] + runs["program again"])
    figures = {f"{kind.replace(' ', '_')}_p99_ms": value for kind, value in late.items()}
    name = "1 ms heartbeat beside a node that burns: p99 with process=True"
    limit = 1.2 * program + 0.2
    result.add(
        Row(name, figures, late["process"], limit, spread=spread(runs["program"], runs["program again"]))
    )
    result.add(
        Row(
            "the same in ms, where a thread makes it more than 6",
            {"thread_p99_ms": late["thread"]},
            late["process"],
            2.0,
        )
    )


def game_beside(load: contextlib.AbstractContextManager[None]) -> Game:
    """A 60 Hz loop that draws for 2 ms."""
    with load:
        return play(GAME_SECONDS, lambda: None)


def game_row(result: Result, rounds: int) -> None:
    """The game loop."""
    games = take_turns(
        {
            "alone": lambda: game_beside(contextlib.nullcontext()),
            "thread": lambda: game_beside(beside_node(False)),
            "process": lambda: game_beside(beside_node(True)),
            "program": lambda: game_beside(beside_program()),
            "alone again": lambda: game_beside(contextlib.nullcontext()),
        },
        rounds,
    )
    pairs = zip(games["alone"], games["alone again"], strict=True)
    quiet = [n for n, pair in enumerate(pairs) if not any(game.missed for game in pair)]
    for kind, runs in games.items():
        frames = [time for game in runs for time in game.frames]
        late = [time for game in runs for time in game.late]
        figures: dict[str, object] = {
            "missed_per_run": [game.missed for game in runs],
            "frames": len(frames),
            "frame_p50_ms": quantile(frames, 0.5),
            "frame_p99_ms": quantile(frames, 0.99),
            "late_p99_ms": quantile(late, 0.99),
        }
        if kind != "process":
            result.add(Row(f"60 Hz loop, {kind}", figures))
            continue
        missed = float(sum(runs[n].missed for n in quiet))
        unclear = "" if quiet else "the loop alone missed frames in every round"
        name = "60 Hz loop beside a node with process=True: frames missed where the loop alone missed none"
        result.add(
            Row(name, {**figures, "rounds_without_a_miss_alone": len(quiet)}, missed, 0.0, unclear=unclear)
        )
