"""Types for annotations: results that calls return, and the closed sets of options."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import typing as _typing

import numpy as np
import numpy.typing as npt

from ._interpreter import late_names as _late_names

if _typing.TYPE_CHECKING:
    from ._graph.join import JoinBy
    from ._graph.queue import WhenFull
    from ._look.dashboard import Dashboard
    from ._media.look import Snapshot
    from ._media.segments import Segment
    from ._media.video import Preset, VideoSource
    from ._media.video_info import Format, UtcFrom, VideoInfo
    from ._native import Packet, Stamp, StopToken
    from ._pipeline.signatures import OnError
    from ._results.corners import Anchor
    from ._results.elements import Box, Circle
    from ._shortcuts.probe import Measured, Probe
    from ._shortcuts.stream import Stream
    from ._spool.presence import EndReason, PresenceEvent
    from ._vision.ask import Answer
    from ._vision.counts import Crossing, LineCounts, Point, Visit, ZoneCounts, Zones
    from ._vision.onnx import Layout, Provider, TensorInfo

Plane = npt.NDArray[np.uint8]
"""One component array of a frame: (h, w), or (h, w, channels); read-only."""

# ---- written by tools/late_names.py
_LATER = {
    "JoinBy": "_graph.join",
    "WhenFull": "_graph.queue",
    "Dashboard": "_look.dashboard",
    "Snapshot": "_media.look",
    "Segment": "_media.segments",
    "Preset": "_media.video",
    "VideoSource": "_media.video",
    "Format": "_media.video_info",
    "UtcFrom": "_media.video_info",
    "VideoInfo": "_media.video_info",
    "Packet": "_native",
    "Stamp": "_native",
    "StopToken": "_native",
    "OnError": "_pipeline.signatures",
    "Anchor": "_results.corners",
    "Box": "_results.elements",
    "Circle": "_results.elements",
    "Measured": "_shortcuts.probe",
    "Probe": "_shortcuts.probe",
    "Stream": "_shortcuts.stream",
    "EndReason": "_spool.presence",
    "PresenceEvent": "_spool.presence",
    "Answer": "_vision.ask",
    "Crossing": "_vision.counts",
    "LineCounts": "_vision.counts",
    "Point": "_vision.counts",
    "Visit": "_vision.counts",
    "ZoneCounts": "_vision.counts",
    "Zones": "_vision.counts",
    "Layout": "_vision.onnx",
    "Provider": "_vision.onnx",
    "TensorInfo": "_vision.onnx",
}
__all__ = [
    "Anchor",
    "Answer",
    "Box",
    "Circle",
    "Crossing",
    "Dashboard",
    "EndReason",
    "Format",
    "JoinBy",
    "Layout",
    "LineCounts",
    "Measured",
    "OnError",
    "Packet",
    "Plane",
    "Point",
    "PresenceEvent",
    "Preset",
    "Probe",
    "Provider",
    "Segment",
    "Snapshot",
    "Stamp",
    "StopToken",
    "Stream",
    "TensorInfo",
    "UtcFrom",
    "VideoInfo",
    "VideoSource",
    "Visit",
    "WhenFull",
    "ZoneCounts",
    "Zones",
]
# ----

if not _typing.TYPE_CHECKING:
    __getattr__ = _late_names.getter(globals(), _LATER)


def __dir__() -> list[str]:
    """All public names, including names that are loaded at their first use."""
    return sorted({*globals(), *__all__})
