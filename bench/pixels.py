"""Conversions between BGR and YUV, and drawing: one 1280x720 picture, beside OpenCV's functions for the same.

One thread each. OpenCV is measured with memory of its own for each result, as programs call it, and with the
memory given. Drawing: four rings, four labels and four trails of 60 points; OpenCV draws into a copy of a BGR
picture, ``Annotate`` into its copy of the I420 picture that a decoder gives, and into one of BGR.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from _measure import Result, Row, arguments, median, quantile, spread, take_turns

import freshframe as ff

Picture = npt.NDArray[np.uint8]
Call = Callable[[], float]

WIDTH, HEIGHT = 1280, 720
POINTS = 60  # of a trail: a second of video
COLOURS = [(75, 25, 230), (75, 180, 60), (25, 225, 255), (200, 130, 0)]


def background() -> Picture:
    """Soft noise, as BGR."""
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 3), np.uint8)


def found(step: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Four circles on their way."""
    angle = 2 * np.pi * (step / 240 + np.arange(4) / 4)
    radius = np.array([60, 80, 100, 120])
    xyr = np.stack([640 + 400 * np.cos(angle), 360 + 200 * np.sin(2 * angle), radius], axis=1)
    return xyr.astype(np.float32), np.arange(1, 5, dtype=np.int64)


def timed(call: Callable[[], object]) -> Call:
    """Milliseconds of one call."""

    def run() -> float:
        begin = time.perf_counter()
        result = call()
        end = time.perf_counter()
        del result  # not in the time: OpenCV's memory goes back, too
        return 1e3 * (end - begin)

    return run


def converted(array: Picture, given: ff.types.Format, wanted: ff.types.Format) -> Call:
    """A new frame each time: a frame remembers what it was converted to."""

    def run() -> float:
        frame = ff.Frame.from_array(array, given)
        return timed(lambda: frame.to(wanted))()

    return run


def with_cv2(image: Picture, code: int, *, given: bool) -> Call:
    """OpenCV's conversion."""
    memory = cv2.cvtColor(image, code) if given else None
    return timed(lambda: cv2.cvtColor(image, code, dst=memory))


def conversions(result: Result, rounds: int) -> None:
    """Both directions."""
    bgr = background()
    i420 = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420), np.uint8)
    cases: tuple[tuple[str, Picture, int, ff.types.Format, ff.types.Format], ...] = (
        ("bgr to i420", bgr, cv2.COLOR_BGR2YUV_I420, "bgr", "i420"),
        ("bgr to gray", bgr, cv2.COLOR_BGR2GRAY, "bgr", "gray"),
        ("rgb to i420", bgr, cv2.COLOR_RGB2YUV_I420, "rgb", "i420"),
        ("i420 to bgr", i420, cv2.COLOR_YUV2BGR_I420, "i420", "bgr"),
    )
    for name, image, code, given, wanted in cases:
        kinds = {
            "cv2": with_cv2(image, code, given=False),
            "ours": converted(image, given, wanted),
            "cv2 again": with_cv2(image, code, given=False),
            "cv2 into given memory": with_cv2(image, code, given=True),
        }
        rows_of(result, name, take_turns(kinds, rounds))


def rows_of(result: Result, what: str, times: dict[str, list[float]]) -> None:
    """One row per comparison; the value is our share of OpenCV's time."""
    figures: dict[str, Any] = {
        f"{name}_ms".replace(" ", "_"): median(values) for name, values in times.items()
    }
    figures["ours_p99_ms"] = quantile(times["ours"], 0.99)
    ratio = median(times["ours"]) / median(times["cv2"])
    result.add(Row(what, figures, ratio, 1.0, spread=spread(times["cv2"], times["cv2 again"])))


class Same(ff.Source[ff.Frame]):
    """The same picture, so many times."""

    live = False

    def __init__(self, image: Picture, given: ff.types.Format, frames: int) -> None:
        """Stores the picture and its number of frames."""
        self.image, self.given, self.frames = image, given, frames

    def read(self) -> Iterator[tuple[ff.Frame, float]]:
        """At 60 frames per second of its own time."""
        for number in range(self.frames):
            yield ff.Frame.from_array(self.image, self.given), number / POINTS


class Found(ff.Node[ff.Frame, ff.Circles]):
    """The circles of each picture."""

    def process(self, sample: ff.Sample[ff.Frame], /) -> ff.Circles:
        """By its number."""
        xyr, ids = found(sample.seq)
        return ff.Circles(xyr=xyr, confidence=np.ones(4, np.float32), tracker_id=ids)


def annotated(image: Picture, given: ff.types.Format, frames: int) -> Call:
    """Milliseconds that Annotate takes for a frame, its copy included; the median."""

    def run() -> float:
        pipeline = ff.Pipeline()
        source = pipeline.add(Same(image, given, frames))
        reader = pipeline.reader(pipeline.add(ff.Annotate(), pipeline.add(Found(), source), name="annotate"))
        with pipeline:
            for _ in reader:
                pass
        return 1e3 * pipeline.stats().nodes["annotate"].p50

    return run


def drawn_by_cv2(image: Picture, frames: int) -> Call:
    """Milliseconds that the same takes with OpenCV's primitives, without a copy; the median."""

    def run() -> float:
        trails: dict[int, list[tuple[float, float]]] = {}
        times = []
        for number in range(frames):
            target = image.copy()
            xyr, ids = found(number)
            begin = time.perf_counter()
            draw_with_cv2(target, xyr, ids, trails)
            times.append(1e3 * (time.perf_counter() - begin))
        return median(times)

    return run


def draw_with_cv2(
    target: Picture,
    xyr: npt.NDArray[np.float32],
    ids: npt.NDArray[np.int64],
    trails: dict[int, list[tuple[float, float]]],
) -> None:
    """Anti-aliased, as Annotate's."""
    for (x, y, r), key in zip(xyr.tolist(), ids.tolist(), strict=True):
        trail = trails.setdefault(key, [])
        trail.append((x, y))
        del trail[:-POINTS]
        colour = COLOURS[key % len(COLOURS)]
        if len(trail) > 1:
            points = np.array(trail, np.float32).round().astype(np.int32)
            cv2.polylines(target, [points], False, colour, 3, cv2.LINE_AA)
        centre = round(x * 16), round(y * 16)
        cv2.circle(target, centre, round(r * 16), colour, 3, cv2.LINE_AA, 4)
        place = int(x) - 16, int(y - r) - 4
        cv2.putText(target, f"#{key}", place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, colour, 2, cv2.LINE_AA)


def drawing(result: Result, rounds: int, frames: int) -> None:
    """Into the picture of a decoder and into BGR."""
    bgr = background()
    i420 = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420), np.uint8)
    cases: tuple[tuple[str, Picture, ff.types.Format], ...] = (
        ("draw on i420", i420, "i420"),
        ("draw on bgr", bgr, "bgr"),
    )
    for name, image, given in cases:
        kinds = {
            "cv2": drawn_by_cv2(bgr, frames),
            "ours": annotated(image, given, frames),
            "cv2 again": drawn_by_cv2(bgr, frames),
        }
        rows_of(result, name, take_turns(kinds, rounds))


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "pixels", rounds=200, drawings=7, frames=200)
    cv2.setNumThreads(1)
    settings = {"rounds": options.rounds, "drawings": options.drawings, "frames": options.frames}
    result = Result("pixels", "colours and drawing", settings, {"opencv": version("opencv-python-headless")})
    conversions(result, options.rounds)
    drawing(result, options.drawings, options.frames)
    result.keep(options.out)


if __name__ == "__main__":
    main()
