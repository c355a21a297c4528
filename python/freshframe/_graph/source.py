"""The base classes of sources, in Python and native."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .. import _native
from .._errors import StateError
from .loops import Looped
from .node import Native, Node, Out


class Source(Node[None, Out]):
    """A source written in Python: derive from it and implement read().

    Attributes:
        live: True, the default, if the source cannot wait, like a camera: a full edge then drops samples.
            False if it can, because it generates or loads its samples: a full edge then makes it wait. A live
            source that yields samples faster than their pts, of which some are dropped, logs a WARNING once.

    Example:
        >>> import numpy as np
        >>> import freshframe as ff
        >>> class Gray(ff.Source[ff.Frame]):
        ...     live = False
        ...
        ...     def read(self):
        ...         for n in range(3):
        ...             yield ff.Frame.from_array(np.full((48, 64), n, np.uint8), "gray"), n / 30
        >>> [sample.pts for sample in ff.stream(Gray())][0]
        0.0
    """

    live: bool = True

    def read(self) -> Iterator[tuple[Out, float] | tuple[Out, float, float]]:
        """Yields ``(value, pts)`` or ``(value, pts, captured)`` until the stream ends.

        ``for pts in self.stop_token.every(1 / 30)`` paces the loop. To wait otherwise, use
        ``self.stop_token.wait(seconds)`` instead of ``time.sleep(seconds)``. It returns True when the
        pipeline stops, and every() ends then.

        Yields:
            ``pts`` in the source's own time, in seconds; ``captured`` in ``time.monotonic()``, now by
            default.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method read(self)")


_MEANT = {  # method called on a source by mistake -> what to do instead
    "add": "pipeline.add() adds: port = pipeline.add(source), then pipeline.add(node, port)",
    **dict.fromkeys(
        ("isOpened", "grab", "retrieve", "release"),
        "`for sample in source:` opens it, reads it and closes it",
    ),
}


class NativeSource(Native, Looped[Out], Source[Out]):
    """A source that the engine runs on a native thread without the GIL."""

    _handle: _native.NodeHandle
    _meant = _MEANT

    def read(self) -> Iterator[Any]:
        """Must not be called: the engine runs this source natively.

        Raises:
            StateError: Always.
        """
        raise StateError(
            f"{type(self).__name__} is native, and the engine reads it: write "
            "`for sample in source:`, where sample.frame.bgr contains the pixels"
        )
