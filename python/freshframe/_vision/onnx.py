"""ONNX models: a detector of boxes as a native node, and the raw outputs of any model."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .. import _check, _native
from .._errors import OptionError, OptionTypeError
from .._graph.nodes import NativeNode
from .._interpreter import fork
from .._results.results import Detections

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from .._native import Frame

Provider = Literal["auto", "cpu", "cuda", "openvino"]
Layout = Literal["yolov5", "yolov8", "end2end", "rtdetr", "rtdetr6", "rfdetr", "detr", "boxes", "ssd"]


_CHOSEN_NATIVELY = 0  # threads: by the processors that this process may use


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """An input or output of a model.

    Attributes:
        name: In the file.
        dtype: NumPy's name of its number type; "other" if NumPy has none.
        shape: A number per axis; its name, or None, where the file leaves it open.
    """

    name: str
    dtype: str
    shape: tuple[int | str | None, ...]

    def __str__(self) -> str:
        """The form for messages."""
        return f"{self.name} {self.dtype} [{', '.join('?' if n is None else str(n) for n in self.shape)}]"


class OnnxModel(NativeNode["Frame", Mapping[str, Any]]):
    """A neural network of any kind in an ONNX file: its outputs as arrays.

    Call run() with arrays, or add() it to a pipeline as a native node of frames, whose values are dicts of
    read-only arrays by name: a node below it decodes them. The node scales a picture into the model's
    input with its aspect ratio and fills the rest with grey. Levels are 0 to 1, red first. boxes_in_frame()
    converts back. Computes with ONNX Runtime (``pip install 'freshframe[onnx]'``), without the GIL.

    Args:
        path: The .onnx file.
        threads: Number of threads that compute a picture; None means as many as the process may use cores, at
            most 4.
        provider: "auto" chooses the first of "cuda", "openvino" and "cpu" that the installed ONNX Runtime has
            and that works; the attribute ``provider`` has the choice.
        size: (width, height) of the input if the file leaves it open.

    Attributes:
        inputs: Name, type and shape of each input.
        outputs: Name, type and shape of each output.
        metadata: The file's metadata, strings by name.
        provider: The provider that computes: "cpu", "cuda" or "openvino".
        threads: Number of threads that compute a picture.

    Raises:
        MissingPackageError: There is no ONNX Runtime.
        OptionError: The file cannot be run (the message names the reason), or an option is out of range.
        OptionTypeError: An option is of the wrong type.
        FreshframeError: ONNX Runtime is broken or too old.

    Example:
        >>> import freshframe as ff
        >>> model = ff.OnnxModel(ff.demo.shapes_model())
        >>> [tensor.shape for tensor in model.inputs]
        [(1, 3, 160, 160)]

    GIL: released while loading; the node never holds it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        threads: int | None = None,
        provider: Provider = "auto",
        size: tuple[int, int] | None = None,
    ) -> None:
        """Loads the file with ONNX Runtime."""
        self._path = _check.path("path", path)
        self._size = _size(size)
        self._model = _load(self._path, threads, provider)

    @property
    def _handle(self) -> _native.NodeHandle:  # type: ignore[override]
        return self._model.node(self._size)

    @property
    def inputs(self) -> tuple[TensorInfo, ...]:
        """Name, type and shape of each input."""
        return tuple(TensorInfo(*given) for given in self._model.inputs)

    @property
    def outputs(self) -> tuple[TensorInfo, ...]:
        """Name, type and shape of each output."""
        return tuple(TensorInfo(*given) for given in self._model.outputs)

    @property
    def metadata(self) -> dict[str, str]:
        """The file's metadata, strings by name."""
        return dict(self._model.metadata)

    @property
    def provider(self) -> str:
        """The provider that computes: "cpu", "cuda" or "openvino"."""
        return self._model.provider

    @property
    def threads(self) -> int:
        """Number of threads that compute a picture."""
        return self._model.threads

    def run(self, inputs: Mapping[str, npt.ArrayLike] | npt.ArrayLike) -> dict[str, npt.NDArray[Any]]:
        """The outputs for some inputs. Several threads may call it at once.

        Args:
            inputs: An array per input by name, or one array for a model of one input. They are converted to
                the inputs' types and must have their shapes.

        Returns:
            An array per output by name.

        Raises:
            OptionError: An input is missing, unknown or of another shape.
            OptionTypeError: An input is not an array of numbers.
            FreshframeError: ONNX Runtime could not compute it; the message names the reason.
            StateError: In a forked child of the process that loaded the model.
        GIL: released.
        """
        wanted = self.inputs
        given = inputs if isinstance(inputs, Mapping) else {wanted[0].name: inputs}
        names = [tensor.name for tensor in wanted]
        if set(given) != set(names):
            shown = "; ".join(map(str, wanted))
            found = ", ".join(map(repr, given))
            raise OptionError(f"run() needs an array for each input ({shown}), got {found or 'none'}")
        arrays = [_array(tensor, given[tensor.name]) for tensor in wanted]
        return dict(zip((tensor.name for tensor in self.outputs), self._model.run(arrays), strict=True))

    def boxes_in_frame(self, xyxy: npt.ArrayLike, size: tuple[int, int]) -> npt.NDArray[np.float32]:
        """Converts boxes from the input's coordinates to a frame's, and clips them to the frame.

        Args:
            xyxy: (n, 4), in pixels of the input.
            size: Width and height of the frame that the node was given, pixels.

        Raises:
            OptionError: The shape is wrong, or the model takes no pictures.
            OptionTypeError: An argument is of the wrong type.
        """
        with fork.loading():
            import numpy as np  # noqa: PLC0415

        boxes = _numbers("xyxy", xyxy)
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise OptionError(f"xyxy must have the shape (n, 4), got {boxes.shape}")
        sides = _side_lengths(size)
        scale_x, scale_y, left, top = self._model.placement(*sides, self._size)
        moved = (boxes - [left, top, left, top]) / [scale_x, scale_y, scale_x, scale_y]
        kept: npt.NDArray[np.float32] = np.clip(moved, 0, [*sides, *sides]).astype(np.float32)
        return kept

    def __repr__(self) -> str:
        """File and provider."""
        return f"OnnxModel({self._path!r}, provider={self.provider!r}, threads={self.threads})"


