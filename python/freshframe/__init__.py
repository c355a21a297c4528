"""Real-time video analysis: native threads capture, decode, detect and track without the GIL.

Python reads the freshest result when it wants one, or is called on its own node's thread; memory is bounded
and every drop is counted with its edge and cause. Start with Pipeline, open and CircleTracker.

A call holds the GIL unless its docstring says ``GIL: released``.
"""

# SPDX-License-Identifier: Apache-2.0
import typing as _typing

from ._interpreter import main_only as _main_only  # noqa: F401  (must come before anything native)

# isort: split
from . import _errors, _native, results
from ._errors import (
    EndOfStream,
    FramesHeld,
    FreshframeError,
    GraphError,
    NodeError,
    OptionError,
    OptionTypeError,
    ReadTimeout,
    SourceError,
    SourceTimeout,
    Stalled,
    StateError,
    StopTimeout,
)
from ._graph.nodes import Node, Source
from ._graph.port import Port
from ._graph.queue import LATEST, LOSSLESS, NEXT, RECORDING, Queue
from ._graph.stamped import Stamped as _Stamped
from ._graph.stamped import stamped
from ._interpreter import gil_state as _gil_state  # noqa: F401  (it sees later imports)
from ._interpreter import late_names as _late_names
from ._interpreter import start_folder as _start_folder  # noqa: F401  (before the program may change its directory)
from ._media.video import VideoFile, VideoSource, open, read_picture, write_picture
from ._native import Frame, Packet, Reader, Sample, Stamp, StopToken
from ._pipeline import async_iterator as _async_iterator
from ._pipeline.life import stop_all
from ._pipeline.pipeline import Pipeline
from .results import Circles, Detections

if _typing.TYPE_CHECKING:
    from . import demo, fleet, gil, native, numeric, types
    from ._graph.batch import Batch
    from ._graph.join import Join
    from ._look.dashboard import Dashboard
    from ._look.stats import (
        EdgeStats,
        InferenceStats,
        JoinStats,
        NodeStats,
        PoolStats,
        Progress,
        RemovedStats,
        Report,
        SourceClock,
        SourceStats,
        SpoolStats,
        Stats,
        WorkerStats,
    )
    from ._look.what_if import Interval, Outcome, WhatIf
    from ._look.why import Age, AgePart, Finding, Why
    from ._masks import decode_masks, encode_masks
    from ._media.clip_recorder import ClipRecorder
    from ._media.mock_camera import MockCamera
    from ._media.publish import Publish, PublishStats
    from ._media.segments import Keep, Segment
    from ._media.video_info import VideoInfo
    from ._plugin.headers import get_cmake_dir, get_include
    from ._process.options import Process
    from ._shortcuts.probe import Measured, Probe, probe
    from ._shortcuts.prometheus import prometheus_collector
    from ._shortcuts.run_node import run_node
    from ._shortcuts.show import show
    from ._shortcuts.stream import Stream, stream
    from ._spool.changes import Change, Changes
    from ._spool.refused import Refused
    from ._spool.spool import Spool
    from ._vision.annotate import Annotate
    from ._vision.box_predictor import BoxPredictor
    from ._vision.box_tracker import BoxTracker
    from ._vision.circles import CircleDetector, CircleTracker, detect_circles
    from ._vision.classifier import Crops, OnnxClassifier
    from ._vision.counting import LineCounter, ZoneCounter, Zones, inside
    from ._vision.counts import Crossing, LineCounts, Visit, ZoneCounts, ZonesCounts
    from ._vision.ground import Ground
    from ._vision.onnx import OnnxDetector, OnnxModel
    from .fleet import Fleet
    from .sinks import Csv, JsonLines

__version__: str = _native.__version__

_native.register_classes(
    {
        "Circles": results.Circles,
        "Detections": results.Detections,
        "ReaderIterator": _async_iterator.ReaderIterator,
        "Stamped": _Stamped,
        **{name: cls for name, cls in vars(_errors).items() if isinstance(cls, type)},
    }
)


