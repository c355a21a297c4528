"""Uses the browser of tests/web."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from browser_fixtures import one_browser, page

__all__ = ["one_browser", "page"]