class OnnxDetector(NativeNode["Frame", Detections]):
    """Finds objects in each frame with a neural network in an ONNX file. Native, from planes to boxes.

    The layout of the outputs follows from the file's metadata, the outputs' names and their shapes. If these
    leave it open, the error shows the outputs. Known are exports of YOLOv5, v8, v10, v11 and 26, also with
    NMS inside, of RT-DETR, RF-DETR and DETR, and of detectors with outputs named boxes and scores. A picture
    is scaled from its decoded planes straight into the input, as the model's own tools do it. Computes with
    ONNX Runtime (``pip install 'freshframe[onnx]'``). A stop ends a running computation.

    One detector may serve several cameras: ``add(detector, cameras, batch=ff.Batch(8))``. On a CPU
    ``threads`` pictures of a batch are computed at once, each by one thread, with the weights in memory
    once. Other providers get a batch as one tensor, if the file leaves its first axis open.

    Args:
        path: The .onnx file. Some models give a column of ``data``. Masks: ``mask``, (n,) texts of
            ``freshframe.masks.encode()`` of the whole picture. Turned boxes: ``corners``, (n, 4, 2) float32,
            pixels, not cut off at the picture's edge. Poses: ``keypoints``, (n, k, 3) float32, x, y and
            confidence, or (n, k, 2). Models for other tasks are refused: OnnxModel runs them.
        min_confidence: Only boxes above it are reported, 0 to 1.
        max_iou: Of boxes of one class that overlap more (intersection over union), only the most confident
            one stays, 0 to 1. Layouts without duplicates ignore it. For turned boxes it is ProbIoU.
        classes: Only these classes, by name; None means all.
        threads: As of OnnxModel.
        provider: As of OnnxModel.
        layout: The layout of the outputs, where the file does not show it: "yolov5", "yolov8" (v8, v11:
            columns of centre, size and scores), "end2end" (rows of corners, confidence and class),
            "rtdetr", "rtdetr6", "rfdetr", "detr", "boxes", "ssd".
        names: Names of the classes by class_id, if the file lists none.
        size: (width, height) of the input if the file leaves it open.
        roi: (x0, y0, x1, y1) in pixels: only the columns from x0 up to, but not including, x1 and the rows
            from y0 up to y1 are scaled to the input. None means the whole picture. The boxes have the
            coordinates of the whole picture. Where two columns or rows of a picture share their chroma, the
            part begins up to one pixel before. A picture that does not contain it fails.

    Attributes:
        min_confidence: As above. It and ``classes`` may be set while the node works: the next picture has the
            new value. An impossible value raises and changes nothing.
        classes: As above.
        names: Names of the classes; None when they are not known.
        layout: The layout of the outputs.
        layout_reason: The reason for the layout.
        provider: The provider that computes: "cpu", "cuda" or "openvino".
        threads: Number of threads that compute a picture.
        size: (width, height) of the input.
        batch_size: How many pictures the file takes in one run; None means any number.

    Raises:
        MissingPackageError: There is no ONNX Runtime.
        OptionError: The file cannot be run or is no detector (the message names the reason), or an option is
            out of range.
        OptionTypeError: An option is of the wrong type.
        FreshframeError: ONNX Runtime is broken or too old.

    Example:
        >>> import freshframe as ff
        >>> detector = ff.OnnxDetector(ff.demo.shapes_model(), min_confidence=0.5)
        >>> for sample in ff.stream(ff.open("demo:shapes?frames=2"), detector):
        ...     names = sample.value.class_name

    GIL: released while loading; the node never holds it.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        min_confidence: float = 0.25,
        max_iou: float = 0.45,
        classes: Sequence[str] | None = None,
        threads: int | None = None,
        provider: Provider = "auto",
        layout: Layout | None = None,
        names: Sequence[str] | Mapping[int, str] | None = None,
        size: tuple[int, int] | None = None,
        roi: tuple[int, int, int, int] | None = None,
    ) -> None:
        """Loads the file with ONNX Runtime and finds out its layout."""
        self._path = _check.path("path", path)
        options = _native.OnnxDetectorOptions()
        least = options.min_confidence = _share("min_confidence", min_confidence)
        options.max_iou = _share("max_iou", max_iou)
        wanted = None if classes is None else tuple(_texts("classes", classes))
        options.classes = list(wanted or ())
        options.names = [] if names is None else _names(names)
        options.layout = "" if layout is None else _check.text("layout", layout)
        options.size = _size(size)
        options.roi = _check.region("roi", roi)
        # Not kept: with a batch the node loads the file again and drops this one.
        model = _load(self._path, threads, provider)
        self._provider, self._threads = model.provider, model.threads
        self._handle = _native.make_onnx_detector(model, options)
        self._known = _native.describe_onnx_detector(self._handle)
        self._min_confidence, self._classes = least, wanted  # the engine has it in single precision
        self._detecting = threading.Lock()

    def detect(self, frame: Frame | npt.NDArray[np.uint8]) -> Detections:
        """Finds the objects of one picture, for programs without a pipeline.

        Args:
            frame: A Frame, or a uint8 array of shape (H, W, 3) in BGR order, or (H, W), of any strides.

        Returns:
            The boxes, as of the node.

        Raises:
            StateError: This detector was added to a pipeline, or loaded in the parent of a forked process.
            OptionError: The shape is not a picture's, or the picture does not contain ``roi``.
            OptionTypeError: Neither a Frame nor a uint8 array.
            FreshframeError: ONNX Runtime could not compute it.

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
        """Only boxes above it are reported, 0 to 1. A new value holds from the next picture on."""
        return self._min_confidence

    @min_confidence.setter
    def min_confidence(self, value: float) -> None:
        value = _share("min_confidence", value)
        _native.set_onnx_min_confidence(self._handle, value)
        self._min_confidence = value

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Only these classes are reported; None means all. A new value holds from the next picture on."""
        return self._classes

    @classes.setter
    def classes(self, value: Sequence[str] | None) -> None:
        wanted = None if value is None else tuple(_texts("classes", value))
        _native.set_onnx_classes(self._handle, list(wanted or ()))
        self._classes = wanted

    @property
    def names(self) -> tuple[str, ...] | None:
        """Names of the classes by class_id; None when they are not known."""
        return tuple(self._known.names) or None

    @property
    def layout(self) -> str:
        """The layout of the outputs."""
        return self._known.layout

    @property
    def layout_reason(self) -> str:
        """The reason for the layout."""
        return self._known.layout_reason

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the input."""
        return self._known.size

    @property
    def batch_size(self) -> int | None:
        """How many pictures the file takes in one run; None means any number."""
        return self._known.batch_size or None

    @property
    def provider(self) -> str:
        """The provider that computes: "cpu", "cuda" or "openvino"."""
        return self._provider

    @property
    def threads(self) -> int:
        """Number of threads that compute a picture."""
        return self._threads

    def __repr__(self) -> str:
        """File, layout and provider."""
        return (
            f"OnnxDetector({self._path!r}, layout={self.layout!r}, size={self.size}, "
            f"provider={self.provider!r}, threads={self.threads})"
        )


