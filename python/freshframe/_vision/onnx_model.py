"""OnnxModel: runs any ONNX model, as a native node or by calls."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numbers
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from .. import _check, _native
from .._errors import OptionError, OptionTypeError
from .._graph.node import NativeNode
from .._interpreter import fork, log
from .tensor_info import TensorInfo

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from .._native import Frame  # noqa: F401  (in strings)


# Any name that ONNX Runtime lists is accepted; the usual ones are spelled out for editors.
Provider = Literal["auto", "cpu", "cuda", "tensorrt", "openvino", "coreml", "qnn", "xnnpack"] | str


_CHOSEN_NATIVELY = 0  # threads: chosen by the engine from the cores available to this process


class OnnxModel(NativeNode["Frame", Mapping[str, Any]]):
    """Runs any ONNX model and returns its outputs as arrays.

    Call run() with arrays, or add() it to a pipeline as a native node that takes frames and emits dicts of
    read-only arrays by output name, to be decoded by a node downstream. The node letterboxes each frame: it
    keeps the aspect ratio and fills the rest of the input with grey. Pixels are RGB in 0 to 1.
    boxes_in_frame() converts boxes back. Runs with ONNX Runtime (``pip install 'freshframe[onnx]'``), without
    the GIL.

    Args:
        path: The .onnx file.
        threads: Number of threads that run the model; None: one per core available to the process, at most 4.
        provider: "auto" takes the first of "cuda", "openvino" and "cpu" that the installed ONNX Runtime has
            and that works. Otherwise the name of one of its execution providers: "tensorrt", "coreml", "qnn"
            or another one that ``freshframe doctor`` lists. The attribute ``provider`` is the one in use. It
            is an error if the provider runs no part of the model (known from ONNX Runtime 1.24 on), and a
            WARNING if it runs less than half of it.
        provider_options: Options of that provider, by ONNX Runtime's names: ``{"device_type": "GPU"}`` for
            "openvino", ``{"device_id": 1}`` for "cuda". Integers and bools become strings.
        size: (width, height) of the input, if it is dynamic.

    Attributes:
        inputs: Name, type and shape of each input.
        outputs: Name, type and shape of each output.
        metadata: The file's metadata as strings by name.
        provider: The execution provider in use: "cpu", "cuda", "openvino" or another.
        threads: Number of threads that run the model.

    Raises:
        MissingPackageError: ONNX Runtime is not installed.
        OptionError: The file cannot be run (the message says why), or an option is out of range.
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
        provider_options: Mapping[str, str | int] | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        """Loads the model with ONNX Runtime."""
        self._path = _check.path("path", path)
        self._size = checked_size(size)
        self._model = load_model(self._path, threads, provider, provider_options)

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
        """The file's metadata as strings by name."""
        return dict(self._model.metadata)

    @property
    def provider(self) -> str:
        """The execution provider in use: "cpu", "cuda", "openvino" or another."""
        return self._model.provider

    @property
    def threads(self) -> int:
        """Number of threads that run the model."""
        return self._model.threads

    def run(self, inputs: Mapping[str, npt.ArrayLike] | npt.ArrayLike) -> dict[str, npt.NDArray[Any]]:
        """Runs the model on arrays. Thread-safe; calls may run in parallel.

        Args:
            inputs: Arrays by input name, or one array for a model with one input. They are converted to the
                inputs' types and must have their shapes.

        Returns:
            Arrays by output name.

        Raises:
            OptionError: An input is missing, unknown or has the wrong shape.
            OptionTypeError: An input is not an array of numbers.
            FreshframeError: ONNX Runtime could not run the model; the message says why.
            StateError: This is a forked child of the process that loaded the model.
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
        """Converts boxes from the model's input coordinates to those of a frame, and clips them to the frame.

        Args:
            xyxy: (n, 4), in pixels of the input.
            size: Width and height of the frame in pixels.

        Raises:
            OptionError: The shape is wrong, or the model's input is not an image.
            OptionTypeError: An argument is of the wrong type.
        """
        with fork.explaining(), fork.loading():
            import numpy as np  # noqa: PLC0415

        boxes = _numbers("xyxy", xyxy)
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise OptionError(f"xyxy must have the shape (n, 4), got {boxes.shape}")
        sides = _check.size("size", size)
        scale_x, scale_y, left, top = self._model.placement(*sides, self._size)
        moved = (boxes - [left, top, left, top]) / [scale_x, scale_y, scale_x, scale_y]
        kept: npt.NDArray[np.float32] = np.clip(moved, 0, [*sides, *sides]).astype(np.float32)
        return kept

    def __repr__(self) -> str:
        return f"OnnxModel({self._path!r}, provider={self.provider!r}, threads={self.threads})"


def load_model(path: str, threads: Any, provider: Any, provider_options: Any) -> _native.OnnxModel:
    """Loads a model with the options that all nodes with an ONNX model have."""
    with fork.explaining(), fork.loading():
        from . import onnx_runtime  # noqa: PLC0415

    count = _CHOSEN_NATIVELY if threads is None else _check.integer("threads", threads)
    if threads is not None and count < 1:
        raise OptionError(f"threads must be 1 to 256 or None, got {_check.show(threads)}")
    wanted = _check.text("provider", provider)
    options = _provider_options(provider_options)
    try:
        return _native.load_onnx(onnx_runtime.prepare(), path, count, wanted, options)
    finally:
        log.drain()  # only a pipeline starts the thread that does this


def _provider_options(given: Any) -> dict[str, str]:
    wanted = "provider_options must be a mapping from strings to strings or integers"
    if given is None:
        return {}
    kinds = (str, numbers.Integral)
    if not isinstance(given, Mapping) or not all(isinstance(value, kinds) for value in given.values()):
        raise OptionTypeError(f"{wanted}, got {_check.show(given)}")
    return {
        _check.text("each name of provider_options", name): _check.text("provider_options", str(value))
        for name, value in given.items()
    }


def checked_size(size: Any) -> tuple[int, int] | None:
    """Checks and returns the option `size`."""
    return None if size is None else _check.size("size", size)


def _numbers(what: str, given: Any) -> npt.NDArray[Any]:
    with fork.explaining(), fork.loading():
        import numpy as np  # noqa: PLC0415

    try:
        array = np.asarray(given)
    except (TypeError, ValueError) as error:
        raise OptionTypeError(f"{what} must be an array of numbers: {error}") from None
    if array.dtype.kind not in "biuf":
        raise OptionTypeError(f"{what} must be an array of numbers, got {_check.show(given)}")
    return array


def _array(tensor: TensorInfo, given: Any) -> npt.NDArray[Any]:
    with fork.explaining(), fork.loading():
        import numpy as np  # noqa: PLC0415

    if tensor.dtype == "other":
        raise OptionError(
            f"the input {tensor.name!r} has elements of a type that NumPy does not have, such as strings: "
            "export the model with numeric inputs"
        )
    array = _numbers(f"the input {tensor.name!r}", given)
    fits = array.ndim == len(tensor.shape) and all(
        not isinstance(want, int) or want == found
        for want, found in zip(tensor.shape, array.shape, strict=False)
    )
    if not fits:
        raise OptionError(f"the input {tensor} cannot take an array of shape {array.shape}")
    return np.ascontiguousarray(array, tensor.dtype).reshape(array.shape)
