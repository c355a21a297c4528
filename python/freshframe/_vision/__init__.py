"""Nodes that find, follow, count and draw things in pictures, and their results."""
# SPDX-License-Identifier: Apache-2.0
