"""A 60 Hz pygame loop with a thread that captures or tracks: the loop's lost frames, the results' age.

The loop draws 40 circles and uses the newest result in every frame. MODE:

    alone                                  no thread
    wait_held, wait_free                   a C function waits 30 ms, with and without the GIL
    compute_held, compute_free             zlib compresses for 30 ms, with and without the GIL
    python                                 a tracker in pure Python
    cv2, cv2_1_thread, pyav                cv2.HoughCircles on frames decoded by OpenCV or PyAV
    freshframe                             ff.CircleTracker

Needs pygame-ce, opencv-python-headless, av.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import ctypes
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from camera import read_number
from measure import burn, count_steps

os.environ |= {"SDL_VIDEODRIVER": "dummy", "PYGAME_HIDE_SUPPORT_PROMPT": "1"}
CAMERA = Path(__file__).with_name("camera.py")
WORK = 0.03  # duration of a call, in seconds
RATE = 60

Newest = tuple[int, Any]  # number of the frame, its detections


class Tracker:
    """A thread that processes each frame. The game reads the result from `newest`."""

    def __init__(self) -> None:
        self.newest: Newest = (-1, None)
        self.results = 0

    def start(self, body: Callable[[], Iterator[Newest]]) -> None:
        threading.Thread(target=self._run, args=(body,), daemon=True).start()

    def _run(self, body: Callable[[], Iterator[Newest]]) -> None:
        for newest in body():
            self.newest = newest
            self.results += 1


def in_c(mode: str) -> Iterator[Newest]:
    """Calls a C function that waits or computes."""
    library = ctypes.PyDLL if mode.endswith("held") else ctypes.CDLL
    if mode.startswith("wait"):
        usleep = library(None).usleep
        while True:
            usleep(int(1e6 * WORK))
            yield -1, None
    compress = library("libz.so.1").compress2
    compress.argtypes = [ctypes.c_char_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_int]
    data, place = np.random.default_rng(1).bytes(1 << 20), ctypes.create_string_buffer(2 << 20)
    length = ctypes.c_ulong

    def call(size: int) -> float:
        began = time.thread_time()
        compress(ctypes.cast(place, ctypes.c_char_p), ctypes.byref(length(2 << 20)), data, size, 6)
        return time.thread_time() - began

    size = int(min(1 << 20, (1 << 18) * WORK / min(call(1 << 18) for _ in range(3))))
    while True:
        call(size)
        yield -1, None


def in_python() -> Iterator[Newest]:
    """A tracker in pure Python, which only computes."""
    steps = count_steps(0.004)
    while True:
        yield -1, burn(steps)


def hough(gray: Any) -> Any:
    """Finds circles with OpenCV."""
    import cv2  # noqa: PLC0415  (not in every mode)

    return cv2.HoughCircles(
        gray, cv2.HOUGH_GRADIENT, 1.5, 60, param1=120, param2=45, minRadius=20, maxRadius=70
    )


def with_cv2(url: str) -> Iterator[Newest]:
    """Decodes with OpenCV."""
    import cv2  # noqa: PLC0415

    capture = cv2.VideoCapture(url, cv2.CAP_FFMPEG)
    while True:
        found, picture = capture.read()
        if not found:
            return
        yield read_number(picture), hough(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))


def with_pyav(url: str) -> Iterator[Newest]:
    """Decodes with PyAV."""
    import av  # noqa: PLC0415

    with av.open(url, options={"fflags": "nobuffer"}) as container:
        stream = container.streams.video[0]
        stream.thread_type = "NONE"
        for frame in container.decode(stream):
            plane: Any = frame.planes[0]
            luma = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
            yield read_number(luma), hough(np.ascontiguousarray(luma))


def begin(mode: str, url: str) -> tuple[Callable[[], Newest], Callable[[], int]]:
    """Starts the tracker. Returns functions for the newest result and for the number of results."""
    if mode == "freshframe":
        import freshframe as ff  # noqa: PLC0415

        pipeline = ff.Pipeline()
        tracker = pipeline.add(ff.CircleTracker(), pipeline.add(ff.open(url)), name="tracker")
        reader = pipeline.reader(tracker, frames=False)
        pipeline.start()

        def newest() -> Newest:
            sample = reader.latest()
            return (-1, None) if sample is None else (sample.seq, sample.value.xyr)

        return newest, lambda: pipeline.stats().nodes["tracker"].processed
    if mode == "cv2_1_thread":
        os.environ["OPENCV_FFMPEG_THREADS"] = "1"
    bodies: dict[str, Callable[[], Iterator[Newest]]] = {
        "python": in_python,
        "cv2": lambda: with_cv2(url),
        "cv2_1_thread": lambda: with_cv2(url),
        "pyav": lambda: with_pyav(url),
    }
    thread = Tracker()
    if mode != "alone":
        thread.start(bodies.get(mode, lambda: in_c(mode)))
    return lambda: thread.newest, lambda: thread.results


def play(seconds: float, pick_up: Callable[[], Newest], due: Callable[[int], float]) -> dict[str, Any]:
    """Runs the game loop. Returns times in milliseconds."""
    import pygame  # noqa: PLC0415  (after its environment variables are set)

    pygame.init()
    screen = pygame.display.set_mode((640, 480))
    clock = pygame.time.Clock()
    frames: list[float] = []
    looks: list[float] = []
    seen: list[float] = []
    newest = -1
    last = time.perf_counter()
    end = last + seconds
    while last < end:
        pygame.event.pump()
        screen.fill((0, 0, 0))
        before = time.perf_counter()
        number, _ = pick_up()
        looks.append(1e6 * (time.perf_counter() - before))
        if number > newest:
            newest = number
            seen.append(1e3 * (time.monotonic() - due(number)))
        for circle in range(40):
            at = ((len(frames) * 3 + circle * 17) % 640, (circle * 11 + len(frames)) % 480)
            pygame.draw.circle(screen, (255, circle, 40), at, 12)
        pygame.display.flip()
        clock.tick(RATE)
        now = time.perf_counter()
        frames.append(1e3 * (now - last))
        last = now
    frames = frames[5:]
    result = {
        "game_fps": 1e3 * len(frames) / sum(frames),
        "frame": {"p50_ms": np.median(frames), "p99_ms": np.quantile(frames, 0.99), "max_ms": max(frames)},
        "lost_frames": sum(max(0, round(one * RATE / 1e3) - 1) for one in frames),
        "pick_up_us": np.median(looks),
    }
    if seen:
        result["seen"] = {"p50_ms": np.median(seen), "p99_ms": np.quantile(seen, 0.99)}
    return result


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--mode", default="alone")
    parser.add_argument("--fps", type=float, default=60.0)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--warm-up", type=float, default=2.0)
    options = parser.parse_args()
    with subprocess.Popen(
        [sys.executable, str(CAMERA), "send", str(options.file), str(options.fps)],
        stdout=subprocess.PIPE,
        text=True,
    ) as camera:
        assert camera.stdout is not None
        url = f"tcp://127.0.0.1:{int(camera.stdout.readline())}"
        pick_up, results = begin(options.mode, url)
        watches = options.mode in ("cv2", "cv2_1_thread", "pyav", "freshframe")
        t0 = float(camera.stdout.readline()) if watches else 0.0
        time.sleep(options.warm_up)
        before, used, began = results(), time.process_time(), time.perf_counter()
        result = play(options.seconds, pick_up, lambda number: t0 + number / options.fps)
        seconds = time.perf_counter() - began
        result["results_per_s"] = (results() - before) / seconds
        result["cores"] = (time.process_time() - used) / seconds
        camera.kill()
        print("RESULT " + json.dumps(result, default=float), flush=True)
        os._exit(0)  # threads that never end


if __name__ == "__main__":
    main()
