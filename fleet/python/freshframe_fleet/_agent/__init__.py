"""The Python side of an agent."""

# SPDX-License-Identifier: Apache-2.0
