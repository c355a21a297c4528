"""Draws the pictures of docs/circles.md: a scene as each stage of the detector sees it, and scenes that fail.

`./dev bench circles` builds the program that gives the stages. Then run
`.venv/bin/python tools/circles/doc_pictures.py`.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import argparse
import colorsys
import json
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build" / "release" / "bench" / "circle_stages_bench"
FOLDER = ROOT / "docs" / "circles"
WIDTH, HEIGHT = 480, 320
SIDE = 160  # of the small pictures
BITS = 4  # below the pixel, of drawn coordinates
COLOURS = 32  # of a PNG's palette
RED, GREEN, YELLOW, WHITE = (60, 60, 255), (60, 200, 60), (0, 200, 255), (255, 255, 255)

Gray = npt.NDArray[np.uint8]
Image = npt.NDArray[np.uint8]
Stages = dict[str, Any]


def disc(picture: npt.NDArray[np.float32], x: float, y: float, r: float, grey: float) -> None:
    """With an edge one pixel wide."""
    yy, xx = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    cover = np.clip(r + 0.5 - np.hypot(xx - x, yy - y), 0, 1)
    picture += (grey - picture) * cover


def scene() -> Gray:
    """Discs bright, dark, faint, covered, touching, smeared, and other shapes."""
    rng = np.random.default_rng(4)
    soft = cv2.GaussianBlur(rng.normal(size=(HEIGHT, WIDTH)).astype(np.float32), (0, 0), 30)
    drawn = np.asarray((115 + 18 * soft / soft.std()).clip(0, 255), np.uint8)
    cv2.rectangle(drawn, (300, 24), (455, 120), 165.0, -1)
    cv2.putText(drawn, "Good 8 Co", (16, 300), cv2.FONT_HERSHEY_DUPLEX, 1.3, 40.0, 2, cv2.LINE_AA)
    cv2.line(drawn, (0, 200), (WIDTH, 150), 70.0, 4, cv2.LINE_AA)
    cv2.ellipse(drawn, (420, 265), (45, 22), 20, 0, 360, 190.0, -1, cv2.LINE_AA)
    picture = drawn.astype(np.float32)
    for x, y, r, grey in (
        (85.3, 80.6, 52.0, 205.0),
        (190.7, 60.2, 24.0, 45.0),
        (214.2, 104.9, 24.0, 60.0),
        (330.4, 90.8, 38.0, 90.0),
        (150.6, 190.3, 16.0, 136.0),
        (60.2, 200.4, 9.0, 30.0),
    ):
        disc(picture, x, y, r, grey)
    trail = np.zeros_like(picture)
    for step in range(13):
        one = picture.copy()
        disc(one, 284 + step, 215, 30, 225)
        trail += one / 13
    picture[:] = trail
    cv2.rectangle(picture, (40, 92), (72, 150), 120.0, -1)
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.7), np.float32)
    return np.asarray((picture + rng.normal(0, 2.5, picture.shape)).clip(0, 255), np.uint8)


def stages_of(picture: Gray) -> Stages:
    """The results of the detector's stages for the picture."""
    with tempfile.NamedTemporaryFile(suffix=".y") as file:
        picture.tofile(file)
        file.flush()
        command = [str(PROGRAM), file.name, str(picture.shape[1]), str(picture.shape[0])]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    stages: Stages = json.loads(answer.stdout)
    return stages


def fixed(*values: float) -> list[int]:
    """Coordinates as OpenCV draws them below the pixel."""
    return [round(v * 2**BITS) for v in values]


def draw_circle(image: Image, row: list[float], colour: tuple[int, int, int], width: int = 1) -> None:
    """A circle's rim."""
    x, y, r = fixed(*row[:3])
    cv2.circle(image, (x, y), r, colour, width, cv2.LINE_AA, BITS)


