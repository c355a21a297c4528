"""OnnxClassifier: classifies each detected object with a second model."""
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
    """Classifies each object with a second ONNX model that gets its crop of the frame. Native.

    Crops are cut from the decoded planes and scaled in one pass, and run in batches of up to 32 if the
    model's batch size is dynamic. The result is the same boxes with two more columns in ``data``: ``COLUMN``,
    the class name as str ("": not classified), and ``COLUMN_confidence``, its probability as float32 (NaN:
    not classified; 0: the model returned NaN). With a `when` other than "each" there is also ``COLUMN_pts``,
    the pts of the frame that was classified, as float64. ``Annotate(labels="{class_name} {kind}")`` draws
    them. It runs on one thread of the pipeline: while it is busy, its LATEST edge drops whole samples without
    delaying the nodes upstream. A name in ``classes`` that the detector does not have is an error.

    Args:
        path: The .onnx file, with one output that has a number per class: probabilities, or logits, to which
            softmax is applied.
        column: The name of the column.
        classes: Names of the classes to classify; None: all.
        padding: Margin added on each side of a box, as a fraction of its width or height, 0 to 10.
        when: "each": in each sample. "growing": once per track, and again when the view is twice as good as
            the best one so far, at most six times. "best": when there was no better view of the track for
            half a second, from a copy of the best one; repeated as for "growing". The quality of a view is
            its area times its confidence, divided by four if the frame's edge cuts it off or a box with a
            lower bottom edge covers a fifth of it. The result stays with the track.
        names: Class names, if the file has none; as for OnnxDetector. By default, numbers.
        center_crop: True: use the middle of a crop in the input's aspect ratio, as Ultralytics' classifiers
            are trained. False: stretch all of it to the input. None: by the file's metadata.
        antialias: How a crop larger than the input is scaled. True: with all of its pixels, as in Pillow's
            ``resize(..., Resampling.BILINEAR)`` and so in torchvision and Ultralytics' classifiers. False: by
            bilinear interpolation between neighbours, as in ``cv2.resize``. None: by the file's metadata.
        threads: As for OnnxDetector.
        provider: As for OnnxDetector.
        provider_options: As for OnnxDetector.
        size: As for OnnxDetector.

    Raises:
        MissingPackageError: ONNX Runtime is not installed.
        OptionError: The file cannot be run or is not a classifier, or an option is out of range.
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
        provider_options: Mapping[str, str | int] | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        """Loads the model with ONNX Runtime and runs it once."""
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
        model = load_model(self._path, threads, provider, provider_options)
        self._handle = _native.make_onnx_classifier(model, options)
