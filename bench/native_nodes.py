"""Native nodes of users: one step in four languages, beside a busy Python thread and beside a busy process.

The step is the brightness centroid of a 640x480 luma. Its pipeline is lossless.
The same load in another process is the reference: the machine has few cores, and what the thread costs beyond
that is the GIL's share. "NumPy" is a Python node; all others are native.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from _measure import Result, Row, arguments, median, spread, take_turns

import freshframe as ff

FRAMES = 400
VIDEO = f"demo:circles?size=640x480&balls=1&pace=0&frames={FRAMES}"
BUSY = "while True: sum(range(200))"
LOOP = """
  int64_t total = 0, x_sum = 0, y_sum = 0;
  for (int y = 0; y < HEIGHT; ++y) {
    const uint8_t* row = ROW;
    uint32_t level = 0, x_row = 0;
    for (int x = 0; x < WIDTH; ++x) { level += row[x]; x_row += (uint32_t)x * row[x]; }
    total += level; x_sum += x_row; y_sum += (int64_t)y * level;
  }
  if (total == 0) total = 1;
"""
SIGNATURE = """(const uint8_t* pixels, int32_t width, int32_t height, int64_t stride, double pts, int64_t seq,
  int32_t source, void* out, int32_t max_rows, void* state)"""
C = f"""
#include <stdint.h>
#define WIDTH width
#define HEIGHT height
#define ROW pixels + y * stride
int32_t centroid{SIGNATURE} {{{LOOP}
  ((float*)out)[0] = (float)((double)x_sum / total);
  ((float*)out)[1] = (float)((double)y_sum / total);
  return 0;
}}
int32_t nothing{SIGNATURE} {{ return 0; }}
"""
CPP = f"""
#include <freshframe/plugin.hpp>
namespace ff = freshframe::plugin;
#define WIDTH luma.row_bytes
#define HEIGHT luma.rows
#define ROW luma.row(y)
struct Centroid : ff::Node<ff::Frame, ff::Array> {{
  std::optional<ff::Array> process(const ff::Sample<ff::Frame>& sample, ff::Context&) override {{
    const ff::Plane luma = sample.value.gray();{LOOP}
    return ff::Array(std::vector<float>{{float(double(x_sum) / total), float(double(y_sum) / total)}});
  }}
}};
FRESHFRAME_NODE(Centroid, "centroid");
struct NoWork : ff::Node<ff::Frame, double> {{
  std::optional<double> process(const ff::Sample<ff::Frame>&, ff::Context&) override {{ return 0.0; }}
}};
FRESHFRAME_NODE(NoWork, "nothing");
"""


def built(folder: str, code: str, compiler: str, *flags: str) -> Path:
    """A shared library of the code."""
    path = Path(folder) / f"lib{compiler.strip('+')}{len(flags)}.so"
    command = [
        os.environ.get("CXX" if "+" in compiler else "CC", compiler),
        *flags,
        "-O3",
        "-shared",
        "-fPIC",
    ]
    subprocess.run(
        [*command, f"-I{ff.get_include()}", "-o", str(path), "-"], input=code, text=True, check=True
    )
    return path


def in_numpy(frame: ff.Frame) -> Any:
    """The step in Python."""
    luma = frame.luma
    columns, rows = luma.sum(0, dtype=np.int64), luma.sum(1, dtype=np.int64)
    total = max(1, int(rows.sum()))
    return np.array([columns @ np.arange(640), rows @ np.arange(480)], np.float32) / total


def in_numba() -> Any:
    """The step in numba."""

    @ff.native.numba(out=(2,))
    def centroid(pixels: Any, out: Any) -> None:
        total = x_sum = y_sum = 0
        for y in range(pixels.shape[0]):
            row = x_row = 0
            for x in range(pixels.shape[1]):
                row += pixels[y, x]
                x_row += x * pixels[y, x]
            total += row
            x_sum += x_row
            y_sum += y * row
        out[0] = x_sum / max(1, total)
        out[1] = y_sum / max(1, total)

    return centroid


@contextlib.contextmanager
def busy_thread() -> Iterator[None]:
    """A Python thread of this process computes."""
    ended = False

    def work() -> None:
        while not ended:
            sum(range(200))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended = True
        thread.join()


@contextlib.contextmanager
def busy_process() -> Iterator[None]:
    """The same in another process."""
    with subprocess.Popen([sys.executable, "-c", BUSY]) as process:
        try:
            yield
        finally:
            process.kill()


def run(node: Any, load: Callable[[], Any]) -> tuple[float, float, float]:
    """Seconds per frame, p50 and p99 of the node's calls, in microseconds."""
    pipeline = ff.Pipeline(stall_timeout=None)
    pipeline.add(node, pipeline.add(ff.open(VIDEO)), name="node")
    with load():
        began = time.perf_counter()
        pipeline.run()
        seconds = time.perf_counter() - began
    stats = pipeline.stats().nodes["node"]
    return seconds / FRAMES * 1e6, stats.p50 * 1e6, stats.p99 * 1e6


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "native_nodes", rounds=3)
    result = Result("native_nodes", "native nodes of users", {"rounds": options.rounds, "frames": FRAMES})
    with tempfile.TemporaryDirectory() as folder:
        c = built(folder, C, "cc", "-x", "c", "-std=c11")
        cpp = built(folder, CPP, "c++", "-x", "c++", "-std=c++17", "-w")
        nodes: dict[str, Callable[[], Any]] = {
            "NumPy": lambda: in_numpy,
            "C function": lambda: ff.native.load(c, "centroid", out=(2,)),
            "C++ class": lambda: ff.native.node(cpp, "centroid"),
        }
        with contextlib.suppress(ImportError):
            compiled = in_numba()
            nodes["numba"] = lambda: compiled
        kinds = {
            f"{name}, {load.__name__}": lambda make=make, load=load: run(make(), load)
            for name, make in nodes.items()
            for load in (busy_process, busy_thread)
        }
        kinds["again"] = kinds["C function, busy_process"]
        runs = take_turns(kinds, options.rounds)
        noise = spread(*([each[0] for each in runs[kind]] for kind in ("C function, busy_process", "again")))
        for name in nodes:
            thread, process = runs[f"{name}, busy_thread"], runs[f"{name}, busy_process"]
            figures = {
                "us_per_frame": median([each[0] for each in process]),
                "us_per_frame_beside_thread": median([each[0] for each in thread]),
                "call_p50_us": median([each[1] for each in process]),
                "call_p99_us_beside_thread": median([each[2] for each in thread]),
            }
            ratio = figures["us_per_frame_beside_thread"] / figures["us_per_frame"]
            goal = None if name == "NumPy" else 1.1
            result.add(
                Row(
                    f"{name}: beside a busy Python thread against a busy process",
                    figures,
                    ratio,
                    goal,
                    spread=noise,
                )
            )
        for name, node in {
            "C function": ff.native.load(c, "nothing", out=()),
            "C++ class": ff.native.node(cpp, "nothing"),
        }.items():
            p50 = run(node, contextlib.nullcontext)[1]
            result.add(
                Row(
                    f"{name} that does nothing: one call, with the node's own clock",
                    {"p50_us": p50},
                    p50,
                    0.5,
                )
            )
    result.keep(options.out)


if __name__ == "__main__":
    main()