def _load(path: str, threads: Any, provider: Any) -> _native.OnnxModel:
    with fork.loading():
        from . import onnx_runtime  # noqa: PLC0415

    count = _CHOSEN_NATIVELY if threads is None else _check.integer("threads", threads)
    if threads is not None and count < 1:
        raise OptionError(f"threads must be 1 to 256 or None, got {_check.shown(threads)}")
    wanted = _check.text("provider", provider)
    return _native.load_onnx(onnx_runtime.prepare(), path, count, wanted)


def _size(size: Any) -> tuple[int, int] | None:
    return None if size is None else _side_lengths(size)


def _side_lengths(size: Any) -> tuple[int, int]:
    if isinstance(size, str) or not hasattr(size, "__len__") or len(size) != 2:
        raise OptionTypeError(f"size must be (width, height) in pixels, got {_check.shown(size)}")
    width, height = (_check.integer(f"size {size!r}", side) for side in size)
    if width < 1 or height < 1:
        raise OptionError(f"size must be (width, height), each at least 1, got {_check.shown(size)}")
    return width, height


def _share(what: str, value: Any) -> float:
    number = _check.number(what, value)
    if not 0 <= number <= 1:
        raise OptionError(f"{what} must be 0 to 1, got {_check.shown(value)}")
    return number


