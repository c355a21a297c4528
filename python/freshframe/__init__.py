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
from ._interpreter import calls as _calls
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
    from . import demo, fleet, gil, native, numeric, stats, types, why
    from ._graph.batch import Batch
    from ._graph.join import Join
    from ._look.dashboard import Dashboard
    from ._media.clip_recorder import ClipRecorder
    from ._media.look import Look, Stale, View
    from ._media.mock_camera import MockCamera
    from ._media.publish import Publish
    from ._media.segments import Keep, Segment
    from ._media.video_info import VideoInfo
    from ._process.options import Process
    from ._shortcuts.probe import probe
    from ._shortcuts.prometheus import prometheus_collector
    from ._shortcuts.run_node import run_node
    from ._shortcuts.show import show
    from ._shortcuts.stream import Stream, stream
    from ._spool.presence import Presence, PresenceEvent
    from ._spool.refused import Refused
    from ._spool.spool import Spool
    from ._vision.annotate import Annotate
    from ._vision.ask import Answer, Ask
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

    # Deprecated names, which the package still has at run time: see _MOVED.
    # isort: split
    from .native import get_cmake_dir as get_cmake_dir
    from .native import get_include as get_include
    from .results import decode_masks as decode_masks
    from .results import encode_masks as encode_masks
    from .stats import EdgeStats as EdgeStats
    from .stats import InferenceStats as InferenceStats
    from .stats import JoinStats as JoinStats
    from .stats import NodeStats as NodeStats
    from .stats import PoolStats as PoolStats
    from .stats import Progress as Progress
    from .stats import PublishStats as PublishStats
    from .stats import RemovedStats as RemovedStats
    from .stats import Report as Report
    from .stats import SourceClock as SourceClock
    from .stats import SourceStats as SourceStats
    from .stats import SpoolStats as SpoolStats
    from .stats import Stats as Stats
    from .stats import WorkerStats as WorkerStats
    from .types import Measured as Measured
    from .types import Probe as Probe
    from .why import Age as Age
    from .why import AgePart as AgePart
    from .why import Finding as Finding
    from .why import Interval as Interval
    from .why import Outcome as Outcome
    from .why import WhatIf as WhatIf
    from .why import Why as Why

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


_MODULES = ("demo", "fleet", "gil", "native", "numeric", "stats", "types", "why")
_LATER = {
    **dict.fromkeys(("LineCounter", "ZoneCounter", "Zones", "inside"), "_vision.counting"),
    **dict.fromkeys(("Crossing", "LineCounts", "Visit", "ZoneCounts", "ZonesCounts"), "_vision.counts"),
    **dict.fromkeys(("CircleDetector", "CircleTracker", "detect_circles"), "_vision.circles"),
    **dict.fromkeys(("Csv", "JsonLines"), "sinks"),
    "probe": "_shortcuts.probe",
    **dict.fromkeys(("OnnxDetector", "OnnxModel"), "_vision.onnx"),
    **dict.fromkeys(("Stream", "stream"), "_shortcuts.stream"),
    "Batch": "_graph.batch",
    "Annotate": "_vision.annotate",
    **dict.fromkeys(("Answer", "Ask"), "_vision.ask"),
    "BoxPredictor": "_vision.box_predictor",
    **dict.fromkeys(("Crops", "OnnxClassifier"), "_vision.classifier"),
    "BoxTracker": "_vision.box_tracker",
    "Ground": "_vision.ground",
    "ClipRecorder": "_media.clip_recorder",
    "Dashboard": "_look.dashboard",
    "Fleet": "fleet",
    "Join": "_graph.join",
    **dict.fromkeys(("Look", "Stale", "View"), "_media.look"),
    "MockCamera": "_media.mock_camera",
    "Process": "_process.options",
    **dict.fromkeys(("Presence", "PresenceEvent"), "_spool.presence"),
    **dict.fromkeys(("Keep", "Segment"), "_media.segments"),
    "Publish": "_media.publish",
    "Refused": "_spool.refused",
    "Spool": "_spool.spool",
    "VideoInfo": "_media.video_info",
    "prometheus_collector": "_shortcuts.prometheus",
    "run_node": "_shortcuts.run_node",
    "show": "_shortcuts.show",
}  # the module of each name that most programs do not need: loaded at the name's first use
_STATS = (
    *("EdgeStats", "InferenceStats", "JoinStats", "NodeStats", "PoolStats", "Progress", "PublishStats"),
    *("RemovedStats", "Report", "SourceClock", "SourceStats", "SpoolStats", "Stats", "WorkerStats"),
)
_WHY = ("Age", "AgePart", "Finding", "Interval", "Outcome", "WhatIf", "Why")
_MOVED = {
    **{name: f"stats.{name}" for name in _STATS},
    **{name: f"why.{name}" for name in _WHY},
    **{name: f"native.{name}" for name in ("get_cmake_dir", "get_include")},
    **{name: f"results.{name}" for name in ("decode_masks", "encode_masks")},
    **{name: f"types.{name}" for name in ("Measured", "Probe")},
    "Change": "PresenceEvent",
}  # the new name of each deprecated one, whose use warns


if not _typing.TYPE_CHECKING:
    __getattr__ = _late_names.getter(globals(), _LATER, _MODULES, _MOVED)


def __dir__() -> list[str]:
    """All public names, also those that are loaded at their first use."""
    return sorted({*globals(), *__all__})


__all__ = [
    "LATEST",
    "LOSSLESS",
    "NEXT",
    "RECORDING",
    "Annotate",
    "Answer",
    "Ask",
    "Batch",
    "BoxPredictor",
    "BoxTracker",
    "CircleDetector",
    "CircleTracker",
    "Circles",
    "ClipRecorder",
    "Crops",
    "Crossing",
    "Csv",
    "Dashboard",
    "Detections",
    "EndOfStream",
    "Fleet",
    "Frame",
    "FramesHeld",
    "FreshframeError",
    "GraphError",
    "Ground",
    "Join",
    "JsonLines",
    "Keep",
    "LineCounter",
    "LineCounts",
    "Look",
    "MockCamera",
    "Node",
    "NodeError",
    "OnnxClassifier",
    "OnnxDetector",
    "OnnxModel",
    "OptionError",
    "OptionTypeError",
    "Packet",
    "Pipeline",
    "Port",
    "Presence",
    "PresenceEvent",
    "Process",
    "Publish",
    "Queue",
    "ReadTimeout",
    "Reader",
    "Refused",
    "Sample",
    "Segment",
    "Source",
    "SourceError",
    "SourceTimeout",
    "Spool",
    "Stale",
    "Stalled",
    "Stamp",
    "StateError",
    "StopTimeout",
    "StopToken",
    "Stream",
    "VideoFile",
    "VideoInfo",
    "VideoSource",
    "View",
    "Visit",
    "ZoneCounter",
    "ZoneCounts",
    "Zones",
    "ZonesCounts",
    "demo",
    "detect_circles",
    "fleet",
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
    "stats",
    "stop_all",
    "stream",
    "types",
    "why",
    "write_picture",
]

_calls.explain(__all__, globals())
