"""The brightness centroid of a luma in six languages, and a plugin with the sources of its frames."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import freshframe as ff

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
        [*command, f"-I{ff.native.get_include()}", "-o", str(path), "-"], input=code, text=True, check=True
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
