"""A controller's connections to its agents, and how their processes end."""

# SPDX-License-Identifier: Apache-2.0
