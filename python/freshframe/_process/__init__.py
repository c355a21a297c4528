"""Nodes in worker processes: their options, their start, their values."""
# SPDX-License-Identifier: Apache-2.0
