"""Results of nodes: Circles, Detections, their elements, and the definitions of their columns."""
# SPDX-License-Identifier: Apache-2.0
