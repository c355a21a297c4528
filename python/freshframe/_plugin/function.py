"""A node of a native function."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable

from .. import _native
from .travels import Recipe, Travels, describe_node


class Function(Travels):
    """A node that calls a native function. Created by load(), function() and numba() of freshframe.native.

    It may be added repeatedly; each node has its own copy of ``state``.
    """

    def __init__(self, make: Callable[[], _native.NodeHandle], recipe: Recipe | None) -> None:
        """Calls ``make`` now, to check the options, and again whenever the node is added. Private."""
        self._make = make
        self._recipe = recipe
        self._contract = describe_node(make(), travels=recipe is not None)  # rejects invalid options early

    @property
    def _handle(self) -> _native.NodeHandle:  # type: ignore[override]
        return self._make()
