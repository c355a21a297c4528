"""The same CPU-bound step as a thread, on a free-threaded Python, in a worker process and as native code.

Every kind runs in a process of its own and takes turns with the others. A live source makes more samples than
the step can take: results per second, and the age of a result when it is read. "x 2" is as many nodes side
by side as there are cores: how the kind scales. Memory is the resident memory of the process and its workers,
start-up the time from start() to the first result. The native node is the same computation in a C function.

Also: whether gc.collect() on a free-threaded Python stops a native branch, beside a thread with PyAV.

    ./dev bench free_threaded --free-threaded PATH_OF_PYTHON

Into the environment of that Python belong freshframe's wheel and PyAV. With --only the rows of the other half
stay as they are kept.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SECONDS = 3.0
STEPS = 60_000  # of the computation: about 10 ms of bytecode, more than PERIOD
PERIOD = 0.004  # seconds between two samples of the source
PERIOD_PYAV = 0.01  # seconds between two frames of the thread with PyAV
CORES = len(os.sched_getaffinity(0))
STEP_C = """
#include <stdint.h>
int32_t step(const uint8_t* pixels, int32_t width, int32_t height, int64_t stride, double pts, int64_t seq,
             int32_t source, void* out, int32_t max_rows, void* own) {
  (void)width, (void)height, (void)stride, (void)pts, (void)seq, (void)source, (void)max_rows, (void)own;
  uint64_t state = pixels[0] | 1u;
  for (int i = 0; i < STEPS; ++i) state = (state * 1103515245u + 12345u) % 2147483647u;
  *(double*)out = (double)state;
  return 0;
}
"""
LOOK_C = """
#include <stdint.h>
#include <time.h>
int32_t step(const uint8_t* pixels, int32_t width, int32_t height, int64_t stride, double pts, int64_t seq,
             int32_t source, void* out, int32_t max_rows, void* own) {
  (void)pts, (void)seq, (void)source, (void)max_rows, (void)own;
  volatile uint64_t sum = 0;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) sum += pixels[y * stride + x];
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  *(double*)out = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
  return 0;
}
"""


def step(frame: Any) -> float:
    """The computation: a chain of divisions that nothing can shorten."""
    state = int(frame.luma[0, 0]) | 1
    for _ in range(STEPS):
        state = (state * 1103515245 + 12345) % 2147483647
    return float(state)


# ---- a process of one kind


def source(ff: Any) -> Any:
    """Small pictures."""
    import numpy as np  # noqa: PLC0415

    class Ticks(ff.Source):  # type: ignore[misc]
        live = True

        def read(self) -> Iterator[tuple[Any, float]]:
            number = 0
            while not self.stop_token.wait(PERIOD):
                yield ff.Frame.from_array(np.full((16, 16), number % 256, np.uint8), "gray"), number * PERIOD
                number += 1

    return Ticks()


def run_nodes(kind: str, count: int, seconds: float) -> dict[str, Any]:
    """Results per second of `count` nodes side by side, the age of results, memory and start-up."""
    import freshframe as ff  # noqa: PLC0415

    pipeline = ff.Pipeline()
    port = pipeline.add(source(ff))
    ages: list[float] = []
    readers = []
    for _ in range(count):
        node: Any = c_node(ff, STEP_C) if kind == "native" else step
        readers.append(pipeline.reader(pipeline.add(node, port, queue=ff.LATEST, process=kind == "process")))
    began = time.perf_counter()
    with pipeline:
        for reader in readers:
            reader.get(60)
        first = time.perf_counter() - began
        results, measured = 0, time.perf_counter()
        time.sleep(0.2)
        end = measured + seconds
        while time.perf_counter() < end:
            for reader in readers:
                while (sample := reader.poll()) is not None:
                    results += 1
                    ages.append(sample.age)
            time.sleep(0.001)
        rate = results / (time.perf_counter() - measured)
        memory = resident(os.getpid()) + sum(
            worker.rss_bytes
            for node_stats in pipeline.stats().nodes.values()
            for worker in node_stats.workers
        )
    ages.sort()
    return {
        "per_s": rate,
        "age_p50_ms": 1e3 * ages[len(ages) // 2],
        "age_p99_ms": 1e3 * ages[int(len(ages) * 0.99)],
        "memory_mb": memory / 1e6,
        "start_s": first,
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
    }


def c_node(ff: Any, code: str) -> Any:
    """A native node of a C function."""
    folder = Path(tempfile.mkdtemp())
    command = [
        "cc",
        "-O2",
        "-shared",
        "-fPIC",
        f"-DSTEPS={STEPS}",
        "-x",
        "c",
        "-",
        "-o",
        str(folder / "libstep.so"),
    ]
    subprocess.run(command, input=code, text=True, check=True)
    node = ff.native.load(folder / "libstep.so", "step", out=(), dtype="float64")
    shutil.rmtree(folder)
    return node


def resident(pid: int) -> int:
    """Bytes."""
    words = Path(f"/proc/{pid}/statm").read_text().split()
    return int(words[1]) * os.sysconf("SC_PAGE_SIZE")


# ---- garbage collection


def run_collections(idle: bool, seconds: float, objects: int) -> dict[str, Any]:
    """A native branch and a thread with PyAV, beside gc.collect() over many objects or beside nothing."""
    import gc  # noqa: PLC0415

    import av  # noqa: PLC0415

    import freshframe as ff  # noqa: PLC0415

    folder = tempfile.mkdtemp()
    clip = f"{folder}/clip.mp4"
    recording = ff.Pipeline()
    scene = recording.add(ff.open("demo:circles?pace=0&frames=100&size=320x240"))
    recording.add(ff.VideoFile(clip), scene)
    recording.run()

    kept: list[list[int]] = [[] for _ in range(objects)]
    pipeline = ff.Pipeline()
    frames = pipeline.add(ff.open("demo:circles?size=640x360&fps=100"))
    # The function says when it had read the picture: the age is exact, and Python has no part in it.
    looks = pipeline.add(c_node(ff, LOOK_C), frames, name="look")
    reader = pipeline.reader(looks, queue=ff.Queue(depth=100_000), frames=False)
    late: list[float] = []
    pauses: list[float] = []
    done = threading.Event()

    def decode() -> None:
        due = time.perf_counter()
        while not done.is_set():
            with av.open(clip) as container:
                for _ in container.decode(video=0):
                    late.append(time.perf_counter() - due)
                    due += PERIOD_PYAV
                    if done.wait(max(0.0, due - time.perf_counter())):
                        return

    def collect() -> None:
        while not done.is_set():
            if idle:
                time.sleep(0.05)
                continue
            before = time.perf_counter()
            gc.collect()
            pauses.append(time.perf_counter() - before)
            time.sleep(0.05)

    threads = [threading.Thread(target=body, daemon=True) for body in (decode, collect)]
    with pipeline:
        reader.get(60)
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        ages = []
        while (sample := reader.poll()) is not None:
            ages.append(sample.value - sample.captured)
        done.set()
        for thread in threads:
            thread.join()
    assert len(kept) == objects
    shutil.rmtree(folder)
    late.sort()
    ages.sort()
    return {
        "native_age_p50_ms": 1e3 * ages[len(ages) // 2],
        "native_age_p99_ms": 1e3 * ages[int(len(ages) * 0.99)],
        "native_age_max_ms": 1e3 * ages[-1],
        "native_results": len(ages),
        "pyav_late_p50_ms": 1e3 * late[len(late) // 2],
        "pyav_late_p99_ms": 1e3 * late[int(len(late) * 0.99)],
        "pyav_late_max_ms": 1e3 * late[-1],
        "collections": len(pauses),
        "collection_max_ms": 1e3 * max(pauses, default=0.0),
        "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
    }


# ---- the runs


def child(python: str, what: str, *values: object) -> dict[str, Any]:
    """Runs one measurement in a process of its own.

    PYTHONPATH leads to modules of this Python. Another one has a freshframe of its own.
    """
    command = [python, str(Path(__file__).resolve()), "--run", json.dumps([what, *values])]
    environment = dict(os.environ)
    if python != sys.executable:
        environment.pop("PYTHONPATH", None)
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)
    if ended.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{ended.stderr}")
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def median(values: list[float]) -> float:
    """Of the rounds."""
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def merged(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of each figure."""
    return {key: runs[0][key] if key == "gil" else median([run[key] for run in runs]) for key in runs[0]}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", help=argparse.SUPPRESS)
    parser.add_argument(
        "--free-threaded", metavar="PYTHON", help="a free-threaded Python that has freshframe"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--objects", type=int, default=10_000_000)
    parser.add_argument("--only", choices=("kinds", "collections"))
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "results" / "free_threaded.json")
    parser.add_argument("--dry", action="store_true", help="write no result")
    options = parser.parse_args()
    if options.run:
        what, *values = json.loads(options.run)
        bodies: dict[str, Callable[..., dict[str, Any]]] = {
            "nodes": run_nodes,
            "collections": run_collections,
        }
        print(json.dumps(bodies[what](*values)))
        return
    from _measure import provenance, take_turns  # noqa: PLC0415  (needs freshframe, which a child has too)

    load = os.getloadavg()[0]
    free = options.free_threaded
    kinds: dict[str, Callable[[], dict[str, Any]]] = {}
    if options.only != "collections":
        pythons = [("thread", sys.executable), ("process", sys.executable), ("native", sys.executable)]
        pythons += [("free-threaded", free)] if free else []
        for kind, python in pythons:
            for count in (1, CORES):
                kinds[f"{kind} x {count}"] = lambda kind=kind, python=python, count=count: child(  # type: ignore[misc]
                    python, "nodes", kind, count, options.seconds
                )
    if options.only != "kinds":
        for name, python in (("gil", sys.executable), *((("free-threaded", free),) if free else ())):
            for idle in (True, False):
                beside = "idle" if idle else "collecting"
                kinds[f"{name}, {beside}"] = lambda python=python, idle=idle: child(  # type: ignore[misc]
                    python, "collections", idle, options.seconds, options.objects
                )
    found = {name: merged(runs) for name, runs in take_turns(kinds, options.rounds).items()}
    for name, figures in found.items():
        print(f"{name:<28}", {key: round(value, 3) for key, value in figures.items()})
    if not options.dry:
        kept = json.loads(options.out.read_text())["rows"] if options.out.exists() else {}
        found = {**(kept if options.only else {}), **found}
    ratios = summary(found)
    print(json.dumps(ratios, indent=1))
    if not options.dry:
        document = {
            "bench": "free_threaded",
            **provenance(load),
            "versions": {"python": platform.python_version(), "free_threaded": version_of(free)},
            "settings": {"rounds": options.rounds, "seconds": options.seconds, "objects": options.objects},
            "rows": found,
            "ratios": ratios,
        }
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(document, indent=1) + "\n")
        print(f"written to {options.out}")


def version_of(python: str | None) -> str | None:
    """Its version."""
    if python is None:
        return None
    code = "import platform; print(platform.python_version())"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def summary(found: dict[str, dict[str, Any]]) -> dict[str, float]:
    """What the goals are about."""
    ratios = {}
    for kind in ("thread", "free-threaded", "process", "native"):
        one, many = found.get(f"{kind} x 1"), found.get(f"{kind} x {CORES}")
        if one and many:
            ratios[f"{kind}: {CORES} nodes as a share of {CORES} times one"] = many["per_s"] / (
                CORES * one["per_s"]
            )
    for name in ("gil", "free-threaded"):
        idle, busy = found.get(f"{name}, idle"), found.get(f"{name}, collecting")
        if idle and busy:
            ratios[f"{name}: age of the native branch, collecting / idle"] = (
                busy["native_age_p50_ms"] / idle["native_age_p50_ms"]
            )
            ratios[f"{name}: the same, p99"] = busy["native_age_p99_ms"] / idle["native_age_p99_ms"]
            ratios[f"{name}: longest delay of a frame of PyAV, ms"] = busy["pyav_late_max_ms"]
    return ratios


if __name__ == "__main__":
    main()
