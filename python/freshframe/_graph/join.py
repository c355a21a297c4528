"""The samples of several parents that belong together."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from .. import _check, _native

JoinBy = Literal["captured", "pts", "seq", "utc"]


@dataclass(frozen=True, slots=True)
class Join:
    """A set of samples, one of each parent: ``pipeline.add(fuse, [left, right], join=Join(within=0.008))``.

    The node is called with sets: a function ``fuse(left, right)`` gets the values, and a Node gets a Sample
    whose ``value`` is their tuple and whose ``members`` are the samples. The first parent is the reference.
    The set has its ``seq``, ``pts``, ``captured`` and ``frame``, and so has the result. No set is without it.

    A set is made as soon as its last member arrives, and each sample is in at most one. No camera holds up
    the others: a sample that finds no partners within ``max_wait`` is dropped as ``unmatched``, or as
    ``late`` if its set was given up before it came. ``stats().nodes[name].join`` counts them.

    Args:
        within: Seconds between the earliest and the latest time of a set, at most. Choose less than half the
            interval of the fastest parent. Not given with ``by="seq"``, which wants equal numbers.
        max_wait: Seconds that a sample waits for the others after it has arrived. Live sources need it. The
            default queue below them holds 60 samples for each second, at least 32 and at most 128. Below
            files None waits without limit, so that results do not depend on the speed of the machine.
        by: The time that is compared: ``sample.captured``, ``sample.pts``, the number ``sample.seq``, or the
            wall time ``sample.utc``. None means "seq" if all samples come from one source, "pts" below files
            only, else "captured". With "utc" a sample is dropped as ``no_clock`` whose time is of no camera's
            and no device's clock, or is known less exactly than ``within``.
        partial: A set whose time is over is delivered with None for what is missing, if the reference is
            there. A parent that is silent or has ended is then not waited for.

    Raises:
        OptionError: One is out of range.
        OptionTypeError: One is of the wrong type.

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
        """Refuses invalid values."""
        self._policy()

    def _policy(self) -> _native.JoinPolicy:
        """The engine's form of it. The engine checks the values."""
        return _native.JoinPolicy(
            None if self.within is None else _check.number("within of a join", self.within),
            None if self.max_wait is None else _check.number("max_wait of a join", self.max_wait),
            None if self.by is None else _check.text("by of a join", self.by),
            _check.flag("partial of a join", self.partial),
        )
