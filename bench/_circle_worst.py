"""Pictures that are hard on a circle detector, and what each costs beside an average one.

Up to the arcs the detector's cost grows with the pixels, from there on it is bounded by the number of arcs
and candidates that are looked at (ArcFinder::kMaxArcs, CandidateFinder::kMaxCandidates).
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
from _circle_peers import gray_of
from _circle_set import MAX_CIRCLES, RADIUS, CircleSet, Gray, pictures
from _measure import Result, Row

import freshframe as ff

SIZE = (720, 1280)
LARGE = (6000, 8000)
RUNS = 5
WORST_GOAL = 5.0  # times the average: the stages behind the pixels have a limit of their own

Rng = np.random.Generator


def _rows_and_columns(shape: tuple[int, int]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    return y, x


def _bytes(values: npt.NDArray[np.floating]) -> Gray:
    return np.asarray(np.clip(values, 0, 255), np.uint8)


def noise(rng: Rng) -> Gray:
    """Every pixel by chance."""
    return rng.integers(0, 256, SIZE, np.uint8)


def soft_noise(rng: Rng) -> Gray:
    """Blobs of three to six pixels: as many smooth edges as a picture can have."""
    soft = cv2.GaussianBlur(rng.normal(size=SIZE).astype(np.float32), (0, 0), 2.0)
    return _bytes(np.asarray(128 + 60 * soft / soft.std()))


def text(rng: Rng) -> Gray:
    """A page full of letters."""
    page = np.full(SIZE, 235, np.uint8)
    for y in range(14, SIZE[0], 15):
        line = "".join(chr(c) for c in rng.choice([*b"OoCcGgQDdbpqeaB8609Ss35"], 160))
        cv2.putText(page, line, (2, y), cv2.FONT_HERSHEY_SIMPLEX, 0.45, 20, 1, cv2.LINE_AA)
    return page


def checkerboard(rng: Rng) -> Gray:
    """Squares of 8 pixels."""
    y, x = _rows_and_columns(SIZE)
    return _bytes(40 + 180 * ((x // 8 + y // 8) % 2))


def foliage(rng: Rng) -> Gray:
    """Leaves: ellipses of all sizes over each other."""
    leaves = np.full(SIZE, 90, np.uint8)
    for _ in range(9000):
        at = int(rng.integers(SIZE[1])), int(rng.integers(SIZE[0]))
        axes = int(rng.integers(4, 22)), int(rng.integers(2, 12))
        grey = float(rng.integers(20, 220))
        cv2.ellipse(leaves, at, axes, float(rng.integers(360)), 0, 360, grey, -1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(leaves, (0, 0), 0.7), np.uint8)


def black(rng: Rng) -> Gray:
    """Nothing."""
    return np.zeros(SIZE, np.uint8)


def white(rng: Rng) -> Gray:
    """Nothing, bright."""
    return np.full(SIZE, 255, np.uint8)


def dense_circles(rng: Rng) -> Gray:
    """4000 discs of 6 to 8 pixels, side by side."""
    picture = np.full(SIZE, 60, np.uint8)
    for y in range(8, SIZE[0], 15):
        for x in range(8, SIZE[1], 15):
            radius = round(16 * rng.uniform(5.5, 7.2))
            cv2.circle(picture, (16 * x, 16 * y), radius, float(rng.integers(120, 240)), -1, cv2.LINE_AA, 4)
    return picture


def dense_rings(rng: Rng) -> Gray:
    """1000 rings over each other: every arc meets many others."""
    picture = np.full(SIZE, 128, np.uint8)
    for _ in range(1000):
        at = int(rng.integers(SIZE[1])), int(rng.integers(SIZE[0]))
        cv2.circle(picture, at, int(rng.integers(8, 120)), float(rng.integers(0, 256)), 2, cv2.LINE_AA)
    return picture


def concentric(rng: Rng) -> Gray:
    """A target of rings 7 pixels apart, and others in its corners."""
    y, x = _rows_and_columns(SIZE)
    d = np.hypot(x - SIZE[1] / 2, y - SIZE[0] / 2)
    for cx in (0, SIZE[1]):
        for cy in (0, SIZE[0]):
            d = np.minimum(d, np.hypot(x - cx, y - cy))
    return _bytes(128 + 110 * np.sin(2 * np.pi * d / 14))


def moire(rng: Rng) -> Gray:
    """A zone plate: rings that get finer until they alias into other rings everywhere."""
    y, x = _rows_and_columns(SIZE)
    return _bytes(128 + 110 * np.cos(((x - SIZE[1] / 2) ** 2 + (y - SIZE[0] / 2) ** 2) / 70))


def crossing_waves(rng: Rng) -> Gray:
    """Two wave fields: bent edges of every radius everywhere."""
    y, x = _rows_and_columns(SIZE)
    return _bytes(
        128 + 55 * np.sin(np.hypot(x + 90, y + 40) / 3) + 55 * np.sin(np.hypot(x - 1300, y - 200) / 3.7)
    )


KINDS: tuple[Callable[[Rng], Gray], ...] = (
    noise,
    soft_noise,
    text,
    checkerboard,
    foliage,
    black,
    white,
    dense_circles,
    dense_rings,
    concentric,
    moire,
    crossing_waves,
)


def milliseconds(picture: Gray, runs: int = RUNS) -> float:
    """The processor's time for one picture, the median of the runs."""
    detector = ff.CircleDetector(radius=RADIUS, max_circles=MAX_CIRCLES)
    times = []
    for _ in range(runs):
        start = time.thread_time()
        detector.detect(picture)
        times.append(1e3 * (time.thread_time() - start))
    return float(np.median(times))


def average(circles: CircleSet) -> tuple[float, Gray]:
    """Milliseconds per megapixel of the set's 720p frames, and one of them."""
    grays = [
        gray_of(frame.bgr)
        for sequence in circles.clips
        if sequence.kind == "hd"
        for _, frame in pictures(sequence, 10)
    ]
    return float(np.mean([milliseconds(gray, 3) / megapixels(gray) for gray in grays])), grays[0]


def megapixels(picture: Gray) -> float:
    """Size of a picture."""
    return picture.size / 1e6


def add_worst(result: Result, circles: CircleSet) -> None:
    """Rows of all kinds, in the size of 720p and cut to VGA, and of the worst beside the average."""
    usual, picture = average(circles)
    result.add(Row("hard pictures: average 720p frame", {"ms/Mpx": usual}))
    ratios = {}
    for make in KINDS:
        hard = make(np.random.default_rng(1))
        name = make.__name__.replace("_", " ")
        ms = milliseconds(hard)
        small = milliseconds(np.ascontiguousarray(hard[:480, :640]))
        ratios[name] = ms / megapixels(hard) / usual
        figures = {"720p_ms": ms, "VGA_ms": small, "ms/Mpx": ms / megapixels(hard)}
        result.add(Row(f"hard pictures: {name}", {**figures, "of average": ratios[name]}))
    tiles = -(-LARGE[0] // picture.shape[0]), -(-LARGE[1] // picture.shape[1])
    large = np.ascontiguousarray(np.tile(picture, tiles)[: LARGE[0], : LARGE[1]])
    ms = milliseconds(large, 2)
    result.add(Row("hard pictures: 8000 x 6000", {"ms": ms, "ms/Mpx": ms / megapixels(large)}))
    result.add(Row("hard pictures: 1 x 1", {"ms": milliseconds(np.full((1, 1), 128, np.uint8))}))
    worst = max(ratios, key=lambda name: ratios[name])
    result.add(Row("the worst picture beside the average", {"which": worst}, ratios[worst], WORST_GOAL))
