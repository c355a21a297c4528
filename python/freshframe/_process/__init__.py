"""Nodes in worker processes: options, start, and serialization of values."""
# SPDX-License-Identifier: Apache-2.0
