"""PluginSource: a source implemented by a native class."""

# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import Any

from .. import _native
from .._graph.contract import Contract
from .._graph.source import NativeSource
from .travels import describe_node, show_contract


class PluginSource(NativeSource[Any]):
    """A source implemented by a native class. Created by freshframe.native.node(); may be added once.

    Attributes:
        live: True if it cannot wait, like a camera: a full edge then drops samples.
    """

    def __init__(self, handle: _native.NodeHandle) -> None:
        """Created by plugin()."""
        self.live = handle.live
        self._contract = describe_node(handle, travels=False)
        self._handle = handle

    def _freshframe_contract(self) -> Contract:
        return self._contract

    def __repr__(self) -> str:
        """Returns the node's name and output."""
        return show_contract("source", self._contract)
