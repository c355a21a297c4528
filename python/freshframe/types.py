"""Types for annotations: results of calls, and literal types of options."""

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
    from ._media.ffmpeg_options import Preset
    from ._media.segment import Segment
    from ._media.snapshot import Snapshot
    from ._media.video_info import Format, UtcFrom, VideoInfo
    from ._media.video_source import VideoSource
    from ._native import DevicePlane, Packet, Stamp, StopToken
    from ._pipeline.signatures import OnError
    from ._results.box import Box
    from ._results.circle import Circle
    from ._results.corners import Anchor
    from ._shortcuts.probe import Measured, Probe
    from ._shortcuts.stream import Stream
    from ._spool.presence_event import EndReason, PresenceEvent
    from ._vision.answer import Answer
    from ._vision.crossing import Crossing, Point
    from ._vision.line_counts import LineCounts
    from ._vision.onnx_detector import Layout
    from ._vision.onnx_model import Provider
    from ._vision.tensor_info import TensorInfo
    from ._vision.zone_counts import Visit, ZoneCounts
    from ._vision.zones import Zones

Plane = npt.NDArray[np.uint8]
"""One plane of a frame: (h, w), or (h, w, channels); read-only."""

# ---- written by tools/late_names.py
_LATER = {
    "JoinBy": "_graph.join",
    "WhenFull": "_graph.queue",
    "Dashboard": "_look.dashboard",
    "Preset": "_media.ffmpeg_options",
    "Segment": "_media.segment",
    "Snapshot": "_media.snapshot",
    "Format": "_media.video_info",
    "UtcFrom": "_media.video_info",
    "VideoInfo": "_media.video_info",
    "VideoSource": "_media.video_source",
    "DevicePlane": "_native",
    "Packet": "_native",
    "Stamp": "_native",
    "StopToken": "_native",
    "OnError": "_pipeline.signatures",
    "Box": "_results.box",
    "Circle": "_results.circle",
    "Anchor": "_results.corners",
    "Measured": "_shortcuts.probe",
    "Probe": "_shortcuts.probe",
    "Stream": "_shortcuts.stream",
    "EndReason": "_spool.presence_event",
    "PresenceEvent": "_spool.presence_event",
    "Answer": "_vision.answer",
    "Crossing": "_vision.crossing",
    "Point": "_vision.crossing",
    "LineCounts": "_vision.line_counts",
    "Layout": "_vision.onnx_detector",
    "Provider": "_vision.onnx_model",
    "TensorInfo": "_vision.tensor_info",
    "Visit": "_vision.zone_counts",
    "ZoneCounts": "_vision.zone_counts",
    "Zones": "_vision.zones",
}
__all__ = [
    "Anchor",
    "Answer",
    "Box",
    "Circle",
    "Crossing",
    "Dashboard",
    "DevicePlane",
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
    """Lists all public names, including those loaded at first use."""
    return sorted({*globals(), *__all__})
