"""Results that belong to an earlier sample than the current one."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from .. import _check, _native
from .._errors import OptionError, OptionTypeError

if TYPE_CHECKING:
    from .._native import Frame, Sample, Stamp

T = TypeVar("T")


class Stamped:
    """The result of stamped(), which the engine unwraps."""

    __slots__ = ("frame", "like", "value")

    def __init__(self, value: Any, like: Sample[Any] | Stamp, frame: Frame | None) -> None:
        self.value = value
        self.like = like
        self.frame = frame

    def __repr__(self) -> str:
        return f"stamped({self.value!r}, like={self.like!r})"


def stamped(value: T, *, like: Sample[Any] | Stamp, frame: Frame | None = None) -> T:
    """Returns a result with the stamp of an earlier sample, for a node to yield or return.

    The children get the value with that sample's ``seq``, ``pts``, ``captured`` and ``source``. Within a
    source ``seq`` must not decrease: a node that delays results must delay all of them. In on_tick() and
    finish(), this adds the result to that sample's stream instead of the node's own.

    Args:
        value: The result. Type checkers see the type of the value, since that is what the children receive.
            None stays None, and nothing is emitted.
        like: A sample that this node received, or its ``sample.stamp``, which does not keep the frame alive.
        frame: The frame that the children get with the value. Default: the sample's frame; none for a stamp.

    Raises:
        OptionError: ``value`` is a frame, and ``frame`` is given.
        OptionTypeError: ``like`` is neither a Sample nor a Stamp, ``frame`` is not a Frame, or ``value``
            already is a result of stamped().

    Example:
        >>> import freshframe as ff
        >>> class Later(ff.Node[float, float]):
        ...     def open(self):
        ...         self.before = None
        ...
        ...     def process(self, sample, /):
        ...         if self.before is not None:
        ...             yield ff.stamped(self.before.value, like=self.before)
        ...         self.before = sample
        >>> [sample.seq for sample in ff.testing.run_node(Later(), [1.0, 2.0, 3.0])]
        [0, 1]
    """
    if not isinstance(like, _native.Sample | _native.Stamp):
        raise OptionTypeError(f"like must be a Sample or its stamp, got {_check.show(like)}")
    if frame is not None and not isinstance(frame, _native.Frame):
        raise OptionTypeError(f"frame must be a Frame or None, got {_check.show(frame)}")
    if frame is not None and isinstance(value, _native.Frame):
        raise OptionError("the value is a frame: leave frame= out")
    if isinstance(value, Stamped):
        raise OptionTypeError(
            "the value already has a stamp: call stamped() only once for each result, got "
            f"{_check.show(value)}"
        )
    return value if value is None else cast("T", Stamped(value, like, frame))