_MODULES = ("demo", "fleet", "gil", "native", "numeric", "types")
_LATER = {
    **dict.fromkeys(("LineCounter", "ZoneCounter", "Zones", "inside"), "_vision.counting"),
    **dict.fromkeys(("Crossing", "LineCounts", "Visit", "ZoneCounts", "ZonesCounts"), "_vision.counts"),
    **dict.fromkeys(("CircleDetector", "CircleTracker", "detect_circles"), "_vision.circles"),
    **dict.fromkeys(("Csv", "JsonLines"), "sinks"),
    **dict.fromkeys(("Measured", "Probe", "probe"), "_shortcuts.probe"),
    **dict.fromkeys(("OnnxDetector", "OnnxModel"), "_vision.onnx"),
    **dict.fromkeys(("Stream", "stream"), "_shortcuts.stream"),
    **dict.fromkeys(("get_cmake_dir", "get_include"), "_plugin.headers"),
    "Batch": "_graph.batch",
    "Annotate": "_vision.annotate",
    "BoxPredictor": "_vision.box_predictor",
    **dict.fromkeys(("Crops", "OnnxClassifier"), "_vision.classifier"),
    "BoxTracker": "_vision.box_tracker",
    **dict.fromkeys(("decode_masks", "encode_masks"), "_masks"),
    "Ground": "_vision.ground",
    **dict.fromkeys(("Age", "AgePart", "Finding", "Why"), "_look.why"),
    **dict.fromkeys(("Interval", "Outcome", "WhatIf"), "_look.what_if"),
    "ClipRecorder": "_media.clip_recorder",
    "Dashboard": "_look.dashboard",
    "Fleet": "fleet",
    "Join": "_graph.join",
    "MockCamera": "_media.mock_camera",
    "Process": "_process.options",
    **dict.fromkeys(("Change", "Changes"), "_spool.changes"),
    **dict.fromkeys(("Keep", "Segment"), "_media.segments"),
    **dict.fromkeys(("Publish", "PublishStats"), "_media.publish"),
    "Refused": "_spool.refused",
    "Spool": "_spool.spool",
    "VideoInfo": "_media.video_info",
    "prometheus_collector": "_shortcuts.prometheus",
    "run_node": "_shortcuts.run_node",
    "show": "_shortcuts.show",
    **dict.fromkeys(
        (
            "EdgeStats",
            "InferenceStats",
            "JoinStats",
            "NodeStats",
            "PoolStats",
            "RemovedStats",
            "Progress",
            "Report",
            "SourceClock",
            "SourceStats",
            "SpoolStats",
            "Stats",
            "WorkerStats",
        ),
        "_look.stats",  # dataclasses, which cost more to make than the rest of the package
    ),
}  # the module of each name that most programs do not need: loaded at the name's first use


if not _typing.TYPE_CHECKING:
    __getattr__ = _late_names.getter(globals(), _LATER, _MODULES)


def __dir__() -> list[str]:
    """All public names, also those that are loaded at their first use."""
    return sorted({*globals(), *__all__})


__all__ = [
    "LATEST",
    "LOSSLESS",
    "NEXT",
    "RECORDING",
    "Age",
    "AgePart",
    "Annotate",
    "Batch",
    "BoxPredictor",
    "BoxTracker",
    "Change",
    "Changes",
    "CircleDetector",
    "CircleTracker",
    "Circles",
    "ClipRecorder",
    "Crops",
    "Crossing",
    "Csv",
    "Dashboard",
    "Detections",
    "EdgeStats",
    "EndOfStream",
    "Finding",
    "Fleet",
    "Frame",
    "FramesHeld",
    "FreshframeError",
    "GraphError",
    "Ground",
    "InferenceStats",
    "Interval",
    "Join",
    "JoinStats",
    "JsonLines",
    "Keep",
    "LineCounter",
    "LineCounts",
    "Measured",
    "MockCamera",
    "Node",
    "NodeError",
    "NodeStats",
    "OnnxClassifier",
    "OnnxDetector",
    "OnnxModel",
    "OptionError",
    "OptionTypeError",
    "Outcome",
    "Packet",
    "Pipeline",
    "PoolStats",
    "Port",
    "Probe",
    "Process",
    "Progress",
    "Publish",
    "PublishStats",
    "Queue",
    "ReadTimeout",
    "Reader",
    "Refused",
    "RemovedStats",
    "Report",
    "Sample",
    "Segment",
    "Source",
    "SourceClock",
    "SourceError",
    "SourceStats",
    "SourceTimeout",
    "Spool",
    "SpoolStats",
    "Stalled",
    "Stamp",
    "StateError",
    "Stats",
    "StopTimeout",
    "StopToken",
    "Stream",
    "VideoFile",
    "VideoInfo",
    "VideoSource",
    "Visit",
    "WhatIf",
    "Why",
    "WorkerStats",
    "ZoneCounter",
    "ZoneCounts",
    "Zones",
    "ZonesCounts",
    "decode_masks",
    "demo",
    "detect_circles",
    "encode_masks",
    "fleet",
    "get_cmake_dir",
    "get_include",
    "gil",
    "inside",
    "native",
    "numeric",
    "open",
    "probe",
    "prometheus_collector",
    "read_picture",
    "results",
    "run_node",
    "show",
    "stamped",
    "stop_all",
    "stream",
    "types",
    "write_picture",
]
