"""The controller of a detached fleet: programs come and go, and read through it."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from ._cluster_state import ClusterState, Store
from ._decisions import Times
from ._far_controller import FarController
from ._served_reader import ServedReader


class DetachedController(FarController):
    """Keeps what it knows in a store."""

    _reader_kind = ServedReader

    def __init__(
        self,
        name: str,
        store: Store,
        *,
        host: str,
        token: bytes,
        times: Times | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        """Listens for guards and programs.

        Raises:
            FreshframeError: It cannot listen.
            OSError: The store does not answer.
        """
        self._store = store
        super().__init__(name, keep=True, host=host, token=token, times=times, options=options)

    def _make_state(self, keep: bool) -> ClusterState:
        self._kept = ClusterState(self.name, self._store)
        return self._kept

    def _save(self) -> None:
        pass

    def write_through(self) -> None:
        """What a program has changed is kept before it is told that it was done."""

    def name_of(self, camera: int) -> str:
        """A camera's name, also after its end."""
        return self._names[camera]

    def clear(self) -> None:
        """Leaves nothing in the store."""
        self._kept.clear()
