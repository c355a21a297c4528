"""Graphs for bench/what_if.py: nodes that sleep, and the changes that are predicted and then made.

A graph runs in a process of its own: `python _what_if_graphs.py '{"graph": "one", "seconds": 12}'` prints its
ages as JSON, and with "ask" the predictions for each of its changes.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import json
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from _measure import quantile

import freshframe as ff

WARM_UP = 3.0  # seconds that count nowhere
SMALL = "size=64x48"
Change = dict[str, Any]


class Sleeper(ff.Node[Any, int]):
    """Sleeps for a lognormal time, as a call of another device or a server does."""

    def __init__(self, milliseconds: float, sigma: float = 0.0, *, speed: float = 1.0) -> None:
        """Its median, and the deviation of its logarithm."""
        self.time = milliseconds * 1e-3 / speed
        self.sigma = sigma

    def open(self) -> None:
        """Each process draws its own."""
        self.random = random.Random()

    def process(self, sample: ff.Sample[Any]) -> int:
        """Sleeps."""
        time.sleep(self.time * self.random.lognormvariate(0, self.sigma))
        return sample.seq


class Batched(ff.Node[Any, int]):
    """Sleeps for 30 ms and 6 ms per sample."""

    def process_batch(self, samples: list[ff.Sample[Any]]) -> list[int]:
        """Sleeps."""
        time.sleep(0.03 + 0.006 * len(samples))
        return [sample.seq for sample in samples]


@dataclass
class Graph:
    """How a pipeline is built with a change of one of its nodes."""

    build: Callable[[ff.Pipeline, Callable[[str, Any], Change]], Any]
    changes: dict[str, tuple[str, Change]] = field(default_factory=dict)


def camera(
    pipeline: ff.Pipeline, change: Callable[[str, Any], Change], name: str = "cam", fps: int = 30
) -> Any:
    """A live source; its rate is the only change that it can have."""
    rate = change(name, {}).get("rate", fps)
    return pipeline.add(ff.open(f"demo:circles?fps={rate:g}&{SMALL}"), name=name)


def sleeper(
    pipeline: ff.Pipeline,
    change: Callable[[str, Any], Change],
    name: str,
    parent: Any,
    *times: float,
    **options: Any,
) -> Any:
    """A node that sleeps."""
    options = change(name, options)
    node = Sleeper(*times, speed=options.pop("speed", 1.0))
    if workers := options.pop("workers", 0):
        options["process"] = ff.Process(workers)
    return pipeline.add(node, parent, name=name, **options)


def one(pipeline: ff.Pipeline, change: Callable[[str, Any], Change]) -> Any:
    """One node of 60 ms."""
    return sleeper(pipeline, change, "A", camera(pipeline, change), 60, 0.35)


def chain(pipeline: ff.Pipeline, change: Callable[[str, Any], Change]) -> Any:
    """Three nodes of 10, 45 and 25 ms."""
    a = sleeper(pipeline, change, "A", camera(pipeline, change), 10, 0.2)
    b = sleeper(pipeline, change, "B", a, 45, 0.3)
    return sleeper(pipeline, change, "C", b, 25, 0.3)


def crew(pipeline: ff.Pipeline, change: Callable[[str, Any], Change]) -> Any:
    """A node of 90 ms in two worker processes."""
    return sleeper(pipeline, change, "A", camera(pipeline, change), 90, 0.2, workers=2)


def merge(pipeline: ff.Pipeline, change: Callable[[str, Any], Change]) -> Any:
    """Two cameras of 30 and 20 per second, and two nodes."""
    cameras = [camera(pipeline, change, "left"), camera(pipeline, change, "right", 20)]
    a = sleeper(pipeline, change, "A", cameras, 12, 0.2)
    return sleeper(pipeline, change, "B", a, 40, 0.3)


def batch(pipeline: ff.Pipeline, change: Callable[[str, Any], Change]) -> Any:
    """Batches of four from two cameras."""
    cameras = [camera(pipeline, change, "left"), camera(pipeline, change, "right")]
    options = change("A", {"batch": ff.Batch(4, max_wait=0.05), "queue": ff.Queue(4)})
    return pipeline.add(Batched(), cameras, name="A", **options)


QUEUES: dict[str, Change] = {
    "NEXT": {"queue": ff.NEXT},
    "LATEST": {"queue": ff.LATEST},
    "Queue(4)": {"queue": ff.Queue(4)},
    "Queue(8)": {"queue": ff.Queue(8)},
    "Queue(8, drop_newest)": {"queue": ff.Queue(8, "drop_newest")},
    "LOSSLESS": {"queue": ff.LOSSLESS},
}
SAME: Change = {"speed": 1.0}


def changes(node: str, *queues: str, **others: Change) -> dict[str, tuple[str, Change]]:
    """Changes of one node by their texts."""
    out = {f"{node}: {name}": (node, QUEUES[name]) for name in queues}
    out |= {f"{node}: {name}": (node, change) for name, change in others.items()}
    return out


GRAPHS = {
    "one": Graph(
        one,
        {
            "as it is (A/A)": ("A", SAME),
            **changes("A", "NEXT", "Queue(4)", "Queue(8)", "Queue(8, drop_newest)"),
            **changes(
                "A",
                rate_10={"max_rate": 10.0},
                workers_2={"workers": 2},
                workers_4={"workers": 4},
                speed_3={"speed": 3.0},
                max_age={"max_age": 0.025},
            ),
            "cam: rate 12": ("cam", {"rate": 12.0}),
        },
    ),
    "chain": Graph(
        chain,
        {
            "as it is (A/A)": ("B", SAME),
            **changes("A", "NEXT"),
            **changes("B", "NEXT", "Queue(4)", rate_10={"max_rate": 10.0}, speed_3={"speed": 3.0}),
            **changes("C", "NEXT", "LOSSLESS", "Queue(4)"),
        },
    ),
    "crew": Graph(
        crew,
        {
            "as it is (A/A)": ("A", SAME),
            **changes("A", "NEXT", "Queue(4)", workers_1={"workers": 1}, workers_4={"workers": 4}),
        },
    ),
    "merge": Graph(
        merge,
        {
            "as it is (A/A)": ("B", SAME),
            **changes("B", "NEXT", "Queue(4)", rate_4={"max_rate": 4.0}),
            **changes("A", "Queue(4)"),
        },
    ),
    "batch": Graph(
        batch,
        {
            "as it is (A/A)": ("A", SAME),
            **changes("A", "Queue(8)", wait={"batch": ff.Batch(4, max_wait=0.02)}),
        },
    ),
}


# ---- what records do not show: each must be "not known"


def _holds_gil(sample: Any) -> int:
    ends = time.thread_time() + 0.02
    while time.thread_time() < ends:
        pass
    return 0


def _computes(sample: Any) -> int:
    hashlib.pbkdf2_hmac("sha256", b"x", b"y", 120_000)  # without the GIL
    return 0


class _Ticks(Sleeper):
    tick_every = 0.5

    def on_tick(self, now: float) -> int:
        return 0


def _only_some(frame: Any) -> int | None:
    time.sleep(0.02)
    return 1 if random.random() < 0.5 else None


def _several(frame: Any) -> Iterator[int]:
    time.sleep(0.02)
    yield from (1, 2)


def _gil(pipeline: ff.Pipeline) -> Any:
    pipeline.add(_holds_gil, cam := camera(pipeline, _as_is), name="other")
    return sleeper(pipeline, _as_is, "A", cam, 60, 0.2)


def _both(left: Any, right: Any) -> int:
    time.sleep(0.02)
    return 0


def _join(pipeline: ff.Pipeline) -> Any:
    cameras = (camera(pipeline, _as_is, "left"), camera(pipeline, _as_is, "right"))
    return pipeline.add(_both, cameras, name="A", join=ff.Join(within=0.1, max_wait=0.1))


def _as_is(name: str, options: Any) -> Change:
    return dict(options)


def _one(pipeline: ff.Pipeline) -> Any:
    return one(pipeline, _as_is)


def _below(node: Any) -> Callable[[ff.Pipeline], Any]:
    return lambda pipeline: pipeline.add(node, camera(pipeline, _as_is), name="A")


PLANTED: dict[str, tuple[Callable[[ff.Pipeline], Any], str, Change]] = {
    "a user of the GIL beside it": (_gil, "A", QUEUES["NEXT"]),
    "the node holds the GIL": (_below(_holds_gil), "A", {"workers": 2}),
    "more workers than processors": (_below(_computes), "A", {"workers": 16}),
    "batches of other sizes": (
        lambda pipeline: batch(pipeline, _as_is),
        "A",
        {"batch": ff.Batch(8, max_wait=0.2), "queue": ff.Queue(8)},
    ),
    "a faster source": (_one, "cam", {"rate": 60.0}),
    "a join": (_join, "A", QUEUES["NEXT"]),
    "on_tick()": (
        lambda pipeline: pipeline.add(_Ticks(20), camera(pipeline, _as_is), name="A"),
        "A",
        QUEUES["NEXT"],
    ),
    "a filter": (_below(_only_some), "A", QUEUES["NEXT"]),
    "several results per sample": (_below(_several), "A", QUEUES["NEXT"]),
    "a source that would wait": (_one, "A", QUEUES["LOSSLESS"]),
}


def measured(pipeline: ff.Pipeline, port: Any, seconds: float, then: Callable[[], Any]) -> dict[str, Any]:
    """Runs it with a reader that always waits, and calls `then` at the end."""
    reader = pipeline.reader(port, name="reader", queue=ff.Queue(512), frames=False)
    ages: list[tuple[float, float]] = []
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            try:
                sample = reader.get(timeout=1)
            except ff.ReadTimeoutError:
                continue
            ages.append((now := time.monotonic(), now - sample.captured))

    thread = threading.Thread(target=read)
    with pipeline:
        began = time.monotonic() + WARM_UP
        thread.start()
        time.sleep(WARM_UP + seconds)
        until = time.monotonic()
        answer = then()
        over.set()
        thread.join()
    inside = sorted(age for at, age in ages if began <= at <= until)
    return {
        "rate": len(inside) / (until - began),
        "mean": sum(inside) / max(1, len(inside)),
        "p50": quantile(inside, 0.5) if inside else 0.0,
        "p99": quantile(inside, 0.99) if inside else 0.0,
        "answer": answer,
    }


def shown(answer: ff.stats.WhatIf, took: float) -> dict[str, Any]:
    """A prediction as JSON."""
    out: dict[str, Any] = {"reason": answer.reason, "took": took, "calls": answer.calls}
    for outcome in answer.outcomes:
        if outcome.consumer != "reader":
            continue
        out["reason"] = out["reason"] or outcome.reason
        for name in ("rate", "mean", "p50", "p99"):
            if interval := getattr(outcome, name):
                out[name] = [interval.low, interval.middle, interval.high]
    return out


def asked(pipeline: ff.Pipeline, node: str, change: Change) -> dict[str, Any]:
    """One prediction."""
    began = time.perf_counter()
    answer = pipeline.what_if(node, **change)
    return shown(answer, time.perf_counter() - began)


def main() -> None:
    """One job: a graph as it is with its predictions, a graph with a change, or a planted one."""
    job = json.loads(sys.argv[1])
    pipeline = ff.Pipeline()
    if planted := job.get("planted"):
        build, node, change = PLANTED[planted]
        port = build(pipeline)
        out = measured(pipeline, port, job["seconds"], lambda: asked(pipeline, node, change))
    else:
        graph = GRAPHS[job["graph"]]
        name, change = graph.changes[job["change"]] if "change" in job else ("", {})
        options = {key: value for key, value in change.items() if change is not SAME}
        port = graph.build(pipeline, lambda of, own: {**own, **(options if of == name else {})})

        def predictions() -> dict[str, Any]:
            return (
                {text: asked(pipeline, *of) for text, of in graph.changes.items()} if job.get("ask") else {}
            )

        out = measured(pipeline, port, job["seconds"], predictions)
    print(json.dumps(out))


if __name__ == "__main__":
    main()
