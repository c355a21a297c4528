"""Names that fragments in docs/ use without defining them, with their types for mypy."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import prometheus_client

import freshframe as ff

__all__ = [
    "AsyncIterator",
    "Detector",
    "Iterator",
    "add_names",
    "annotated",
    "app",
    "boxes",
    "cam1",
    "cam2",
    "cam3",
    "camera",
    "circles",
    "control_loop",
    "dashboard",
    "depth",
    "detector",
    "drawn",
    "ff",
    "frame",
    "hands",
    "keys",
    "left",
    "look",
    "newest",
    "np",
    "only_new",
    "open_sensor",
    "page",
    "people",
    "persons",
    "picture",
    "pipeline",
    "prometheus_client",
    "right",
    "road",
    "send",
    "tracks",
    "work",
    "zone",
]

pipeline: ff.Pipeline
camera: ff.Port[ff.Frame]
annotated: ff.Port[ff.Frame]
drawn: ff.Port[ff.Frame]
cam1: ff.Port[ff.Frame]
cam2: ff.Port[ff.Frame]
cam3: ff.Port[ff.Frame]
left: ff.Port[ff.Frame]
right: ff.Port[ff.Frame]
people: ff.Port[ff.Detections]
persons: ff.Port[ff.Detections]
circles: Any
dashboard: ff.types.Dashboard
page: Any  # result of serve()
newest: ff.Reader[Any]
hands: ff.Reader[ff.Detections]
frame: Any  # a Frame
app: Any  # an app of Flask or FastAPI
look: ff.Look
detector: ff.Node[ff.Frame, ff.Detections]
boxes: Any
tracks: Any
zone: Any
road: ff.Ground
picture: Any  # a NumPy array


class Detector(ff.Node[ff.Frame, ff.Detections]):
    def __init__(self, weights: str) -> None: ...


class _Sensor:
    def value(self) -> float:
        raise NotImplementedError

    def time(self) -> float:
        raise NotImplementedError


def open_sensor() -> AbstractContextManager[_Sensor]:
    raise NotImplementedError


def control_loop() -> None: ...


def work(picture: Any) -> None: ...


def depth(left: ff.Frame, right: ff.Frame) -> float:
    raise NotImplementedError


def send(events: list[dict[str, Any]]) -> None: ...


def keys(detections: ff.Detections) -> list[int]:
    raise NotImplementedError


def add_names(event: Any) -> Any: ...


def only_new(event: Any) -> Any: ...
