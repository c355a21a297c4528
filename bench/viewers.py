"""Whether slow viewers of the dashboard slow a fast one, or the pipeline; and what a JPEG picture costs.

A native pipeline makes 1280x720 at 30 frames per second and serves it (viewers_bench.cpp). One viewer takes
everything at once; beside it 0, 4, 40 or 200 that ask for pictures, half of which then read nothing and half
2 kB per second. "idle" is without any viewer. The reference of the ratios is 0 slow viewers, run twice.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from _measure import ROOT, Result, Row, arguments, median, program, quantile, spread, take_turns

sys.path.insert(0, str(ROOT / "tests" / "python"))

from rigs.web_client import Live

SLOW = (4, 40, 200)
WIDTH = 960
RATE_GOAL = 0.95
P50_GOAL = 1.1
P99_GOAL_MS = 1.0
RSS_GOAL_MB = 64.0  # more than without slow viewers

Run = dict[str, Any]


def take_all(live: Live, found: dict[str, Any], until: Callable[[], bool]) -> None:
    """The fast viewer: ages and number of pictures, number of states."""
    ages = found.setdefault("ages", [])
    with contextlib.suppress(OSError, AssertionError):
        while not until():
            header, _ = live.next("picture")
            ages.append(header["age"])


def drip(slow: list[Live], stopped: threading.Event) -> None:
    """2 kB per second for each."""
    while not stopped.wait(0.25):
        for live in slow:
            with contextlib.suppress(OSError, ValueError):
                live.read_some(512)


def run(fast: bool, slow: int, seconds: float) -> Run:
    """One run of the server."""
    with subprocess.Popen(
        [program("viewers_bench"), "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        lives = [Live(url) for _ in range(slow + fast)]
        for live in lives:
            live.send({"view": ["camera"], "width": WIDTH})
        stopped = threading.Event()
        found: dict[str, Any] = {}
        threads = [threading.Thread(target=drip, args=(lives[: slow // 2], stopped))]
        if fast:
            threads.append(threading.Thread(target=take_all, args=(lives[-1], found, stopped.is_set)))
        for thread in threads:
            thread.start()
        time.sleep(1)
        before = len(found.get("ages", []))
        server.stdin.write("measure\n")
        server.stdin.flush()
        began = time.monotonic()
        time.sleep(seconds)
        pictures = len(found.get("ages", [])) - before
        lasted = time.monotonic() - began
        ages = list(found.get("ages", []))[before:]
        server.stdin.write("end\n")
        server.stdin.flush()
        figures: Run = json.loads(server.stdout.readline())
        stopped.set()
        for live in lives:
            live.cut()
        for thread in threads:
            thread.join()
        server.wait()
    return {
        **figures,
        "pictures_per_s": pictures / lasted,
        "age_p50_ms": quantile(ages, 0.5) * 1e3,
        "age_p99_ms": quantile(ages, 0.99) * 1e3,
    }


def series(runs: list[Run], key: str) -> list[float]:
    """One figure of all runs."""
    return [float(each[key]) for each in runs]


def main() -> None:
    """Runs the kinds in turns, then the pictures."""
    options = arguments(__doc__, "viewers", rounds=5, seconds=5, pictures=200)
    result = Result(
        "viewers",
        "Slow viewers beside a fast one",
        {key: getattr(options, key) for key in ("rounds", "seconds")},
    )
    kinds = {"idle": partial(run, False, 0, options.seconds)}
    for name, slow in {"0": 0, "0 again": 0, **{str(count): count for count in SLOW}}.items():
        kinds[name] = partial(run, True, slow, options.seconds)
    runs = take_turns(kinds, options.rounds)
    idle_p50, idle_p99 = (median(series(runs["idle"], key)) for key in ("p50_ms", "p99_ms"))
    alone = median(series(runs["0"], "pictures_per_s") + series(runs["0 again"], "pictures_per_s"))
    rss = median(series(runs["0"], "rss_mb"))
    noise = spread(series(runs["0"], "pictures_per_s"), series(runs["0 again"], "pictures_per_s"))
    for name, mine in runs.items():
        keys = ("pictures_per_s", "age_p50_ms", "age_p99_ms", "p50_ms", "p99_ms", "max_ms", "rss_mb")
        figures = {key: median(series(mine, key)) for key in keys if name != "idle" or key[0] not in "a"}
        if name in ("idle", "0 again"):
            result.add(Row(f"{name}: intervals of the pipeline", figures))
            continue
        beside = f"beside {name} slow viewers"
        rate = figures["pictures_per_s"] / alone
        result.add(
            Row(f"{beside}: fast viewer's pictures", figures, rate, RATE_GOAL, at_least=True, spread=noise)
        )
        result.add(
            Row(f"{beside}: pipeline's interval p50, ratio", {}, figures["p50_ms"] / idle_p50, P50_GOAL)
        )
        more = figures["p99_ms"] - idle_p99
        result.add(Row(f"{beside}: pipeline's interval p99, ms more than idle", {}, more, P99_GOAL_MS))
        result.add(Row(f"{beside}: memory, MiB more than without", {}, figures["rss_mb"] - rss, RSS_GOAL_MB))
    done = subprocess.run(
        [program("viewers_bench"), "jpeg", str(options.pictures)], capture_output=True, text=True, check=True
    )
    for picture in json.loads(done.stdout):
        name = picture.pop("name")
        result.add(Row(f"JPEG of 1280x720: {name} wide", picture))
    result.keep(options.out)


if __name__ == "__main__":
    main()