def _texts(what: str, given: Any) -> list[str]:
    if isinstance(given, str) or not hasattr(given, "__iter__"):
        raise OptionTypeError(f"{what} must be a list of strings, got {_check.shown(given)}")
    texts = [_check.text(f"each of {what}", text) for text in given]
    if not texts:
        raise OptionError(f"{what} must name at least one class, got none; None takes all")
    return texts


def _names(given: Any) -> list[str]:
    if not isinstance(given, Mapping):
        return _texts("names", given)
    numbers = [_check.integer("each key of names", number) for number in given]
    if not numbers or min(numbers) < 0 or max(numbers) >= 1 << 16:
        raise OptionError(f"names must map class ids from 0 on to strings, got {_check.shown(given)}")
    texts = [str(number) for number in range(max(numbers) + 1)]
    for number in numbers:
        texts[number] = _check.text("each of names", given[number])
    return texts


def _numbers(what: str, given: Any) -> npt.NDArray[Any]:
    with fork.loading():
        import numpy as np  # noqa: PLC0415

    try:
        array = np.asarray(given)
    except (TypeError, ValueError) as error:
        raise OptionTypeError(f"{what} must be an array of numbers: {error}") from None
    if array.dtype.kind not in "biuf":
        raise OptionTypeError(f"{what} must be an array of numbers, got {_check.shown(given)}")
    return array


def _array(tensor: TensorInfo, given: Any) -> npt.NDArray[Any]:
    with fork.loading():
        import numpy as np  # noqa: PLC0415

    if tensor.dtype == "other":
        raise OptionError(f"the input {tensor} cannot take an array of numbers")
    array = _numbers(f"the input {tensor.name!r}", given)
    fits = array.ndim == len(tensor.shape) and all(
        not isinstance(want, int) or want == found
        for want, found in zip(tensor.shape, array.shape, strict=False)
    )
    if not fits:
        raise OptionError(f"the input {tensor} cannot take an array of the shape {array.shape}")
    return np.ascontiguousarray(array, tensor.dtype).reshape(array.shape)
