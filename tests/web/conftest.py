"""The fixtures of the browser tests."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from browser_fixtures import one_browser, one_firefox, page, running, server

__all__ = ["one_browser", "one_firefox", "page", "running", "server"]
