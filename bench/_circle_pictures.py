"""Pictures of the worst misses and false alarms, for a person to look at.

A miss is the worse the clearer its circle is seen and the larger it is; a false alarm, the surer the detector
was. One picture per circle of a clip, not one per frame.
Green: truth; grey: truth that isn't counted; red: found.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from _circle_scores import NOTHING, Floats, Found, Key, judged, overlaps, pairs
from _circle_set import CircleSet, pictures

COUNT = 20
OVERLAP = 0.5
TILE = 300  # pixels on a side
MARGIN = 2.2  # radii from the centre to the tile's border, for small circles more
CAPTION = 34  # pixels below the picture
COLUMNS = 5
GREEN, GREY, RED, WHITE = (60, 220, 60), (150, 150, 150), (60, 60, 255), (255, 255, 255)

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Mistake:
    """Something to look at."""

    found: Found
    circle: Floats  # x, y, r
    badness: float
    caption: tuple[str, str]


def misses(circles: CircleSet, records: Iterable[Found]) -> list[Mistake]:
    """The worst misses, one per true circle of a sequence."""
    worst: dict[tuple[str, int], Mistake] = {}
    for found in records:
        truth = circles.truth.get(found.key, NOTHING)
        overlap = overlaps(truth.xyr, found.xyr)
        hit = {i for i, _ in pairs(overlap[truth.counted], OVERLAP)}
        for i, row in enumerate(truth.counted):
            if i in hit:
                continue
            r = truth.xyr[row, 2]
            near = overlap[row].max() if overlap.shape[1] else 0.0
            badness = float(truth.ease[row] * min(1.0, r / 20))
            caption = (
                f"{found.sequence} #{found.frame} r={r:.1f}",
                f"seen {truth.ease[row]:.2f}, best overlap {near:.2f}",
            )
            key = found.sequence, int(truth.ids[row])
            if key not in worst or badness > worst[key].badness:
                worst[key] = Mistake(found, truth.xyr[row], badness, caption)
    return _first(worst.values())


def false_alarms(circles: CircleSet, records: Iterable[Found]) -> list[Mistake]:
    """The surest false alarms; of those at one place of a clip, the surest."""
    worst: defaultdict[str, list[Mistake]] = defaultdict(list)
    for found in records:
        truth = circles.truth.get(found.key, NOTHING)
        kept = judged(truth, found)
        overlap = overlaps(truth.xyr[truth.counted], found.xyr[kept])
        right = {j for _, j in pairs(overlap, OVERLAP)}
        for j, row in enumerate(kept):
            if j in right:
                continue
            score = float(found.score[row])
            near = overlap[:, j].max() if len(overlap) else 0.0
            caption = (
                f"{found.sequence} #{found.frame} r={found.xyr[row, 2]:.1f}",
                f"score {score:.2f}, best overlap {near:.2f}",
            )
            mistake = Mistake(found, found.xyr[row], score, caption)
            others = worst[found.sequence]
            same = [m for m in others if overlaps(m.circle[None], mistake.circle[None])[0, 0] > OVERLAP]
            if not same:
                others.append(mistake)
            elif score > same[0].badness:
                others[others.index(same[0])] = mistake
    return _first(m for of_sequence in worst.values() for m in of_sequence)


def _first(mistakes: Iterable[Mistake]) -> list[Mistake]:
    return sorted(mistakes, key=lambda m: -m.badness)[:COUNT]


def write(circles: CircleSet, records: Sequence[Found], folder: Path) -> list[Path]:
    """Writes every tile and one sheet of all, for misses and for false alarms; returns the sheets."""
    kinds = {"missed": misses(circles, records), "false": false_alarms(circles, records)}
    wanted: defaultdict[str, set[int]] = defaultdict(set)
    for mistake in (m for of_kind in kinds.values() for m in of_kind):
        wanted[mistake.found.sequence].add(mistake.found.frame)
    images: dict[Key, Image] = {}
    for name, frames in wanted.items():
        for number, frame in pictures(circles.sequences[name], 1):
            if number in frames:
                images[name, number] = frame.copy("bgr")
    folder.mkdir(parents=True, exist_ok=True)
    for old in (*folder.glob("missed*.png"), *folder.glob("false*.png")):
        old.unlink()
    sheets = []
    for kind, mistakes in kinds.items():
        tiles = [_tile(circles, m, images[m.found.key]) for m in mistakes]
        for n, tile in enumerate(tiles, 1):
            cv2.imwrite(str(folder / f"{kind}-{n:02d}.png"), tile)
        if tiles:
            sheets.append(folder / f"{kind}.png")
            cv2.imwrite(str(sheets[-1]), _sheet(tiles))
    return sheets


def _tile(circles: CircleSet, mistake: Mistake, image: Image) -> Image:
    x, y, r = mistake.circle
    half = max(MARGIN * r, 24.0)
    scale = TILE / (2 * half)
    # The centre of the top left pixel is 0 before and after.
    to_tile = np.array([[scale, 0, scale * (half - x) - 0.5], [0, scale, scale * (half - y) - 0.5]])
    how = cv2.INTER_NEAREST if scale > 1 else cv2.INTER_AREA
    moved = cv2.warpAffine(image, to_tile, (TILE, TILE), flags=how, borderValue=(40, 40, 40))
    picture = np.asarray(moved, np.uint8)
    truth = circles.truth.get(mistake.found.key, NOTHING)
    for row, ignored in zip(truth.xyr, truth.ignored, strict=True):
        _draw(picture, row, to_tile, GREY if ignored else GREEN)
    for row in mistake.found.xyr:
        _draw(picture, row, to_tile, RED)
    bottom = np.zeros((CAPTION, TILE, 3), np.uint8)
    for line, text in enumerate(mistake.caption):
        cv2.putText(bottom, text, (4, 13 + 16 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.42, WHITE, 1, cv2.LINE_AA)
    return np.vstack([picture, bottom]).astype(np.uint8)


def _draw(tile: Image, xyr: Floats, to_tile: Floats, colour: tuple[int, int, int]) -> None:
    bits = 4  # below the pixel
    x, y = to_tile @ (xyr[0], xyr[1], 1)
    place = [round(v * 2**bits) for v in (x, y, xyr[2] * to_tile[0, 0])]
    if max(map(abs, place)) < 2**20:
        cv2.circle(tile, (place[0], place[1]), place[2], colour, 1, cv2.LINE_AA, bits)


def _sheet(tiles: Sequence[Image]) -> Image:
    blank = np.zeros_like(tiles[0])
    padded = [*tiles, *[blank] * (-len(tiles) % COLUMNS)]
    rows = [np.hstack(padded[i : i + COLUMNS]) for i in range(0, len(padded), COLUMNS)]
    return np.vstack(rows).astype(np.uint8)
