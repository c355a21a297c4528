"""Answers: the classes of what why() and what_if() of a pipeline give."""

# SPDX-License-Identifier: Apache-2.0
from ._look.what_if import Interval, Outcome, WhatIf
from ._look.why import Age, AgePart, Finding, Why

__all__ = ["Age", "AgePart", "Finding", "Interval", "Outcome", "WhatIf", "Why"]
