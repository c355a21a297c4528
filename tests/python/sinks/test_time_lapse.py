"""VideoFile(every=) makes a time lapse, and an fps= far from the frames' rate logs a WARNING."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

import freshframe as ff


class Shots(ff.Source[ff.Frame]):
    """Emits a frame at each of these times, whose brightness is its number."""

    live = False

    def __init__(self, times: Sequence[float]) -> None:
        self.times = times

    def read(self) -> Iterator[tuple[ff.Frame, float]]:
        for number, pts in enumerate(self.times):
            yield ff.Frame.from_array(np.full((48, 64), number % 200 + 20, np.uint8), "gray"), pts


def record(recorder: ff.VideoFile, times: Sequence[float]) -> ff.stats.Report:
    pipeline = ff.Pipeline()
    pipeline.add(recorder, pipeline.add(Shots(times)))
    return pipeline.run()


def times_in(path: Path) -> list[float]:
    return [sample.pts for sample in ff.stream(ff.open(path))]


def numbers_in(path: Path) -> list[int]:
    return [round(float(sample.value.luma.mean())) - 20 for sample in ff.stream(ff.open(path))]


def test_every_writes_one_frame_per_interval_at_the_rate_of_fps(tmp_path: Path) -> None:
    path = tmp_path / "lapse.mkv"
    report = record(ff.VideoFile(path, every=1, fps=10, crf=0), [n / 4 for n in range(22)])
    assert times_in(path) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert numbers_in(path) == pytest.approx([0, 4, 8, 12, 16, 20], abs=1)
    assert report.complete


def test_every_takes_the_next_frame_after_a_gap_and_keeps_its_intervals(tmp_path: Path) -> None:
    path = tmp_path / "lapse.mkv"
    record(ff.VideoFile(path, every=2, fps=10, crf=0), [10, 11, 12.5, 13, 14, 20, 21, 21.9, 22, 23])
    assert numbers_in(path) == pytest.approx([0, 2, 4, 5, 8], abs=1)
    assert times_in(path) == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_a_short_step_back_takes_no_frame_and_a_long_one_starts_anew(tmp_path: Path) -> None:
    path = tmp_path / "lapse.mkv"
    record(ff.VideoFile(path, every=2, fps=10, crf=0), [10, 11, 10.99, 12, 11.5, 13.9, 14, 3, 4, 5])
    assert numbers_in(path) == pytest.approx([0, 3, 6, 7, 9], abs=1)


def test_a_time_lapse_has_25_frames_per_second_by_default(tmp_path: Path) -> None:
    record(ff.VideoFile(tmp_path / "lapse.mkv", every=60), [60.0 * n for n in range(5)])
    assert times_in(tmp_path / "lapse.mkv") == pytest.approx([0, 0.04, 0.08, 0.12, 0.16])


def test_segments_of_a_time_lapse_are_in_seconds_of_the_source(tmp_path: Path) -> None:
    segments: list[ff.types.Segment] = []
    recorder = ff.VideoFile(
        tmp_path / "day_%d.mkv", every=2, fps=10, segment_every=10, on_segment=segments.append
    )
    record(recorder, [n / 2 for n in range(59)])
    assert [(segment.first_pts, segment.frames) for segment in segments] == [(0, 5), (10, 5), (20, 5)]
    assert all(not segment.gaps for segment in segments)
    assert len(times_in(tmp_path / "day_2.mkv")) == 5


@pytest.mark.parametrize("wrong", [0, -1, float("inf"), float("nan")])
def test_an_interval_that_cannot_be_is_refused(wrong: float) -> None:
    with pytest.raises(ff.OptionError, match="every"):
        ff.VideoFile("lapse.mp4", every=wrong)


SLOW, CAMERA = [2.0 * n for n in range(7)], [n / 25 for n in range(30)]


@pytest.mark.parametrize(
    ("fps", "times", "advice"),
    [
        (25, SLOW, r"fps=25, but its frames are 2 s apart.*VideoFile\(\.\.\., every=2, fps=25\)"),
        (25, [2.0 * n for n in range(30)], r"every=2, fps=25"),
        (1, CAMERA, r"fps=1, but its frames are 0.04 s apart.*Leave fps= out"),
    ],
)
def test_a_rate_that_is_far_from_the_frames_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, fps: float, times: list[float], advice: str
) -> None:
    with caplog.at_level(logging.WARNING, "freshframe"):
        record(ff.VideoFile(tmp_path / "a_%d.mkv", fps=fps, segment_every=20), times)
    (message,) = [each.getMessage() for each in caplog.records]
    assert "a_1.mkv': fps=" in message
    assert re.search(advice, message)


@pytest.mark.parametrize(
    ("options", "times"),
    [
        ({"fps": 25}, CAMERA),
        ({"fps": 25}, [n / 8 for n in range(30)]),  # as in the dark, when a camera lowers its frame rate
        ({"fps": 25}, [*CAMERA, *[600 + time for time in CAMERA]]),  # an outage
        ({"fps": 25}, [0.0, 600.0, *[600 + time for time in CAMERA[1:]]]),
        ({"every": 2, "fps": 25}, SLOW),
        ({}, SLOW),
    ],
)
def test_other_rates_are_no_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, options: dict[str, float], times: list[float]
) -> None:
    with caplog.at_level(logging.WARNING, "freshframe"):
        record(ff.VideoFile(tmp_path / "a.mkv", **options), times)  # type: ignore[arg-type]
    assert caplog.text == ""
