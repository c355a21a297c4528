"""Real-time video analysis: native threads capture, decode, detect and track without the GIL.

Python reads the freshest result when it wants one, or is called on its own node's thread; memory is bounded
and every drop is counted with its edge and cause. Start with Pipeline, open and CircleTracker.

A call holds the GIL unless its docstring says ``GIL: released``.
"""

# SPDX-License-Identifier: Apache-2.0
import typing as _typing

from . import _interpreter  # noqa: F401  (must come before anything native)
from ._circles import Annotate, CircleDetector, CircleTracker, detect_circles

# isort: split
from . import _async, _errors, _gil_state, _later, _native, results  # noqa: F401  (_gil_state sees later imports)
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
from ._life import stop_all
from ._native import Frame, Reader, Sample, StopToken
from ._nodes import Node, Source
from ._pipeline import Pipeline
from ._port import Port
from ._queue import LATEST, LOSSLESS, NEXT, RECORDING, Queue
from ._stream import Stream, stream
from ._video import (
    VideoFile,
    VideoSource,
    open,
    read_picture,
    write_picture,
)
from .results import Circles, Detections

if _typing.TYPE_CHECKING:
    from . import demo, fleet, gil, native, numeric, types
    from ._batch import Batch
    from ._clips import ClipRecorder
    from ._counting import Crossing, LineCounter, LineCounts, ZoneCounter, ZoneCounts
    from ._dashboard import Dashboard
    from ._extend import get_cmake_dir, get_include
    from ._mock_camera import MockCamera
    from ._onnx import OnnxDetector, OnnxModel
    from ._probe import Measured, Probe, probe
    from ._process import Process
    from ._prometheus import prometheus_collector
    from ._run_node import run_node
    from ._show import show
    from ._stats import (
        EdgeStats,
        InferenceStats,
        NodeStats,
        PoolStats,
        Progress,
        Report,
        SourceStats,
        Stats,
        WorkerStats,
    )
    from ._tracker import BoxTracker
    from ._video_info import VideoInfo
    from .fleet import Fleet
    from .sinks import Csv, JsonLines

__version__: str = _native.__version__

_native.register_classes(
    {
        "Circles": results.Circles,
        "Detections": results.Detections,
        "ReaderIterator": _async.ReaderIterator,
        **{name: cls for name, cls in vars(_errors).items() if isinstance(cls, type)},
    }
)


_MODULES = ("demo", "fleet", "gil", "native", "numeric", "types")
_LATER = {
    **dict.fromkeys(("Crossing", "LineCounter", "LineCounts", "ZoneCounter", "ZoneCounts"), "_counting"),
    **dict.fromkeys(("Csv", "JsonLines"), "sinks"),
    **dict.fromkeys(("Measured", "Probe", "probe"), "_probe"),
    **dict.fromkeys(("OnnxDetector", "OnnxModel"), "_onnx"),
    **dict.fromkeys(("get_cmake_dir", "get_include"), "_extend"),
    "Batch": "_batch",
    "BoxTracker": "_tracker",
    "ClipRecorder": "_clips",
    "Dashboard": "_dashboard",
    "Fleet": "fleet",
    "MockCamera": "_mock_camera",
    "Process": "_process",
    "VideoInfo": "_video_info",
    "prometheus_collector": "_prometheus",
    "run_node": "_run_node",
    "show": "_show",
    **dict.fromkeys(
        (
            "EdgeStats",
            "InferenceStats",
            "NodeStats",
            "PoolStats",
            "Progress",
            "Report",
            "SourceStats",
            "Stats",
            "WorkerStats",
        ),
        "_stats",  # dataclasses, which cost more to make than the rest of the package
    ),
}  # the module of each name that most programs do not need: loaded at the name's first use


if not _typing.TYPE_CHECKING:
    __getattr__ = _later.getter(globals(), _LATER, _MODULES)


def __dir__() -> list[str]:
    """All public names, also those that are loaded at their first use."""
    return sorted({*globals(), *__all__})


__all__ = [
    "LATEST",
    "LOSSLESS",
    "NEXT",
    "RECORDING",
    "Annotate",
    "Batch",
    "BoxTracker",
    "CircleDetector",
    "CircleTracker",
    "Circles",
    "ClipRecorder",
    "Crossing",
    "Csv",
    "Dashboard",
    "Detections",
    "EdgeStats",
    "EndOfStream",
    "Fleet",
    "Frame",
    "FramesHeld",
    "FreshframeError",
    "GraphError",
    "InferenceStats",
    "JsonLines",
    "LineCounter",
    "LineCounts",
    "Measured",
    "MockCamera",
    "Node",
    "NodeError",
    "NodeStats",
    "OnnxDetector",
    "OnnxModel",
    "OptionError",
    "OptionTypeError",
    "Pipeline",
    "PoolStats",
    "Port",
    "Probe",
    "Process",
    "Progress",
    "Queue",
    "ReadTimeout",
    "Reader",
    "Report",
    "Sample",
    "Source",
    "SourceError",
    "SourceStats",
    "SourceTimeout",
    "Stalled",
    "StateError",
    "Stats",
    "StopTimeout",
    "StopToken",
    "Stream",
    "VideoFile",
    "VideoInfo",
    "VideoSource",
    "WorkerStats",
    "ZoneCounter",
    "ZoneCounts",
    "demo",
    "detect_circles",
    "fleet",
    "get_cmake_dir",
    "get_include",
    "gil",
    "native",
    "numeric",
    "open",
    "probe",
    "prometheus_collector",
    "read_picture",
    "results",
    "run_node",
    "show",
    "stop_all",
    "stream",
    "types",
    "write_picture",
]
