"""Readers of results, and their counters."""

# SPDX-License-Identifier: Apache-2.0
