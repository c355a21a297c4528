"""The QR codes of links, read by OpenCV."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from browser import Page
    from video_server import VideoServer

LINK = "https://machine.tailnet.ts.net/camera#" + "camera=front&token=aB3_" * 20
ENCODE = "const {encodeQr} = await import('/qr.js'); return encodeQr(arguments[0])"


# The capacity in bytes of each version, and one byte more.
@pytest.mark.parametrize(
    "length", [1, 17, 18, 32, 53, 78, 106, 134, 154, 155, 192, 230, 231, 271, 272, 321, 367, 425]
)
def test_opencv_reads_the_code(page: Page, server: VideoServer, length: int) -> None:
    cv2 = pytest.importorskip("cv2")
    page.load(server.page("", name="code"))
    rows = page.wait_for(ENCODE, LINK[:length])
    modules = 1 - np.pad(np.array(rows, np.uint8), 4)
    image = np.kron(modules * 255, np.ones((8, 8))).astype(np.uint8)
    # Passes the corners, because OpenCV does not find them in one in six of its own codes.
    first, last = 4 * 8, (4 + len(rows)) * 8 - 1
    corners = np.array([[[first, first], [last, first], [last, last], [first, last]]], np.float32)
    found, _ = cv2.QRCodeDetector().decode(image, corners)
    assert found == LINK[:length]


def test_a_link_that_is_too_long_has_none(page: Page, server: VideoServer) -> None:
    page.load(server.page("", name="code"))
    assert page.wait_for(ENCODE, LINK[:426]) is None
