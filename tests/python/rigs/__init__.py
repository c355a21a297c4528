"""Nodes, files, servers and programs that several tests use."""
# SPDX-License-Identifier: Apache-2.0
