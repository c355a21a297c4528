"""A controller's connections to its agents, and what it knows of their ends."""

# SPDX-License-Identifier: Apache-2.0
