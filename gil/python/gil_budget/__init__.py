"""Limits for how long native code may hold Python's GIL.

``with gil_budget.budget("10ms"): ...`` raises BudgetExceeded if a call held the GIL for longer, with the
native function and the Python line. In tests: ``pytest --gil-budget 10ms``. For a whole program: ``gil-budget
run app.py``.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._gil_watch.interpreter import Unsupported
    from .budgets import Budget, BudgetExceeded, budget
    from .holds import Hold, Kind
    from .limits import LimitError

__all__ = ["Budget", "BudgetExceeded", "Hold", "Kind", "LimitError", "Unsupported", "budget"]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:  # lazy: every run of pytest loads this package, few use a budget
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from . import budgets, holds, limits  # noqa: PLC0415
        from ._gil_watch import interpreter  # noqa: PLC0415

        for module in (budgets, holds, limits, interpreter):
            if name in vars(module):
                globals()[name] = vars(module)[name]
        return globals()[name]
