"""Measures requests for a camera's last seconds: their cost, and whether images belong to their times.

It also measures the load of ten agents in a separate process, which request without pauses or obey
Retry-After, with the default rate limit and a high one. A camera on loopback, in another process, sends H.264
of 1280x720 at 30 fps with B-frames and a keyframe every two seconds. Each frame shows its number. A Look
keeps its packets for 30 seconds.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from _measure import ROOT, Result, Row, arguments, median, quantile, spread

import freshframe as ff

sys.path.insert(0, str(ROOT / "tests" / "python"))

from rigs.live.truth.pictures.encode import Shape, film
from rigs.live.truth.process import TruthProcess, saved
from rigs.live.truth.reading.watch import find_number

FPS = 30.0
SHAPE = Shape("h264", count=120, size=(1280, 720), key_interval=60, b_frames=2, bit_rate=4_000_000)
SIDE = 1024
AGENTS = 10
BACK_GOAL_MS = 120.0
AGES_GOAL = 1.02
DEFAULT_RATE = 30
MANNERS = {"obey": "who wait when told to", "hammer": "who do not wait when told to"}

Question = Callable[[], list[ff.types.Snapshot]]


def cost(ask: Question, count: int) -> dict[str, float]:
    """Returns the CPU time of requests with their JPEGs, without that of the pipeline itself."""
    began = time.process_time()
    time.sleep(2)
    idle = (time.process_time() - began) / 2  # per second
    used, took = [], []
    for _ in range(count):
        began, at = time.process_time(), time.monotonic()
        for view in ask():
            view.frame.jpeg(max_side=SIDE)
        took.append((time.monotonic() - at) * 1e3)
        used.append((time.process_time() - began) * 1e3 - idle * took[-1])
    return {"cpu_p50_ms": median(used), "took_p50_ms": median(took)}


def wrong(views: list[ff.types.Snapshot]) -> int:
    """Counts duplicate images, and images whose number does not match their time."""
    numbers = [find_number(view.frame.luma) for view in views]
    steps = [round((view.pts - views[0].pts) * FPS) % SHAPE.count for view in views]
    first = numbers[0]
    bad = sum(
        one is None or first is None or (one - first - step) % SHAPE.count != 0
        for one, step in zip(numbers, steps, strict=True)
    )
    return bad + len(views) - len({view.pts for view in views})


def ages(reader: ff.Reader[ff.Frame], seconds: float) -> list[float]:
    """Returns the ages of the pipeline's samples, in ms."""
    found, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        found.append(reader.get(timeout=10).age * 1e3)
    return found


def asked(
    page: ff.types.Dashboard, reader: ff.Reader[ff.Frame], manner: str, seconds: float
) -> tuple[list[float], dict[str, float]]:
    """Returns the pipeline's ages while agents send requests, and how often each status was returned."""
    url = f"{page.url}api/look/Look.json?back=10&n=4"
    command = [sys.executable, str(ROOT / "bench" / "_look_agents.py"), url, str(AGENTS), manner]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as agents:
        time.sleep(1)
        found = ages(reader, seconds)
        answers = json.loads(agents.communicate()[0])
    return found, {f"status_{status}": count for status, count in sorted(answers.items())}


def beside_agents(
    pipeline: ff.Pipeline, look: ff.Look, reader: ff.Reader[ff.Frame], seconds: float
) -> list[Row]:
    """Returns rows with the pipeline's ages without agents (twice) and with them."""
    runs = [ages(reader, seconds) for _ in range(2)]
    p50, p50_again = (quantile(run, 0.5) for run in runs)
    noise = spread([p50], [p50_again])
    alone = {"p50_ms": p50, "p50_again_ms": p50_again, "p99_ms": quantile(runs[0], 0.99)}
    rows = [Row("ages without agents", alone)]
    for rate, manner in itertools.product((DEFAULT_RATE, 6000), ("obey", "hammer")):
        with pipeline.serve(look=look, looks_per_minute=rate) as page:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            beside, answers = asked(page, reader, manner, seconds)
            more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        figures = {"p50_ms": quantile(beside, 0.5), "p99_ms": quantile(beside, 0.99), "rss_more_mb": more}
        text = f"ages beside {AGENTS} agents, {MANNERS[manner]}, looks_per_minute={rate}, ratio of p50"
        rows.append(Row(text, figures | answers, figures["p50_ms"] / p50, goal=AGES_GOAL, spread=noise))
    return rows


def main() -> None:
    """Measures requests, checks the images' numbers, then starts the agents."""
    options = arguments(__doc__, "look", questions=30, checks=200, seconds=20)
    result = Result("look", "Questions about the last seconds", {"questions": options.questions})
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        films = saved({"door": film(SHAPE)}, folder)
        with TruthProcess(films, folder / "log", kind="tcp", fps=FPS) as camera:
            look = ff.Look(seconds=30)
            pipeline = ff.Pipeline()
            source = pipeline.add(ff.open(camera.url), name="door")
            pipeline.add(look, source.packets)
            reader = pipeline.reader(source, queue=ff.LATEST)
            with pipeline:
                time.sleep(13)
                questions: dict[str, Question] = {
                    "now()": lambda: [look.now()],
                    "last(10, 4)": lambda: look.last(10, 4),
                    "last(10, 4, exact=True)": lambda: look.last(10, 4, exact=True),
                }
                for text, ask in questions.items():
                    goal = BACK_GOAL_MS if text == "last(10, 4)" else None
                    figures = cost(ask, options.questions)
                    result.add(
                        Row(f"{text}, JPEG of {SIDE}", figures, figures["cpu_p50_ms"] if goal else None, goal)
                    )
                bad, seen, old = 0, 0, []
                for _ in range(options.checks):
                    views = [*look.last(10, 4), look.now()]
                    bad, seen = bad + wrong(views[:4]) + wrong([views[0], views[-1]]), seen + len(views)
                    old.append(views[-1].age * 1e3)
                result.add(Row(f"wrong or double pictures of {seen}", {}, bad, 0))
                result.add(Row("age of now()", {"p50_ms": quantile(old, 0.5), "p99_ms": quantile(old, 0.99)}))
                for row in beside_agents(pipeline, look, reader, options.seconds):
                    result.add(row)
    result.keep(options.out)


if __name__ == "__main__":
    main()
