"""Images with balls, squares and triangles, and their ground truth, to train the model of shapes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

NAMES = ("ball", "square", "triangle")
SIDE = 160  # pixels of a picture
_SMALLEST, _LARGEST = 6.0, 30.0  # radius of the circle around a shape
_MOST_SHAPES = 7
_EMPTY_SHARE = 0.08  # fraction of images without any shapes
_LEAST_CONTRAST = 90  # minimum difference to the background, summed over the three colours

Picture = npt.NDArray[np.uint8]  # (SIDE, SIDE, 3), RGB
Floats = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Scene:
    """An image and its shapes.

    Attributes:
        picture: (SIDE, SIDE, 3) uint8, RGB.
        boxes: (n, 4), x1 y1 x2 y2 in pixels, edges.
        classes: (n,), indices into NAMES.
    """

    picture: Picture
    boxes: Floats
    classes: npt.NDArray[np.int64]


def scene(rng: np.random.Generator) -> Scene:
    """Returns a random scene."""
    if rng.random() < _EMPTY_SHARE:
        return Scene(_pattern(rng), np.zeros((0, 4)), np.zeros(0, np.int64))
    picture = _background(rng)
    boxes, classes = [], []
    taken: list[tuple[float, float, float]] = []
    for _ in range(int(rng.integers(0, _MOST_SHAPES + 1))):
        place = _free_place(rng, taken)
        if place is None:
            continue
        kind = int(rng.integers(len(NAMES)))
        boxes.append(_paint(picture, kind, place, rng))
        classes.append(kind)
        taken.append(place)
    return Scene(_as_seen(picture, rng), np.array(boxes).reshape(-1, 4), np.array(classes, np.int64))


def noise(rng: np.random.Generator) -> Picture:
    """Returns an image of random pixels, of any contrast."""
    span = rng.integers(8, 129)
    middle = rng.integers(span, 257 - span)
    return rng.integers(middle - span, middle + span, (SIDE, SIDE, 3)).astype(np.uint8)


def _pattern(rng: np.random.Generator) -> Picture:
    """Returns an image without shapes: noise of some grain, stripes, or an empty background."""
    kind = rng.random()
    if kind < 0.3:
        return _as_seen(_background(rng), rng)
    grain = int(rng.integers(1, 13))
    cells = rng.integers(0, 256, (SIDE // grain + 1, SIDE // grain + 1, 3)).astype(np.uint8)
    if kind < 0.5:
        cells[:] = cells[:1]
    elif kind < 0.6:
        return noise(rng)
    whole = np.repeat(np.repeat(cells, grain, 0), grain, 1)[:SIDE, :SIDE]
    return np.ascontiguousarray(whole.transpose(1, 0, 2) if rng.random() < 0.5 else whole)


def _background(rng: np.random.Generator) -> Floats:
    """Returns one colour, a gradient, or wall and floor, sometimes with blurred spots of other colours."""
    picture: Floats = np.empty((SIDE, SIDE, 3), np.float32)
    picture[:] = rng.uniform(0, 255, 3)
    kind = rng.random()
    along = np.linspace(0, 1, SIDE, dtype=np.float32)
    along = along[:, None, None] if rng.random() < 0.6 else along[None, :, None]
    if kind < 0.45:
        picture = picture + (rng.uniform(0, 255, 3) - picture) * along * rng.uniform(0.2, 1)
    elif kind < 0.6:
        picture[int(rng.integers(30, 130)) :] = rng.uniform(0, 255, 3)
    if rng.random() < 0.3:
        y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
        for _ in range(int(rng.integers(1, 4))):
            width = rng.uniform(15, 60)
            spot = np.exp(-((x - rng.uniform(0, SIDE)) ** 2 + (y - rng.uniform(0, SIDE)) ** 2) / width**2)
            picture = picture + spot[..., None] * rng.uniform(-60, 60, 3)
    return np.clip(picture, 0, 255).astype(np.float32)


def _free_place(
    rng: np.random.Generator, taken: list[tuple[float, float, float]]
) -> tuple[float, float, float] | None:
    """Returns x, y and radius of a position where shapes overlap only slightly; None if none is found."""
    for _ in range(20):
        r = float(np.exp(rng.uniform(np.log(_SMALLEST), np.log(_LARGEST))))
        x, y = rng.uniform(r, SIDE - r, 2)
        if all(np.hypot(x - x2, y - y2) > 0.85 * (r + r2) for x2, y2, r2 in taken):
            return float(x), float(y), r
    return None


def _colour(rng: np.random.Generator, behind: Floats) -> Floats:
    for _ in range(30):
        colour = rng.uniform(0, 255, 3)
        if np.abs(colour - behind).sum() > _LEAST_CONTRAST:
            break
    return colour


def _paint(picture: Floats, kind: int, place: tuple[float, float, float], rng: np.random.Generator) -> Any:
    """Paints a shape and returns its box."""
    x, y, r = place
    left, top = max(0, int(x - r - 2)), max(0, int(y - r - 2))
    right, bottom = min(SIDE, int(x + r + 3)), min(SIDE, int(y + r + 3))
    across = np.arange(left, right, dtype=np.float32)[None, :] + 0.5 - x
    down = np.arange(top, bottom, dtype=np.float32)[:, None] + 0.5 - y
    if NAMES[kind] == "ball":
        distance = np.hypot(across, down) - r
        box = (x - r, y - r, x + r, y + r)
    else:
        corners = 4 if NAMES[kind] == "square" else 3
        turns = rng.random() * 2 * np.pi + 2 * np.pi * np.arange(corners) / corners
        normals = turns + np.pi / corners  # normals of the sides between the corners
        inner = r * np.cos(np.pi / corners)
        distance = np.full((bottom - top, right - left), -np.inf, np.float32)
        for angle in normals:
            distance = np.maximum(distance, across * np.cos(angle) + down * np.sin(angle) - inner)
        xs, ys = x + r * np.cos(turns), y + r * np.sin(turns)
        box = (xs.min(), ys.min(), xs.max(), ys.max())
    if rng.random() < 0.3:
        _shadow(picture, x, y + r * rng.uniform(1, 2.5), r * rng.uniform(0.8, 1.6))
    here = picture[top:bottom, left:right]
    if rng.random() < 0.3:  # darker around it
        here *= 1 - rng.uniform(0.1, 0.4) * np.clip(1 - distance / (0.25 * r), 0, 1)[..., None]
    shade = 1 + rng.uniform(-0.35, 0.35) * across / r + rng.uniform(-0.35, 0.35) * down / r
    colour = _colour(rng, picture[int(y), int(x)])
    front = np.clip(colour * shade[..., None], 0, 255)
    if rng.random() < 0.3:  # a bright spot
        towards = rng.uniform(-0.5, 0.5, 2) * r
        spot = np.clip(1 - 9 * ((across - towards[0]) ** 2 + (down - towards[1]) ** 2) / r**2, 0, 1)
        front += (255 - front) * (rng.uniform(0.3, 0.9) * spot**2)[..., None]
    here += (front - here) * np.clip(0.5 - distance, 0, 1)[..., None]
    return box


def _shadow(picture: Floats, x: float, y: float, r: float) -> None:
    """Draws a shadow on the floor below a shape."""
    top, bottom = max(0, int(y - r / 4 - 1)), min(SIDE, int(y + r / 4 + 2))
    left, right = max(0, int(x - r - 1)), min(SIDE, int(x + r + 2))
    if top >= bottom or left >= right:
        return
    across = (np.arange(left, right, dtype=np.float32)[None, :] - x) / r
    down = (np.arange(top, bottom, dtype=np.float32)[:, None] - y) / (r / 4)
    picture[top:bottom, left:right] *= (
        1 - 0.5 * np.clip(1.3 * (1 - across**2 - down**2), 0, 1)[..., None] ** 2
    )


def _as_seen(picture: Floats, rng: np.random.Generator) -> Picture:
    """Returns the image as a camera and a codec would: blurred, with reduced colour resolution, noisy."""
    if rng.random() < 0.5:
        picture = _blurred(picture, rng.uniform(0.05, 0.3))
    if rng.random() < 0.6:
        luma = picture.mean(2, keepdims=True)
        chroma = (picture - luma).reshape(SIDE // 2, 2, SIDE // 2, 2, 3).mean((1, 3))
        picture = luma + np.repeat(np.repeat(chroma, 2, 0), 2, 1)
    if rng.random() < 0.7:
        spread = rng.random() * 14
        picture = picture + rng.standard_normal(picture.shape, np.float32) * np.float32(spread)
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8)


def _blurred(picture: Floats, share: float) -> Floats:
    """Blends each pixel with its neighbours."""
    for axis in (0, 1):
        padded = np.pad(picture, [(1, 1) if i == axis else (0, 0) for i in range(3)], "edge")
        before, after = np.take(padded, range(SIDE), axis), np.take(padded, range(2, SIDE + 2), axis)
        picture = picture * np.float32(1 - 2 * share) + (before + after) * np.float32(share)
    return picture
