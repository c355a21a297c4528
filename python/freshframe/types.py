"""Types for annotations: results that calls return, and the closed sets of options."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import typing as _typing

import numpy as np
import numpy.typing as npt

from ._interpreter import late_names as _late_names

if _typing.TYPE_CHECKING:
    from ._graph.join import JoinBy
    from ._look.dashboard import Dashboard
    from ._media.look import Snapshot
    from ._media.segments import Segment
    from ._media.video import Speed, VideoSource
    from ._media.video_info import Format, VideoInfo
    from ._native import Packet, Stamp, StopToken
    from ._results.elements import Box, Circle
    from ._shortcuts.probe import Measured, Probe
    from ._shortcuts.stream import Stream
    from ._spool.presence import PresenceEvent
    from ._vision.ask import Answer
    from ._vision.counts import Crossing, LineCounts, Point, Visit, ZoneCounts, Zones
    from ._vision.onnx import Layout, Provider, TensorInfo

Plane = npt.NDArray[np.uint8]
"""One component array of a frame: (h, w), or (h, w, channels); read-only."""

_LATER = {
    "JoinBy": "_graph.join",
    "Dashboard": "_look.dashboard",
    "Snapshot": "_media.look",
    "Segment": "_media.segments",
    **dict.fromkeys(("Speed", "VideoSource"), "_media.video"),
    **dict.fromkeys(("Format", "VideoInfo"), "_media.video_info"),
    **dict.fromkeys(("Packet", "Stamp", "StopToken"), "_native"),
    **dict.fromkeys(("Measured", "Probe"), "_shortcuts.probe"),
    "Stream": "_shortcuts.stream",
    "PresenceEvent": "_spool.presence",
    "Answer": "_vision.ask",
    **dict.fromkeys(("Crossing", "LineCounts", "Point", "Visit", "ZoneCounts", "Zones"), "_vision.counts"),
    **dict.fromkeys(("Box", "Circle"), "_results.elements"),
    **dict.fromkeys(("Layout", "Provider", "TensorInfo"), "_vision.onnx"),
}  # the module of each name that is loaded at its first use

if not _typing.TYPE_CHECKING:
    __getattr__ = _late_names.getter(globals(), _LATER)


def __dir__() -> list[str]:
    """All public names, also those that are loaded at their first use."""
    return sorted({*globals(), *__all__})


__all__ = [
    "Answer",
    "Box",
    "Circle",
    "Crossing",
    "Dashboard",
    "Format",
    "JoinBy",
    "Layout",
    "LineCounts",
    "Measured",
    "Packet",
    "Plane",
    "Point",
    "PresenceEvent",
    "Probe",
    "Provider",
    "Segment",
    "Snapshot",
    "Speed",
    "Stamp",
    "StopToken",
    "Stream",
    "TensorInfo",
    "VideoInfo",
    "VideoSource",
    "Visit",
    "ZoneCounts",
    "Zones",
]
