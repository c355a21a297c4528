"""A camera that shows a drawn hand, which MediaPipe finds, so that no photo and no person is needed."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

import freshframe as ff

# Of each finger: begin, tip and width.
FINGERS = (
    ((255, 320), (200, 150), 42),
    ((305, 305), (290, 100), 46),
    ((355, 305), (375, 115), 44),
    ((398, 330), (450, 190), 38),
    ((250, 430), (140, 330), 50),
)
PALM = [(240, 470), (225, 350), (250, 300), (400, 300), (415, 360), (390, 480)]
SKIN, DARK, NAIL = (140, 170, 225), (105, 127, 168), (157, 190, 252)
SHARE = 400 / 640  # of the drawing's size


def draw_hand() -> npt.NDArray[np.uint8]:
    """Returns an image of 640x640."""
    image = np.full((640, 640, 3), 90, np.uint8)
    cv2.line(image, (320, 640), (320, 480), SKIN, 120, cv2.LINE_AA)
    cv2.fillPoly(image, [np.array(PALM)], SKIN)
    for begin, tip, width in FINGERS:
        cv2.line(image, begin, tip, SKIN, width, cv2.LINE_AA)
        along = np.subtract(tip, begin)
        across = np.array((-along[1], along[0])) / np.hypot(*along) * width * 0.3
        for part in (0.35, 0.65):  # joints
            middle = np.add(begin, along * part)
            ends = [(middle + sign * across).astype(int).tolist() for sign in (-1, 1)]
            cv2.line(image, ends[0], ends[1], DARK, 2, cv2.LINE_AA)
        nail = (int(width * 0.28), int(width * 0.35))
        cv2.ellipse(image, tip, nail, 0, 0, 360, NAIL, -1, cv2.LINE_AA)
    for crease in (((260, 400), (380, 370)), ((255, 440), (300, 340))):
        cv2.line(image, *crease, DARK, 2, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(image, (19, 19), 0), np.uint8)  # no hand is found with sharp edges


def left(number: int) -> int:
    return round(120 + 100 * math.sin(number / 15))


def index_tip(number: int) -> tuple[float, float]:
    """Returns where the tip of the index finger is in frame `number`, in pixels."""
    return left(number) + FINGERS[0][1][0] * SHARE, 80 + FINGERS[0][1][1] * SHARE


class DrawnHand(ff.Source[ff.Frame]):
    """640x480 at 30 fps; the hand moves sideways."""

    def __init__(self, frames: int) -> None:
        self.frames = frames

    def read(self) -> Iterator[tuple[ff.Frame, float]]:
        small = cv2.resize(draw_hand(), (400, 400))
        for number, pts in enumerate(self.stop_token.every(1 / 30)):
            if number == self.frames:
                return
            image = np.full((480, 640, 3), 90, np.uint8)
            image[80:480, left(number) : left(number) + 400] = small
            yield ff.Frame.from_array(image), pts
