"""Decoding H.264 to luma and to BGR: freshframe from C++ and from Python, a bare libav loop, PyAV and OpenCV.

Each run is a separate process that opens the file, decodes all of it and closes it. The kinds alternate. A
speed is the other kind's milliseconds per frame divided by ours. "luma" reads each luma plane, "bgr" converts
each frame to BGR. The C++ program uses the system's FFmpeg, as freshframe does. The peers include their own.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

from _measure import SPREAD_LIMIT, Result, Row, arguments, median, program, spread, take_turns
from _media import Clip, made

import freshframe as ff

CLIPS = {"720p": Clip("noise", 1280, 720, megabits=6), "1080p": Clip("noise", 1920, 1080, megabits=12)}
THREADS = (1, 2)
BARE_GOAL = 0.97

Figures = dict[str, Any]


def freshframe_frames(path: str, threads: int, look: Callable[[ff.Frame], object]) -> int:
    """freshframe: reads the frames through a reader."""
    frames = 0
    with ff.stream(ff.open(path, decoder_threads=threads)) as stream:
        for sample in stream:
            look(sample.value)
            frames += 1
    return frames


def pyav_frames(path: str, threads: int, bgr: bool) -> int:
    """PyAV: makes a view of the luma plane, or a BGR array."""
    import av  # noqa: PLC0415  (an optional peer)
    import numpy as np  # noqa: PLC0415

    frames = 0
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO" if threads > 1 else "NONE"
        stream.codec_context.thread_count = threads
        for frame in container.decode(stream):
            if bgr:
                frame.to_ndarray(format="bgr24")
            else:
                plane: Any = frame.planes[0]  # its type does not declare the buffer protocol
                rows = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
                rows[:, : plane.width]
            frames += 1
    return frames


def cv2_frames(path: str, threads: int, grab: bool) -> int:
    """OpenCV: grab() only decodes, read() also makes a BGR array."""
    import cv2  # noqa: PLC0415

    capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, threads])
    frames = 0
    while capture.grab() if grab else capture.read()[0]:
        frames += 1
    capture.release()
    return frames


IN_PYTHON: dict[str, Callable[[str, int], int]] = {
    "Python luma": partial(freshframe_frames, look=lambda frame: frame.luma),
    "Python bgr": partial(freshframe_frames, look=lambda frame: frame.bgr),
    "PyAV luma": partial(pyav_frames, bgr=False),
    "PyAV bgr": partial(pyav_frames, bgr=True),
    "cv2 grab()": partial(cv2_frames, grab=True),
    "cv2 read()": partial(cv2_frames, grab=False),
}
IN_CPP = {"bare": "bare", "C++ luma": "luma", "C++ bgr": "bgr", "bare again": "bare"}
PAIRS = (
    ("C++ luma", "the bare loop", BARE_GOAL),
    ("Python luma", "the bare loop", BARE_GOAL),
    ("C++ luma", "cv2 read()", 1.0),
    ("Python luma", "cv2 read()", 1.0),
    ("C++ bgr", "cv2 read()", 1.0),
    ("Python bgr", "cv2 read()", 1.0),
    ("Python luma", "cv2 grab()", None),
    ("Python luma", "PyAV luma", None),
    ("Python bgr", "PyAV bgr", None),
)
NEEDS = {"PyAV": "av", "cv2": "cv2"}


def child(kind: str, path: str, threads: int) -> None:
    """Runs a Python kind once in a separate process. Imports are not timed."""
    for prefix, module in NEEDS.items():
        if kind.startswith(prefix):
            importlib.import_module(module)
    cpu_began = time.process_time()
    began = time.perf_counter()
    frames = IN_PYTHON[kind](path, threads)
    took = time.perf_counter() - began
    cpu = time.process_time() - cpu_began
    print(json.dumps({"frames": frames, "ms": 1e3 * took / frames, "cpu_ms": 1e3 * cpu / frames}))


def run(kind: str, path: str, threads: int) -> Figures:
    """Runs a kind once."""
    if kind in IN_CPP:
        command = [program("decode_bench"), IN_CPP[kind], path, str(threads)]
    else:
        command = [sys.executable, __file__, "child", kind, path, str(threads)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    figures: Figures = json.loads(done.stdout)
    return figures


def beside(name: str, ours: Figures, other: Figures, goal: float | None, noise: float) -> Row:
    """Returns a row with our speed relative to the peer's. Slower by less than the spread is unclear."""
    speed = other["ms"] / ours["ms"]
    near = goal is not None and goal == 1.0 and 1.0 - noise <= speed < 1.0
    unclear = "within the spread" if near and noise <= SPREAD_LIMIT else ""
    figures = ours | {"other_ms": other["ms"], "other_cpu_ms": other["cpu_ms"]}
    return Row(name, figures, speed, goal, True, noise, unclear=unclear)


def make_rows(label: str, runs: dict[str, list[Figures]]) -> list[Row]:
    """Returns all rows of one clip and number of threads."""
    medians: dict[str, Figures] = {
        kind: {key: median([each[key] for each in results]) for key in ("ms", "cpu_ms")}
        for kind, results in runs.items()
    }
    noise = spread(*([each["ms"] for each in runs[kind]] for kind in ("bare", "bare again")))
    both = [medians["bare"], medians["bare again"]]
    medians["the bare loop"] = {key: (both[0][key] + both[1][key]) / 2 for key in ("ms", "cpu_ms")}
    return [
        beside(f"{label}: {ours} against {other}", medians[ours], medians[other], goal, noise)
        for ours, other, goal in PAIRS
        if other in medians
    ]


def main() -> None:
    """Command line."""
    if sys.argv[1:2] == ["child"]:
        child(sys.argv[2], sys.argv[3], int(sys.argv[4]))
        return
    options = arguments(__doc__, "decode", rounds=5)
    absent = [prefix for prefix, module in NEEDS.items() if not importlib.util.find_spec(module)]
    kinds = [*IN_CPP, *(kind for kind in IN_PYTHON if not kind.startswith(tuple(absent)))]
    paths = {size: made(clip) for size, clip in CLIPS.items()}
    versions = {"libavcodec": str(run("bare", paths["720p"], 1)["libavcodec"])}
    packages = {"PyAV": "av", "cv2": "opencv-python-headless"}
    versions |= {name: version(package) for name, package in packages.items() if name not in absent}
    clips = {size: clip.path.name for size, clip in CLIPS.items()}
    result = Result("decode", "ms per frame", {"rounds": options.rounds, "clips": clips}, versions)
    for size, path in paths.items():
        for threads in THREADS:
            runs = take_turns({kind: partial(run, kind, path, threads) for kind in kinds}, options.rounds)
            counts = {each["frames"] for results in runs.values() for each in results}
            if counts != {CLIPS[size].frames}:
                raise SystemExit(f"{path}: {CLIPS[size].frames} frames are in it, {sorted(counts)} came out")
            for row in make_rows(f"{size}, {threads} thread{'s' if threads > 1 else ''}", runs):
                result.add(row)
    result.keep(options.out)


if __name__ == "__main__":
    main()
