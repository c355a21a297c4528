"""Native nodes of users: one step in six languages, beside a busy Python thread and beside a busy process.

The step is the brightness centroid of a 640x480 luma. Its source gives the same memory again and again, so
that nothing but the node and the load computes. A lossless run measures how long a frame takes, from the
first result to the last, a paced run the ages of the results.
The same load in another process is the reference: what the thread costs beyond that is the GIL's share. The
load computes on one CPU and the pipeline on another one: where they share, the kernel's choice of CPUs for
three busy threads differs from run to run by more than anything measured here. "NumPy" is a Python node; all
others are native. What a call costs is measured in a C++ program, beside the engine's own node.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _measure import Result, Row, arguments, median, program, spread, take_turns

import freshframe as ff

FRAMES = 6000
FRAMES_IN_PYTHON = 300  # a Python node beside a busy thread takes 5 ms each
PACED = 250  # frames of a live source
PERIOD = 0.004  # seconds between them
CPUS = sorted(os.sched_getaffinity(0))  # the pipeline computes on the first, the load on the last
CALLS = 200_000  # of one run of native_calls_bench
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
struct Still : ff::Source<ff::Frame> {{
  static constexpr bool live = false;
  explicit Still(const ff::Options& options)
      : left(options.get("frames", 0)), period(options.get("period", 0.0)) {{
    for (int i = 0; i < 640 * 480; ++i) pixels->push_back(static_cast<std::uint8_t>(i * 31 % 251));
  }}
  std::optional<ff::Item<ff::Frame>> read(ff::Context& context) override {{
    if (left-- <= 0 || (period > 0 && context.wait(period))) return std::nullopt;
    ff::Picture picture;
    picture.width = 640;
    picture.height = 480;
    picture.planes[0] = {{pixels->data(), 480, 640, 640}};
    picture.plane_count = 1;
    return ff::Item<ff::Frame>{{context.wrap_frame(picture, pixels)}};
  }}
  int left;
  double period;
  std::shared_ptr<std::vector<std::uint8_t>> pixels = std::make_shared<std::vector<std::uint8_t>>();
}};
FRESHFRAME_NODE(Still, "still");
struct Camera : Still {{
  static constexpr bool live = true;
  using Still::Still;
}};
FRESHFRAME_NODE(Camera, "camera");
double first = 0, last = 0;  // seconds, of the latest run
struct End : ff::Node<ff::Array, ff::Nothing> {{
  std::optional<ff::Nothing> process(const ff::Sample<ff::Array>& sample, ff::Context& context) override {{
    last = context.now();
    if (sample.stamp.seq == 0) first = last;
    return std::nullopt;
  }}
}};
FRESHFRAME_NODE(End, "end");
extern "C" double seconds_of_run() {{ return last - first; }}
"""


