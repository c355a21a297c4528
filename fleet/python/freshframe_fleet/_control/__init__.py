"""The controller: agents, cameras and readers of a fleet."""

# SPDX-License-Identifier: Apache-2.0
