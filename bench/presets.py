"""What x264's presets cost a recorder at 720p: processor time, size of the file, loss of the picture.

A source hands over frames that were painted before: bouncing balls with a camera's noise (sigma 2 of 255).
The time of a run without the recorder is taken off. The quality setting is VideoFile's own, CRF 23.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import math
import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from _measure import Result, Row, arguments, median, take_turns

import freshframe as ff

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow")
SCENE = "demo:circles?size=1280x720&fps=30&balls=8&pace=0&frames={}"
NOISE = 2.0  # of 255, standard deviation


def paint(count: int) -> list[ff.Frame]:
    """The frames to record."""
    rng = np.random.default_rng(1)
    frames = []
    with ff.stream(ff.open(SCENE.format(count))) as scene:
        for sample in scene:
            noise = rng.normal(0, NOISE, sample.value.bgr.shape)
            pixels = np.clip(np.rint(sample.value.bgr + noise), 0, 255).astype(np.uint8)
            frames.append(ff.Frame.from_array(ff.Frame.from_array(pixels).copy("i420"), "i420"))
    return frames


class Tape(ff.Source[ff.Frame]):
    """Plays frames as fast as they are taken."""

    live = False

    def __init__(self, frames: list[ff.Frame]) -> None:
        """Of the frames, 30 per second."""
        self._frames = frames

    def read(self) -> Iterator[tuple[ff.Frame, float]]:
        """Each frame once."""
        for number, frame in enumerate(self._frames):
            yield frame, number / 30


def processor_seconds() -> float:
    """Of this process, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def record(frames: list[ff.Frame], preset: str | None, path: Path) -> dict[str, float]:
    """One recording; no preset: the same graph without it."""
    began = processor_seconds()
    pipeline = ff.Pipeline()
    source = pipeline.add(Tape(frames))
    if preset is None:
        pipeline.add(lambda _: None, source)
    else:
        pipeline.add(ff.VideoFile(path, options={"preset": preset}), source)
    report = pipeline.run()
    assert report.complete
    return {
        "cpu_ms": (processor_seconds() - began) / len(frames) * 1e3,
        "kB": path.stat().st_size / len(frames) / 1e3 if preset is not None else 0.0,
    }


def psnr(frames: list[ff.Frame], path: Path) -> float:
    """Of the luma, decibels."""
    with ff.stream(ff.open(path)) as video:
        pairs = zip(video, itertools.islice(frames, 60), strict=False)
        errors = [
            float(np.mean(np.square(np.subtract(a.value.luma, b.luma, dtype=np.float32)))) for a, b in pairs
        ]
    return 10 * math.log10(255**2 / (sum(errors) / len(errors)))


def main() -> None:
    """Command line."""
    options = arguments(__doc__, "presets", rounds=3, frames=120)
    frames = paint(options.frames)
    outcome = Result(
        "presets",
        "what x264's presets cost at 720p",
        {"rounds": options.rounds, "frames": options.frames, "noise": NOISE},
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "out.mp4"
        kinds: dict[str, Any] = {
            name or "nothing": (lambda name=name: record(frames, name, path)) for name in (None, *PRESETS)
        }
        runs = take_turns(kinds, options.rounds)
        baseline = median([run["cpu_ms"] for run in runs["nothing"]])
        for preset in PRESETS:
            record(frames, preset, path)
            outcome.add(
                Row(
                    preset,
                    {
                        "cpu_ms_per_frame": median([run["cpu_ms"] for run in runs[preset]]) - baseline,
                        "kB_per_frame": runs[preset][0]["kB"],
                        "psnr_dB": psnr(frames, path),
                    },
                )
            )
    outcome.keep(options.out)


if __name__ == "__main__":
    main()
