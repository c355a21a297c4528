"""Nodes for worker processes, in small modules that load quickly, and checks of how workers end."""
# SPDX-License-Identifier: Apache-2.0
