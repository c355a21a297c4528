"""axe-core in a page: what it finds wrong for people who use a screen reader, a keyboard or high contrast."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from browser import Page


def need() -> Path:
    """Returns the script of axe-core. Skips the test if it is not installed."""
    package = pytest.importorskip(
        "axe_core_python", reason="needs axe-core-python; ./dev test-web installs it"
    )
    return Path(package.__file__).parent / "axe.min.js"


def remarks(page: Page, selector: str = "html") -> list[Any]:
    """Returns [rule, elements] of each violation inside the elements that `selector` matches."""
    if page.run("return !window.axe"):
        page.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": need().read_text(encoding="utf-8")})
    found: list[Any] = page.wait_for(
        """const {violations} = await axe.run(arguments[0], {resultTypes: ["violations"]});
        return violations.map(({id, nodes}) => [id, nodes.map(({target}) => target)])""",
        selector,
    )
    return found
