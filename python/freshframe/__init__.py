"""Real-time video analysis: native threads capture, decode, detect and track without the GIL.

Python reads the newest result when it wants one, or runs as a node on a thread of its own. Memory is bounded,
and every drop is counted with its edge and cause. Start with Pipeline, open and CircleTracker.

A call holds the GIL unless its docstring says ``GIL: released``.
"""

# SPDX-License-Identifier: Apache-2.0
import typing as _typing

from ._interpreter import main_only as _main_only  # noqa: F401  (must come before anything native)

# isort: split
from . import _call_errors, _errors, _native
from ._errors import (
    DeviceError,
    EndOfStreamError,
    FramesHeldError,
    FreshframeError,
    GraphError,
    MissingPackageError,
    NodeError,
    OptionError,
    OptionTypeError,
    ReadTimeoutError,
    SourceError,
    SourceTimeoutError,
    StalledError,
    StateError,
    StopTimeoutError,
)
from ._graph import loops as _loops
from ._graph.node import Node
from ._graph.port import Port
from ._graph.queue import LATEST, LOSSLESS, NEXT, RECORDING, Queue
from ._graph.source import Source
from ._graph.stamped import Stamped as _Stamped
from ._graph.stamped import stamped
from ._interpreter import calls as _calls
from ._interpreter import fork as _fork
from ._interpreter import gil_state as _gil_state  # noqa: F401  (it sees later imports)
from ._interpreter import late_names as _late_names
from ._interpreter import start_folder as _start_folder  # noqa: F401  (before the program may change its directory)
from ._media.open import open
from ._media.video_file import VideoFile
from ._native import Frame, Reader, Sample
from ._pipeline import async_iterator as _async_iterator
from ._pipeline.pipeline import Pipeline
from ._results.circles import Circles
from ._results.detections import Detections

if _typing.TYPE_CHECKING:
    from . import demo as demo
    from . import fleet as fleet
    from . import gil as gil
    from . import masks as masks
    from . import native as native
    from . import numeric as numeric
    from . import stats as stats
    from . import testing as testing
    from . import types as types
    from ._graph.batch import Batch
    from ._graph.join import Join
    from ._media.clip_recorder import ClipRecorder
    from ._media.look import Look, StaleFrameError
    from ._media.publish import Publish
    from ._process.process import Process
    from ._shortcuts.probe import probe
    from ._shortcuts.stream import stream
    from ._sinks.csv import Csv
    from ._sinks.json_lines import JsonLines
    from ._spool.presence import Presence
    from ._spool.refused import RefusedError
    from ._spool.spool import Spool
    from ._vision.annotate import Annotate
    from ._vision.ask import Ask
    from ._vision.box_predictor import BoxPredictor
    from ._vision.box_tracker import BoxTracker
    from ._vision.circle_detector import CircleDetector
    from ._vision.circle_tracker import CircleTracker
    from ._vision.ground import Ground
    from ._vision.line_counter import LineCounter
    from ._vision.onnx_classifier import OnnxClassifier
    from ._vision.onnx_detector import OnnxDetector
    from ._vision.onnx_model import OnnxModel
    from ._vision.zone_counter import ZoneCounter

__version__: str = _native.__version__


def _stream_over(source: _typing.Any) -> _typing.Any:
    with _fork.explaining(), _fork.loading():
        from ._shortcuts.stream import over  # noqa: PLC0415  (many programs loop over no source)

    return over(source)


_loops.make_streams_by(_stream_over)
_native.register_classes(
    {
        "Circles": Circles,
        "Detections": Detections,
        "ReaderIterator": _async_iterator.ReaderIterator,
        "Stamped": _Stamped,
        "explain_call": _call_errors.explain,
        **{name: cls for name, cls in vars(_errors).items() if isinstance(cls, type)},
    }
)


# ---- written by tools/late_names.py
_MODULES = ("demo", "fleet", "gil", "masks", "native", "numeric", "stats", "testing", "types")
_LATER = {
    "Batch": "_graph.batch",
    "Join": "_graph.join",
    "ClipRecorder": "_media.clip_recorder",
    "Look": "_media.look",
    "StaleFrameError": "_media.look",
    "Publish": "_media.publish",
    "Process": "_process.process",
    "probe": "_shortcuts.probe",
    "stream": "_shortcuts.stream",
    "Csv": "_sinks.csv",
    "JsonLines": "_sinks.json_lines",
    "Presence": "_spool.presence",
    "RefusedError": "_spool.refused",
    "Spool": "_spool.spool",
    "Annotate": "_vision.annotate",
    "Ask": "_vision.ask",
    "BoxPredictor": "_vision.box_predictor",
    "BoxTracker": "_vision.box_tracker",
    "CircleDetector": "_vision.circle_detector",
    "CircleTracker": "_vision.circle_tracker",
    "Ground": "_vision.ground",
    "LineCounter": "_vision.line_counter",
    "OnnxClassifier": "_vision.onnx_classifier",
    "OnnxDetector": "_vision.onnx_detector",
    "OnnxModel": "_vision.onnx_model",
    "ZoneCounter": "_vision.zone_counter",
}
__all__ = [
    "LATEST",
    "LOSSLESS",
    "NEXT",
    "RECORDING",
    "Annotate",
    "Ask",
    "Batch",
    "BoxPredictor",
    "BoxTracker",
    "CircleDetector",
    "CircleTracker",
    "Circles",
    "ClipRecorder",
    "Csv",
    "Detections",
    "DeviceError",
    "EndOfStreamError",
    "Frame",
    "FramesHeldError",
    "FreshframeError",
    "GraphError",
    "Ground",
    "Join",
    "JsonLines",
    "LineCounter",
    "Look",
    "MissingPackageError",
    "Node",
    "NodeError",
    "OnnxClassifier",
    "OnnxDetector",
    "OnnxModel",
    "OptionError",
    "OptionTypeError",
    "Pipeline",
    "Port",
    "Presence",
    "Process",
    "Publish",
    "Queue",
    "ReadTimeoutError",
    "Reader",
    "RefusedError",
    "Sample",
    "Source",
    "SourceError",
    "SourceTimeoutError",
    "Spool",
    "StaleFrameError",
    "StalledError",
    "StateError",
    "StopTimeoutError",
    "VideoFile",
    "ZoneCounter",
    "open",
    "probe",
    "stamped",
    "stream",
]
# ----

if not _typing.TYPE_CHECKING:
    __getattr__ = _late_names.getter(globals(), _LATER, _MODULES)


def __dir__() -> list[str]:
    """Lists all public names, including those loaded at first use."""
    return sorted({*globals(), *__all__})


_calls.explain(__all__, globals())
