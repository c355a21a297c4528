"""Procedural backgrounds full of edges that are no circles: pebbles, leaves, tiles and strokes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32]
Rng = np.random.Generator


def pebbles(rng: Rng, width: int, height: int) -> Image:
    """Voronoi cells of random greys, darker towards their borders, as gravel looks."""
    size = float(np.exp(rng.uniform(np.log(8), np.log(70))))
    points = np.ones((height, width), np.uint8)
    count = max(4, int(width * height / size**2))
    points[rng.integers(height, size=count), rng.integers(width, size=count)] = 0
    distance, cells = cv2.distanceTransformWithLabels(
        points, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    greys = rng.normal(rng.uniform(60, 190), rng.uniform(5, 40), int(cells.max()) + 1)
    shade = 1 - rng.uniform(0, 0.6) * np.minimum(1, distance / size)
    return np.asarray(greys[cells] * shade, np.float32)


def leaves(rng: Rng, width: int, height: int) -> Image:
    """Pointed shapes of many sizes heaped on each other, as foliage looks."""
    image = np.full((height, width), rng.uniform(30, 200), np.uint8)
    base, spread = rng.uniform(50, 200), rng.uniform(10, 50)
    turns = np.linspace(0, np.pi, 7)
    side = np.sin(turns)
    for _ in range(int(rng.integers(100, 500))):
        length = float(np.exp(rng.uniform(np.log(8), np.log(80))))
        half = side * rng.uniform(0.08, 0.3) * length
        along = np.cos(turns) * length / 2
        angle = rng.uniform(0, 2 * np.pi)
        x = np.concatenate([along, along[::-1]])
        y = np.concatenate([half, -half[::-1]])
        outline = np.stack(
            [
                x * np.cos(angle) - y * np.sin(angle) + rng.uniform(0, width),
                x * np.sin(angle) + y * np.cos(angle) + rng.uniform(0, height),
            ],
            axis=1,
        )
        cv2.fillPoly(image, [outline.astype(np.int32)], float(np.clip(rng.normal(base, spread), 5, 250)))
    return image.astype(np.float32)


def tiles(rng: Rng, width: int, height: int) -> Image:
    """Rows of bricks, or a checkerboard."""
    w, h = (float(v) for v in rng.uniform(10, 90, 2))
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = rng.uniform(-0.3, 0.3)
    u, v = xx * np.cos(angle) + yy * np.sin(angle), yy * np.cos(angle) - xx * np.sin(angle)
    row = np.floor(v / h)
    u = u + (row % 2) * w * rng.choice([0, 0.5])
    column = np.floor(u / w)
    if rng.random() < 0.4:
        grey = np.where((row + column) % 2 > 0, rng.uniform(10, 245), rng.uniform(10, 245))
        return np.asarray(grey, np.float32)
    table = rng.normal(rng.uniform(60, 190), rng.uniform(2, 25), 1021)
    grey = table[((row * 31 + column * 17) % 1021).astype(int)]
    gap = rng.uniform(1, 5)
    mortar = (u - column * w < gap) | (v - row * h < gap)
    return np.asarray(np.where(mortar, rng.uniform(20, 230), grey), np.float32)


def strokes(rng: Rng, width: int, height: int) -> Image:
    """Lines and bends in one main direction, as grass, hair or wood looks."""
    image = np.full((height, width), rng.uniform(40, 210), np.uint8)
    base, spread, main = rng.uniform(50, 200), rng.uniform(10, 50), rng.uniform(0, np.pi)
    for _ in range(int(rng.integers(100, 600))):
        angle, length = main + rng.normal() * 0.4, rng.uniform(15, 120)
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        bend = rng.normal() * 0.5
        points = []
        for _ in range(6):
            points.append((x, y))
            x, y = x + np.cos(angle) * length / 5, y + np.sin(angle) * length / 5
            angle += bend / 5
        grey = float(np.clip(rng.normal(base, spread), 5, 250))
        line = [np.array(points).astype(np.int32)]
        cv2.polylines(image, line, False, grey, int(rng.integers(1, 5)), cv2.LINE_AA)
    return image.astype(np.float32)


TEXTURES: tuple[Callable[[Rng, int, int], Image], ...] = (pebbles, leaves, tiles, strokes)


def random_texture(rng: Rng, width: int, height: int) -> Image:
    """One of TEXTURES with random contrast, blurred a little."""
    image = TEXTURES[rng.integers(len(TEXTURES))](rng, width, height)
    image = (image - image.mean()) * rng.uniform(0.3, 1.1) + rng.uniform(50, 200)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 2.5)), np.float32)
