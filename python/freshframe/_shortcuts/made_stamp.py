"""The stamps of samples that a test passes to run_node()."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import dataclass

from .. import _check
from .._errors import OptionError


@dataclass(frozen=True, slots=True)
class MadeStamp:
    """A stamp for run_node(), returned by stamp().

    Attributes:
        seq: Same as Sample.seq.
        pts: Same as Sample.pts; None means ``seq / fps``.
        captured: Same as Sample.captured; None means now.
        source: Same as Sample.source.
    """

    seq: int
    pts: float | None
    captured: float | None
    source: str


def stamp(
    *, seq: int = 0, pts: float | None = None, captured: float | None = None, source: str = "values"
) -> MadeStamp:
    """Returns a stamp for ``run_node(stamps=)``: the number, times and source of a test's sample.

    Args:
        seq: Frame number at the source, from 0.
        pts: Seconds in the source's own time. Default: ``seq / fps``, with the fps of run_node().
        captured: ``time.monotonic()`` of the capture. Default: now. A time from before a reboot is on another
            clock: leave it out.
        source: Name of the source.

    Raises:
        OptionError: A value is out of range.
        OptionTypeError: A value is of the wrong type.

    Example:
        >>> import freshframe as ff
        >>> ff.testing.stamp(seq=7, source="door").source
        'door'
    """
    number = _check.integer("seq", seq, bits=64)
    if number < 0:
        raise OptionError(f"seq must be at least 0, got {_check.show(seq)}")
    return MadeStamp(
        number,
        _check.optional_number("pts", pts),
        _check.optional_number("captured", captured),
        _check.text("source", source),
    )
