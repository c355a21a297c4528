"""Stores results on disk before they are sent: the box, its writer, its sender, and the node."""
# SPDX-License-Identifier: Apache-2.0
