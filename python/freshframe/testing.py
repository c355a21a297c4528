"""Tests of your nodes: a camera that shows one frame, and a run of one node."""

# SPDX-License-Identifier: Apache-2.0
from ._media.mock_camera import MockCamera
from ._shortcuts.run_node import run_node

__all__ = ["MockCamera", "run_node"]
