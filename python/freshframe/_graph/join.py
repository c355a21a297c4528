"""Join: matches samples of several parents."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from .. import _check, _native

JoinBy = Literal["captured", "pts", "seq", "utc"]


@dataclass(frozen=True, slots=True)
class Join:
    """Matches samples of several parents: ``pipeline.add(fuse, [left, right], join=Join(within=0.008))``.

    The node is called with sets of one sample per parent. A function ``fuse(left, right)`` gets the values; a
    Node gets a Sample whose ``value`` is a tuple of them and whose ``members`` are the samples. The first
    parent is the reference: the set and the result have its ``seq``, ``pts``, ``captured`` and ``frame``, and
    there is no set without it.

    A set is made as soon as its last member arrives, and each sample is in at most one set. No camera delays
    the others for long: a sample without partners is dropped after ``max_wait`` as ``unmatched``, or as
    ``late`` if it arrives after its set was delivered or dropped. ``stats().nodes[name].join`` counts them.

    Args:
        within: Maximum difference between the earliest and the latest time of a set, in seconds. Choose less
            than half the interval of the fastest parent. Must not be given with ``by="seq"``, which compares
            for equality.
        max_wait: How long a sample waits for the others after it arrives, in seconds. Required with live
            sources, whose default queue then holds 60 samples per second of it, at least 32 and at most 128.
            With files, None means no limit, so that results do not depend on the speed of the machine.
        by: The time to compare: ``sample.captured``, ``sample.pts``, ``sample.seq`` or the wall time
            ``sample.utc``. None means "seq" if all samples come from one source, "pts" if all sources are
            files, otherwise "captured". With "utc" a sample is dropped as ``no_clock`` if its time is not
            from the clock of a camera or device, or is less accurate than ``within``.
        partial: When a set times out, deliver it with None for missing samples, provided the reference is
            there. Other parents that are silent or have ended are then not waited for. While the reference,
            the first parent, is silent, nothing is delivered.

    Raises:
        OptionError: A value is out of range.
        OptionTypeError: A value has the wrong type.

    Example:
        >>> import freshframe as ff
        >>> def brighter(left, right):
        ...     return "left" if left.luma.mean() > right.luma.mean() else "right"
        >>> pipeline = ff.Pipeline()
        >>> left = pipeline.add(ff.open("demo:circles?frames=9"), name="left")
        >>> right = pipeline.add(ff.open("demo:circles?frames=9&seed=2"), name="right")
        >>> winner = pipeline.add(brighter, [left, right], join=ff.Join(within=0.01, max_wait=0.1))
    """

    within: float | None = None
    max_wait: float | None = field(default=None, kw_only=True)
    by: JoinBy | None = field(default=None, kw_only=True)
    partial: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        self._policy()

    def _policy(self) -> _native.JoinPolicy:
        """Converts the options for the engine, which checks their values."""
        return _native.JoinPolicy(
            None if self.within is None else _check.number("within of a join", self.within),
            None if self.max_wait is None else _check.number("max_wait of a join", self.max_wait),
            None if self.by is None else _check.text("by of a join", self.by),
            _check.flag("partial of a join", self.partial),
        )
