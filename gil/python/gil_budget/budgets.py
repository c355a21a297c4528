"""budget(): a limit for a block of code."""

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
        holds: The holds over the limit, longest first.
    """

    def __init__(self, limit: float, holds: list[Hold]) -> None:
        """Builds the message from the limit in seconds and the holds over it."""
        lines = "".join(f"\n  {hold}" for hold in holds)
        super().__init__(f"the GIL was held for {milliseconds(limit)} or longer:{lines}")
        self.holds = holds


class Budget:
    """Created by budget(). Use it as a context manager, once.

    Attributes:
        holds: All holds within the block that reached the limit, of every kind and thread, in the order in
            which they ended. Final after the block.
        complete: Whether the watch observed the whole block. False if the machine was so busy that the watch
            did not run for as long as the limit, or did not finish within 250 ms after the block.
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
        """Starts the budget.

        Raises:
            Unsupported: This interpreter is not supported.
            RuntimeError: It was used before.
        GIL: released while waiting.
        """
        if self._window is not None:
            raise RuntimeError("this budget was already used; create another one with budget()")
        self._window = Window(self._limit, self.holds.append)
        self._began = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the budget, and raises BudgetExceeded unless another exception is being raised.

        GIL: released while waiting.
        """
        self.finish()
        if error is None and (over := self.over):
            raise BudgetExceeded(self._limit, over)

    def finish(self) -> None:
        """Ends the budget without raising BudgetExceeded. GIL: released while waiting."""
        if self._window is not None:
            self.complete = self._window.settle() and self._window.saw_all_since(self._began)
            self._window.close()

    @property
    def over(self) -> list[Hold]:
        """The holds over the limit that count, longest first."""
        found = [hold for hold in self.holds if self._verdict.is_over(hold, self._limit)]
        return sorted(found, key=lambda hold: hold.seconds, reverse=True)


def budget(
    limit: str | float = DEFAULT, *, count: Collection[str] = COUNTED, allow: Collection[str] = ()
) -> Budget:
    """Limits how long a call within a block may hold the GIL.

    ``with budget("10ms"): ...`` raises BudgetExceeded if a call held it for 10 ms or longer. Holds of all
    threads count. Budgets can be nested and used in several threads. All share one watch, which starts with
    the first one (taking 10 to 30 ms) and ends with the last one.

    Args:
        limit: A string such as "10ms", or seconds; 2 ms to 60 s.
        count: The kinds of holds that count: "call", "freeing", "objects", "collector", "import".
        allow: Patterns of names that do not count, such as ``json:*`` (fnmatch).

    Raises:
        LimitError: The limit is malformed or out of range.
        ValueError: A kind is unknown.
        Unsupported: On entering it: this interpreter is not supported.
        BudgetExceeded: At the end of the block.
    """
    for kind in count:
        if kind not in KINDS:
            raise ValueError(f"count must be a list with one or more of {', '.join(KINDS)}, got {kind!r}")
    return Budget(parse_seconds(limit), Verdict(count=tuple(count), allow=tuple(allow)))
