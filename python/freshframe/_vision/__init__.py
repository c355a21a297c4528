"""Nodes that detect, track, count and draw objects in video frames, and their results."""
# SPDX-License-Identifier: Apache-2.0
