"""Results of nodes: Circles, Detections, their elements, and one table of their columns."""
# SPDX-License-Identifier: Apache-2.0
