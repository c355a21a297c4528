"""Nodes for worker processes, in small modules that a worker imports quickly, and checks of their ends."""
# SPDX-License-Identifier: Apache-2.0
