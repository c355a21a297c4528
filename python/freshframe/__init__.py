"""Real-time video analysis: native threads capture, decode, detect and track without the GIL.

Python reads the freshest result when it wants one, or is called on its own node's thread; memory is bounded
and every drop is counted with its edge and cause. Start with Pipeline, open and CircleTracker.
"""

# SPDX-License-Identifier: Apache-2.0
import typing as _typing

from . import _interpreter  # noqa: F401  (must come before anything native)
from ._circles import Annotate, CircleDetector, CircleTracker, detect_circles

# isort: split
from . import _async, _errors, _native, results
from ._errors import (
    EndOfStream,
    FramesHeld,
    FreshframeError,
    GraphError,
    NodeError,
    ReadTimeout,
    SourceError,
    SourceTimeout,
    Stalled,
    StopTimeout,
)
from ._extend import get_cmake_dir, get_include
from ._native import Frame, Reader, Sample, StopToken
from ._nodes import (
    MockCamera,
    Node,
    Source,
    VideoFile,
    VideoInfo,
    VideoSource,
    demo_truth,
    open,
    read_picture,
    write_picture,
)
from ._pipeline import Pipeline, Port
from ._queue import LATEST, LOSSLESS, NEXT, Queue
from ._stats import (
    EdgeStats,
    GilCulprit,
    GilStats,
    NodeStats,
    PoolStats,
    Progress,
    Report,
    SourceStats,
    Stats,
)
from ._stream import Stream, stream
from ._tracker import Tracker
from .results import Circles, DemoCircle, Detections, PixelFormat, Plane

if _typing.TYPE_CHECKING:
    from . import gil, numeric
    from ._prometheus import prometheus_collector
    from .sinks import Csv, JsonLines

__version__: str = _native.__version__

_native.register_classes(
    {
        "Circles": results.Circles,
        "ReaderIterator": _async.ReaderIterator,
        **{name: cls for name, cls in vars(_errors).items() if isinstance(cls, type)},
    }
)


def __getattr__(name: str) -> _typing.Any:
    """Loads what most programs do without when it is first used."""
    if name in ("gil", "numeric"):
        import importlib  # noqa: PLC0415

        return importlib.import_module(f".{name}", __name__)
    if name in ("Csv", "JsonLines"):
        from . import sinks  # noqa: PLC0415

        return getattr(sinks, name)
    if name == "prometheus_collector":
        from ._prometheus import prometheus_collector  # noqa: PLC0415

        return prometheus_collector
    raise AttributeError(f"module 'freshframe' has no attribute {name!r}")


__all__ = [
    "LATEST",
    "LOSSLESS",
    "NEXT",
    "Annotate",
    "CircleDetector",
    "CircleTracker",
    "Circles",
    "Csv",
    "DemoCircle",
    "Detections",
    "EdgeStats",
    "EndOfStream",
    "Frame",
    "FramesHeld",
    "FreshframeError",
    "GilCulprit",
    "GilStats",
    "GraphError",
    "JsonLines",
    "MockCamera",
    "Node",
    "NodeError",
    "NodeStats",
    "Pipeline",
    "PixelFormat",
    "Plane",
    "PoolStats",
    "Port",
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
    "Stats",
    "StopTimeout",
    "StopToken",
    "Stream",
    "Tracker",
    "VideoFile",
    "VideoInfo",
    "VideoSource",
    "demo_truth",
    "detect_circles",
    "get_cmake_dir",
    "get_include",
    "gil",
    "numeric",
    "open",
    "prometheus_collector",
    "read_picture",
    "results",
    "stream",
    "write_picture",
]
