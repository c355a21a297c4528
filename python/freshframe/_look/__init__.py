"""Observing a pipeline: statistics, progress, drawing and dashboard."""
# SPDX-License-Identifier: Apache-2.0
