"""A test that compares times is tried again, as in tests/python."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from rigs.repeated import pytest_pyfunc_call

__all__ = ["pytest_pyfunc_call"]
