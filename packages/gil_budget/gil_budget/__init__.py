"""A budget for the time in which native code may hold Python's GIL.

``with gil_budget.budget("10ms"): ...`` raises BudgetExceeded when a call held the GIL for longer, with the
native function and the Python line. In tests: ``pytest --gil-budget 10ms``. For a whole program:
``gil-budget run app.py``.
"""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from ._gil_watch.interpreter import Unsupported
from .budgets import Budget, BudgetExceeded, budget
from .holds import Hold, Kind
from .limits import LimitError

__all__ = ["Budget", "BudgetExceeded", "Hold", "Kind", "LimitError", "Unsupported", "budget"]
