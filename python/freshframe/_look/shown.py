"""Answers that are text: the output of a notebook for an answer that is the last line of a cell."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from .._interpreter import fork


class ShownAsText:
    """A base of dataclasses whose str() is some lines of text, and whose repr() is all of their values."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        """The text, for notebooks."""
        with fork.explaining(), fork.loading():
            import html  # noqa: PLC0415  (it costs 2 ms, and only notebooks want it)

        return f"<pre>{html.escape(str(self))}</pre>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """The text, for IPython in a terminal."""
        printer.text(str(self))
