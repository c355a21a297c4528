"""Inputs of the calls, as a program would have them. A megabyte is a million bytes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import random
from typing import Any


def records(count: int) -> list[dict[str, Any]]:
    """Returns bounding boxes as a detector would, each with about 100 bytes of JSON."""
    pick = random.Random(1).random
    return [
        {"id": n, "label": "person", "score": pick(), "box": [pick(), pick(), pick(), pick()]}
        for n in range(count)
    ]


def json_text(megabytes: int) -> str:
    """Returns JSON of detected boxes, as records() returns them."""
    import json  # noqa: PLC0415

    text = json.dumps(records(megabytes * 12_000))
    return text[: text.rindex("}", 0, megabytes * 1_000_000) + 1] + "]"


def text_of(megabytes: float) -> str:
    """Returns English words."""
    words = ["the", "camera", "sees", "a", "person", "walking", "past", "door", "number", "17", "at", "noon"]
    pick = random.Random(2).choice
    return " ".join(pick(words) for _ in range(int(megabytes * 190_000)))[: int(megabytes * 1_000_000)]


def csv_text(megabytes: int) -> str:
    """Returns a table of numbers with a column of names."""
    pick = random.Random(3).random
    lines = [f"{n},{pick():.6f},{pick():.6f},camera-{n % 16}" for n in range(megabytes * 32_000)]
    return "number,x,y,name\n" + "\n".join(lines)


def picture_of(height: int = 2160) -> Any:
    """Returns a 16:9 colour image, 3840x2160 by default, about as hard to compress as a photo."""
    import numpy as np  # noqa: PLC0415

    rows, columns = np.mgrid[0:height, 0 : height * 16 // 9]
    base = np.stack([rows * 255 // height, columns * 127 // height, (rows + columns) // 24], axis=-1)
    noise = np.random.default_rng(4).integers(0, 32, base.shape)
    return ((base + noise) % 256).astype(np.uint8)


PICTURE_MB = 3840 * 2160 * 3 / 1e6
HD_MB = 1920 * 1080 * 3 / 1e6
