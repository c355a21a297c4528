"""What a pipeline shows of itself: statistics, progress, drawing and dashboard."""
# SPDX-License-Identifier: Apache-2.0
