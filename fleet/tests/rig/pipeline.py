"""Builds the pipeline of each test camera, which reads the stamps."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from rigs.stamped_picture import read_stamp

import freshframe as ff


def stamp_of(frame: ff.Frame) -> tuple[int, int] | None:
    """Returns camera and frame of a stamped image."""
    return read_stamp(frame.luma)


def build(url: str) -> tuple[ff.Pipeline, dict[str, ff.Port[Any]]]:
    """Builds the pipeline of a camera."""
    pipeline = ff.Pipeline()
    stamps = pipeline.add(stamp_of, pipeline.add(ff.open(url)), name="stamps")
    return pipeline, {"stamps": stamps}
