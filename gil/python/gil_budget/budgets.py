"""A budget around a block of code."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time
from collections.abc import Collection
from types import TracebackType
from typing import TYPE_CHECKING

from .holds import COUNTED, KINDS, Hold
from .limits import DEFAULT, milliseconds, parse_seconds
from .verdict import Verdict
from .windows import Window

if TYPE_CHECKING:
    from typing_extensions import Self


class BudgetExceeded(AssertionError):  # noqa: N818  (what happened, as in freshframe)
    """The GIL was held for longer than a budget.

    Attributes:
        holds: The holds over it, the longest first.
    """

    def __init__(self, limit: float, holds: list[Hold]) -> None:
        """Makes the object that budget() returns."""
        lines = "".join(f"\n  {hold}" for hold in holds)
        super().__init__(f"the GIL was held for {milliseconds(limit)} or longer:{lines}")
        self.holds = holds


class Budget:
    """Made by budget(). Use it as a context manager, once.

    Attributes:
        holds: All holds of at least the limit within the block, of every kind and thread, in the order in
            which they ended. Complete after the block.
        complete: Whether the watch saw all of the block, and was done within 250 ms after it. False means the
            machine was so busy that the watch got no processor for as long as the limit.
    """

    def __init__(self, limit: float, verdict: Verdict) -> None:
        """See budget()."""
        self.holds: list[Hold] = []
        self.complete = False
        self._limit = limit
        self._verdict = verdict
        self._window: Window | None = None
        self._began = 0.0  # time.monotonic()

    def __enter__(self) -> Self:
        """Starts it.

        Raises:
            Unsupported: There can be no watch on this interpreter.
            RuntimeError: It was used before.
        GIL: released while waiting.
        """
        if self._window is not None:
            raise RuntimeError("this budget was used before; make another one with budget()")
        self._window = Window(self._limit, self.holds.append)
        self._began = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends it, and raises BudgetExceeded if no other exception is on its way.

        GIL: released while waiting.
        """
        self.finish()
        if error is None and (over := self.over):
            raise BudgetExceeded(self._limit, over)

    def finish(self) -> None:
        """Ends it without a verdict. GIL: released while waiting."""
        if self._window is not None:
            self.complete = self._window.settle() and self._window.saw_all_since(self._began)
            self._window.close()

    @property
    def over(self) -> list[Hold]:
        """The holds that the budget counts, the longest first."""
        found = [hold for hold in self.holds if self._verdict.is_over(hold, self._limit)]
        return sorted(found, key=lambda hold: hold.seconds, reverse=True)


def budget(
    limit: str | float = DEFAULT, *, count: Collection[str] = COUNTED, allow: Collection[str] = ()
) -> Budget:
    """Limits how long a call within a block may hold the GIL.

    ``with budget("10ms"): ...`` raises BudgetExceeded if one held it for 10 ms or longer.
    Holds of all threads count. Budgets can lie within each other and in several threads. All share one watch,
    which starts with the first one (10 to 30 ms) and ends with the last one.

    Args:
        limit: A text such as "10ms", or seconds: 2 ms to 60 s.
        count: The kinds of holds that count: "call", "freeing", "objects", "collector", "import".
        allow: Patterns of names that do not count, such as ``json:*`` (fnmatch).

    Raises:
        LimitError: The limit is no time or out of range.
        ValueError: A kind is unknown.
        Unsupported: When it is entered on an interpreter on which there can be no watch.
        BudgetExceeded: At the end of the block.
    """
    for kind in count:
        if kind not in KINDS:
            raise ValueError(f"count must name some of {', '.join(KINDS)}, got {kind!r}")
    return Budget(parse_seconds(limit), Verdict(count=tuple(count), allow=tuple(allow)))
