"""Makes the animation of "Track hands in a game": the camera with the points, beside the game.

Uses the step of the page and the drawn hand of its test. Run it with the environment of ./dev test-libraries:
build/libraries/venv/bin/python tools/hands_picture.py
"""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

import freshframe as ff

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "libraries"))

from drawn_hand import DrawnHand  # noqa: E402  (from tests/libraries)

FRAMES = 188  # two periods of the hand's movement
EVERY = 3
SIZE = (320, 240)


def hands_step() -> Any:
    """Returns an instance of the node on the page."""
    page = (ROOT / "docs" / "how-to" / "hands-in-a-game.md").read_text(encoding="utf-8")
    found = re.search(r"^```python notest\n(.*?)^pipeline = ", page, re.MULTILINE | re.DOTALL)
    assert found is not None, "the page has no program"
    scope: dict[str, Any] = {"__name__": "hands"}
    exec(found[1], scope)
    return scope["Hands"]()


def bones() -> list[tuple[int, int]]:
    """Returns the pairs of points that MediaPipe joins."""
    from mediapipe.tasks.python import vision  # noqa: PLC0415  (only in the environment of ./dev test-libraries)

    return [(bone.start, bone.end) for bone in vision.HandLandmarksConnections.HAND_CONNECTIONS]


def draw_game(points: list[list[float]]) -> Image.Image:
    """Returns what the page's game draws for the points of one hand."""
    screen = Image.new("RGB", (640, 480), "midnightblue")
    if points:
        x, y = points[8]
        ImageDraw.Draw(screen).ellipse((x - 20, y - 20, x + 20, y + 20), "gold")
    return screen


def main() -> None:
    """Writes the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "pictures" / "hands.webp")
    options = parser.parse_args()
    os.chdir(ROOT / "build" / "libraries")  # where the model is
    pipeline = ff.Pipeline()
    hands = pipeline.add(hands_step(), pipeline.add(DrawnHand(FRAMES)), queue=ff.Queue(FRAMES))
    drawn = pipeline.add(ff.Annotate(skeletons=bones()), hands, queue=ff.Queue(FRAMES))
    results = pipeline.reader(hands, queue=ff.Queue(FRAMES), frames=False)
    images = pipeline.reader(drawn, queue=ff.Queue(FRAMES))
    moments: list[Image.Image] = []
    with pipeline:
        for result, image in zip(results, images, strict=True):
            if result.seq % EVERY:
                continue
            found = np.asarray(result.value.data["keypoints"])
            game = draw_game(found[0].tolist() if len(found) else [])
            pair = Image.new("RGB", (2 * SIZE[0] + 8, SIZE[1]), "white")
            pair.paste(Image.fromarray(image.value.rgb).resize(SIZE, Image.Resampling.LANCZOS), (0, 0))
            pair.paste(game.resize(SIZE, Image.Resampling.LANCZOS), (SIZE[0] + 8, 0))
            moments.append(pair)
    assert len(moments) > FRAMES / EVERY - 2, f"only {len(moments)} moments"
    moments[0].save(
        options.out, save_all=True, append_images=moments[1:], duration=round(1000 * EVERY / 30), loop=0,
        quality=70, method=6,
    )  # fmt: skip
    print(f"{options.out}: {options.out.stat().st_size} bytes, {len(moments)} moments")


if __name__ == "__main__":
    main()
