"""A second model for each object: its class, as columns of the same boxes."""
# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Literal

from .. import _check, _native
from .._errors import OptionError
from .._graph.contract import Contract
from .._graph.node import NativeNode
from .._results.detections import Detections
from .onnx_detector import checked_names, checked_texts
from .onnx_model import Provider, checked_size, load_model


class OnnxClassifier(NativeNode[Detections, Detections]):
    """Classifies each object by its crop of the frame, with a second model in an ONNX file. Native.

    Crops are cut from the decoded planes and scaled in one pass, and run in batches of up to 32 where the
    file takes any number. The result is the same boxes with two more columns in ``data``: the name of the
    class as text ("": not looked at), and ``COLUMN_confidence``, its probability as float32 (NaN: not looked
    at; 0: looked at, but the model gave NaN). With a `when` other than "each" there is also ``COLUMN_pts``,
    the time of the picture that was looked at, as float64. ``Annotate(labels="{class_name} {kind}")`` draws
    them. It computes on one thread of the pipeline: while it is busy, its LATEST edge drops whole samples,
    and those above it go on. A class of ``classes`` that the detector does not have is an error.

    Args:
        path: The .onnx file, with one output of a number per class: probabilities, or logits, which get a
            softmax.
        column: The name of the column.
        classes: Only boxes of these, by name; None means all.
        padding: Added at each side of a box, as a share of its width or height, 0 to 10.
        when: "each": in each sample. "growing": once per track, and again when the view is twice as good as
            the best one so far, at most six times. "best": at the best view of a track. A copy of it is kept
            until half a second has passed without a better one; again as for "growing". A view is as good as
            its area times its confidence, a quarter of it where the picture's edge cuts it off or a box that
            stands farther below covers a fifth of it. The result stays with the track.
        names: As of OnnxDetector: of the classes, if the file lists none. Without any, numbers are the
            names.
        center_crop: True: the middle of a crop in the input's aspect ratio, as Ultralytics' classifiers are
            trained. False means all of it, stretched to the input. None means by the file's metadata.
        antialias: How a crop larger than the input is scaled. True means all of its pixels count, as in
            Pillow's ``resize(..., Resampling.BILINEAR)`` and so in torchvision and Ultralytics' classifiers.
            False means the pixels beside the centre of each pixel of the input, as in ``cv2.resize``. None
            means by the file's metadata.
        threads: As of OnnxDetector.
        provider: As of OnnxDetector.
        size: As of OnnxDetector.

    Raises:
        MissingPackageError: There is no ONNX Runtime.
        OptionError: The file cannot be run or is no classifier, or an option is out of range.
        OptionTypeError: An option is of the wrong type.

    GIL: released while loading; the node never holds it.
    """

    def _freshframe_contract(self) -> Contract:
        return Contract(types=(Detections, Detections))

    def __init__(  # noqa: PLR0913  (a flat list of options)
        self,
        path: str | os.PathLike[str],
        *,
        column: str = "kind",
        classes: Sequence[str] | None = None,
        padding: float = 0.0,
        when: Literal["each", "growing", "best"] = "each",
        names: Sequence[str] | Mapping[int, str] | None = None,
        center_crop: bool | None = None,
        antialias: bool | None = None,
        threads: int | None = None,
        provider: Provider = "auto",
        size: tuple[int, int] | None = None,
    ) -> None:
        """Loads the file with ONNX Runtime and runs it once."""
        if _check.text("when", when) not in ("each", "growing", "best"):
            raise OptionError(f"when must be 'each', 'growing' or 'best', got {_check.show(when)}")
        options = _native.OnnxClassifierOptions()
        options.column = _check.text("column", column)
        options.names = [] if names is None else checked_names(names)
        options.size = checked_size(size)
        options.center_crop = None if center_crop is None else _check.flag("center_crop", center_crop)
        options.antialias = None if antialias is None else _check.flag("antialias", antialias)
        wanted = [] if classes is None else checked_texts("classes", classes)
        options.set_crops(wanted, _check.number("padding", padding), when)
        self._path = _check.path("path", path)
        model = load_model(self._path, threads, provider)
        self._handle = _native.make_onnx_classifier(model, options)
