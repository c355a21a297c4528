"""Helpers for tests of nodes: a camera that shows given frames, a run of one node, and stamps of samples."""

# SPDX-License-Identifier: Apache-2.0
from ._media.mock_camera import MockCamera
from ._shortcuts.made_stamp import stamp
from ._shortcuts.run_node import run_node

__all__ = ["MockCamera", "run_node", "stamp"]
