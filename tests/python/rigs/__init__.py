"""Nodes, files, servers and programs shared by several tests."""
# SPDX-License-Identifier: Apache-2.0
