"""Images like those of a street camera: texture, a few moving objects, and sensor noise."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import functools
from typing import Any

import numpy as np

BLOCK = 4  # pixels: the finest detail of the texture
NOISE = 2.5  # standard deviation of the sensor's noise, in levels of 255
THINGS = 6


@functools.cache
def texture(width: int, height: int) -> Any:
    """Returns the static scene, with coarse and fine detail."""
    random = np.random.default_rng(1)
    layers = []
    for size, depth in ((64, 90), (16, 50), (BLOCK, 30)):
        shape = (-(-height // size), -(-width // size), 3)
        layer = random.integers(0, depth, shape).repeat(size, 0).repeat(size, 1)
        layers.append(layer[:height, :width])
    return 30 + sum(layers)


@functools.cache
def noise(number: int, width: int, height: int) -> Any:
    """Returns one of a few noise images."""
    return np.random.default_rng(number).normal(0, NOISE, (height, width, 1)).round().astype(np.int16)


def street(number: int, width: int, height: int) -> Any:
    """Returns image `number`, for rigs.live.media.encode()."""
    pixels = texture(width, height).astype(np.int16)
    size = height // 6
    for thing in range(THINGS):
        left = (number * (3 + thing) + thing * 190) % (width - size)
        top = (thing * height // THINGS) % (height - size)
        patch = texture(width, height)[
            top // 2 : top // 2 + size, thing * size // 2 : thing * size // 2 + size
        ]
        pixels[top : top + size, left : left + size] = 255 - patch
    return np.clip(pixels + noise(number % 8, width, height), 0, 255).astype(np.uint8)
