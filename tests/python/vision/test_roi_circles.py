"""Circles in a region of interest: coordinates refer to the whole image, which stays unchanged."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support import run_node

import freshframe as ff

ROI = (200, 100, 401, 303)


def disc(picture: Any, x: float, y: float, radius: float) -> None:
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    cover = np.clip(radius + 0.5 - np.hypot(columns - x, rows - y), 0, 1)
    picture[:] = (picture * (1 - cover) + 220 * cover).astype(np.uint8)


def frames(count: int = 1, form: ff.types.Format = "gray") -> list[ff.Frame]:
    """Returns images with a moving disc in ROI, and a disc outside."""
    made = []
    for number in range(count):
        gray = np.full((360, 640), 60, np.uint8)
        disc(gray, 301 + 2 * number, 203, 30)
        disc(gray, 520, 203, 30)
        shown = gray if form == "gray" else np.repeat(gray[:, :, None], 3, axis=2)
        made.append(ff.Frame.from_array(shown, form))
    return made


@pytest.mark.parametrize("form", ["gray", "bgr"])
def test_only_circles_inside_are_found_at_their_places_in_the_whole_picture(form: ff.types.Format) -> None:
    everywhere = run_node(ff.CircleDetector(), frames(form=form))[0].value
    assert sorted(everywhere.xyr[:, 0].round().tolist()) == [301, 520]
    (sample,) = run_node(ff.CircleDetector(roi=ROI), frames(form=form))
    np.testing.assert_allclose(sample.value.xyr, [[301, 203, 30]], atol=0.3)
    assert (sample.frame.width, sample.frame.height) == (640, 360)


@pytest.mark.parametrize("full_every", [0, 1.0])
def test_a_tracker_follows_inside_and_numbers_as_without(full_every: float) -> None:
    found = [
        sample.value for sample in run_node(ff.CircleTracker(roi=ROI, full_every=full_every), frames(12))
    ]
    last = found[-1]
    np.testing.assert_allclose(last.xyr, [[301 + 2 * 11, 203, 30]], atol=0.3)
    assert {int(each) for circles in found for each in circles.tracker_id} == {int(last.tracker_id[0])}
    assert last.velocity[0, 0] == pytest.approx(2 * 25, rel=0.1)  # pixels per frame, frames per second
    tracker = ff.CircleTracker(roi=ROI)
    for number, frame in enumerate(frames(6)):
        alone = tracker.update(frame.luma, pts=number / 25)
    np.testing.assert_allclose(alone.xyr[:, :2], [[311, 203]], atol=0.3)


def test_annotate_draws_on_the_whole_frame() -> None:
    pipeline = ff.Pipeline()
    scene = pipeline.add(ff.open("demo:circles?size=640x360&frames=1&pace=0&balls=0"))

    def fixed(frame: ff.Frame) -> ff.Frame:
        return frames()[0]

    still = pipeline.add(fixed, scene)
    drawn = pipeline.reader(pipeline.add(ff.Annotate(), pipeline.add(ff.CircleDetector(roi=ROI), still)))
    with pipeline:
        (sample,) = list(drawn)
    changed = np.abs(sample.value.luma.astype(int) - frames()[0].luma) > 30
    rows, columns = np.nonzero(changed)
    assert sample.value.luma.shape == (360, 640)
    assert columns.min() > 260
    assert columns.max() < 420
    assert abs(rows.mean() - 203) < 40


@pytest.mark.parametrize(
    ("roi", "text"),
    [
        ((10, 0, 10, 5), r"roi must be \(x0, y0, x1, y1\).*got \(10, 0, 10, 5\)"),
        ((-1, 0, 10, 5), r"0 <= x0 < x1"),
        ((0, 9, 10, 5), r"0 <= y0 < y1"),
    ],
)
def test_a_region_without_pixels_is_refused(roi: tuple[int, int, int, int], text: str) -> None:
    for make in (ff.CircleDetector, ff.CircleTracker):
        with pytest.raises(ff.OptionError, match=text):
            make(roi=roi)


@pytest.mark.parametrize("roi", [(1, 2, 3), "abcd", 5, (0, 0, 1.5, 2)])
def test_something_else_than_a_region_is_refused(roi: Any) -> None:
    with pytest.raises(ff.OptionTypeError, match="roi"):
        ff.CircleDetector(roi=roi)


@pytest.mark.parametrize("make", [ff.CircleDetector, ff.CircleTracker])
def test_a_picture_that_does_not_contain_it_is_an_error_at_the_first_frame(make: Any) -> None:
    with pytest.raises(
        ff.NodeError,
        match=r"on sample 0.*roi \(600, 0, 700, 100\) is outside the frame, which has 640x360 pixels: "
        "x1 may be at most 640 and y1 at most 360",
    ):
        run_node(make(roi=(600, 0, 700, 100)), frames())