def pale(picture: Gray) -> Image:
    """The picture as a faint background."""
    return np.asarray(cv2.cvtColor((picture // 3 + 20).astype(np.uint8), cv2.COLOR_GRAY2BGR), np.uint8)


def hue(number: int) -> tuple[int, int, int]:
    """Colours that differ from one number to the next."""
    r, g, b = colorsys.hsv_to_rgb((number * 0.618) % 1, 0.75, 1)
    return int(255 * b), int(255 * g), int(255 * r)


def draw_picture(picture: Gray, stages: Stages) -> Image:
    """The picture itself, in colour."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR), np.uint8)


def draw_chains(picture: Gray, stages: Stages) -> Image:
    """Each chain of edge points in a colour."""
    image = pale(picture)
    for number, chain in enumerate(stages["chains"]):
        points = np.array(chain, float) * 2**BITS
        cv2.polylines(image, [points.round().astype(np.int32)], False, hue(number), 1, cv2.LINE_AA, BITS)
    return image


def draw_arcs(picture: Gray, stages: Stages) -> Image:
    """Each arc in a colour."""
    image = pale(picture)
    for number, (x, y, r, span, mx, my) in enumerate(stages["arcs"]):
        middle = np.arctan2(my - y, mx - x)
        angles = middle + np.linspace(-span / 2, span / 2, max(4, int(span * r / 3)))
        points = np.stack([x + r * np.cos(angles), y + r * np.sin(angles)], 1) * 2**BITS
        cv2.polylines(image, [points.round().astype(np.int32)], False, hue(number), 2, cv2.LINE_AA, BITS)
    return image


def draw_candidates(picture: Gray, stages: Stages) -> Image:
    """All circles that arcs or groups of arcs propose."""
    image = pale(picture)
    for row in stages["candidates"]:
        draw_circle(image, row, YELLOW)
    return image


def draw_judged(picture: Gray, stages: Stages) -> Image:
    """The refined candidates, the surer the brighter: red 0, green 1."""
    image = pale(picture)
    for row in sorted(stages["judged"], key=lambda row: float(row[3])):
        sure = row[3]
        draw_circle(image, row, (60, int(60 + 180 * sure), int(60 + 195 * (1 - sure))))
    return image


def draw_circles(picture: Gray, stages: Stages) -> Image:
    """The answer with its scores."""
    return with_circles(draw_picture(picture, stages), stages)


def with_circles(picture: Image, stages: Stages) -> Image:
    """The circles and their scores over a picture."""
    image = picture.copy()
    for x, y, r, score in stages["circles"]:
        draw_circle(image, [x, y, r], RED, 2)
        at = round(x) - 14, round(y) + 5
        cv2.putText(image, f"{score:.2f}", at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 0), 3, cv2.LINE_AA)
        cv2.putText(image, f"{score:.2f}", at, cv2.FONT_HERSHEY_SIMPLEX, 0.42, WHITE, 1, cv2.LINE_AA)
    return image


PICTURES: dict[str, Callable[[Gray, Stages], Image]] = {
    "1-picture": draw_picture,
    "2-chains": draw_chains,
    "3-arcs": draw_arcs,
    "4-candidates": draw_candidates,
    "5-judged": draw_judged,
    "6-circles": draw_circles,
}


def failures() -> dict[str, Image]:
    """Small pictures of circles that the detector misses, and of other shapes that it takes for circles."""
    rng = np.random.default_rng(2)

    def plain(grey: float = 120.0) -> npt.NDArray[np.float32]:
        return np.full((SIDE, SIDE), grey, np.float32)

    faint = plain()
    disc(faint, 80, 80, 40, 124)
    covered = plain()
    disc(covered, 80, 80, 45, 200)
    covered[:, 64:] = 60
    tilted = plain()
    cv2.ellipse(tilted, (80, 80), (50, 33), 25, 0, 360, 200.0, -1, cv2.LINE_AA)
    smeared = np.zeros((SIDE, SIDE), np.float32)
    for step in range(40):
        one = plain()
        disc(one, 60 + step, 80, 18, 210)
        smeared += one / 40
    tiny = plain()
    for x in range(20, 150, 24):
        disc(tiny, x, 80, 3.2, 210)
    spots = plain()
    disc(spots, 80, 80, 62, 70)
    for x, y, r in ((60, 60, 14), (104, 70, 12), (80, 108, 16)):
        disc(spots, x, y, r, 170)
    rings = plain()
    for r, grey in ((60, 200.0), (42, 60.0), (24, 200.0)):
        disc(rings, 80, 80, r, grey)
    grays = {"faint": faint, "covered": covered, "tilted": tilted, "smeared": smeared, "tiny": tiny}
    pictures = {name: _camera(picture, rng) for name, picture in grays.items()}
    return {
        **pictures,
        "same luma": _same_luma(rng),
        "spots": _camera(spots, rng),
        "rings": _camera(rings, rng),
    }


def _camera(picture: npt.NDArray[np.float32], rng: np.random.Generator) -> Image:
    noise = rng.normal(0, 2.5, picture.shape)
    gray = (cv2.GaussianBlur(picture, (0, 0), 0.7) + noise).clip(0, 255)
    return np.asarray(cv2.cvtColor(gray.astype(np.uint8), cv2.COLOR_GRAY2BGR), np.uint8)


def _same_luma(rng: np.random.Generator) -> Image:
    cover = np.zeros((SIDE, SIDE), np.float32)
    disc(cover, 80, 80, 40, 1)
    blue, tan = np.array([170.0, 115.0, 60.0]), np.array([60.0, 94.0, 143.0])  # luma 104.8 both
    colours = cover[..., None] * blue + (1 - cover[..., None]) * tan
    noise = rng.normal(0, 2.5, (SIDE, SIDE, 1))
    return np.asarray((colours + noise).clip(0, 255), np.uint8)


def draw_failures() -> Image:
    """All of them on one sheet, with the circles that the detector finds."""
    tiles = []
    for name, picture in failures().items():
        stages = stages_of(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8))
        bottom = np.zeros((20, SIDE, 3), np.uint8)
        cv2.putText(bottom, name, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, WHITE, 1, cv2.LINE_AA)
        tiles.append(np.vstack([with_circles(picture, stages), bottom]))
    half = len(tiles) // 2
    return np.vstack([np.hstack(tiles[:half]), np.hstack(tiles[half:])]).astype(np.uint8)


def write(path: Path, image: Image) -> None:
    """As a PNG with a palette of a few colours, a third of the size of one without."""
    pixels = image.reshape(-1, 3).astype(np.float32)
    cv2.setRNGSeed(1)
    sample = pixels[:: max(1, len(pixels) // 20000)]
    stop = (cv2.TERM_CRITERIA_MAX_ITER, 12, 0.0)
    _, _, centres = cv2.kmeans(sample, COLOURS, np.zeros(0, np.int32), stop, 1, cv2.KMEANS_PP_CENTERS)
    distance = (pixels**2).sum(1, keepdims=True) - 2 * pixels @ centres.T + (centres**2).sum(1)
    palette = np.asarray(centres[:, ::-1].round(), np.uint8)
    height, width = image.shape[:2]
    rows = np.zeros((height, width + 1), np.uint8)  # the first byte of a row: no filter
    rows[:, 1:] = distance.argmin(1).reshape(height, width)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = {
        b"IHDR": header,
        b"PLTE": palette.tobytes(),
        b"IDAT": zlib.compress(rows.tobytes(), 9),
        b"IEND": b"",
    }
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, data in chunks.items():
            file.write(
                struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=FOLDER, help="default: %(default)s")
    options = parser.parse_args()
    if not PROGRAM.exists():
        parser.error(f"{PROGRAM} is missing: ./dev bench builds it")
    options.out.mkdir(parents=True, exist_ok=True)
    picture = scene()
    stages = stages_of(picture)
    for name, draw in PICTURES.items():
        write(options.out / f"{name}.png", draw(picture, stages))
    write(options.out / "failures.png", draw_failures())


if __name__ == "__main__":
    main()