RUST = """
#[no_mangle]
pub unsafe extern "C" fn centroid(
    pixels: *const u8, width: i32, height: i32, stride: i64, _pts: f64, _seq: i64, _source: i32,
    out: *mut f32, _max_rows: i32, _state: *mut u8,
) -> i32 {
    let (mut total, mut x_sum, mut y_sum) = (0i64, 0i64, 0i64);
    for y in 0..height as usize {
        let row = std::slice::from_raw_parts(pixels.add(y * stride as usize), width as usize);
        let (mut level, mut x_row) = (0u32, 0u32);
        for (x, &pixel) in row.iter().enumerate() {
            level += u32::from(pixel);
            x_row += x as u32 * u32::from(pixel);
        }
        total += i64::from(level);
        x_sum += i64::from(x_row);
        y_sum += y as i64 * i64::from(level);
    }
    *out = (x_sum as f64 / total.max(1) as f64) as f32;
    *out.add(1) = (y_sum as f64 / total.max(1) as f64) as f32;
    0
}
"""
CYTHON = """
# cython: language_level=3, cdivision=True
from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t

cdef api int32_t centroid(const uint8_t* pixels, int32_t width, int32_t height, int64_t stride, double pts,
                          int64_t seq, int32_t source, void* out, int32_t max_rows,
                          void* state) noexcept nogil:
    cdef int64_t total = 0, x_sum = 0, y_sum = 0
    cdef uint32_t level, x_row
    cdef const uint8_t* row
    cdef int32_t x, y
    for y in range(height):
        row = pixels + y * stride
        level = 0
        x_row = 0
        for x in range(width):
            level += row[x]
            x_row += <uint32_t> x * row[x]
        total += level
        x_sum += x_row
        y_sum += y * <int64_t> level
    if total == 0:
        total = 1
    (<float*> out)[0] = <float> (<double> x_sum / total)
    (<float*> out)[1] = <float> (<double> y_sum / total)
    return 0
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


def again(node: Any) -> Callable[[], Any]:
    """Gives the same node each time."""
    return lambda: node


def in_rust(folder: str) -> Any:
    """The step in Rust; ImportError without a compiler."""
    if shutil.which("rustc") is None:
        raise ImportError("no rustc")
    source, library = Path(folder) / "centroid.rs", Path(folder) / "librust.so"
    source.write_text(RUST)
    flags = ["-C", "opt-level=3", "--crate-type", "cdylib"]
    subprocess.run(["rustc", *flags, str(source), "-o", str(library)], check=True)
    return ff.native.load(library, "centroid", out=(2,))


def in_cython(folder: str) -> Any:
    """The step in Cython; ImportError when that is not installed."""
    if importlib.util.find_spec("Cython") is None:
        raise ImportError("no Cython")
    source = Path(folder) / "in_cython.pyx"
    source.write_text(CYTHON)
    subprocess.run([sys.executable, "-m", "cython", "-3", str(source)], check=True)
    library = source.with_suffix(".so")
    include = f"-I{sysconfig.get_path('include')}"
    flags = ["-O3", "-w", "-shared", "-fPIC", include]
    subprocess.run(["cc", *flags, str(source.with_suffix(".c")), "-o", str(library)], check=True)
    spec = importlib.util.spec_from_file_location("in_cython", library)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return ff.native.function(module.__pyx_capi__["centroid"], out=(2,))


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


AGAIN = "C function, busy_process, again"


class Load:
    """A load on a CPU of its own, and what it has computed there in this process."""

    in_this_process = 0.0  # seconds


@contextlib.contextmanager
def busy_thread() -> Iterator[Load]:
    """A Python thread of this process computes."""
    ended = False
    load = Load()

    def work() -> None:
        os.sched_setaffinity(0, {CPUS[-1]})
        while not ended:
            sum(range(200))
        load.in_this_process = time.thread_time()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield load
    finally:
        ended = True
        thread.join()


@contextlib.contextmanager
def busy_process() -> Iterator[Load]:
    """The same in another process."""
    with subprocess.Popen([sys.executable, "-c", BUSY]) as process:
        os.sched_setaffinity(process.pid, {CPUS[-1]})
        try:
            yield Load()
        finally:
            process.kill()


def calls(c: Path, cpp: Path, rounds: int) -> dict[str, list[float]]:
    """Nanoseconds of one call of a node that does nothing, by kind."""
    command = [program("native_calls_bench"), str(c), str(cpp), str(rounds), str(CALLS)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    kinds: dict[str, list[float]] = {}
    for line in ended.stdout.splitlines():
        one = json.loads(line)
        kinds.setdefault(one["kind"], []).append(one["ns"])
    return kinds


def run(make: Callable[[], Any], plugin: Path, load: Callable[[], Any]) -> dict[str, float]:
    """What a frame costs in a lossless run, and how old the results of a paced one are."""
    node = make()
    frames = FRAMES_IN_PYTHON if node is in_numpy else FRAMES
    pipeline = ff.Pipeline(stall_timeout=None)
    still = pipeline.add(ff.native.node(plugin, "still", frames=frames))
    pipeline.add(ff.native.node(plugin, "end"), pipeline.add(node, still, name="node"))
    with load() as beside:
        cpu = time.process_time()
        pipeline.run()
    cpu = time.process_time() - cpu - beside.in_this_process
    seconds_of_run = ctypes.CDLL(str(plugin)).seconds_of_run
    seconds_of_run.restype = ctypes.c_double
    of_calls = pipeline.stats().nodes["node"]

    paced = ff.Pipeline(stall_timeout=None)
    camera = paced.add(ff.native.node(plugin, "camera", frames=PACED, period=PERIOD))
    paced.add(ff.native.node(plugin, "end"), paced.add(make(), camera), name="end")
    with load():
        paced.run()
    (arrived,) = [edge for edge in paced.stats().edges if edge.child == "end"]
    return {
        "us_per_frame": seconds_of_run() / (frames - 1) * 1e6,
        "cpu_us_per_frame": cpu / frames * 1e6,
        "call_p50_us": of_calls.p50 * 1e6,
        "call_p99_us": of_calls.p99 * 1e6,
        "age_p50_us": arrived.age_p50 * 1e6,
        "age_p99_us": arrived.age_p99 * 1e6,
    }


def ratios(name: str, figures: dict[Any, dict[str, float]]) -> Iterator[Row]:
    """Beside a thread against beside a process: what a frame takes, and how old a result is."""
    thread, process = figures[name, busy_thread], figures[name, busy_process]
    first, second = figures["C function", busy_process], figures[AGAIN]
    for key, what in {"us_per_frame": "time per frame", "age_p50_us": "age of a result, p50"}.items():
        kept = [each for each in process if each.startswith("age") == key.startswith("age")]
        yield Row(
            f"{name}: {what} beside a busy Python thread against a busy process",
            {each: process[each] for each in kept}
            | {each.removesuffix("_us") + "_beside_thread_us": thread[each] for each in kept},
            thread[key] / process[key],
            None if name == "NumPy" else 1.1,
            spread=spread([first[key]], [second[key]]),
        )


def nodes_in(folder: str, c: Path, cpp: Path) -> dict[str, Callable[[], Any]]:
    """Makers of the same node in each language whose tools are installed."""
    nodes: dict[str, Callable[[], Any]] = {
        "NumPy": lambda: in_numpy,
        "C function": lambda: ff.native.load(c, "centroid", out=(2,)),
        "C++ class": lambda: ff.native.node(cpp, "centroid"),
    }
    perhaps: dict[str, Callable[[], Any]] = {
        "numba": in_numba,
        "Cython": lambda: in_cython(folder),
        "Rust": lambda: in_rust(folder),
    }
    for language, make_one in perhaps.items():
        with contextlib.suppress(ImportError):
            nodes[language] = again(make_one())
    return nodes


def rows_of_frames(nodes: dict[str, Callable[[], Any]], cpp: Path, rounds: int) -> list[Row]:
    """Each node beside a busy Python thread and beside a busy process."""
    kinds: dict[Any, Callable[[], dict[str, float]]] = {
        (name, load): partial(run, make, cpp, load)
        for name, make in nodes.items()
        for load in (busy_process, busy_thread)
    }
    kinds[AGAIN] = kinds["C function", busy_process]
    runs = take_turns({str(kind): work for kind, work in kinds.items()}, rounds)
    figures = {
        kind: {key: median([each[key] for each in runs[str(kind)]]) for key in runs[str(kind)][0]}
        for kind in kinds
    }
    return [row for name in nodes for row in ratios(name, figures)]


def rows_of_calls(c: Path, cpp: Path, rounds: int) -> list[Row]:
    """One call of a node that does nothing, beside the engine's own."""
    measured = calls(c, cpp, rounds)
    own = median(measured["own"])
    rows = []
    for name, kind in {"C function": "function", "C++ class": "class"}.items():
        one = median(measured[kind])
        figures = {"ns": one, "own_node_ns": own, "own_again_ns": median(measured["own again"])}
        what = f"{name} that does nothing: one call against the engine's own node"
        rows.append(Row(what, figures, (one - own) / 1000, 0.5))
    return rows


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "native_nodes", rounds=3)
    os.sched_setaffinity(0, {CPUS[0]})  # of this thread, which all others inherit
    settings = {"rounds": options.rounds, "frames": FRAMES, "paced_frames": PACED, "period_ms": PERIOD * 1000}
    result = Result("native_nodes", "native nodes of users", settings | {"pinned": len(CPUS) > 1})
    with tempfile.TemporaryDirectory() as folder:
        c = built(folder, C, "cc", "-x", "c", "-std=c11")
        cpp = built(folder, CPP, "c++", "-x", "c++", "-std=c++17", "-w")
        rows = rows_of_frames(nodes_in(folder, c, cpp), cpp, options.rounds)
        for row in rows + rows_of_calls(c, cpp, 7 * options.rounds):
            result.add(row)
    result.keep(options.out)


if __name__ == "__main__":
    main()
