"""OnnxDetector: the native node that detects objects with an ONNX model."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numbers
import os
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from .. import _check, _native
from .._errors import OptionError, OptionTypeError
from .._graph.contract import Contract
from .._graph.node import NativeNode
from .._results.detections import Detections
from .onnx_model import Provider, checked_size, load_model

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from .._native import Frame


Layout = Literal["yolov5", "yolov8", "end2end", "rtdetr", "rtdetr6", "rfdetr", "detr", "boxes", "ssd"]


class OnnxDetector(NativeNode["Frame", Detections]):
    """Detects objects in each frame with an ONNX model. Native, from decoded planes to boxes.

    The output layout is determined from the file's metadata and the names and shapes of the outputs. If that
    is ambiguous, the error lists the outputs. Supported are exports of YOLOv5, v8, v10, v11 and 26, also with
    built-in NMS, of RT-DETR, RF-DETR and DETR, and of detectors with outputs named boxes and scores. Frames
    are scaled from the decoded planes directly into the input, in the same way as the model's own tools.
    Needs ONNX Runtime (``pip install 'freshframe[onnx]'``). stop() aborts a running inference.

    One detector can serve several cameras: ``add(detector, cameras, batch=ff.Batch(8))``. On a CPU,
    ``threads`` frames of a batch run in parallel, each on one thread, sharing the weights. Other providers
    get a batch as one tensor, if the model's first axis is dynamic.

    The model that the constructor loaded is the one that runs, even if its file is replaced or removed later.
    With a batch on a CPU, add() loads the file a second time. If it has changed by then, a WARNING is logged,
    and batches run on the model loaded first, one frame after the other.

    Args:
        path: The .onnx file. Some models add a column to ``data``. Masks: ``mask``, (n,) strings of
            ``freshframe.masks.encode()`` of the whole frame. Oriented boxes: ``corners``, (n, 4, 2) float32,
            pixels, not clipped to the frame. Poses: ``keypoints``, (n, k, 3) float32, x, y and confidence, or
            (n, k, 2). For other tasks use OnnxModel.
        min_confidence: Only boxes above it are reported, 0 to 1.
        max_iou: For non-maximum suppression: of boxes of one class with a larger IoU (ProbIoU for oriented
            boxes), only the most confident one is kept, 0 to 1. Ignored for layouts without duplicates.
        agnostic_nms: Suppresses boxes of different classes, too, so that an object that the model finds under
            two classes has one box. Ignored for layouts without duplicates.
        classes: Names of the classes to report; None: all.
        threads: As for OnnxModel.
        provider: As for OnnxModel.
        provider_options: As for OnnxModel.
        layout: The output layout, if it cannot be determined from the file: "yolov5", "yolov8" (v8, v11:
            columns of centre, size and scores), "end2end" (rows of corners, confidence and class), "rtdetr",
            "rtdetr6", "rfdetr", "detr", "boxes", "ssd".
        names: Class names by class_id, if the file has none.
        size: (width, height) of the input, if it is dynamic.
        roi: (x0, y0, x1, y1) in pixels: only the columns from x0 up to, but not including, x1 and the rows
            from y0 up to y1 are scaled to the input. None: the whole frame. Boxes are in coordinates of the
            whole frame. With subsampled chroma, the region may start one pixel earlier. A frame that does not
            contain the region is an error.

    Attributes:
        min_confidence: The argument. It and ``classes`` may be set while the node runs, and apply from the
            next frame. An invalid value raises an exception and changes nothing.
        classes: The argument.
        names: Class names by class_id; None if unknown.
        layout: The output layout.
        layout_reason: How the layout was determined.
        provider: The execution provider in use: "cpu", "cuda", "openvino" or another.
        threads: Number of threads that run the model.
        size: (width, height) of the input.
        batch_size: Number of images that the model takes per run; None: any number.

    Raises:
        MissingPackageError: ONNX Runtime is not installed.
        OptionError: The file cannot be run or is not a detector (the message says why), or an option is out
            of range.
        OptionTypeError: An option is of the wrong type.
        FreshframeError: ONNX Runtime is broken or too old.

    Example:
        >>> import freshframe as ff
        >>> detector = ff.OnnxDetector(ff.demo.shapes_model(), min_confidence=0.5)
        >>> for sample in ff.stream(ff.open("demo:shapes?frames=2"), detector):
        ...     names = sample.value.class_name

    GIL: released while loading; the node never holds it.
    """

    def __init__(  # noqa: PLR0913  (a flat list of options)
        self,
        path: str | os.PathLike[str],
        *,
        min_confidence: float = 0.25,
        max_iou: float = 0.45,
        agnostic_nms: bool = False,
        classes: Sequence[str] | None = None,
        threads: int | None = None,
        provider: Provider = "auto",
        provider_options: Mapping[str, str | int] | None = None,
        layout: Layout | None = None,
        names: Sequence[str] | Mapping[int, str] | None = None,
        size: tuple[int, int] | None = None,
        roi: tuple[int, int, int, int] | None = None,
    ) -> None:
        """Loads the model with ONNX Runtime and determines its output layout."""
        self._path = _check.path("path", path)
        options = _native.OnnxDetectorOptions()
        least = options.min_confidence = _share("min_confidence", min_confidence)
        options.max_iou = _share("max_iou", max_iou)
        options.agnostic_nms = _check.flag("agnostic_nms", agnostic_nms)
        wanted = None if classes is None else tuple(checked_texts("classes", classes))
        options.classes = list(wanted or ())
        options.names = [] if names is None else checked_names(names)
        options.layout = "" if layout is None else _check.text("layout", layout)
        options.size = checked_size(size)
        options.roi = _check.region("roi", roi)
        # Not kept here: for batches the node loads the file again and drops this one.
        model = load_model(self._path, threads, provider, provider_options)
        self._provider, self._threads = model.provider, model.threads
        self._handle = _native.make_onnx_detector(model, options)
        self._known = _native.describe_onnx_detector(self._handle)
        self._min_confidence, self._classes = least, wanted  # rounded to single precision, like the engine's
        self._detecting = threading.Lock()

    def _freshframe_contract(self) -> Contract:
        return Contract(
            types=(_native.Frame, Detections),
            prepare_batches=lambda: _native.prepare_onnx_batches(self._handle),
        )

    def detect(self, frame: Frame | npt.NDArray[np.uint8]) -> Detections:
        """Detects the objects in one frame, without a pipeline.

        Args:
            frame: A Frame, or a uint8 array of shape (H, W, 3) in BGR order, or (H, W), of any strides.

        Returns:
            The boxes.

        Raises:
            StateError: This detector was added to a pipeline, or loaded in the parent of a forked process.
            OptionError: The shape is not that of an image, or the image does not contain ``roi``.
            OptionTypeError: ``frame`` is neither a Frame nor a uint8 array.
            FreshframeError: ONNX Runtime could not run the model.

        Example:
            >>> import freshframe as ff
            >>> frame = next(iter(ff.stream(ff.open("demo:shapes?frames=1")))).frame
            >>> boxes = ff.OnnxDetector(ff.demo.shapes_model()).detect(frame)

        GIL: released.
        """
        with self._detecting:
            return _native.detect_onnx(self._handle, frame)

    @property
    def min_confidence(self) -> float:
        """Only boxes above it are reported, 0 to 1. A new value applies from the next frame."""
        return self._min_confidence

    @min_confidence.setter
    def min_confidence(self, value: float) -> None:
        value = _share("min_confidence", value)
        _native.set_onnx_min_confidence(self._handle, value)
        self._min_confidence = value

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Only these classes are reported; None means all. A new value applies from the next frame."""
        return self._classes

    @classes.setter
    def classes(self, value: Sequence[str] | None) -> None:
        wanted = None if value is None else tuple(checked_texts("classes", value))
        _native.set_onnx_classes(self._handle, list(wanted or ()))
        self._classes = wanted

    @property
    def names(self) -> tuple[str, ...] | None:
        """Class names by class_id; None if unknown."""
        return tuple(self._known.names) or None

    @property
    def layout(self) -> str:
        """The output layout."""
        return self._known.layout

    @property
    def layout_reason(self) -> str:
        """How the layout was determined."""
        return self._known.layout_reason

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the input."""
        return self._known.size

    @property
    def batch_size(self) -> int | None:
        """Number of images that the model takes per run; None means any number."""
        return self._known.batch_size or None

    @property
    def provider(self) -> str:
        """The execution provider in use: "cpu", "cuda", "openvino" or another."""
        return self._provider

    @property
    def threads(self) -> int:
        """Number of threads that run the model."""
        return self._threads

    def __repr__(self) -> str:
        return (
            f"OnnxDetector({self._path!r}, layout={self.layout!r}, size={self.size}, "
            f"provider={self.provider!r}, threads={self.threads})"
        )


def _share(what: str, value: Any) -> float:
    number = _check.number(what, value)
    if not 0 <= number <= 1:
        raise OptionError(f"{what} must be 0 to 1, got {_check.show(value)}")
    return number


def checked_texts(what: str, given: Any) -> list[str]:
    """Checks and returns a list of names."""
    names = _check.items(given, f"{what} must be a list of strings")
    if any(isinstance(name, numbers.Integral) for name in names):
        raise OptionTypeError(
            f"{what} must be names such as 'person', got {_check.show(list(names))}: detector.names lists "
            "those of a model"
        )
    texts = [_check.text(f"each of {what}", text) for text in names]
    if not texts:
        raise OptionError(f"{what} must name at least one class, got none; pass None for all classes")
    return texts


def checked_names(given: Any) -> list[str]:
    """Checks and returns the option `names` as a list by class_id."""
    if not isinstance(given, Mapping):
        return checked_texts("names", given)
    numbers = [_check.integer("each key of names", number) for number in given]
    if not numbers or min(numbers) < 0 or max(numbers) >= 1 << 16:
        raise OptionError(f"names must map class ids from 0 on to strings, got {_check.show(given)}")
    texts = [str(number) for number in range(max(numbers) + 1)]
    for number in numbers:
        texts[number] = _check.text("each of names", given[number])
    return texts
