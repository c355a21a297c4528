"""Compares two builds: the time of import, hops and decoding.

`--other` is the folder of another release build, such as that of an older commit, with its package and its
programs. Decoding reads the luma planes of a 720p clip, in a separate process, with one thread and with two.
"into slabs" is this build with a node in a worker process, so that frames are decoded into shared memory.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from _measure import RESULTS, Result, Row, median, program, spread, take_turns
from _media import Clip, made

import freshframe as ff

GOAL = 1.03  # maximum ratio to the other build
CLIP = Clip("noise", 1280, 720, megabits=6)

DECODE = """
import sys, time
import freshframe as ff
path, threads, process = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "process"
if process:  # it needs not run: as long as it is there pictures lie in slabs
    idle = ff.Pipeline()
    idle.add(len, idle.add(ff.open("demo:circles")), process=True)
pipeline = ff.Pipeline()
reader = pipeline.reader(pipeline.add(ff.open(path, decoder_threads=threads)))
with pipeline:
    begin = time.perf_counter()
    frames = sum(1 for sample in reader if sample.value.luma is not None)
    print(1e3 * (time.perf_counter() - begin) / frames)
"""


def python(package: Path, code: str, *arguments: str) -> str:
    """Runs a program with one of the two builds and returns its output."""
    environment = {**os.environ, "PYTHONPATH": str(package)}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


def import_ms(package: Path) -> float:
    """Returns the milliseconds of a process that imports the package."""
    begin = time.perf_counter()
    python(package, "import freshframe")
    return 1e3 * (time.perf_counter() - begin)


def decode_ms(package: Path, path: str, threads: int, process: bool) -> float:
    """Returns the milliseconds per frame."""
    return float(python(package, DECODE, path, str(threads), "process" if process else ""))


def hop_us(path: Path) -> dict[str, float]:
    """Returns the cost of a hop, by part of hop_bench.cpp.

    Runs a fresh copy of the program, because its placement in the page cache changes these times by up to a
    fifth, for as long as it is cached.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy2(path, folder)
        output = subprocess.run([copy, "1", "15"], check=True, capture_output=True, text=True).stdout
    found: dict[str, float] = {}
    for line in output.splitlines():
        run: dict[str, Any] = json.loads(line)
        if run.get("kind") != "freshframe":
            continue
        if run["part"] == "paced":
            found[f"paced, {run['hz']} Hz"] = run["p50_us"]
        else:
            found[f"burst, depth {run['depth']}"] = run["us"]
    return found


def compare(result: Result, name: str, unit: str, runs: dict[str, list[float]]) -> None:
    """Adds a row with the ratio of this build to the other."""
    other = median(runs["other"] + runs["other again"])
    figures = {f"{kind.replace(' ', '_')}_{unit}": median(found) for kind, found in runs.items()}
    noise = spread(runs["other"], runs["other again"])
    result.add(
        Row(f"{name}: times the other build", figures, median(runs["ours"]) / other, GOAL, spread=noise)
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--other", type=Path, required=True, help="build/release of the other commit")
    parser.add_argument("--commit", required=True, help="of the other build")
    parser.add_argument("--built-from", default="", help="the commit of the package, where it is another one")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS / "against.json", help="default: %(default)s")
    options = parser.parse_args()
    ours, other = Path(ff.__file__).parents[1], options.other / "package"
    settings = {"rounds": options.rounds, "other": options.commit, "built_from": options.built_from}
    result = Result("against", f"this build against {options.commit}", settings)
    kinds: dict[str, Callable[[], float]]
    for package in (ours, other):  # compiles byte code and fills the disk cache
        import_ms(package)
    kinds = {
        "other": partial(import_ms, other),
        "ours": partial(import_ms, ours),
        "other again": partial(import_ms, other),
    }
    compare(result, "import", "ms", take_turns(kinds, 3 * options.rounds))
    hops = take_turns(
        {
            "other": lambda: hop_us(options.other / "bench" / "hop_bench"),
            "ours": lambda: hop_us(Path(program("hop_bench"))),
            "other again": lambda: hop_us(options.other / "bench" / "hop_bench"),
        },
        options.rounds,
    )
    for part in hops["ours"][0]:
        compare(
            result, f"hop, {part}", "us", {kind: [run[part] for run in runs] for kind, runs in hops.items()}
        )
    path = str(made(CLIP))
    for threads in (1, 2):
        kinds = {
            "other": partial(decode_ms, other, path, threads, False),
            "ours": partial(decode_ms, ours, path, threads, False),
            "with a process node": partial(decode_ms, ours, path, threads, True),
            "other again": partial(decode_ms, other, path, threads, False),
        }
        runs = take_turns(kinds, options.rounds)
        into_slabs = runs.pop("with a process node")
        compare(result, f"decode 720p, {threads} threads", "ms", runs)
        into = {**runs, "ours": into_slabs}
        compare(result, f"decode 720p into slabs, {threads} threads", "ms", into)
    result.keep(options.out)


if __name__ == "__main__":
    main()
