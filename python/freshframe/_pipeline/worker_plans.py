"""The plans of a pipeline's nodes that run in worker processes."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._interpreter import fork

if TYPE_CHECKING:
    from .. import _native
    from .._graph.batch import Batch
    from .._process.options import Process
    from .._process.pickling import Definitions
    from .._process.recipe import Recipes


class WorkerPlans:
    """The plans of one pipeline. The first one loads cloudpickle: few programs have worker processes."""

    def __init__(self) -> None:
        """No plan yet."""
        self._recipes: Recipes | None = None

    @property
    def definitions(self) -> Definitions | None:
        """The classes that the workers have; None: no node has workers."""
        return None if self._recipes is None else self._recipes.definitions

    def of(
        self, node: Any, process: bool | Process, batch: Batch | None
    ) -> Callable[[], _native.ProcessPlan]:
        """Checks ``process=`` of a node now. The call that is returned pickles the node."""
        with fork.loading():
            import cloudpickle  # noqa: F401, PLC0415  (pickling uses it)

            from .._process.recipe import Recipes  # noqa: PLC0415

        if self._recipes is None:
            self._recipes = Recipes()
        return self._recipes.of(node, process, batch)
