"""The images of the pages exist, the README's first one moves, and labels are compared with the truth."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rigs.tool_modules import load_tool

import freshframe as ff

ROOT = Path(__file__).parents[3]
IMAGE = re.compile(r'!\[[^\]]*\]\(([^)\s]+)\)|\bsrc(?:set)?="([^":]+\.(?:webp|png|svg))"')
LARGEST = 1_000_000  # bytes

readme_chart = load_tool("readme_chart")
truth = load_tool("scene_truth")


def images_of(page: Path) -> list[Path]:
    """Returns the images that a page shows, in its order."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    links = [markdown or html for markdown, html in IMAGE.findall(text)]
    return [page.parent / link for link in links if not link.startswith("http")]


def count_frames(image: Path) -> int:
    """Returns the number of frames of an animated WebP file; 0 for another image."""
    data, place, frames = image.read_bytes(), 12, 0
    while place + 8 <= len(data):
        frames += data[place : place + 4] == b"ANMF"
        place += 8 + (size := int.from_bytes(data[place + 4 : place + 8], "little")) + size % 2
    return frames


def test_every_image_of_a_page_exists_and_is_small() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    images = {image for page in pages for image in images_of(page)}
    assert {image for image in images if not image.is_file()} == set()
    assert {image for image in images if image.stat().st_size > LARGEST} == set()


def test_the_first_image_of_the_readme_moves() -> None:
    assert count_frames(images_of(ROOT / "README.md")[0]) > 15


def test_the_chart_of_the_readme_shows_the_measured_ages() -> None:
    charts = readme_chart.make_charts()
    assert {path: path.read_text(encoding="utf-8") for path in charts} == charts
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    described = re.findall(r'alt="Bar chart of the median age of frames: ([^"]*)"', readme)
    ages = readme_chart.read_ages(readme_chart.TABLE.read_text(encoding="utf-8"))
    shown = [readme_chart.describe_age(ages[name]) for name in readme_chart.BARS]
    assert re.findall(r"\d[\d.]* m?s", described[0]) == shown


@pytest.mark.slow
def test_the_animation_of_two_programs_shows_what_was_measured() -> None:
    pil = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    pytest.importorskip("cv2")
    tool = load_tool("side_by_side")
    runs = json.loads(tool.PATH.with_suffix(".json").read_text())
    images = tool.scene()

    def render(shift: int) -> list[Any]:
        shown = {name: [(at, max(0, number - shift)) for at, number in run] for name, run in runs.items()}
        return [np.asarray(image).astype(int) for image in tool.render(images, shown)]

    right, *wrong = (render(shift) for shift in (0, -15, -6, 6, 15))
    with pil.open(tool.PATH) as published:
        assert published.n_frames == len(right)
        for number in range(20, len(right), 5):  # until then a run with a shift may begin with the same frame
            published.seek(number)
            image = np.asarray(published.convert("RGB"))
            for part in (slice(None), slice(tool.TITLE_PX)):
                difference, *others = (np.abs(image - each[number])[part].mean() for each in (right, *wrong))
                assert difference < min(others), number  # not 0, because WebP is lossy


def shapes_sample(url: str, names: list[str]) -> ff.Sample[ff.Detections]:
    """Returns the true shapes of frame 0 under these names."""
    boxes = [(one.x1, one.y1, one.x2, one.y2) for one in ff.demo.shapes(url, 0)][: len(names)]
    number = {"ball": 0, "square": 1, "triangle": 2}
    found = ff.Detections(
        np.array(boxes), np.ones(len(names)), np.array([number[name] for name in names]), names=list(number)
    )
    samples = ff.testing.run_node(lambda value: value, [found], stamps=[ff.testing.stamp(seq=0)])
    return samples[0]


def test_a_wrong_or_missing_label_is_refused() -> None:
    url = next(
        url
        for url in (f"demo:shapes?size=640x360&shapes=3&seed={seed}" for seed in range(1, 50))
        if all(shape.visible == 1 for shape in ff.demo.shapes(url, 0))
    )
    names = [shape.class_name for shape in ff.demo.shapes(url, 0)]
    assert truth.agrees(url, shapes_sample(url, names))
    assert not truth.agrees(url, shapes_sample(url, names[:2]))
    assert not truth.agrees(url, shapes_sample(url, [names[1], *names[1:]]))


@pytest.mark.parametrize(
    ("change", "right"), [("none", True), ("missing", False), ("moved", False), ("more", False)]
)
def test_circles_are_compared_with_the_truth(change: str, right: bool) -> None:
    url = next(
        url
        for url in (f"demo:circles?size=640x360&balls=3&seed={seed}" for seed in range(1, 50))
        if all(circle.visible == 1 for circle in ff.demo.circles(url, 0))
    )
    rows = [[circle.x, circle.y, circle.r] for circle in ff.demo.circles(url, 0)]
    if change == "missing":
        rows = rows[1:]
    elif change == "moved":
        rows[0][0] += rows[0][2]
    elif change == "more":
        rows.append([320, 180, 3])
    found = ff.Circles(np.array(rows), np.ones(len(rows)))
    assert truth.circles_agree(ff.demo.circles(url, 0), found) == right
