"""How notebooks show results that are best read as text."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from .._interpreter import fork


class ShownAsText:
    """Base of dataclasses whose str() is a readable text and whose repr() lists all values."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        """Returns the text, for notebooks."""
        with fork.explaining(), fork.loading():
            import html  # noqa: PLC0415  (it costs 2 ms, and only notebooks want it)

        return f"<pre>{html.escape(str(self))}</pre>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Prints the text, for IPython in a terminal."""
        printer.text(str(self))
